r"""Write a payload that follows from a seed into a peer's memory by RDMA, read it back, digest it.

What ``make demo`` runs: whoever knows the seed can compute the digest for himself.

    wsk action update rdma-roundtrip examples/rdma_roundtrip.py --kind python:3-rdma
    wsk action invoke rdma-roundtrip --result \
        --param peer 192.0.2.7:7471 --param seed 7 --param bytes 65536
"""

import hashlib

# Done once, in the template from which the activations' processes are forked.
import swift_rdma


def payload(seed, length):
    """SHA-256 of "seed:0", "seed:1" and so on, in a row, cut to ``length`` bytes."""
    blocks = (hashlib.sha256(f"{seed}:{n}".encode()).digest() for n in range(-(-length // 32)))
    return b"".join(blocks)[:length]


def main(args):
    data = payload(args["seed"], args["bytes"])
    with swift_rdma.connect(args["peer"]) as remote:
        remote.write(data, 0)
        # From the peer's memory, not from ours: a write that went nowhere gives another digest.
        back = remote.read(len(data), 0)
    return {"sha256": hashlib.sha256(back).hexdigest(), "bytes": len(back), "seed": args["seed"]}
