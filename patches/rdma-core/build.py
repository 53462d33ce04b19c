#!/usr/bin/env python3
"""Builds rdma-core 59.0 from a pinned source, with the series of patches or without.

    build.py swift | stock      builds if needed; prints the path of a tar to unpack at a root
    build.py test-root          the same for a root with Python that either can be unpacked on
    build.py debian-root        the same with Debian's own rdma-core, for comparison

The tar has libibverbs, librdmacm, all providers, pyverbs, a few tools and rdma-core's Python tests,
for Debian trixie. It is compiled in a Debian root of its own, so this host needs no compiler, and
kept under the digest of everything it is made from. `build.py swift --key` prints that digest
and builds nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
sys.path[:0] = [str(REPOSITORY), str(HERE)]

import seal  # noqa: E402  # a script's neighbour; the paths above come first

from devstack import commands  # noqa: E402
from devstack.errors import DevstackError  # noqa: E402
from devstack.machine.content_key import content_key  # noqa: E402
from devstack.machine.mirror import find_mirror  # noqa: E402
from devstack.machine.privilege import as_root, isolated, owner  # noqa: E402
from devstack.packages import Program, ensure_programs  # noqa: E402
from devstack.paths import Paths  # noqa: E402

SUITE = "trixie"
BASE_SCRIPTS = REPOSITORY / "runtime_image"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
REQUIREMENTS = HERE / "requirements.txt"
SOURCE_NAME = "pyverbs-59.0.tar.gz"
BASE_PACKAGES = (
    "cmake",
    "cython3",  # 3.0.x: 3.3 rejects pyverbs' mlx5dv_flow.pyx
    "gcc",
    "libc6-dev",
    "libnl-3-dev",
    "libnl-route-3-dev",
    "libudev-dev",
    "ninja-build",
    "pkgconf",
    "python3-dev",
)
TEST_ROOT_PACKAGES = (
    "iproute2",  # rdma-core's Python tests ask `rdma` and `ip`
    "libnl-3-200",
    "libnl-route-3-200",
    "libpython3-stdlib",
    "libpython3.13",  # pyverbs is linked against it
    "python3-minimal",
)
ROOTS = {
    "test-root": TEST_ROOT_PACKAGES,
    "debian-root": (*TEST_ROOT_PACKAGES, "ibverbs-providers", "libibverbs1", "librdmacm1t64"),
}
_PROGRAMS = (
    Program("debootstrap", ("debootstrap", "debian-archive-keyring")),
    Program("patch", ("patch",)),
)


@dataclass(frozen=True)
class Variant:
    """What is built: with the series or not, and with which further options of cmake."""

    name: str
    patched: bool
    options: str

    def patches(self) -> list[Path]:
        """The files of the series, in order."""
        if not self.patched:
            return []
        lines = (HERE / "series").read_text().splitlines()
        return [HERE / line for line in lines if line and not line.startswith("#")]

    def own_pyverbs(self) -> bool:
        """Whether pyverbs differs from the stock one; it takes most of the time to compile."""
        return not self.patched or any(
            "+++ b/pyverbs/" in patch.read_text() for patch in self.patches()
        )

    def key(self) -> str:
        """Changes with everything the tar depends on, but for Debian's own updates."""
        sealed = [Path(seal.__file__)] if self.patched else []
        return content_key(
            SUITE, self.options, BASE_PACKAGES, HERE / "compile.sh", REQUIREMENTS,
            *sealed, *self.patches(),
        )  # fmt: skip


VARIANTS = {
    # All symbols at once cost a third of what each costs by itself when it is first called, and a
    # file of fewer segments fewer page faults: 0.3 ms of a cold start in the emulated machine.
    "swift": Variant(
        "swift",
        patched=True,
        options="-DVERBS_BUILTIN_PROVIDERS=rxe"
        f" -DVERBS_CONFIG_SEAL={seal.SECONDS}"
        " -DCMAKE_SHARED_LINKER_FLAGS=-Wl,-z,now,-Bsymbolic-functions,-z,noseparate-code",
    ),
    "stock": Variant("stock", patched=False, options=""),
}


