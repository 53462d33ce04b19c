"""How a machine that hangs while it boots is dealt with; no machine is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from devstack.errors import DevstackError, NotReady
from devstack.machine.guest import Guest
from devstack.machine.qemu import Hardware
from devstack.machine.root_image import RootImage
from devstack.machine.saved_state import SavedState
from devstack.paths import Paths


class _Starts(Guest):
    """A guest whose starts end as told."""

    ends: list[DevstackError | None]

    def start(self, state: SavedState | None = None, limit_s: float = 300.0) -> None:
        assert state is None
        end = self.ends.pop(0)
        if end is not None:
            raise end


def _guest(tmp_path: Path, *ends: DevstackError | None) -> _Starts:
    image = RootImage(tmp_path / "root-key")
    hardware = Hardware("tcg", 1, 512)
    guest = _Starts(Paths(tmp_path), image, tmp_path / "docker", hardware, tmp_path / "key")
    guest.ends = list(ends)
    return guest


def test_a_machine_that_hangs_is_booted_once_more_and_that_is_said(tmp_path: Path) -> None:
    guest = _guest(tmp_path, NotReady("machine was not ready within 180 s"), None)
    said: list[str] = []
    guest.boot(said.append)
    assert said == ["machine: machine was not ready within 180 s; booting it once more"]
    assert not guest.ends


def test_a_second_hang_and_any_other_failure_are_the_callers(tmp_path: Path) -> None:
    with pytest.raises(NotReady, match="second"):
        _guest(tmp_path, NotReady("first"), NotReady("second")).boot(lambda _: None)
    guest = _guest(tmp_path, DevstackError("machine ended while starting"), None)
    with pytest.raises(DevstackError, match="ended while starting"):
        guest.boot(lambda _: None)
    assert guest.ends == [None]
