from __future__ import annotations

from pathlib import Path

from devstack.machine.saved_state import SavedState


def _machine(directory: Path) -> tuple[Path, Path]:
    directory.mkdir(exist_ok=True)
    memory, overlay = directory / "memory.part", directory / "root.qcow2"
    memory.write_text("memory")
    overlay.write_text("disk")
    return memory, overlay


def test_memory_and_disks_are_kept_together(tmp_path: Path) -> None:
    state = SavedState(tmp_path / "cache" / "state-1")
    memory, overlay = _machine(tmp_path / "data")
    assert not state.exists()
    state.keep(memory, [overlay])
    assert state.memory.read_text() == "memory"
    assert state.disk(overlay).read_text() == "disk"
    assert not memory.exists()
    assert not overlay.exists()


def test_what_an_interrupted_save_left_does_not_count_and_does_not_hinder(tmp_path: Path) -> None:
    state = SavedState(tmp_path / "state-1")
    unfinished = tmp_path / "state-1.part"
    unfinished.mkdir()
    (unfinished / "memory").write_text("half")
    assert not state.exists()
    memory, overlay = _machine(tmp_path / "data")
    state.keep(memory, [overlay])
    assert state.memory.read_text() == "memory"
    assert not unfinished.exists()


def test_a_removed_state_is_gone(tmp_path: Path) -> None:
    state = SavedState(tmp_path / "state-1")
    memory, overlay = _machine(tmp_path / "data")
    state.keep(memory, [overlay])
    state.remove()
    assert not state.exists()
