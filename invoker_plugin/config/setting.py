"""One setting: its names, kind, default and meaning, kept beside its field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from invoker_plugin.config.values import SECRET, Kind

_KEY = "setting"


@dataclass(frozen=True)
class Setting:
    """What is known of a setting. ``variable`` is OpenWhisk's name of it in the environment."""

    section: str
    name: str
    variable: str | None
    kind: Kind
    default: Any
    meaning: str
    required: bool

    @property
    def path(self) -> str:
        """The name in the TOML file: ``section.name``."""
        return f"{self.section}.{self.name}"

    @property
    def title(self) -> str:
        """Both names, as a fault's text begins."""
        return f"{self.path} ({self.variable})" if self.variable else self.path

    @property
    def secret(self) -> bool:
        """Whether the value must never be shown."""
        return self.kind is SECRET or self.kind.name == "base64 key"


def setting(
    variable: str | None, kind: Kind, default: Any, meaning: str, *, required: bool = False
) -> Any:
    """Declare a setting as a dataclass field. A required one still has a default, never used."""
    details = (variable, kind, meaning, required)
    hidden = kind is SECRET or kind.name == "base64 key"
    if isinstance(default, (dict, list)):
        return field(default_factory=default.copy, repr=not hidden, metadata={_KEY: details})
    return field(default=default, repr=not hidden, metadata={_KEY: details})


def settings_of(section: str, kind: type) -> Iterator[Setting]:
    """Return the settings that the dataclass of a section declares."""
    for declared in fields(kind):
        details = declared.metadata.get(_KEY)
        if details is None:
            continue
        factory = declared.default_factory
        default = declared.default if factory is MISSING else factory()
        variable, value_kind, meaning, required = details
        yield Setting(section, declared.name, variable, value_kind, default, meaning, required)