def build(variant: Variant, paths: Paths) -> Path:
    """Have the variant's tar; where it is."""
    cache = paths.cache / "rdma-core"
    target = cache / f"rdma-core-{variant.name}-{variant.key()}.tar"
    if target.exists():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    ensure_programs(paths, _PROGRAMS)
    source = _source(cache, paths)
    base = make_root("base", BASE_PACKAGES, paths)
    pyverbs = "" if variant.own_pyverbs() else str(build(VARIANTS["stock"], paths))
    _say(f"compile rdma-core ({variant.name})")
    work, partial = target.with_suffix(".work"), target.with_suffix(".partial")
    script = ["sh", str(HERE / "compile.sh"), str(work), str(partial), str(base), str(source)]
    patches = [str(patch) for patch in variant.patches()]
    argv = isolated([*script, variant.options, pyverbs, *patches])
    _run(argv, paths, what=f"compiling rdma-core ({variant.name})")
    _own(partial, work, paths)
    if variant.patched:
        seal.seal(partial)
    partial.rename(target)
    return target


def _source(cache: Path, paths: Paths) -> Path:
    """The source distribution, as pip takes it from the index and as the pin says."""
    source = cache / SOURCE_NAME
    if not source.exists():
        _say(f"download {SOURCE_NAME}")
        # only pyverbs itself from source: pip also builds what it asks a version of
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        options = ["--no-binary", "pyverbs", "--require-hashes", "-r", str(REQUIREMENTS)]
        _run([*pip, *options, "--dest", str(cache)], paths, what=f"downloading {SOURCE_NAME}")
    pinned = re.search(r"sha256:([0-9a-f]{64})", REQUIREMENTS.read_text())
    found = hashlib.sha256(source.read_bytes()).hexdigest()
    if pinned is None or found != pinned.group(1):
        raise DevstackError(f"{source} is not what {REQUIREMENTS} pins: remove it and try again")
    return source


def make_root(name: str, packages: tuple[str, ...], paths: Paths) -> Path:
    """Have a Debian root with ``packages``, as a tar."""
    scripts = [BASE_SCRIPTS / "make-base.sh", BASE_SCRIPTS / "install-packages.sh"]
    cache = paths.cache / "rdma-core"
    target = cache / f"{name}-{content_key(SUITE, packages, *scripts)}.tar"
    if target.exists():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    ensure_programs(paths, _PROGRAMS)
    _say(f"debootstrap {SUITE} with {', '.join(packages)}")
    work, partial = target.with_suffix(".work"), target.with_suffix(".partial")
    script = ["sh", str(scripts[0]), str(work), str(partial), SUITE, str(KEYRING), _mirror()]
    _run(isolated([*script, *packages]), paths, what=f"making a root ({name})")
    _own(partial, work, paths)
    partial.rename(target)
    return target


def _mirror() -> str:
    """The mirror of this host's apt; empty (debootstrap's own choice) on other systems."""
    if "ID=debian" not in Path("/etc/os-release").read_text().splitlines():
        return ""
    try:
        return find_mirror().address
    except DevstackError:
        return ""


def _own(partial: Path, work: Path, paths: Paths) -> None:
    """Make root's file ours. What has a target's name is always whole: renaming comes last."""
    _run(as_root(["rm", "-rf", str(work)]), paths, what="removing the work directory")
    _run(as_root(["chown", owner(), str(partial)]), paths, what=f"taking {partial.name}")


def _run(argv: list[str], paths: Paths, *, what: str) -> None:
    commands.run(argv, paths.logs / "rdma-core.log", what=what)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    """The command line; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("what", choices=[*sorted(VARIANTS), *sorted(ROOTS)])
    parser.add_argument("--key", action="store_true", help="print the content key, build nothing")
    arguments = parser.parse_args()
    variant = VARIANTS.get(arguments.what)
    if arguments.key and variant is not None:
        print(variant.key())
        return 0
    paths = Paths.find()
    paths.create()
    try:
        if variant is None:
            print(make_root(arguments.what, ROOTS[arguments.what], paths))
        else:
            print(build(variant, paths))
    except DevstackError as error:
        print(f"build.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
