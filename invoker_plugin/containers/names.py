"""Container names, in OpenWhisk's form: ``wsk0_7_guest_hello`` (behaviour 86).

The leading part is the key for clean-up. Its trailing underscore matters: invoker 1 must not take
invoker 10's containers for its own (behaviour 152).
"""

from __future__ import annotations

import itertools
import re

_ILLEGAL = re.compile(r"[^A-Za-z0-9_]")


def prefix(instance: int, unique_name: str | None = None) -> str:
    """The start of the names of all containers of one invoker, trailing underscore included."""
    # Without underscores of its own, so that none is the beginning of another's.
    return re.sub("[^A-Za-z0-9]", "", f"wsk{unique_name or ''}{instance}") + "_"


def container_name(invoker_prefix: str, number: int, owner: str, purpose: str) -> str:
    """The name of one container.

    ``owner`` is the namespace, or ``prewarm`` for a stem cell; ``purpose`` the action's name, or
    the kind. What Docker does not allow in a name is left out, as stock OpenWhisk does.
    """
    return f"{invoker_prefix}{number}_{_ILLEGAL.sub('', owner)}_{_ILLEGAL.sub('', purpose)}"


class ContainerNames:
    """Numbers containers from 1, as long as this invoker runs."""

    def __init__(self, instance: int, unique_name: str | None = None) -> None:
        self.prefix = prefix(instance, unique_name)
        self._numbers = itertools.count(1)

    def prewarm(self, kind: str) -> str:
        """The next name, for a stem cell of ``kind``."""
        return container_name(self.prefix, next(self._numbers), "prewarm", kind)

    def action(self, namespace: str, action: str) -> str:
        """The next name, for a container of ``action`` invoked by ``namespace``."""
        return container_name(self.prefix, next(self._numbers), namespace, action)
