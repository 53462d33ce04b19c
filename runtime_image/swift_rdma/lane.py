"""A lane: one queue pair with its completion queue, and how to drive it."""

from __future__ import annotations

import os
import secrets
import time
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Any

from swift_rdma import errors, phases, verbs
from swift_rdma.exchange import Endpoint
from swift_rdma.gid import Gid
from swift_rdma.memory import Buffer

_DEPTH = 64
_ACCESS = ("IBV_ACCESS_LOCAL_WRITE", "IBV_ACCESS_REMOTE_WRITE", "IBV_ACCESS_REMOTE_READ")
_SPINS = 200
_PAUSE_SECONDS = 0.00005
_MTU_BYTES = {1: 256, 2: 512, 3: 1024, 4: 2048, 5: 4096}


@dataclass(frozen=True)
class Place:
    """Where lanes are made: an opened device, its port and the port's chosen address."""

    context: Any
    device: str
    port: int
    gid: Gid
    lid: int
    mtu: int
    """Bytes."""


def place(context: Any, gid: Gid, port: int = verbs.PORT) -> Place:
    """Describe the port of an opened device."""
    attributes = context.query_port(port)
    mtu = _MTU_BYTES[int(attributes.active_mtu)]
    return Place(context, verbs.context_name(context), port, gid, int(attributes.lid), mtu)


