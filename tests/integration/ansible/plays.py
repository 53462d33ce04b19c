"""Runs a play of a test on this host, over a local connection."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from devstack.paths import REPOSITORY

ANSIBLE = REPOSITORY / "ansible"


def play(
    directory: Path,
    tasks: Sequence[Mapping[str, Any]],
    variables: Mapping[str, Any],
    *,
    inventory: str = "one-machine",
    host: str = "machine",
) -> subprocess.CompletedProcess[str]:
    """Run ``tasks`` for ``host`` of one of the example inventories with ``variables`` on top."""
    playbook, extra = directory / "play.yml", directory / "variables.json"
    local = {
        "ansible_connection": "local",
        "ansible_become": False,
        "ansible_python_interpreter": sys.executable,
    }
    extra.write_text(json.dumps({**local, **variables}))
    playbook.write_text(json.dumps([{"hosts": host, "gather_facts": False, "tasks": list(tasks)}]))
    argv = [str(REPOSITORY / ".venv/bin/ansible-playbook"), str(playbook)]
    argv += ["-i", str(ANSIBLE / "inventories" / inventory), "-e", f"@{extra}"]
    return subprocess.run(
        argv,
        cwd=ANSIBLE,
        env={**os.environ, "ANSIBLE_ROLES_PATH": str(ANSIBLE / "roles"), "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def role(name: str, entry: str) -> dict[str, Any]:
    """A task that runs one entry point of a role."""
    return {"ansible.builtin.include_role": {"name": name, "tasks_from": entry}}
