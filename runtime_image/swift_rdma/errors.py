"""Errors of swift_rdma; the text of each names the remedy."""

from __future__ import annotations

import errno
import os


class RdmaError(Exception):
    """Base of all errors of this package."""


class DeviceUnavailable(RdmaError):
    """There is no RDMA device to use, or it can't be opened."""


class NoUsableGid(RdmaError):
    """The device's port has no address that a peer could reach."""


class MemoryNotLockable(RdmaError):
    """The kernel refused to pin memory for the device."""


class PeerUnreachable(RdmaError):
    """The peer can't be talked to over TCP, where connection data is exchanged."""


class ExchangeRefused(RdmaError):
    """The peer refused the connection, or what it sent is not what it should be."""


class OutOfBounds(RdmaError):
    """The access would leave the peer's region or the own buffer."""


class CompletionFailed(RdmaError):
    """A work request ended with an error, or did not end in time."""


_COMPLETIONS = {
    "IBV_WC_LOC_PROT_ERR": "the local buffer is not registered (any more)",
    "IBV_WC_REM_ACCESS_ERR": "the peer does not allow this access to its memory",
    "IBV_WC_REM_INV_REQ_ERR": "the peer's queue pair does not take this request",
    "IBV_WC_RETRY_EXC_ERR": "the peer does not answer: is it alive, and the network up?",
    "IBV_WC_RNR_RETRY_EXC_ERR": "the peer posted no receive: it must call recv",
    "IBV_WC_WR_FLUSH_ERR": "the connection failed earlier: connect again",
    "IBV_WC_LOC_LEN_ERR": "the message is longer than the buffer it was received into",
}


def completion_failed(operation: str, status: str) -> CompletionFailed:
    """The error of a completion with a bad status."""
    remedy = _COMPLETIONS.get(status)
    return CompletionFailed(f"{operation} failed: {status}" + (f" ({remedy})" if remedy else ""))


def device_missing(wanted: str | None, present: list[str]) -> DeviceUnavailable:
    """No device, or not the one that was asked for."""
    if wanted is not None:
        seen = ", ".join(present) or "none"
        return DeviceUnavailable(
            f"RDMA device {wanted} is not here (here: {seen}). Pass its /dev/infiniband/uverbsN"
            " into the container, or correct SWIFT_RDMA_DEVICE."
        )
    return DeviceUnavailable(
        "There is no RDMA device. Load its driver (rdma link), and pass /dev/infiniband/uverbsN"
        " into the container."
    )


def several_devices(present: list[str]) -> DeviceUnavailable:
    """More than one could be opened and none was named."""
    return DeviceUnavailable(
        f"There are several RDMA devices ({', '.join(present)}): set SWIFT_RDMA_DEVICE."
    )


def cannot_open(device: str, number: int | None) -> DeviceUnavailable:
    """Opening a device that is listed failed."""
    why = os.strerror(number) if number else "unknown error"
    remedy = "pass its /dev/infiniband/uverbsN into the container (docker run --device)"
    if number in (errno.EACCES, errno.EPERM):
        remedy = "the user needs read and write access to its /dev/infiniband/uverbsN"
    return DeviceUnavailable(f"RDMA device {device} can't be opened ({why}): {remedy}.")


def not_lockable(length: int, number: int | None) -> RdmaError:
    """Registering memory failed."""
    why = os.strerror(number) if number else "unknown error"
    text = f"{length} bytes could not be registered for RDMA ({why})"
    if number in (errno.ENOMEM, errno.EAGAIN, errno.EPERM):
        return MemoryNotLockable(
            f"{text}: raise the limit of locked memory (docker run --ulimit memlock=-1, or"
            " ulimit -l)."
        )
    return RdmaError(f"{text}.")


def creation_failed(what: str, number: int | None) -> RdmaError:
    """A protection domain, completion queue or queue pair could not be made."""
    why = os.strerror(number) if number else "unknown error"
    if number in (errno.ENOMEM, errno.EPERM):
        return MemoryNotLockable(
            f"The device made no {what} ({why}): raise the limit of locked memory (docker run"
            " --ulimit memlock=-1, or ulimit -l), or close connections that are not needed."
        )
    return RdmaError(f"The device made no {what} ({why}).")
