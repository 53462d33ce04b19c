"""A broker that asks who one is, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.asynchronous import pytest_pyfunc_call
from tests.integration.containers.conftest import docker_host
from tests.integration.deployment.conftest import runtimes
from tests.integration.security.broker import OwnBroker, own_broker

__all__ = ["docker_host", "pytest_pyfunc_call", "runtimes"]


@pytest.fixture(scope="session")
def broker(kafka_hosts: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnBroker]:
    """The devstack's Kafka is brought up before for its jars."""
    with own_broker(tmp_path_factory.mktemp("kafka")) as up:
        yield up
