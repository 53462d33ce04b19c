"""The example in JavaScript, by the Node.js that the devstack has on the machine."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tests.integration.controller.conftest import REPOSITORY

pytestmark = pytest.mark.store


def test_hello_in_javascript(store_settings: dict[str, Any]) -> None:
    source = (REPOSITORY / "examples" / "hello.js").read_text()
    script = source + "\nconsole.log(JSON.stringify(main({})))"
    done = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == {"greeting": "Hello, stranger!"}
