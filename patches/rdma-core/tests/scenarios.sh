#!/bin/bash
# What a discovery cache must survive, on a machine with soft-RoCE. Runs there as root, and changes
# its devices: a virtual machine's.
#   scenarios.sh ROOT     ROOT: a root file system with the patched build, where /dev, /sys, /proc
#                         and /run are this machine's
# Prints "ok NAME" or "FAIL NAME: ..." for each, and exits with the number of failures.
set -u
root=$1
failures=0
cache=/run/swift-verbs/devices
work=$(mktemp -d /run/scenarios.XXXXXX)

inside() { chroot "$root" "$@"; }
listing() { env "$@" chroot "$root" /usr/bin/ibv_devices 2>&1 | awk 'NR > 2 {print $1}' | xargs; }
cached_names() { listing A=; }
stock_names() { listing RDMAV_SWIFT=0; }
reason() { inside /usr/bin/ibv_swift_cache check "${1:-$cache}" 2>&1 | sed -n 's/.*is not used: //p'; }
build() { inside /usr/bin/ibv_swift_cache build; }
class=/sys/class/infiniband_verbs
# when the class directory got or lost a link, in nanoseconds: as the kernel says, as FILE has it
links_time() { stat -c %.9Y "${1:-$class}" | tr -d .; }
cached_time() { od -An -tu8 -j80 -N8 "${1:-$cache}" | tr -d ' '; }
rewrite() { # FILE AT FORMAT NUMBER: at that offset, with a right checksum
    python3 - "$@" <<'PY'
import struct, sys

path, at, form, number = sys.argv[1:]
data = bytearray(open(path, "rb").read())
struct.pack_into(form, data, int(at), int(number))
data[88:96] = bytes(8)
total = 0xCBF29CE484222325
for (word,) in struct.iter_unpack("=Q", bytes(data)):
    total = (total ^ word) * 0x100000001B3 % 2**64
data[88:96] = struct.pack("=Q", total)
open(path, "r+b").write(data)
PY
}

verdict() { # NAME FOUND WANTED
    if [ "$2" = "$3" ]; then
        echo "ok $1"
    else
        echo "FAIL $1: found '$2', wanted '$3'"
        failures=$((failures + 1))
    fi
}
same_list() { # NAME: with the cache the list is the stock one
    verdict "$1: the list" "$(cached_names)" "$(stock_names)"
}
loaded() { # how many provider libraries a listing opens
    env LD_DEBUG=files "$@" chroot "$root" /usr/bin/ibv_devices 2>&1 |
        grep -c 'calling init: .*-rdmav'
}
libnl() { env LD_DEBUG=files "$@" chroot "$root" /usr/bin/ibv_devices 2>&1 | grep -c 'calling init: .*libnl-3'; }
add_device() { # NETDEV DEVICE
    ip link show "$1" >/dev/null 2>&1 || ip link add "$1" type dummy
    ip link set "$1" up
    rdma link add "$2" type rxe netdev "$1"
}

mkdir -p "$(dirname "$cache")"
rm -f "$cache"
verdict "the stock list" "$(stock_names)" "rxe0"
verdict "no cache" "$(reason)" "can't be opened"
same_list "no cache"
verdict "build" "$(build 2>&1)" ""
verdict "fresh cache" "$(reason)" ""
same_list "fresh cache"

# --- the class directory's time
kept=$(links_time)
verdict "the class directory's time is in the cache" "$(cached_time)" "$kept"
sync
echo 3 >/proc/sys/vm/drop_caches
verdict "its inode dropped from memory: the time is kept" "$(links_time)" "$kept"
build
verdict "built again: the time is the same" "$(cached_time)" "$kept"
read_only() { unshare --mount sh -c "mount -o remount,bind,ro $root/sys && chroot $root /usr/bin/ibv_swift_cache build"; }
read_only
verdict "built where sysfs is read-only, and the time is kept: the same" "$(cached_time)" "$kept"
chmod -t "$class" # as where no writer could mark it
verdict "the mark is gone: the directory is read" "$(reason)" ""
read_only
verdict "built where sysfs is read-only, and the time is not kept: no time" "$(cached_time)" 0
verdict "built where sysfs is read-only, and the time is not kept: used" "$(reason)" ""
same_list "built where sysfs is read-only"
build
verdict "built again: marked, and the time the same" "$(stat -c %a "$class") $(cached_time)" "1755 $kept"
rewrite "$cache" 80 =Q $((kept + 1))
verdict "another time: the directory is read" "$(reason)" ""
build

