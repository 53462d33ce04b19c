#!/bin/sh
# Compiles rdma-core in a root file system that has compilers, and writes what was installed as a
# tar. Runs as root in mount and process namespaces of its own (see build.py), so that an
# interrupted run leaves no mount behind.
#   compile.sh WORK TARGET BASE_TAR SOURCE_TAR OPTIONS PYVERBS_TAR [PATCH...]
# OPTIONS are further ones for cmake, without spaces in them. PYVERBS_TAR is an earlier TARGET to
# take pyverbs from, which takes ten times as long to compile as the rest; '' compiles it.
set -eu
work=$1 target=$2 base=$3 source=$4 options=$5 pyverbs=$6
shift 6
rm -rf "$work"
mkdir -p "$work"
# a tmpfs, where there is memory for it; it goes with the namespace
if [ "$(awk '/MemAvailable/ {print $2}' /proc/meminfo)" -gt 6000000 ]; then
    mount -t tmpfs -o size=4g tmpfs "$work"
fi
root=$work/root
mkdir -p "$root"
tar --extract --file "$base" --directory "$root" --numeric-owner
mkdir "$root/build"
tar --extract --file "$source" --directory "$root/build" --strip-components=1 --no-same-owner
for patch in "$@"; do
    echo "patch $(basename "$patch")"
    patch --directory "$root/build/rdma-core" --strip=1 --fuzz=0 --no-backup-if-mismatch <"$patch"
done
mount -t proc proc "$root/proc"
# a compiler reads these, and the base has no device nodes
mount --rbind /dev "$root/dev"
cat >"$root/build/launch.sh" <<'SCRIPT'
#!/bin/sh
# -O3 for what Cython writes of pyverbs would take longer than all else: it only wraps calls.
case "$*" in
*/tree/pyverbs/*.c) exec "$@" -O1 ;;
*) exec "$@" ;;
esac
SCRIPT
chmod +x "$root/build/launch.sh"
cat >"$root/build/run.sh" <<'SCRIPT'
set -eu
cd /build
# shellcheck disable=SC2086  # a list of words
cmake -S rdma-core -B tree -G Ninja $CMAKE_OPTIONS
nice -n 10 ninja -C tree
DESTDIR=/build/installed ninja -C tree install
SCRIPT
options="$options -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=/usr -DCMAKE_INSTALL_SYSCONFDIR=/etc
    -DCMAKE_INSTALL_PYTHON_ARCH_LIB=/usr/lib/python3/dist-packages -DNO_MAN_PAGES=1
    -DENABLE_VALGRIND=0 -DCMAKE_C_COMPILER_LAUNCHER=/build/launch.sh"
if [ -n "$pyverbs" ]; then
    options="$options -DNO_PYVERBS=1"
fi
PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 CMAKE_OPTIONS=$options \
    chroot "$root" /bin/sh /build/run.sh

# Of an installation only what a container uses: libraries, providers, pyverbs, small tools, and
# the tests of pyverbs, which CI runs
installed=$root/build/installed
kept=$work/kept
libraries=$(cd "$installed" && echo usr/lib/*-linux-gnu)
mkdir -p "$kept/$libraries" "$kept/usr/bin" "$kept/usr/lib/python3/dist-packages" \
    "$kept/usr/share/rdma-core" "$kept/etc"
for name in libibverbs libmlx5 libmlx4 libefa libhns libmana librdmacm; do
    cp -a "$installed/$libraries/$name".so.* "$kept/$libraries/"
done
cp -a "$installed/$libraries/libibverbs" "$kept/$libraries/"
cp -a "$installed/etc/libibverbs.d" "$kept/etc/"
if [ -n "$pyverbs" ]; then
    tar --extract --file "$pyverbs" --directory "$kept" ./usr/lib/python3/dist-packages/pyverbs
else
    cp -a "$installed/usr/lib/python3/dist-packages/pyverbs" "$kept/usr/lib/python3/dist-packages/"
fi
for name in ibv_devices ibv_devinfo ibv_rc_pingpong ibv_asyncwatch ibv_swift_cache rping; do
    if [ -e "$installed/usr/bin/$name" ]; then
        cp "$installed/usr/bin/$name" "$kept/usr/bin/"
    fi
done
cp -a "$root/build/rdma-core/tests" "$kept/usr/share/rdma-core/"
# by the strip in there: this host needs no binutils
mkdir "$root/build/kept"
mount --bind "$kept" "$root/build/kept"
chroot "$root" /usr/bin/find /build/kept -type f '(' -name '*.so*' -o -path '*/usr/bin/*' ')' \
    -exec /usr/bin/strip --strip-unneeded '{}' +
tar --create --file "$target" --directory "$kept" --sort=name --mtime=@0 --owner=0 --group=0 \
    --numeric-owner .
