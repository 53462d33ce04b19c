#!/bin/bash
# Runs rdma-core's own Python tests on soft-RoCE, in a root file system that has them, and prints
# one line for each: its name and ok, skipped, FAIL, ERROR or crashed. Each module in a process of
# its own, for some crash at exit with Python 3.13, stock ones too.
#   python_tests.sh ROOT DEVICE GID_INDEX [MODULE...]      environment is passed on (RDMAV_SWIFT=0)
set -u
root=$1 device=$2 gid=$3
shift 3
modules=${*:-addr atomic cq cq_events cqex device flow fork mr odp parent_domain pd qp qpex rdmacm
    relaxed_ordering rss_traffic shared_pd srq tag_matching}
for module in $modules; do
    timeout 300 chroot "$root" /bin/sh -c "cd /usr/share/rdma-core &&
        exec /usr/bin/python3 tests/run_tests.py --dev $device --port 1 --gid $gid -v \
            -k 'tests.test_$module.*'" 2>&1 |
        awk -v module="$module" '
             function finish(result) { if (name) { print name, result; ran++ }; name = "" }
             /^test_[^ ]+ \(tests\./ {
                 finish("crashed")
                 match($0, /\(tests\.[^)]*\)/)
                 name = substr($0, RSTART + 1, RLENGTH - 2)
             }
             / skipped ./ { finish("skipped") }
             /(^| )ok$/ { finish("ok") }
             /(^| )FAIL$/ { finish("FAIL") }
             /(^| )ERROR$/ { finish("ERROR") }
             END { finish("crashed"); if (!ran) print "tests.test_" module, "did-not-run" }'
done | sort