# --- what is loaded
verdict "provider built in: libraries opened" "$(loaded A=)" 0
verdict "provider not built in: libraries opened" "$(loaded RDMAV_SWIFT=-builtin)" 1
verdict "stock: libraries opened" "$(loaded RDMAV_SWIFT=0)" 17
verdict "RDMAV_DRIVERS is honoured: libraries opened" "$(loaded RDMAV_DRIVERS=rxe)" 17
verdict "libnl with a cache" "$(libnl A=)" 0
verdict "libnl without a cache" "$(libnl RDMAV_SWIFT=-cache)" 1
config=$root/etc/libibverbs.d
seal=$(stat -c %Y "$config")
verdict "the driver files have the directory's seal" "$(stat -c %Y "$config"/*.driver | sort -u)" "$seal"
echo "driver  rxe" >"$config/rxe.driver"
verdict "a driver file edited in place, in a sealed directory: libraries opened" "$(loaded A=)" 17
verdict "its directory still has the seal" "$(stat -c %Y "$config")" "$seal"
echo "driver rxe" >"$config/rxe.driver"
touch --date="@$seal" "$config/rxe.driver"
verdict "sealed again: libraries opened" "$(loaded A=)" 0
echo "driver nosuch" >"$root/etc/libibverbs.d/thirdparty.driver"
verdict "a third party's driver file: libraries opened" "$(loaded A=)" 17
same_list "a third party's driver file"
rm "$root/etc/libibverbs.d/thirdparty.driver"
verdict "known driver files without a seal: libraries opened" "$(loaded A=)" 0
mv "$root/etc/libibverbs.d/rxe.driver" "$work/"
echo "driver  rxe" >"$root/etc/libibverbs.d/rxe.driver"
verdict "an edited driver file: libraries opened" "$(loaded A=)" 17
rm "$root/etc/libibverbs.d/rxe.driver"
verdict "a removed driver file: libraries opened" "$(loaded A=)" 16
same_list "a removed driver file"
mv "$work/rxe.driver" "$root/etc/libibverbs.d/"

# --- hostile files
good=$work/good
cp "$cache" "$good"
hostile() { # NAME WANTED-REASON, the file is at $cache
    verdict "$1" "$(timeout 20 chroot "$root" /usr/bin/ibv_swift_cache check 2>&1 | sed -n 's/.*is not used: //p')" "$2"
    rm -rf "$cache"
}
replace() { rm -rf "$cache"; cp "$good" "$cache"; }
rm "$cache"; mkfifo "$cache"; hostile "a FIFO" "not a regular file"
ln -s "$good" "$cache"; hostile "a symbolic link" "can't be opened"
mkdir "$cache"; hostile "a directory" "not a regular file"
mknod "$cache" c 1 5; hostile "a device" "not a regular file"
replace; chown 65534 "$cache"; hostile "another owner" "not owned by root"
replace; chmod 0664 "$cache"; hostile "writable by a group" "writable by others than its owner"
replace; chmod 0646 "$cache"; hostile "writable by all" "writable by others than its owner"
: >"$cache"; hostile "an empty file" "file is shorter than its header"
head -c -1 "$good" >"$cache"; hostile "a file cut short" "file is not as long as its number of devices says"
{ cat "$good"; echo; } >"$cache"; hostile "a file too long" "file is not as long as its number of devices says"
head -c 100000 /dev/zero >"$cache"; hostile "a huge file" "longer than any cache, or it changed while it was read"
head -c 280 /dev/urandom >"$cache"; hostile "noise" "file is of another format"
refused=0
size=$(stat -c %s "$good")
for ((at = 0; at < size; at += 5)); do
    replace
    printf '\xa5' | dd of="$cache" bs=1 seek="$at" conv=notrunc status=none
    [ -n "$(reason)" ] && refused=$((refused + 1))
done
verdict "a changed byte anywhere is refused" "$refused" "$(((size + 4) / 5))"
replace
sed -i 's/^/x/' "$cache" 2>/dev/null
same_list "a broken file"
disk=/disk/devices # whatever /var/tmp is on, it is no tmpfs
mkdir -p "$root/disk"
mount --bind "$(mktemp -d /var/tmp/scenarios.XXXXXX)" "$root/disk"
cp "$good" "$root$disk"
verdict "on a disk, of this boot" "$(reason $disk)" ""
rewrite "$root$disk" 24 B 103 # no hexadecimal digit
verdict "on a disk, of another boot" "$(reason $disk)" "written before the machine was last booted"
replace
verdict "good again" "$(reason)" ""
cp "$root/usr/bin/ibv_swift_cache" "$root/tmp/suid"
chmod 4755 "$root/tmp/suid"
as_nobody() { env RDMAV_SWIFT_CACHE=/tmp/evil chroot --userspec=65534:65534 "$root" "$@" check; }
verdict "the environment's path" "$(as_nobody /usr/bin/ibv_swift_cache)" "/tmp/evil is not used: can't be opened"
verdict "setuid: the environment's path is ignored" "$(as_nobody /tmp/suid)" "rxe0"

