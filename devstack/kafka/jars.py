"""Kafka's jars: fetched by Maven, checked against the digests in ``jars.sha256``."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path

from devstack import commands
from devstack.errors import DevstackError
from devstack.paths import Paths

_HERE = Path(__file__).resolve().parent
_DIGESTS = _HERE / "jars.sha256"


def directory(paths: Paths) -> Path:
    """Where the jars are kept; another list of digests means another place."""
    name = hashlib.sha256(_DIGESTS.read_bytes()).hexdigest()[:16]
    return paths.cache / f"kafka-{name}"


def ensure_jars(paths: Paths) -> str:
    """Have the jars, each with the digest it should have."""
    kept = directory(paths)
    wanted = _digests()
    if kept.is_dir() and not _wrong(kept, wanted):
        return f"kept: {len(wanted)} jars"
    scratch = Path(tempfile.mkdtemp(prefix="kafka-jars.", dir=paths.cache))
    try:
        _fetch(paths, scratch)
        wrong = _wrong(scratch / "lib", wanted)
        if wrong:
            raise DevstackError(f"Maven gave another {wrong[0]} than {_DIGESTS} expects")
        shutil.rmtree(kept, ignore_errors=True)
        (scratch / "lib").rename(kept)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return f"fetched: {len(wanted)} jars"


def _fetch(paths: Paths, scratch: Path) -> None:
    shutil.copy(_HERE / "pom.xml", scratch)
    commands.run(
        [
            "mvn",
            "--batch-mode",
            "--strict-checksums",
            "--no-transfer-progress",
            "dependency:copy-dependencies",
            "-DincludeScope=runtime",
            "-DoutputDirectory=lib",
        ],
        paths.logs / "maven.log",
        what="fetching Kafka with Maven",
        directory=scratch,
    )


def _digests() -> dict[str, str]:
    lines = (line.split() for line in _DIGESTS.read_text().splitlines())
    return {name: digest for digest, name in lines}


def _wrong(place: Path, wanted: dict[str, str]) -> list[str]:
    """The jars in ``place`` that are missing, strange or not what they should be."""
    found = {file.name: file for file in place.glob("*.jar")}
    return sorted(
        name
        for name in wanted.keys() | found.keys()
        if name not in found or name not in wanted or _digest(found[name]) != wanted[name]
    )


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
