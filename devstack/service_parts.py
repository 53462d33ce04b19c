"""The parts that are services of this host: Kafka, the store, the controller."""

from __future__ import annotations

from devstack.api import Api
from devstack.environment import ensure_environment
from devstack.kafka import Kafka
from devstack.parts import PROGRAMS, Part
from devstack.paths import Paths
from devstack.steps import Step
from devstack.store import Store


def kafka_part(kafka: Kafka) -> Part:
    """Kafka."""
    return Part(
        "kafka",
        [
            Step("kafka: jars", kafka.ensure_jars, (PROGRAMS,)),
            Step("kafka: broker", kafka.ensure_started, ("kafka: jars",)),
        ],
        stop=kafka.stop,
        state=lambda: state(kafka.pid, kafka.hosts),
        programs=kafka.programs,
        logs=lambda: (kafka.log,),
        environment=lambda: {"KAFKA_HOSTS": kafka.hosts},
    )


def store_part(store: Store) -> Part:
    """The CouchDB-compatible store."""
    return Part(
        "store",
        [
            Step("store: server", store.ensure_installed, (PROGRAMS,)),
            Step("store: running", store.ensure_started, ("store: server",)),
            Step("store: contents", store.ensure_contents, ("store: running",)),
        ],
        stop=store.stop,
        state=store.state,
        programs=store.programs,
        logs=lambda: (store.log,),
        environment=store.environment,
    )


def controller_part(paths: Paths, api: Api) -> Part:
    """The development controller."""
    return Part(
        "controller",
        [
            Step("python environment", lambda: ensure_environment(paths)),
            Step(
                "controller",
                api.ensure_started,
                ("python environment", "kafka: broker", "store: contents"),
            ),
        ],
        stop=api.stop,
        state=lambda: state(api.pid, api.url),
        requires=("kafka", "store"),
        logs=lambda: (api.log,),
        environment=lambda: {
            "WSK_CONFIG_FILE": str(api.properties),
            "OPENWHISK_APIHOST": api.url,
            "OPENWHISK_AUTH": api.authorization,
        },
    )


def state(pid: int | None, where: str) -> str:
    """A service's line in ``status``."""
    return "down" if pid is None else f"up, pid {pid}, {where}"
