"""The parser of the discovery cache against broken files, compiled with sanitizers."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
PATCHES = REPOSITORY / "patches" / "rdma-core"
ROUNDS = 20000
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
# what the parser takes from the rest of the tree
STUBS = {
    "config.h": "",
    "ccan/list.h": "struct list_head;\n",
}


@pytest.fixture(scope="module")
def fuzzer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The parser, as the series makes it, and its fuzzer."""
    compiler = shutil.which("cc")
    assert compiler is not None, "needs a C compiler: apt-get install gcc libc6-dev"
    tree = tmp_path_factory.mktemp("parser")
    for name, text in STUBS.items():
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).write_text(text)
    [patch] = PATCHES.glob("*-Read-the-device-list-from-a-discovery-cac.patch")
    sources = ["libibverbs/swift_cache.h", "libibverbs/swift_cache_parse.c"]
    chosen = [f"--include={name}" for name in sources]
    subprocess.run(["git", "apply", *chosen, str(patch)], cwd=tree, check=True)
    parser = tree / "libibverbs"
    program = tree / "fuzz_cache"
    subprocess.run(
        [compiler, "-g", "-O1", "-D_GNU_SOURCE", "-Wall", "-Werror", *SANITIZERS,
         "-I", str(parser), "-I", str(tree), str(PATCHES / "tests/fuzz_cache.c"),
         str(parser / "swift_cache_parse.c"), "-o", str(program)],
        check=True,
    )  # fmt: skip
    return program


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_broken_files_are_refused_or_harmless(fuzzer: Path, seed: int) -> None:
    done = subprocess.run(
        [str(fuzzer), str(ROUNDS), str(seed)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    _, accepted, _, refused = done.stdout.split()
    assert int(refused) > ROUNDS / 2
    # some mutants are good files, or nothing behind the checksum was reached
    assert int(accepted) > ROUNDS / 100
