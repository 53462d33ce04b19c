"""Reads the stdout and stderr pipes of a worker (or of the template) and delivers lines."""

from __future__ import annotations

import asyncio
import os
import time

from swift_runtime.logs import Sink

SENTINEL = b"XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX"
_DESCRIPTORS = {"stdout": 1, "stderr": 2}
_READ_BYTES = 65536
_LINE_BYTES = 65536
"""A longer line is delivered in pieces, so that memory stays bounded."""
_PIPE_BYTES = 1 << 20
"""What a pipe can hold at most: all that was written before a result was sent."""


class ContainerOutput:
    """The container's own stdout and stderr, where a stock invoker looks."""

    def line(self, stream: str, data: bytes, time_ns: int) -> None:
        rest = memoryview(data + b"\n")
        while rest:
            rest = rest[os.write(_DESCRIPTORS[stream], rest) :]

    def end_activation(self) -> None:
        """Mark the end of an activation in both streams, as the stock contract wants."""
        for stream in _DESCRIPTORS:
            self.line(stream, SENTINEL, 0)


class _Pipe:
    """The reading end of one stream."""

    def __init__(self, descriptor: int, stream: str, output: Output) -> None:
        self.descriptor = descriptor
        self._stream = stream
        self._output = output
        self._partial = b""
        self._open = True
        os.set_blocking(descriptor, False)
        output.loop.add_reader(descriptor, self.read)

    def read(self) -> int:
        """Deliver what is there, at most one read; the count of bytes."""
        if not self._open:
            return 0
        try:
            data = os.read(self.descriptor, _READ_BYTES)
        except BlockingIOError:
            return 0
        if not data:
            self.close()
            return 0
        self._deliver(data)
        return len(data)

    def _deliver(self, data: bytes) -> None:
        now_ns = time.time_ns()
        *lines, partial = (self._partial + data).split(b"\n")
        sink = self._output.sink
        for line in lines:
            sink.line(self._stream, line, now_ns)
        while len(partial) > _LINE_BYTES:
            sink.line(self._stream, partial[:_LINE_BYTES], now_ns)
            partial = partial[_LINE_BYTES:]
        self._partial = partial

    def finish_line(self) -> None:
        """Deliver a last line that has no newline."""
        if self._partial:
            line, self._partial = self._partial, b""
            self._output.sink.line(self._stream, line, time.time_ns())

    def close(self) -> None:
        if self._open:
            self._open = False
            self._output.loop.remove_reader(self.descriptor)
            os.close(self.descriptor)


class Output:
    """Both streams of one process; lines go to ``sink``, which changes with the activation."""

    def __init__(self, loop: asyncio.AbstractEventLoop, stdout: int, stderr: int) -> None:
        self.loop = loop
        self.idle_sink: Sink = ContainerOutput()
        self.sink: Sink = self.idle_sink
        self._pipes = [_Pipe(stdout, "stdout", self), _Pipe(stderr, "stderr", self)]

    def begin(self, sink: Sink) -> None:
        """From now on lines belong to ``sink``; what came before goes where it belonged."""
        self.drain()
        self.sink = sink

    def end(self) -> None:
        """Deliver all that was written so far; later lines are nobody's."""
        self.drain()
        self.sink = self.idle_sink

    def drain(self) -> None:
        """Read all that was written before this call; a process that goes on writing is left."""
        for pipe in self._pipes:
            total = 0
            while total < _PIPE_BYTES:
                count = pipe.read()
                if count == 0:
                    break
                total += count
            pipe.finish_line()

    def close(self) -> None:
        """Read the rest and close."""
        self.drain()
        for pipe in self._pipes:
            pipe.close()
