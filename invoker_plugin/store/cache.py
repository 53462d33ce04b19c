"""A bounded cache of actions, by id and revision: the least recently used goes first."""

from __future__ import annotations

from collections import OrderedDict

from invoker_plugin.wire.action import Action

Key = tuple[str, str]
"""An action's id and revision; a revision never changes, so no entry is ever stale."""

_BESIDE_CODE_BYTES = 2_048


class ActionCache:
    """Holds at most so many actions, and so many bytes of their code."""

    def __init__(self, max_actions: int, max_bytes: int) -> None:
        self._max_actions = max_actions
        self._max_bytes = max_bytes
        self._actions: OrderedDict[Key, Action] = OrderedDict()
        self.bytes = 0
        self.hits = 0
        self.misses = 0

    def get(self, key: Key) -> Action | None:
        """Return the action, which is now the most recently used."""
        action = self._actions.get(key)
        if action is None:
            self.misses += 1
            return None
        self.hits += 1
        self._actions.move_to_end(key)
        return action

    def put(self, key: Key, action: Action) -> None:
        """Keep the action, unless it is larger than the whole cache."""
        size = _size(action)
        if size > self._max_bytes or key in self._actions:
            return
        self._actions[key] = action
        self.bytes += size
        while self.bytes > self._max_bytes or len(self._actions) > self._max_actions:
            _, oldest = self._actions.popitem(last=False)
            self.bytes -= _size(oldest)

    def __len__(self) -> int:
        return len(self._actions)


def _size(action: Action) -> int:
    return len(action.execution.code or "") + _BESIDE_CODE_BYTES
