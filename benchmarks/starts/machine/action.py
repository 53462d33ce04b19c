"""The action of all figures: connect to the peer, write once, say when that was complete."""

CODE = """
import time
import swift_rdma

def main(args):
    begin_ns = time.monotonic_ns()
    with swift_rdma.connect(args["peer"]) as peer:
        peer.write(b"x" * 64)
        done_ns = time.monotonic_ns()
    return {"begin_ns": begin_ns, "done_ns": done_ns}
"""
