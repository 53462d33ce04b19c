"""All settings of one invoker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from invoker_plugin.config.containers import ContainersSettings
from invoker_plugin.config.invoker import EncryptionSettings, InvokerSettings, ServerSettings
from invoker_plugin.config.kafka import KafkaSettings
from invoker_plugin.config.limits import LimitsSettings
from invoker_plugin.config.manifest import RuntimeManifest
from invoker_plugin.config.pool import PoolSettings
from invoker_plugin.config.setting import Setting, settings_of
from invoker_plugin.config.store import StoreSettings

SECTIONS: Mapping[str, type] = {
    "invoker": InvokerSettings,
    "kafka": KafkaSettings,
    "store": StoreSettings,
    "pool": PoolSettings,
    "containers": ContainersSettings,
    "limits": LimitsSettings,
    "server": ServerSettings,
    "encryption": EncryptionSettings,
}

MANIFEST_VARIABLE = "RUNTIMES_MANIFEST"
MANIFEST_PATH = "runtimes.manifest"
"""TOML name of a file that holds the runtimes manifest."""


@dataclass(frozen=True)
class Settings:
    """One section each; ``warnings`` are set but ignored or doubtful things, a line each."""

    invoker: InvokerSettings = field(default_factory=InvokerSettings)
    kafka: KafkaSettings = field(default_factory=KafkaSettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    pool: PoolSettings = field(default_factory=PoolSettings)
    containers: ContainersSettings = field(default_factory=ContainersSettings)
    limits: LimitsSettings = field(default_factory=LimitsSettings)
    server: ServerSettings = field(default_factory=ServerSettings)
    encryption: EncryptionSettings = field(default_factory=EncryptionSettings)
    manifest: RuntimeManifest = field(default_factory=RuntimeManifest)
    warnings: tuple[str, ...] = ()

    @property
    def topic(self) -> str:
        """This invoker's topic, which is also its consumer group's name (behaviour 1)."""
        return f"{self.kafka.topic_prefix}invoker{self.invoker.id}"


def all_settings() -> Iterator[Setting]:
    """Return every setting there is, section by section."""
    for section, kind in SECTIONS.items():
        yield from settings_of(section, kind)
