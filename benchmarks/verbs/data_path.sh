#!/bin/bash
# Debian's perftest, one unmodified binary, on builds and modes in turn: the data path must be as in
# stock. Runs on a machine with an RDMA device, as root.
#   data_path.sh ROUNDS DEVICE GID_INDEX NAME=ROOT[,VARIABLE]...
# Prints a line for each run: latency in microseconds, bandwidths in MB/s.
set -euo pipefail
rounds=$1 device=$2 gid=$3
shift 3
programs="ib_write_lat ib_write_bw ib_send_bw"
port=18600

# The programs and the libraries of theirs that a root has not
provide() { # ROOT
    local program library
    for program in $programs; do
        mkdir -p "$1/perftest"
        cp "/usr/bin/$program" "$1/perftest/"
        ldd "/usr/bin/$program" | awk '$3 ~ /^\// {print $3}' | while read -r library; do
            [ -e "$1/usr/lib/x86_64-linux-gnu/${library##*/}" ] ||
                cp -L "$library" "$1/perftest/"
        done
    done
}

# A server, and a client that tries until the server listens; the client's line of figures
session() { # BYTES COMMAND...
    local bytes=$1 server
    shift
    timeout 120 "$@" >/dev/null 2>&1 &
    server=$!
    for _ in {1..100}; do
        if timeout 120 "$@" 127.0.0.1 2>/dev/null | awk -v bytes="$bytes" '$1 == bytes' | grep .; then
            break
        fi
        sleep 0.1
    done
    wait "$server"
}

# perftest measures the processor's clock by itself, and says "inf" when it was disturbed meanwhile
perftest() { # ROOT VARIABLE PROGRAM BYTES ITERATIONS: the line of figures
    local options=(-d "$device" -x "$gid" -F -s "$4" -n "$5") line
    for _ in 1 2 3; do
        line=$(session "$4" env "$2" LD_LIBRARY_PATH=/perftest chroot "$1" "/perftest/$3" \
            "${options[@]}" -p $((port + RANDOM % 10000)))
        if [[ -n $line && $line != *inf* ]]; then
            echo "$line"
            return
        fi
    done
    echo "$3 gave no figures" >&2
    return 1
}

for variant in "$@"; do
    place=${variant#*=}
    provide "${place%%,*}"
done
for ((round = 0; round < rounds; round++)); do
    for variant in "$@"; do
        name=${variant%%=*}
        place=${variant#*=}
        root=${place%%,*}
        variable=A=
        [ "$place" = "$root" ] || variable=${place#*,}
        latency=$(perftest "$root" "$variable" ib_write_lat 64 1000 | awk '{print $5}')
        write=$(perftest "$root" "$variable" ib_write_bw 65536 200 | awk '{print $4}')
        send=$(perftest "$root" "$variable" ib_send_bw 65536 200 | awk '{print $4}')
        echo "run $name write_latency_us $latency write_mb_s $write send_mb_s $send"
    done
done
