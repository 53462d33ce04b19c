#!/usr/bin/env bash
# All tests. What needs no services runs while the services are set up, which waits much: for the
# network, for a machine that boots. Its output is shown when both are done.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

log=$(mktemp)
# A shell's background command ignores Ctrl-C, and so would all that these tests start.
env --default-signal=INT .venv/bin/pytest tests/unit tests/contract >"$log" 2>&1 &
alone=$!
trap 'kill "$alone" 2>/dev/null || true; rm -f "$log"' EXIT
failed=()
.venv/bin/python -m devstack up || failed+=("set-up")
wait "$alone" || failed+=("unit or contract tests")
cat "$log"
if [[ " ${failed[*]} " != *" set-up "* ]]; then
  .venv/bin/pytest tests --ignore tests/unit --ignore tests/contract || failed+=("integration or end-to-end tests")
fi
if [ ${#failed[@]} -gt 0 ]; then
  printf 'FAILED: %s\n' "${failed[@]}" >&2
  exit 1
fi
