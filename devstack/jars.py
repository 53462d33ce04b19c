"""Sets of jars: fetched by Maven, checked against the digests in a ``jars.sha256``."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from devstack import commands
from devstack.errors import DevstackError
from devstack.paths import Paths


@dataclass(frozen=True)
class Jars:
    """The set of that name; ``source`` holds its ``pom.xml`` and ``jars.sha256``."""

    name: str
    source: Path

    def directory(self, paths: Paths) -> Path:
        """Where the jars are kept; another list of digests means another place."""
        digest = hashlib.sha256(self._list.read_bytes()).hexdigest()[:16]
        return paths.cache / f"{self.name}-{digest}"

    def ensure(self, paths: Paths) -> str:
        """Have the jars, each with the digest it should have."""
        kept = self.directory(paths)
        wanted = self._digests()
        if kept.is_dir() and not _wrong(kept, wanted):
            return f"kept: {len(wanted)} jars"
        scratch = Path(tempfile.mkdtemp(prefix=f"{self.name}-jars.", dir=paths.cache))
        try:
            self._fetch(paths, scratch)
            wrong = _wrong(scratch / "lib", wanted)
            if wrong:
                raise DevstackError(f"Maven gave another {wrong[0]} than {self._list} expects")
            shutil.rmtree(kept, ignore_errors=True)
            (scratch / "lib").rename(kept)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return f"fetched: {len(wanted)} jars"

    @property
    def _list(self) -> Path:
        return self.source / "jars.sha256"

    def _fetch(self, paths: Paths, scratch: Path) -> None:
        shutil.copy(self.source / "pom.xml", scratch)
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
            what=f"fetching the jars of {self.name} with Maven",
            directory=scratch,
        )

    def _digests(self) -> dict[str, str]:
        lines = (line.split() for line in self._list.read_text().splitlines())
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
