#!/bin/sh
# swift-invoker with the settings file of the image, or the one that SWIFT_INVOKER_CONFIG names.
set -eu
case ${1-} in
    run | check)
        command=$1
        shift
        set -- "$command" --config "${SWIFT_INVOKER_CONFIG:-/etc/swift-invoker/invoker.toml}" "$@"
        ;;
esac
# exec: process 1 must be the one that takes SIGTERM
exec /usr/bin/python3 -P -s -m invoker_plugin.cli.main "$@"
