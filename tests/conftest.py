"""What tests share: the devstack's services, brought up when the first test asks for them.

A service that cannot be had fails the tests that need it; nothing is skipped. The services stay up
after the run (``make down`` stops them), so that the next run starts at once.
"""

from __future__ import annotations

from typing import Any

import hypothesis
import pytest

from devstack.errors import DevstackError
from devstack.lock import exclusive
from devstack.stack import Stack

# An example's time says how busy the machine is, and nothing of the code.
hypothesis.settings.register_profile("any-machine", deadline=None)
hypothesis.settings.load_profile("any-machine")


@pytest.fixture(scope="session")
def devstack() -> Stack:
    """The devstack of this checkout (or of DEVSTACK_HOME); nothing of it is up yet."""
    return Stack()


@pytest.fixture(scope="session")
def kafka_hosts(devstack: Stack) -> str:
    """``host:port`` of a real Kafka broker."""
    _bring_up(devstack, "kafka")
    return devstack.kafka.hosts


@pytest.fixture(scope="session")
def store_settings(devstack: Stack) -> dict[str, Any]:
    """A real store with OpenWhisk's databases.

    Keys: url, protocol, host, port, user, password, subjects, whisks, activations (database
    names), guest and system (``uuid:key``).
    """
    _bring_up(devstack, "store")
    store = devstack.store
    return {
        "url": store.address.url,
        "protocol": store.address.protocol,
        "host": store.address.host,
        "port": store.address.port,
        "user": store.address.user,
        "password": store.address.password,
        "subjects": store.databases.subjects,
        "whisks": store.databases.whisks,
        "activations": store.databases.activations,
        "guest": store.subject("guest").authorization,
        "system": store.subject("whisk.system").authorization,
    }


def _bring_up(stack: Stack, part: str) -> None:
    try:
        with exclusive(stack.paths):
            stack.up([part])
    except DevstackError as error:
        pytest.fail(f"the devstack's {part} cannot be had: {error}", pytrace=False)
