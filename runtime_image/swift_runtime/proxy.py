"""Process 1: serves the invoker, adopts and reaps, and never runs user code."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal

from swift_runtime import process
from swift_runtime.channel import Channel
from swift_runtime.container import Container
from swift_runtime.fleet import Fleet
from swift_runtime.http_server import HttpServer, Refused, Request, Response
from swift_runtime.output import Output
from swift_runtime.settings import Settings
from swift_runtime.zygote import Zygote


class Proxy:
    """Puts the parts together and runs until SIGTERM or SIGINT."""

    def __init__(
        self, settings: Settings, template: int, control: Channel, output: tuple[int, int]
    ) -> None:
        self._settings = settings
        self._template = template
        self._control = control
        self._output = output

    async def serve(self, directory: str) -> None:
        """Listen and serve; the template and every worker are dead when this returns."""
        process.adopt_orphans()
        loop = asyncio.get_running_loop()
        zygote = Zygote(loop, self._template, self._control, Output(loop, *self._output))
        fleet = Fleet(loop, zygote, directory)
        container = Container(loop, zygote, fleet)
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        loop.add_signal_handler(signal.SIGCHLD, _reap, zygote)
        _reap(zygote)  # the template may have died before the handler was set
        server = HttpServer(Routes(container).answer)
        if self._settings.socket_path is not None:
            await server.listen_unix(self._settings.socket_path)
        if self._settings.port:
            await server.listen_tcp("0.0.0.0", self._settings.port)
        await stop.wait()
        zygote.destroy()
        shutil.rmtree(directory, ignore_errors=True)  # dying workers may still be writing there


class Routes:
    """Which request is which verb."""

    def __init__(self, container: Container) -> None:
        self._container = container

    async def answer(self, request: Request) -> Response:
        """Answer one request; raises :class:`Refused`."""
        container, method = self._container, request.method
        words = request.path.strip("/").split("/")
        if words == ["run"] and method == "POST":
            return await container.run(request.body)
        if words == ["init"] and method == "POST":
            return await container.initialise(request.body)
        if words == ["swift"] and method == "GET":
            return await container.describe()
        if len(words) == 2 and words[0] == "workers" and method == "DELETE":
            return await container.kill_worker(words[1])
        if len(words) == 3 and words[0] == "activations" and words[2] == "logs" and method == "GET":
            return await container.fetch_logs(words[1])
        raise Refused(404, f"There is no {method} {request.path}: see docs/runtime-protocol.md.")


def _reap(zygote: Zygote) -> None:
    """Take every dead child: the template, and orphans of what user code started."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        if pid == zygote.pid:
            zygote.reaped(status)
