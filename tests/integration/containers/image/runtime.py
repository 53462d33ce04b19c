"""A small action runtime for tests: OpenWhisk's contract, and just enough of the Swift protocol.

Runs as process 1 in a container whose image is empty but for this file: Python comes from the host
by read-only mounts.
"""

import http.server
import json
import os
import socket
import socketserver
import sys
import threading

SENTINEL = "XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX"
ENVIRONMENT: dict = {}
SCOPE: dict = {}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/init":
            self.init(body["value"], body.get("swift"))
        else:
            self.run(body.get("value") or {}, body)

    def init(self, value, swift):
        if SCOPE:
            return self.reply(403, {"error": "Cannot initialize the action more than once."})
        exec(value["code"], SCOPE)
        if swift is None:
            return self.reply(200, {"ok": True})
        # Its workers are threads, of which there may be as many as are wanted.
        forks = {"protocol": 1, "forkable": True, "reason": None, "slots": swift["slots"]}
        return self.reply(200, {"ok": True, "swift": forks})

    def run(self, value, body):
        try:
            result, status = SCOPE["main"](value), 200
        except Exception as error:  # noqa: BLE001 - whatever the action raises is its answer
            result, status = {"error": f"An error has occurred: {error}"}, 502
        worker = body.get("swift", {}).get("worker")
        if worker is None:
            print(SENTINEL, flush=True)
            print(SENTINEL, file=sys.stderr, flush=True)
        self.reply(status, result, worker)

    def reply(self, status, result, worker=None):
        data = json.dumps(result).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if worker is not None:
            self.send_header("X-Swift", json.dumps({"worker": worker, "slot": 0, "exit": None}))
        self.end_headers()
        self.wfile.write(data)

    def address_string(self):
        return "invoker"

    def log_message(self, *args):
        return


class Tcp(socketserver.ThreadingMixIn, http.server.HTTPServer):
    request_queue_size = 64


class Unix(Tcp):
    address_family = socket.AF_UNIX

    def server_bind(self):
        self.socket.bind(self.server_address)


def main():
    if os.environ.get("SWIFT_SOCKET"):
        unix = Unix(os.environ["SWIFT_SOCKET"], Handler)
        threading.Thread(target=unix.serve_forever, daemon=True).start()
    if os.environ.get("SWIFT_PORT") == "0":
        threading.Event().wait()
    Tcp(("0.0.0.0", 8080), Handler).serve_forever()


main()
