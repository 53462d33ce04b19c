"""The one place that imports pyverbs, late: importing it takes long, and tests do without it.

Written for pyverbs 44 and later; what they name differently is looked up here.
"""

from __future__ import annotations

import os
from functools import cache
from ipaddress import IPv6Address
from types import SimpleNamespace
from typing import Any

from swift_rdma import errors, phases
from swift_rdma.gid import Gid

PORT = 1
_FORK_VARIABLES = ("RDMAV_FORK_SAFE", "IBV_FORK_SAFE")
_STATUS = (
    "SUCCESS",
    "LOC_LEN_ERR",
    "LOC_QP_OP_ERR",
    "LOC_EEC_OP_ERR",
    "LOC_PROT_ERR",
    "WR_FLUSH_ERR",
    "MW_BIND_ERR",
    "BAD_RESP_ERR",
    "LOC_ACCESS_ERR",
    "REM_INV_REQ_ERR",
    "REM_ACCESS_ERR",
    "REM_OP_ERR",
    "RETRY_EXC_ERR",
    "RNR_RETRY_EXC_ERR",
    "LOC_RDD_VIOL_ERR",
    "REM_INV_RD_REQ_ERR",
    "REM_ABORT_ERR",
    "INV_EECN_ERR",
    "INV_EEC_STATE_ERR",
    "FATAL_ERR",
    "RESP_TIMEOUT_ERR",
    "GENERAL_ERR",
)
"""``enum ibv_wc_status``, which pyverbs does not name everywhere."""


@cache
def load() -> Any:
    """Import pyverbs (once a process, and not again in its forks) and name what is used."""
    with phases.phase("import"):
        try:
            from pyverbs.addr import GID, AHAttr, GlobalRoute
            from pyverbs.cq import CQ
            from pyverbs.device import Context, get_device_list
            from pyverbs.mr import MR
            from pyverbs.pd import PD
            from pyverbs.pyverbs_error import PyverbsError
            from pyverbs.qp import QP, QPAttr, QPCap, QPInitAttr
            from pyverbs.wr import SGE, RecvWR, SendWR

            names = _enums()
        except ImportError as error:
            raise errors.DeviceUnavailable(
                f"pyverbs can't be imported ({error}): install python3-pyverbs."
            ) from error
    return SimpleNamespace(
        names=names,
        GID=GID,
        AHAttr=AHAttr,
        GlobalRoute=GlobalRoute,
        CQ=CQ,
        Context=Context,
        get_device_list=get_device_list,
        MR=MR,
        PD=PD,
        Error=PyverbsError,
        QP=QP,
        QPAttr=QPAttr,
        QPCap=QPCap,
        QPInitAttr=QPInitAttr,
        SGE=SGE,
        RecvWR=RecvWR,
        SendWR=SendWR,
    )


def _enums() -> Any:
    """The module of the ``IBV_`` names."""
    try:
        import pyverbs.enums as names
    except ModuleNotFoundError:
        import pyverbs.libibverbs_enums as names  # where they are in pyverbs 57 and later
    return names


def number_of(error: Exception) -> int | None:
    """The errno that a pyverbs error carries."""
    number = getattr(error, "error_code", None)
    return number if isinstance(number, int) and number > 0 else None


def status_name(status: int) -> str:
    """The name of a completion status, as in verbs.h."""
    return f"IBV_WC_{_STATUS[status]}" if 0 <= status < len(_STATUS) else f"status {status}"


def open_device(wanted: str | None) -> Any:
    """Open the named device, or the only one that can be opened."""
    for variable in _FORK_VARIABLES:
        if variable in os.environ:
            # on older kernels they unmap registered buffers in every forked child
            raise errors.RdmaError(f"{variable} is set: unset it, forked workers can't use it.")
    v = load()
    with phases.phase("open"):
        return _open_named(v, wanted) if wanted else _open_only(v)


def _open_named(v: Any, wanted: str) -> Any:
    try:
        return v.Context(name=wanted)
    except v.Error as error:
        present = _device_names(v)
        if wanted not in present:
            raise errors.device_missing(wanted, present) from error
        raise errors.cannot_open(wanted, number_of(error)) from error


def _open_only(v: Any) -> Any:
    # sysfs shows a container every device of the host: what opens is what it was given
    opened: list[Any] = []
    failure: errors.RdmaError | None = None
    for name in _device_names(v):
        try:
            opened.append(v.Context(name=name))
        except v.Error as error:
            failure = errors.cannot_open(name, number_of(error))
    if len(opened) == 1:
        return opened[0]
    names = [context_name(context) for context in opened]
    for context in opened:
        context.close()
    if names:
        raise errors.several_devices(names)
    raise failure or errors.device_missing(None, [])


def _device_names(v: Any) -> list[str]:
    try:
        return [_text(device.name) for device in v.get_device_list()]
    except v.Error:
        return []  # a kernel without any RDMA: "function not implemented"


def context_name(context: Any) -> str:
    """The name of an opened device."""
    return _text(context.name)


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def gid_table(context: Any, port: int = PORT) -> list[Gid]:
    """Every readable entry of a port's table, by one call to the kernel."""
    length = context.query_port(port).gid_tbl_len
    try:
        entries = context.query_gid_table(max(length, 1))
    except load().Error:
        # kernels before 5.10 have no call for the whole table
        return _gid_table_by_entry(context, port, length)
    return [
        Gid(entry.gid_index, IPv6Address(entry.gid_str()), int(entry.gid_type))
        for entry in entries
        if entry.port_num == port
    ]


def _gid_table_by_entry(context: Any, port: int, length: int) -> list[Gid]:
    table: list[Gid] = []
    for index in range(length):
        try:
            address = IPv6Address(str(context.query_gid(port, index)).split()[-1])
            # here the type is that of sysfs: 0 for v1 (or InfiniBand), 1 for v2
            kind = int(context.query_gid_type(port, index)) + 1
        except (load().Error, ValueError):
            continue  # entries of other network namespaces can't be read
        table.append(Gid(index, address, kind))
    return table
