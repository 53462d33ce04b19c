"""The playbooks by the linters and by ansible's own syntax check."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from devstack.paths import REPOSITORY

ANSIBLE = REPOSITORY / "ansible"
PROGRAMS = REPOSITORY / ".venv" / "bin"
PLAYBOOKS = sorted(file.name for file in ANSIBLE.glob("*.yml"))
INVENTORIES = sorted(file.name for file in (ANSIBLE / "inventories").iterdir())


def _run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAMS / program, *arguments], cwd=ANSIBLE, capture_output=True, text=True, check=False
    )


def test_there_are_the_playbooks_that_are_promised() -> None:
    assert {"site.yml", "upgrade.yml", "rollback.yml", "verify.yml", "uninstall.yml"} <= {
        *PLAYBOOKS
    }


def test_yaml_is_as_yamllint_wants_it() -> None:
    done = _run("yamllint", "--strict", ".")
    assert done.returncode == 0, done.stdout + done.stderr


def test_ansible_lint_passes_at_its_production_profile() -> None:
    done = _run("ansible-lint", "--offline", "--nocolor")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "production" in done.stdout + done.stderr


@pytest.mark.parametrize("inventory", INVENTORIES)
@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_the_syntax_of_each_playbook_is_right(playbook: str, inventory: str) -> None:
    done = _run("ansible-playbook", "--syntax-check", "-i", f"inventories/{inventory}", playbook)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stderr


def test_each_role_documents_every_default() -> None:
    for defaults in ANSIBLE.glob("roles/*/defaults/main.yml"):
        names = _top_level_names(defaults)
        specification = (defaults.parents[1] / "meta/argument_specs.yml").read_text()
        missing = [name for name in names if f"      {name}:\n" not in specification]
        assert not missing, f"{defaults}: not in argument_specs.yml: {missing}"
        assert names


def _top_level_names(file: Path) -> list[str]:
    lines = file.read_text().splitlines()
    return [line.partition(":")[0] for line in lines if line[:1].isalpha()]
