"""One line of the spool: a checksum, the kind, the time, the record's id, and the record.

    <CRC-32 of the rest, 8 hex digits> <kind> <ms since 1970> <id, as JSON>\\t<record, as JSON>\\n

The record is what the store takes, so that an operator can have it with ``cut -f2``.
"""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

from invoker_plugin.wire import jsontext

RECORD = "R"
EXPECTED = "E"
"""The record, without logs, of an activation that was answered and whose logs are being read."""
_KINDS = (RECORD, EXPECTED)


@dataclass(frozen=True, slots=True)
class Entry:
    """A record by its id in the store; ``since_ms`` is when it began to wait (ms since 1970)."""

    kind: str
    since_ms: int
    key: str
    body: bytes

    def encode(self) -> bytes:
        """Return the line, its end included."""
        head = f"{self.kind} {self.since_ms} {jsontext.encode_text(self.key)}\t"
        try:
            rest = head.encode() + self.body
        except UnicodeEncodeError:  # a lone surrogate, which an id of Kafka's may hold
            rest = head.encode("ascii", "backslashreplace") + self.body
        return b"%08x %b\n" % (crc32(rest), rest)

    @classmethod
    def decode(cls, line: bytes) -> Entry:
        """Read a line; raise ``ValueError`` when it is not as it was written."""
        if not line.endswith(b"\n"):
            raise ValueError("its end is missing")
        checksum, _, rest = line[:-1].partition(b" ")
        if len(checksum) != 8 or int(checksum, 16) != crc32(rest):
            raise ValueError("its checksum is wrong")
        head, _, body = rest.partition(b"\t")
        kind, since_ms, key = head.decode().split(" ", 2)
        if kind not in _KINDS:
            raise ValueError(f"it is of an unknown kind, {kind!r}")
        return cls(kind, int(since_ms), str(jsontext.decode(key)), body)
