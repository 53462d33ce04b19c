"""Who invokes: subject, namespace, key, rights and the namespace's own limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from invoker_plugin.wire import fields


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace's name and its uuid (which user events call ``userId``)."""

    name: str
    uuid: str

    def to_json(self) -> dict[str, str]:
        """Return the wire's form."""
        return {"name": self.name, "uuid": self.uuid}


@dataclass(frozen=True, slots=True)
class UserLimits:
    """A namespace's own limits, as sent; every accessor is ``None`` where the system's holds."""

    raw: Mapping[str, Any]

    @property
    def invocations_per_minute(self) -> int | None:
        """Invocations a minute; 0 blocks the namespace."""
        return fields.optional_integer(self.raw, "invocationsPerMinute")

    @property
    def concurrent_invocations(self) -> int | None:
        """Invocations at one time; 0 blocks the namespace."""
        return fields.optional_integer(self.raw, "concurrentInvocations")

    @property
    def store_activations(self) -> bool | None:
        """False: no activation record of this namespace is stored."""
        value = self.raw.get("storeActivations")
        return value if isinstance(value, bool) else None

    @property
    def min_action_memory_mb(self) -> int | None:
        """Least memory an action of this namespace may have."""
        return fields.optional_integer(self.raw, "minActionMemory")

    @property
    def max_action_memory_mb(self) -> int | None:
        """Most memory an action of this namespace may have."""
        return fields.optional_integer(self.raw, "maxActionMemory")

    @property
    def min_action_timeout_ms(self) -> int | None:
        """Shortest time limit an action of this namespace may have."""
        return fields.optional_integer(self.raw, "minActionTimeout")

    @property
    def max_action_timeout_ms(self) -> int | None:
        """Longest time limit an action of this namespace may have."""
        return fields.optional_integer(self.raw, "maxActionTimeout")

    @property
    def min_action_logs_mb(self) -> int | None:
        """Smallest log limit an action of this namespace may have."""
        return fields.optional_integer(self.raw, "minActionLogs")

    @property
    def max_action_logs_mb(self) -> int | None:
        """Largest log limit an action of this namespace may have."""
        return fields.optional_integer(self.raw, "maxActionLogs")

    @property
    def min_action_concurrency(self) -> int | None:
        """Fewest activations at once in one container."""
        return fields.optional_integer(self.raw, "minActionConcurrency")

    @property
    def max_action_concurrency(self) -> int | None:
        """Most activations at once in one container."""
        return fields.optional_integer(self.raw, "maxActionConcurrency")


NO_LIMITS = UserLimits({})
"""A namespace without limits of its own; shared, since most have none."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The invoking user. ``api_key`` is a secret: it is never logged (and not in ``repr``)."""

    subject: str
    namespace: Namespace
    api_key: str
    rights: tuple[str, ...]
    limits: UserLimits

    @classmethod
    def parse(cls, value: Any) -> Identity:
        """Read the message's ``user``; raise :class:`~invoker_plugin.wire.fields.FieldFault`."""
        user = fields.as_object(value, "field 'user'")
        namespace = fields.mapping(user, "namespace")
        limits = fields.mapping(user, "limits") if "limits" in user else None
        return cls(
            subject=fields.text(user, "subject"),
            namespace=Namespace(fields.text(namespace, "name"), fields.text(namespace, "uuid")),
            api_key=fields.text(fields.mapping(user, "authkey"), "api_key"),
            rights=fields.texts(user, "rights"),
            limits=UserLimits(limits) if limits else NO_LIMITS,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the wire's form."""
        return {
            "subject": self.subject,
            "namespace": self.namespace.to_json(),
            "authkey": {"api_key": self.api_key},
            "rights": list(self.rights),
            "limits": dict(self.limits.raw),
        }

    def __repr__(self) -> str:
        return f"Identity(subject={self.subject!r}, namespace={self.namespace.name!r})"
