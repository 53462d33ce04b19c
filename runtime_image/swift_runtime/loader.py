"""Loads an action's code in the template: inline source, or a zip with ``__main__.py``.

Follows OpenWhisk's Python runtimes: a zip is unpacked, its directory comes first on ``sys.path``
and is the working directory, and a ``virtualenv`` directory in it brings its packages.
"""

from __future__ import annotations

import base64
import binascii
import io
import linecache
import os
import site
import sys
import types
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

MODULE = "main__"
"""Name of the action's module, as OpenWhisk's launcher has it: ``__main__`` blocks don't run."""

Function = Callable[..., Any]


class LoadError(Exception):
    """The code can't be loaded; the text is one line for the developer."""


def load(value: Mapping[str, Any], directory: Path) -> Function:
    """Load the code of an ``/init`` value below ``directory`` and return its entry point.

    Raises :class:`LoadError` when the code is no code; what the code itself raises comes through.
    """
    code = value["code"]
    if value.get("binary"):
        _unpack(code, directory)
        source_path = directory / "__main__.py"
        if not source_path.is_file():
            raise LoadError("The zip has no __main__.py at its top.")
        _activate_virtualenv(directory)
    else:
        source_path = directory / "__main__.py"
        source_path.write_text(code, encoding="utf-8", errors="surrogatepass")
    sys.path.insert(0, str(directory))
    os.chdir(directory)
    module = _execute(source_path)
    return _entry_point(module, value.get("main") or "main")


def _unpack(code: str, directory: Path) -> None:
    try:
        archive = zipfile.ZipFile(io.BytesIO(base64.b64decode(code, validate=True)))
    except (binascii.Error, zipfile.BadZipFile, ValueError) as error:
        raise LoadError(f"The code is marked binary but is no base64 zip ({error}).") from error
    with archive:
        for member in archive.infolist():
            target = archive.extract(member, directory)
            mode = member.external_attr >> 16 & 0o777
            if mode and not member.is_dir():
                # zipfile drops permissions; programs that an action brings must stay executable
                os.chmod(target, mode | 0o600)


def _activate_virtualenv(directory: Path) -> None:
    library = directory / "virtualenv" / "lib"
    here = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    candidates = sorted(library.glob("python3*/site-packages"))
    if not candidates:
        return
    chosen = next((path for path in candidates if path.parent.name == here), candidates[-1])
    if chosen.parent.name != here:
        print(
            f"virtualenv was made for {chosen.parent.name}, this runtime is {here}: packages"
            " with compiled parts will not import",
            file=sys.stderr,
        )
    before = set(sys.path)
    site.addsitedir(str(chosen))
    added = [entry for entry in sys.path if entry not in before]
    sys.path[:] = added + [entry for entry in sys.path if entry in before]


def _execute(path: Path) -> types.ModuleType:
    module = types.ModuleType(MODULE)
    module.__file__ = str(path)
    sys.modules[MODULE] = module
    code = compile(path.read_bytes(), str(path), "exec")
    exec(code, module.__dict__)
    # a traceback in a worker would read the file then, and the action may have changed directory
    linecache.getlines(str(path))
    return module


def _entry_point(module: types.ModuleType, name: str) -> Function:
    function = getattr(module, name, None)
    if function is None:
        raise LoadError(f"The code has no function {name!r}; set --main to one that it has.")
    if not callable(function):
        raise LoadError(f"{name!r} in the code is not a function.")
    return function  # type: ignore[no-any-return]
