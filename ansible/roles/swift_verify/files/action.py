"""Sends a text through RDMA, or not, and digests what came out."""

import hashlib
from concurrent.futures import ThreadPoolExecutor

import swift_rdma


def main(args):
    value = str(args.get("value"))
    data = carried(value.encode(), args.get("peer") or "")
    return {"value": value, "sha256": hashlib.sha256(data).hexdigest()}


def carried(data, peer):
    if peer == "":
        return data
    if peer == "loopback":
        return sent_to_ourselves(data)
    with swift_rdma.connect(peer) as remote:
        remote.write(data)
        return remote.read(len(data))


def sent_to_ourselves(data):
    with swift_rdma.Listener("127.0.0.1") as listener, ThreadPoolExecutor(1) as threads:
        accepted = threads.submit(listener.accept)
        connected = swift_rdma.connect(f"127.0.0.1:{listener.port}")
        with connected as sender, accepted.result() as receiver:
            received = threads.submit(receiver.recv)
            sender.send(data)
            return received.result()
