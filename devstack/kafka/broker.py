"""The broker: formatted once, started and stopped as a daemon, its data kept between runs."""

from __future__ import annotations

import base64
import shutil
import uuid
from pathlib import Path

from devstack import commands, packages
from devstack.errors import DevstackError, NotRunning
from devstack.files import write_atomically
from devstack.jars import Jars
from devstack.kafka import probe
from devstack.kafka.configuration import Listeners, properties
from devstack.paths import Paths
from devstack.ports import Ports
from devstack.process import Daemon

_HERE = Path(__file__).resolve().parent
JARS = Jars("kafka", _HERE)
_JVM = ("-Xms128m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-Xshare:auto")


class Kafka:
    """One Kafka node on loopback.

    ``machine_host`` is the address by which the RDMA machine reaches this host; QEMU's user-mode
    network makes it 10.0.2.2.
    """

    def __init__(self, paths: Paths, machine_host: str = "10.0.2.2") -> None:
        self._paths = paths
        self._ports = Ports(paths)
        self._machine_host = machine_host
        self._data = paths.data / "kafka"
        self._file = paths.run / "kafka.properties"

    @property
    def hosts(self) -> str:
        """``host:port`` for clients on this host (OpenWhisk's KAFKA_HOSTS)."""
        return f"127.0.0.1:{self._ports.get('kafka')}"

    @property
    def machine_hosts(self) -> str:
        """``host:port`` for clients in the RDMA machine."""
        return f"{self._machine_host}:{self._ports.get('kafka-machine')}"

    @property
    def pid(self) -> int | None:
        """The broker's process, when it runs."""
        return self._daemon([]).pid()

    @property
    def log(self) -> Path:
        return self._daemon([]).log

    @staticmethod
    def programs() -> tuple[packages.Program, ...]:
        """What the machine needs for it."""
        return (packages.JAVA, packages.MAVEN)

    def ensure_jars(self) -> str:
        """Have Kafka's jars."""
        return JARS.ensure(self._paths)

    def ensure_started(self) -> str:
        """Have it running, on its data from before."""
        if self.pid is None:
            for name in ("kafka", "kafka-machine", "kafka-controller"):
                self._ports.settle(name)
        configuration = self._configure()
        if not (self._data / "meta.properties").exists():
            self._format()
        argv = [*self._java(), "kafka.Kafka", str(self._file)]
        started = self._daemon(argv, configuration).start()
        return f"{'started' if started else 'kept'}: {self.hosts}"

    def stop(self) -> bool:
        """Stop it; False when it did not run."""
        return self._daemon([]).stop()

    def kill(self) -> None:
        """End it as a crash would, without a word to its clients (for tests of reliability)."""
        if not self._daemon([]).kill():
            raise NotRunning("Kafka does not run; start it with `python -m devstack up`")

    def restart(self) -> None:
        """Stop it and start it again, on the same ports and data (for tests of reliability)."""
        self.stop()
        self.ensure_started()

    def _daemon(self, argv: list[str], configuration: str = "") -> Daemon:
        port = self._ports.get("kafka")
        return Daemon(
            self._paths,
            "kafka",
            argv,
            ready=lambda: probe.serves("127.0.0.1", port),
            ready_s=90.0,
            stop_s=20.0,
            configuration=configuration,
        )

    def _configure(self) -> str:
        listeners = Listeners(
            host_port=self._ports.get("kafka"),
            machine_port=self._ports.get("kafka-machine"),
            controller_port=self._ports.get("kafka-controller"),
            machine_host=self._machine_host,
        )
        text = properties(listeners, self._data)
        write_atomically(self._file, text)
        return text

    def _format(self) -> None:
        shutil.rmtree(self._data, ignore_errors=True)  # a formatting that was interrupted
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        commands.run(
            [
                *self._java(),
                "kafka.tools.StorageTool",
                "format",
                f"--cluster-id={cluster}",
                "--config",
                str(self._file),
            ],
            self._paths.logs / "kafka-format.log",
            what="formatting Kafka's data directory",
        )

    def _java(self) -> list[str]:
        java = shutil.which("java")
        if java is None:
            raise DevstackError("missing: java; run `python -m devstack up` or install a JRE")
        logging = f"-Dlog4j.configuration=file:{_HERE / 'log4j.properties'}"
        return [java, *_JVM, logging, "-cp", f"{JARS.directory(self._paths)}/*"]
