#!/bin/bash
# Round trips of ibv_rc_pingpong, builds and modes in turn: the data path must be as in stock.
#   data_path.sh ROUNDS DEVICE GID_INDEX NAME=ROOT[,VARIABLE]... | python3 summary.py
# on a machine with an RDMA device. Prints a line for each run, in microseconds per round trip.
set -euo pipefail
rounds=$1 device=$2 gid=$3
shift 3
port=18600

pingpong() { # ROOT VARIABLE ITERATIONS BYTES: microseconds per iteration
    local options=(-d "$device" -g "$gid" -p $((port++)) -n "$3" -s "$4") server
    env "$2" chroot "$1" /usr/bin/ibv_rc_pingpong "${options[@]}" >/dev/null &
    server=$!
    # the server listens when it is ready: the client tries until then
    for _ in {1..200}; do
        if env "$2" chroot "$1" /usr/bin/ibv_rc_pingpong "${options[@]}" 127.0.0.1 2>/dev/null |
            sed -n 's/.* = \(.*\) usec\/iter/\1/p' | grep .; then
            break
        fi
    done
    wait "$server"
}

for ((round = 0; round < rounds; round++)); do
    for variant in "$@"; do
        name=${variant%%=*}
        place=${variant#*=}
        root=${place%%,*}
        variable=A=
        [ "$place" = "$root" ] || variable=${place#*,}
        echo "run $name 64_bytes $(pingpong "$root" "$variable" 1000 64)" \
            "64_kbytes $(pingpong "$root" "$variable" 100 65536)"
    done
done