# --- devices come and go
add_device dummy1 rxe1
verdict "hot-plug" "$(reason)" "a device was added"
verdict "hot-plug: the class directory's time" "$([ "$(links_time)" -gt "$kept" ] && echo later)" later
same_list "hot-plug"
build
verdict "two devices" "$(reason)" ""
verdict "two devices: the class directory's time is in the cache" "$(cached_time)" "$(links_time)"
same_list "two devices"
one_of_two() { # the list in a mount namespace that has the cdev of only one
    unshare --mount sh -c "mount -t tmpfs none $root/dev/infiniband &&
        mknod $root/dev/infiniband/uverbs1 c $(stat -c '0x%t 0x%T' /dev/infiniband/uverbs1) &&
        env $1 chroot $root /usr/bin/ibv_devices" 2>&1 | awk 'NR > 2 {print $1}' | xargs
}
verdict "a container with one of two devices" "$(one_of_two A=)" "rxe1"
verdict "a container with one of two devices, stock" "$(one_of_two RDMAV_SWIFT=0)" "rxe1"
rdma dev set rxe1 name other
verdict "a renamed device" "$(reason)" "a device was renamed"
same_list "a renamed device"
rdma dev set other name rxe1
verdict "renamed back" "$(reason)" ""
rdma dev set rxe0 name third; rdma dev set rxe1 name rxe0; rdma dev set third name rxe1
verdict "swapped names" "$(reason)" "a device was renamed"
same_list "swapped names"
rdma dev set rxe0 name third; rdma dev set rxe1 name rxe0; rdma dev set third name rxe1
kept=$(links_time)
rdma link delete rxe1
verdict "a removed device" "$(reason)" "a device was removed"
verdict "a removed device: the class directory's time" "$([ "$(links_time)" -gt "$kept" ] && echo later)" later
same_list "a removed device"
kept=$(links_time)
add_device dummy1 rxe1
verdict "a device removed and added again" "$(reason)" "a device was removed and added again"
verdict "a device added again: the class directory's time" "$([ "$(links_time)" -gt "$kept" ] && echo later)" later
same_list "a device removed and added again"
rewrite "$cache" 80 =Q "$(links_time)"
verdict "the time alone is not believed: removed and added again" "$(reason)" "a device was removed and added again"
build
rdma dev set rxe1 name other
verdict "renamed: the class directory's time is the same" "$(cached_time)" "$(links_time)"
verdict "the time alone is not believed: renamed" "$(reason)" "a device was renamed"
rdma dev set other name rxe1

# --- namespaces
in_other() {
    ip netns exec other sh -c "mount -t sysfs sys $root/sys && env $1 chroot $root $2" 2>&1
}
ip netns add other
verdict "another namespace, shared mode" \
    "$(ip netns exec other chroot "$root" /usr/bin/ibv_devices | awk 'NR > 2 {print $1}' | xargs)" "$(stock_names)"
inode() { stat -c %i "$1/class/infiniband/rxe0"; }
links_inode() { ip netns exec other sh -c "mount -t sysfs sys $work && stat -c %i $work/class/infiniband/rxe0"; }
verdict "another namespace, shared mode: the links are others" "$([ "$(links_inode)" = "$(inode /sys)" ] || echo others)" others
others_time() { ip netns exec other sh -c "mount -t sysfs sys $work && stat -c %.9Y $work/class/infiniband_verbs" | tr -d .; }
verdict "another namespace, shared mode: the class directory's time is the same" "$(others_time)" "$(links_time)"
verdict "another namespace, shared mode: the cache" \
    "$(in_other A= '/usr/bin/ibv_swift_cache check' | sort | xargs)" "rxe0 rxe1"
rdma dev set rxe1 name third
verdict "another namespace, shared mode: a renamed device" \
    "$(in_other A= '/usr/bin/ibv_swift_cache check' | sed -n 's/.*is not used: //p')" "a device was renamed"
rdma dev set third name rxe1
ip netns delete other
rdma link delete rxe1
rdma link delete rxe0
rdma system set netns exclusive
add_device dummy0 rxe0
build
ip netns add other
verdict "another namespace, exclusive mode" \
    "$(in_other A= '/usr/bin/ibv_swift_cache check' | sed -n 's/.*is not used: //p')" "a device is not of this namespace"
verdict "another namespace, exclusive mode: the list" \
    "$(in_other A= /usr/bin/ibv_devices | awk 'NR > 2')" "$(in_other RDMAV_SWIFT=0 /usr/bin/ibv_devices | awk 'NR > 2')"
ip netns delete other
rdma link delete rxe0
rdma system set netns shared
add_device dummy0 rxe0
umount "$root/disk"
rm -rf "$work"
echo "failures $failures"
exit "$failures"
