"""``python -m devstack.machine``: the machine by hand."""

import sys

from devstack.machine.cli import main

if __name__ == "__main__":
    sys.exit(main())
