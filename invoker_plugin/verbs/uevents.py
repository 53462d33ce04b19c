"""The kernel's own word that devices came or went: NETLINK_KOBJECT_UEVENT, without udev."""

from __future__ import annotations

import errno
import socket

_PROTOCOL = 15
_FROM_KERNEL = 1
"""The multicast group of the kernel's events; udev's own are another one's."""
_BYTES = 65536
_SUBSYSTEMS = (b"SUBSYSTEM=infiniband", b"SUBSYSTEM=infiniband_verbs")


def concerns_rdma(datagram: bytes) -> bool:
    """Whether an event is of an RDMA device: added, removed, renamed. Pure."""
    head, *fields = datagram.split(b"\0")
    return b"@" in head and any(field in _SUBSYSTEMS for field in fields)


class Uevents:
    """An open socket on which the kernel's events arrive; needs no privilege."""

    def __init__(self) -> None:
        """Raises OSError where the kernel has none for us."""
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, _PROTOCOL
        )
        try:
            self._socket.bind((0, _FROM_KERNEL))
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        return self._socket.fileno()

    def drain(self) -> bool:
        """Take what has come; whether any of it concerns RDMA devices."""
        found = False
        while True:
            try:
                datagram, (sender, _) = self._socket.recvfrom(_BYTES)
            except BlockingIOError:
                return found
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                found = True  # events were lost, ours may be among them
            else:
                found = found or (sender == 0 and concerns_rdma(datagram))

    def close(self) -> None:
        self._socket.close()
