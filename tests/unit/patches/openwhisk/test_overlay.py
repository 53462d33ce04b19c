"""The overlay on a checkout: once, twice, undone, half done, and refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from swift_overlay import overlay, parts
from swift_overlay.checkout import BALANCER, MANIFEST, ROLE, VARIABLES, Checkout
from swift_overlay.errors import OverlayError
from swift_overlay.manifest import Kind
from swift_overlay.overlay import Wanted
from swift_overlay.record import FOLDER
from tests.unit.patches.openwhisk.conftest import RUNTIMES, tree

COMMAND = Path(__file__).resolve().parents[4] / "patches/openwhisk/overlay.py"


def _apply(root: Path, wanted: Wanted | None = None, pretend: bool = False) -> list[str]:
    changes = overlay.apply(Checkout.find(root), wanted or Wanted(), pretend)
    return [str(change) for change in changes]


def _run(*arguments: str | Path) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, COMMAND, *arguments], capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stdout, done.stderr


def test_apply_and_remove_leave_every_byte_as_it_was(checkout: Path) -> None:
    before = tree(checkout)
    changed = _apply(checkout)
    assert f"edit {MANIFEST}" in changed
    assert "add ansible/swift/invoker_plugin.yml" in changed
    assert overlay.status(checkout) == (True, [])
    overlay.remove(checkout)
    assert tree(checkout) == before
    assert overlay.remove(checkout) == []


def test_a_second_apply_changes_nothing(checkout: Path) -> None:
    _apply(checkout)
    before = tree(checkout)
    assert _apply(checkout) == []
    assert tree(checkout) == before


def test_pretending_changes_nothing(checkout: Path) -> None:
    before = tree(checkout)
    told = _apply(checkout, pretend=True)
    assert tree(checkout) == before
    assert _apply(checkout) == told
    applied = tree(checkout)
    assert overlay.remove(checkout, pretend=True)
    assert tree(checkout) == applied


def test_the_manifest_keeps_what_the_operator_wrote(checkout: Path) -> None:
    _apply(checkout)
    document = json.loads((checkout / MANIFEST).read_text())
    kinds = [entry["kind"] for entry in document["runtimes"]["python"]]
    assert kinds == ["python:3", "python:3-rdma"]
    assert document["description"] == RUNTIMES["description"]


def test_edits_made_since_survive_the_removal(checkout: Path) -> None:
    _apply(checkout)
    document = json.loads((checkout / MANIFEST).read_text())
    document["runtimes"]["go"] = [{"kind": "go:1", "default": True, "image": {"name": "go"}}]
    (checkout / MANIFEST).write_text(json.dumps(document))
    overlay.remove(checkout)
    left = json.loads((checkout / MANIFEST).read_text())["runtimes"]
    assert [entry["kind"] for entry in left["python"]] == ["python:3"]
    assert "go" in left


def test_another_image_replaces_the_entry(checkout: Path) -> None:
    _apply(checkout)
    changed = _apply(checkout, Wanted(Kind(image="registry.example/swift/runtime:2", pulled=True)))
    assert changed == [f"edit {MANIFEST}"]
    entry = json.loads((checkout / MANIFEST).read_text())["runtimes"]["python"][1]
    assert entry["image"] == {"prefix": "registry.example/swift", "name": "runtime", "tag": "2"}
    assert entry["deprecated"] is False


def test_without_the_balancer_only_its_files_go(checkout: Path) -> None:
    _apply(checkout)
    changed = _apply(checkout, Wanted(balancer=False))
    assert changed
    assert all(change.startswith("delete ") for change in changed)
    assert not (checkout / "ansible/group_vars/controllers").exists()
    assert not list(checkout.rglob("SwiftBalancer.scala"))
    assert (checkout / "ansible/group_vars/swift_invokers/swift.yml").exists()


def test_an_interrupted_apply_is_gone_on_with_or_undone(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tree(checkout)
    whole = overlay.write
    written: list[Path] = []

    def breaks(file: Path, content: bytes) -> None:
        if len(written) == 4:
            raise KeyboardInterrupt
        written.append(file)
        whole(file, content)

    monkeypatch.setattr(overlay, "write", breaks)
    with pytest.raises(KeyboardInterrupt):
        _apply(checkout)
    monkeypatch.setattr(overlay, "write", whole)
    interrupted = tree(checkout)
    assert interrupted != before
    _apply(checkout)
    assert overlay.status(checkout) == (True, [])
    overlay.remove(checkout)
    assert tree(checkout) == before


def test_status_tells_what_was_edited(checkout: Path) -> None:
    _apply(checkout)
    (checkout / "ansible/swift/service.yml").write_text("---\n")
    (checkout / "ansible/swift/container.yml").unlink()
    (checkout / MANIFEST).write_text(json.dumps(RUNTIMES))
    applied, differing = overlay.status(checkout)
    assert applied
    assert sorted(differing) == [
        "ansible/files/runtimes.json has no kind python:3-rdma",
        "ansible/swift/container.yml is gone",
        "ansible/swift/service.yml was edited",
    ]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        (ROLE, "tasks: []\n", "the hook invoker_plugins"),
        (BALANCER, "import akka.actor.ActorRef\n", "the publish that we know"),
        (
            BALANCER,
            "import cats.effect\ndef publish(action: ExecutableWhiskActionMetaData\n",
            "neither akka nor pekko",
        ),
        (VARIABLES, "a: 1\n", "controller_loadbalancer_spi"),
    ],
)
def test_a_version_that_is_not_known_is_refused(
    checkout: Path, name: str, text: str, words: str
) -> None:
    (checkout / name).write_text(text)
    with pytest.raises(OverlayError, match=words):
        _apply(checkout)


def test_what_is_not_ours_is_refused_and_left(checkout: Path) -> None:
    theirs = checkout / "ansible/swift/service.yml"
    theirs.parent.mkdir()
    theirs.write_text("# the operator's\n")
    before = tree(checkout)
    with pytest.raises(OverlayError, match="is there and not ours"):
        _apply(checkout)
    assert tree(checkout) == before


def test_a_file_that_our_folder_would_hide_is_refused(checkout: Path) -> None:
    (checkout / "ansible/group_vars/controllers.yml").write_text("a: 1\n")
    with pytest.raises(OverlayError, match=r"would be hidden by our folder controllers: move it"):
        _apply(checkout)


def test_another_load_balancer_is_refused(checkout: Path) -> None:
    other = checkout / "ansible/environments/prod/group_vars/all"
    other.parent.mkdir(parents=True)
    other.write_text('controller_loadbalancer_spi: "com.example.Balancer"\n')
    with pytest.raises(OverlayError, match="chooses another load balancer"):
        _apply(checkout)
    assert _apply(checkout, Wanted(balancer=False))


def test_a_kind_of_the_same_name_is_refused(checkout: Path) -> None:
    document = json.loads((checkout / MANIFEST).read_text())
    document["runtimes"]["python"].append({"kind": "python:3-rdma", "image": {"name": "theirs"}})
    (checkout / MANIFEST).write_text(json.dumps(document))
    with pytest.raises(OverlayError, match="that is not ours"):
        _apply(checkout)


@pytest.mark.parametrize(("actors", "library"), [("akka", "akka"), ("pekko", "org.apache.pekko")])
def test_each_version_gets_its_own_sources(checkout: Path, actors: str, library: str) -> None:
    text = (checkout / BALANCER).read_text().replace("org.apache.pekko", library)
    (checkout / BALANCER).write_text(text)
    _apply(checkout)
    sources = {file.name: file.read_text() for file in (checkout / BALANCER).parent.glob("*/*")}
    assert {"SwiftBalancer.scala", "Placement.scala"} <= sources.keys()
    imported = [line for text in sources.values() for line in text.splitlines() if actors in line]
    assert imported
    other = {"akka": "pekko", "pekko": "import akka."}[actors]
    assert not [name for name, text in sources.items() if other in text]


def test_the_class_that_is_chosen_is_the_one_that_is_put_there() -> None:
    text = (parts.HERE / "scala/main/SwiftBalancer.scala").read_text()
    package, _, name = parts.BALANCER_CLASS.rpartition(".")
    assert f"package {package}\n" in text
    assert f"object {name} extends LoadBalancerProvider" in text


def test_the_command_tells_and_its_codes(checkout: Path) -> None:
    assert _run("status", checkout)[:2] == (3, "not applied\n")
    status, said, _ = _run("apply", "--check", checkout)
    assert status == 0
    assert f"would edit {MANIFEST}" in said
    assert _run("status", checkout)[0] == 3
    status, said, _ = _run("apply", "--json", checkout)
    assert status == 0
    assert json.loads(said)["changed"]
    assert _run("apply", checkout)[:2] == (0, "nothing to do\n")
    assert _run("status", checkout)[:2] == (0, "applied\n")
    (checkout / "ansible/swift/service.yml").write_text("---\n")
    assert _run("status", checkout)[0] == 4
    assert _run("remove", checkout)[0] == 0
    assert not (checkout / FOLDER).exists()


def test_the_command_refuses_in_one_line(tmp_path: Path) -> None:
    status, said, trouble = _run("apply", tmp_path)
    assert (status, said) == (1, "")
    assert trouble == f"overlay: {tmp_path} is no checkout of OpenWhisk: it has no folder ansible\n"