class Lane:
    """Owns a reliable connected queue pair; one work request at a time is outstanding."""

    def __init__(self, where: Place, protection_domain: Any) -> None:
        v = verbs.load()
        self.place = where
        self.protection_domain = protection_domain
        try:
            with phases.phase("completion_queue"):
                self.completion_queue = v.CQ(where.context, _DEPTH * 2)
        except v.Error as error:
            raise errors.creation_failed("completion queue", verbs.number_of(error)) from error
        try:
            with phases.phase("queue_pair"):
                self.queue_pair = self._create_queue_pair(v)
        except v.Error as error:
            self.completion_queue.close()
            raise errors.creation_failed("queue pair", verbs.number_of(error)) from error
        self.packet_sequence = secrets.randbits(24)
        self._works = 0
        self._outstanding = 0
        self._received: dict[int, Any] = {}
        self._completed_once = False

    def _create_queue_pair(self, v: Any) -> Any:
        cap = v.QPCap(max_send_wr=_DEPTH, max_recv_wr=_DEPTH, max_send_sge=1, max_recv_sge=1)
        cq = self.completion_queue
        init = v.QPInitAttr(qp_type=v.names.IBV_QPT_RC, scq=cq, rcq=cq, cap=cap, sq_sig_all=1)
        return v.QP(self.protection_domain, init, self._attributes(v))

    def _attributes(self, v: Any) -> Any:
        attributes = v.QPAttr(port_num=self.place.port)
        for name in _ACCESS:
            attributes.qp_access_flags |= getattr(v.names, name)
        return attributes

    def endpoint(self, region: Buffer | None = None) -> Endpoint:
        """What the peer must know; ``region`` is what it may read and write."""
        return Endpoint(
            queue_pair=int(self.queue_pair.qp_num),
            packet_sequence=self.packet_sequence,
            gid=str(self.place.gid.address),
            lid=self.place.lid,
            mtu=self.place.mtu,
            address=region.address if region else 0,
            remote_key=region.remote_key if region else 0,
            length=region.length if region else 0,
        )

    def connect(self, peer: Endpoint) -> None:
        """Bring the queue pair to ready-to-send towards ``peer``."""
        v = verbs.load()
        with phases.phase("connect"):
            route = v.GlobalRoute(
                dgid=v.GID(_pyverbs_form(peer.gid)), sgid_index=self.place.gid.index
            )
            address = v.AHAttr(port_num=self.place.port, is_global=1, gr=route, dlid=peer.lid)
            attributes = self._attributes(v)
            attributes.ah_attr = address
            attributes.dest_qp_num = peer.queue_pair
            mtu = min(self.place.mtu, peer.mtu)
            attributes.path_mtu = next(key for key, size in _MTU_BYTES.items() if size == mtu)
            attributes.rq_psn, attributes.sq_psn = peer.packet_sequence, self.packet_sequence
            attributes.max_rd_atomic = attributes.max_dest_rd_atomic = 1
            attributes.min_rnr_timer = 12
            # 4.096 us * 2^14 = 67 ms to an acknowledgement, 7 times; receiver not ready: for ever
            attributes.timeout, attributes.retry_cnt, attributes.rnr_retry = 14, 7, 7
            try:
                self.queue_pair.to_rts(attributes)
            except v.Error as error:
                raise errors.ExchangeRefused(
                    f"The queue pair can't be connected to {peer.gid} from {self.place.gid}"
                    f" ({error}): both must be of one kind and network; SWIFT_RDMA_GID_INDEX"
                    " chooses ours."
                ) from error

    def transfer(
        self, opcode: str, region: Buffer, length: int, timeout_s: float,
        remote: tuple[int, int] | None = None,
    ) -> None:  # fmt: skip
        """Post one request on the first ``length`` bytes of ``region`` and wait for its end.

        ``remote`` is address and key for one-sided operations.
        """
        v = verbs.load()
        self._works += 1
        segment = v.SGE(region.address, length, region.local_key)
        request = v.SendWR(
            wr_id=self._works, num_sge=1, sg=[segment], opcode=getattr(v.names, f"IBV_WR_{opcode}")
        )
        if remote is not None:
            request.set_wr_rdma(remote[1], remote[0])
        begin = time.perf_counter()
        try:
            self.queue_pair.post_send(request)
        except v.Error as error:
            raise errors.CompletionFailed(f"{opcode} could not be posted: {error}") from error
        self._outstanding += 1
        self._wait(self._works, opcode, timeout_s)
        if not self._completed_once:
            self._completed_once = True
            phases.add("first_completion", (time.perf_counter() - begin) * 1000)

    def rehearse(self) -> None:
        """Make a request that is not posted, look for completions that are not there."""
        v = verbs.load()
        segment = v.SGE(0, 0, 0)
        request = v.SendWR(num_sge=1, sg=[segment], opcode=v.names.IBV_WR_RDMA_WRITE)
        request.set_wr_rdma(0, 0)
        self.completion_queue.poll(1)

    def post_receive(self, region: Buffer) -> int:
        """Offer all of ``region`` to the next message; the number to wait for."""
        v = verbs.load()
        self._works += 1
        segment = v.SGE(region.address, region.length, region.local_key)
        self.queue_pair.post_recv(v.RecvWR(wr_id=self._works, num_sge=1, sg=[segment]))
        self._outstanding += 1
        return self._works

    def wait_receive(self, work: int, timeout_s: float) -> int:
        """Wait for the message; its length."""
        return int(self._wait(work, "receive", timeout_s).byte_len)

    def _wait(self, work: int, operation: str, timeout_s: float) -> Any:
        """The completion of ``work``; those of others (receives) are put aside."""
        deadline = time.monotonic() + timeout_s
        spins = 0
        while True:
            count, completions = self.completion_queue.poll(8)
            for completion in completions[:count]:
                self._outstanding -= 1
                if int(completion.status) != 0:
                    raise errors.completion_failed(
                        operation, verbs.status_name(int(completion.status))
                    )
                self._received[int(completion.wr_id)] = completion
            if work in self._received:
                return self._received.pop(work)
            spins += 1
            if spins > _SPINS:
                if time.monotonic() > deadline:
                    raise errors.CompletionFailed(
                        f"{operation} did not end within {timeout_s} s: does the peer live?"
                    )
                # forks share few processors, and the peer may be among those that wait for one
                os.sched_yield() if spins < 2 * _SPINS else time.sleep(_PAUSE_SECONDS)

    def reset(self) -> bool:
        """Make it ready to be connected anew by this process; False when it can't be.

        With work outstanding it can't: rxe keeps requests that were posted before a reset, and
        would do them after it.
        """
        if self._outstanding or self._received:
            return False
        v = verbs.load()
        attributes = v.QPAttr()
        attributes.qp_state = v.names.IBV_QPS_RESET
        try:
            self.queue_pair.modify(attributes, v.names.IBV_QP_STATE)
        except v.Error:
            return False  # it goes with its process, and another one is made
        self.packet_sequence = secrets.randbits(24)
        self._completed_once = False
        return True

    def close(self) -> None:
        """Destroy the queue pair and its completion queue."""
        self.queue_pair.close()
        self.completion_queue.close()


def _pyverbs_form(gid: str) -> str:
    """Eight groups of hex, which is all that pyverbs reads (never dotted IPv4)."""
    return IPv6Address(gid).packed.hex(":", 2)
