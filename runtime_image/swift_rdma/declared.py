"""The peers that an action declares, and when the next attempt to connect to one is due. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from swift_rdma.peer import Peer

_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0


class Declared:
    """Peers to connect to ahead; one that can't be reached is left alone for longer and longer."""

    def __init__(self, peers: Iterable[str]) -> None:
        self.faults: list[str] = []
        """One line for each text that is no peer."""
        self.peers = tuple(dict.fromkeys(self._parsed(peers)))
        self._pauses: dict[Peer, float] = {}
        self._due: dict[Peer, float] = {}

    def _parsed(self, texts: Iterable[str]) -> Iterator[Peer]:
        for text in texts:
            try:
                yield Peer.parse(text)
            except ValueError as error:
                self.faults.append(str(error))

    def due(self, now: float) -> tuple[Peer, ...]:
        """Those to which an attempt may be made."""
        return tuple(peer for peer in self.peers if self._due.get(peer, now) <= now)

    def next_due(self, now: float) -> float | None:
        """Seconds until another one is due; None when none waits."""
        waits = [due - now for due in self._due.values() if due > now]
        return min(waits, default=None)

    def failed(self, peer: Peer, now: float) -> None:
        pause = min(self._pauses.get(peer, _FIRST_PAUSE_SECONDS / 2) * 2, _LONGEST_PAUSE_SECONDS)
        self._pauses[peer], self._due[peer] = pause, now + pause

    def reached(self, peer: Peer) -> None:
        self._pauses.pop(peer, None)
        self._due.pop(peer, None)
