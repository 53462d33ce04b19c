"""The configuration file: defaults, and every fault named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from devstack.controller.__main__ import EXIT_CONFIGURATION, main
from devstack.controller.configuration import ConfigurationFault, load, parse
from tests.unit.devstack.controller.fakes import MANIFEST


def test_defaults() -> None:
    found = parse({"runtimes": MANIFEST})
    assert (found.host, found.port, found.controller_id) == ("127.0.0.1", 3233, "0")
    assert found.limits.memory_default_mb == 256
    assert found.store.whisks == "local_whisks"


def test_the_manifest_may_be_a_file_beside(tmp_path: Path) -> None:
    (tmp_path / "runtimes.json").write_text(json.dumps(MANIFEST))
    file = tmp_path / "controller.json"
    file.write_text(json.dumps({"runtimes": "runtimes.json", "kafka": {"topic_prefix": "p-"}}))
    found = load(file)
    assert found.runtimes == MANIFEST
    assert found.kafka.topic_prefix == "p-"


def test_every_fault_is_listed() -> None:
    document: dict[str, Any] = {
        "port": "3233",
        "hots": "localhost",
        "kafka": {"hosts": ""},
        "store": {"url": "couch:5984"},
        "limits": {"memory_min_mb": 1024, "timeout_max_ms": True},
        "runtimes": 5,
    }
    with pytest.raises(ConfigurationFault) as caught:
        parse(document)
    lines = str(caught.value).splitlines()
    starts = ("port:", "hots:", "kafka.hosts:", "store.url:", "limits.memory:", "runtimes:")
    for start in (*starts, "limits.timeout_max_ms:"):
        assert any(line.startswith(start) for line in lines), (start, lines)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, "cannot be read"),
        ("{", "is not JSON"),
        ("[]", "must be a JSON object"),
        ('{"runtimes": "none.json"}', "none.json: cannot be read"),
        ('{"runtimes": {"runtimes": {"python": []}}}', "runtimes.python: must be a list of kinds"),
    ],
)
def test_an_unusable_file_ends_with_exit_code_78(
    content: str | None, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "controller.json"
    if content is not None:
        file.write_text(content)
    assert main(["--config", str(file)]) == EXIT_CONFIGURATION
    assert text in capsys.readouterr().err
