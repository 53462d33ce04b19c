#!/bin/sh
# Installs Debian packages and removes what a container never reads. Runs inside the image to be:
# in a chroot that debootstrap made, or in `docker build` on debian:trixie-slim.
#   install-packages.sh PACKAGE... [unpack:PACKAGE]...
# unpack: takes the package's files without its dependencies. python3-pyverbs depends on rdma-core,
# which is udev rules and services for hosts; its libraries are named as packages instead.
set -eu
export DEBIAN_FRONTEND=noninteractive
installed='' unpacked=''
for package in "$@"; do
    case $package in
        unpack:*) unpacked="$unpacked ${package#unpack:}" ;;
        *) installed="$installed $package" ;;
    esac
done
apt-get update -q
# shellcheck disable=SC2086  # lists of words
apt-get install -q -y --no-install-recommends $installed
if [ -n "$unpacked" ]; then
    directory=$(mktemp -d)
    cd "$directory"
    # shellcheck disable=SC2086
    apt-get download -q $unpacked
    for archive in *.deb; do
        dpkg-deb --extract "$archive" /
    done
    cd /
    rm -r "$directory"
fi
apt-get clean
rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* /var/cache/debconf/* \
    /usr/share/doc/* /usr/share/man/* /usr/share/info/* /usr/share/locale/*
# what pyverbs was compiled from and is tested with is not needed to use it
rm -rf /usr/share/doc-base /usr/share/lintian
