"""The load balancer's placement, compiled by Scala's compiler and tested by its own suite.

The rest of the balancer needs OpenWhisk; patches/openwhisk/README.md says how that was tried.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from devstack import packages
from devstack.jars import Jars
from devstack.paths import REPOSITORY
from devstack.stack import Stack

SCALA = REPOSITORY / "patches" / "openwhisk" / "scala"
JARS = Jars("scala", SCALA)
TESTS = 9


def test_placement(devstack: Stack, tmp_path: Path) -> None:
    packages.ensure_programs(devstack.paths, devstack.kafka.programs())
    JARS.ensure(devstack.paths)
    path = ":".join(str(jar) for jar in sorted(JARS.directory(devstack.paths).glob("*.jar")))
    sources = [str(SCALA / "main/Placement.scala"), str(SCALA / "test/PlacementSuite.scala")]
    strict = ["-feature", "-unchecked", "-deprecation", "-Xfatal-warnings", "-Ywarn-unused-import"]
    _java(path, "scala.tools.nsc.Main", "-cp", path, "-d", str(tmp_path), *strict, *sources)
    said = _java(f"{path}:{tmp_path}", "org.scalatest.tools.Runner", "-R", str(tmp_path), "-oW")
    assert "All tests passed." in said
    run = re.search(r"Tests: succeeded (\d+), failed 0", said)
    assert run is not None, said
    assert int(run[1]) == TESTS


def _java(path: str, main: str, *arguments: str) -> str:
    done = subprocess.run(
        ["java", "-Xmx512m", "-Xss4m", "-XX:TieredStopAtLevel=1", "-cp", path, main, *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
