# Sourced by bash scripts: shows a step and its wall time, as devstack/steps.py does.

# step NAME COMMAND...: run COMMAND; its last line of output is the step's outcome.
step() {
  local name=$1 began ended output
  shift
  began=$(date +%s%N)
  printf '  ..  %s\n' "$name"
  if ! output=$("$@" 2>&1); then
    printf '%s\n' "$output" >&2
    printf 'fail  %s\n' "$name" >&2
    return 1
  fi
  ended=$(((($(date +%s%N) - began) + 50000000) / 100000000))
  printf '  ok  %-28s %5d.%d s  %s\n' "$name" $((ended / 10)) $((ended % 10)) \
    "$(printf '%s' "$output" | tail -n 1)"
}
