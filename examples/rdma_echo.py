"""Write a text into a peer's memory by RDMA, and read it back.

The peer is a machine that runs ``python -m swift_rdma.memory_server``.

    wsk action update rdma-echo examples/rdma_echo.py --kind python:3-rdma
    wsk action invoke rdma-echo --result --param peer 192.0.2.7:7471 --param text hello
"""

import hashlib

# This import, like all that is done outside main(), happens once, in the template; every
# activation runs in a process forked from it and finds it done.
import swift_rdma


def main(args):
    data = args.get("text", "hello").encode()
    # Without "/REGION" after the port, the peer gives this connection memory of its own.
    # An error (no device, nobody there) is raised with a text that names the remedy.
    with swift_rdma.connect(args["peer"]) as remote:
        remote.write(data, 0)  # there when it returns, without work for the peer's processor
        back = remote.read(len(data), 0)
    return {"text": back.decode(), "bytes": len(back), "sha256": hashlib.sha256(back).hexdigest()}
