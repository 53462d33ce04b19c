from __future__ import annotations

from pathlib import Path

from devstack.machine.content_key import content_key


def test_the_same_inputs_give_the_same_key() -> None:
    assert content_key("a", ["b", "c"]) == content_key("a", ["b", "c"])


def test_neighbours_do_not_run_into_each_other() -> None:
    assert content_key("ab", "c") != content_key("a", "bc")
    assert content_key(["a", "b"]) != content_key("a", "b")


def test_a_tree_is_known_by_names_contents_and_modes(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    script = tmp_path / "etc" / "start"
    script.write_text("one")
    keys = [content_key(tmp_path)]
    script.write_text("two")
    keys.append(content_key(tmp_path))
    script.chmod(0o755)
    keys.append(content_key(tmp_path))
    script.rename(tmp_path / "etc" / "begin")
    keys.append(content_key(tmp_path))
    (tmp_path / "link").symlink_to("etc")
    keys.append(content_key(tmp_path))
    assert len(set(keys)) == len(keys)


def test_a_tree_is_not_known_by_its_place(tmp_path: Path) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("same")
    assert content_key(tmp_path / "here") == content_key(tmp_path / "there")
