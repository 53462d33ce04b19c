"""``python -m swift_runtime``: fork the template, then serve as process 1.

The template is forked before the proxy imports asyncio, so it (and with it every worker) stays
small; both then start up side by side.
"""

from __future__ import annotations

import os
import sys
import tempfile

from swift_runtime.channel import Channel
from swift_runtime.settings import Settings, SettingsError
from swift_runtime.template import Template

EXIT_CONFIGURATION = 78


def main() -> int:
    """Run the runtime until it is told to stop; the exit code."""
    try:
        settings = Settings.load()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return EXIT_CONFIGURATION
    directory = tempfile.mkdtemp(prefix="swift-")
    ours, theirs = Channel.pair()
    out_read, out_write = os.pipe()
    err_read, err_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        ours.close()
        _take_descriptors(out_write, err_write)
        for descriptor in (out_read, err_read, out_write, err_write):
            os.close(descriptor)
        Template(theirs, directory, settings.rdma_device).serve()
    theirs.close()
    os.close(out_write)
    os.close(err_write)
    _serve(settings, pid, ours, (out_read, err_read), directory)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # nothing is left to tear down, and `docker stop` need not wait for it


def _take_descriptors(stdout: int, stderr: int) -> None:
    """The template's output is the proxy's to sort, and its input is empty."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)


def _serve(
    settings: Settings, pid: int, control: Channel, output: tuple[int, int], directory: str
) -> None:
    import asyncio  # late: see the module's docstring

    from swift_runtime.proxy import Proxy

    asyncio.run(Proxy(settings, pid, control, output).serve(directory))


if __name__ == "__main__":
    sys.exit(main())
