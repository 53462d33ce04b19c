"""The whole devstack: controller, invoker and memory server up, for end-to-end tests."""

from __future__ import annotations

import pytest

from devstack.client import Client
from devstack.errors import DevstackError
from devstack.lock import exclusive
from devstack.stack import Stack


@pytest.fixture(scope="session")
def whole_devstack(devstack: Stack) -> Stack:
    """The devstack with a healthy invoker in the RDMA machine. Fails where it cannot be had."""
    try:
        with exclusive(devstack.paths):
            devstack.up()
    except DevstackError as error:
        pytest.fail(f"the devstack cannot be had: {error}", pytrace=False)
    return devstack


@pytest.fixture(scope="session")
def openwhisk(whole_devstack: Stack) -> Client:
    """A client of the API, in the guest's namespace."""
    return Client(whole_devstack.api.url, whole_devstack.api.authorization)


@pytest.fixture(scope="session")
def memory_peer(whole_devstack: Stack) -> str:
    """``host:port`` of the memory server, as actions take it."""
    return whole_devstack.memory.peer
