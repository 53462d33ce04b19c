#!/bin/sh
# Makes the root file system of an image with debootstrap and writes it as a tar.
# Runs as root in mount and process namespaces of its own (see base.py), so that an interrupted run
# leaves no mount behind.
#   make-base.sh WORK TARGET SUITE KEYRING MIRROR PACKAGE...       MIRROR '' is debootstrap's own
set -eu
work=$1 target=$2 suite=$3 keyring=$4 mirror=$5
shift 5
script=$(dirname "$(readlink -f "$0")")/install-packages.sh
rm -rf "$work"
mkdir -p "$work"
# a tmpfs, where there is memory for it, makes this twice as fast; it goes with the namespace
if [ "$(awk '/MemAvailable/ {print $2}' /proc/meminfo)" -gt 4000000 ]; then
    mount -t tmpfs -o size=2g tmpfs "$work"
fi
root=$work/root
debootstrap --variant=minbase --keyring="$keyring" "$suite" "$root" ${mirror:+"$mirror"}
cp "$script" "$root/tmp/install-packages.sh"
mount -t proc proc "$root/proc"
PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" /bin/sh /tmp/install-packages.sh "$@"
umount "$root/proc"
rm -f "$root/tmp/install-packages.sh" "$root/etc/resolv.conf" "$root/etc/hostname"
tar --create --file "$target" --directory "$root" --numeric-owner --one-file-system \
    --exclude=./dev/* --exclude=./proc/* --exclude=./sys/* .
