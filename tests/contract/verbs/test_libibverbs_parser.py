"""What the invoker writes is what libibverbs' own parser (patches/rdma-core, 0004) takes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings

from invoker_plugin.verbs import file
from invoker_plugin.verbs.layout import Cache, pack
from tests.unit.verbs.caches import caches

PATCHES = Path(__file__).resolve().parents[3] / "patches" / "rdma-core"
PROGRAM = r"""
#include <stdio.h>
#include "swift_cache.h"

int main(void)
{
    static struct swift_cache cache;
    size_t size = fread(&cache, 1, sizeof(cache), stdin);
    const char *why = swift_cache_parse(&cache, size);
    uint32_t i;

    if (why) {
        puts(why);
        return 1;
    }
    printf("links of %llu\n", (unsigned long long)cache.header.class_mtime);
    for (i = 0; i != cache.header.num_devices; i++) {
        const struct swift_cache_device *d = &cache.devices[i];

        printf("%s %s %llu %llu %llu %u %u %u %d %d %u %u\n", d->ibdev_name, d->sysfs_name,
               (unsigned long long)d->class_inode, (unsigned long long)d->name_inode,
               (unsigned long long)d->node_guid,
               d->cdev_major, d->cdev_minor, d->driver_id, d->node_type, d->ibdev_idx,
               d->num_ports, d->abi_ver);
    }
    return 0;
}
"""


@pytest.fixture(scope="module")
def parser(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc")
    assert compiler is not None, "needs a C compiler: apt-get install gcc libc6-dev"
    tree = tmp_path_factory.mktemp("parser")
    (tree / "ccan").mkdir()
    (tree / "ccan" / "list.h").write_text("struct list_head;\n")
    (tree / "config.h").write_text("")
    (tree / "main.c").write_text(PROGRAM)
    [patch] = PATCHES.glob("*-Read-the-device-list-from-a-discovery-cac.patch")
    names = ("libibverbs/swift_cache.h", "libibverbs/swift_cache_parse.c")
    chosen = [f"--include={name}" for name in names]
    subprocess.run(["git", "apply", *chosen, str(patch)], cwd=tree, check=True)
    program = tree / "parse"
    sources = [str(tree / "main.c"), str(tree / names[1])]
    include = ["-I", str(tree / "libibverbs"), "-I", str(tree)]
    subprocess.run([compiler, "-D_GNU_SOURCE", *include, *sources, "-o", str(program)], check=True)
    return program


@given(caches())
@settings(max_examples=60, deadline=None)
def test_it_takes_every_field_as_it_was_meant(parser: Path, cache: Cache) -> None:
    done = subprocess.run([str(parser)], input=pack(cache), capture_output=True, check=False)
    lines = done.stdout.decode().splitlines()
    assert done.returncode == 0, lines
    assert lines[0] == f"links of {cache.class_mtime}"
    assert lines[1:] == [
        f"{one.ibdev_name} {one.sysfs_name} {one.class_inode} {one.name_inode} {one.node_guid}"
        f" {one.cdev_major} {one.cdev_minor} {one.driver_id} {one.node_type} {one.ibdev_index}"
        f" {one.ports} {one.abi_version}"
        for one in cache.devices
    ]


def test_the_place_is_the_one_that_libibverbs_looks_at() -> None:
    [patch] = PATCHES.glob("*-Read-the-device-list-from-a-discovery-cac.patch")
    assert f'SWIFT_CACHE_DEFAULT_PATH "{file.DEFAULT}"' in patch.read_text()
