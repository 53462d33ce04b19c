"""``python -m devstack.controller --config FILE.json``: run until SIGTERM or SIGINT.

Exit codes: 0 stopped as asked, 1 a service is not to be had, 78 the configuration is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path

from devstack.controller import NOTICE
from devstack.controller.configuration import Configuration, ConfigurationFault, load
from devstack.controller.faults import Unavailable
from devstack.controller.kafka import BusFault
from devstack.controller.runtimes import ManifestFault
from devstack.controller.service import Service

EXIT_UNAVAILABLE = 1
EXIT_CONFIGURATION = 78


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and run; answers the exit code."""
    parser = argparse.ArgumentParser(prog="python -m devstack.controller", description=NOTICE)
    parser.add_argument("--config", required=True, type=Path, help="JSON file with the settings")
    parser.add_argument("--port-file", type=Path, help="write the port listened on to this file")
    arguments = parser.parse_args(argv)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr
    )
    try:
        asyncio.run(_run(load(arguments.config), arguments.port_file))
    except (ConfigurationFault, ManifestFault) as error:
        print(f"{arguments.config}: {error}", file=sys.stderr)
        return EXIT_CONFIGURATION
    except (BusFault, Unavailable, OSError) as error:
        print(f"the controller cannot start: {error}", file=sys.stderr)
        return EXIT_UNAVAILABLE
    return 0


async def _run(configuration: Configuration, port_file: Path | None) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    service = Service(configuration)
    try:
        port = await service.start()
        if port_file is not None:
            port_file.write_text(f"{port}\n", encoding="ascii")
        await stopping.wait()
    finally:
        await service.stop()


if __name__ == "__main__":
    sys.exit(main())
