#!/usr/bin/env bash
# Resolve pyproject.toml for every Python it allows into requirements.lock, with hashes. What is
# pinned there stays as it is where it still fits; for newer versions remove the file first.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tool=.devstack/cache/uv
[ -x $tool/bin/uv ] || { python3 -m venv $tool && $tool/bin/pip install -q uv; }
pins=.devstack/cache/pins.txt
if [ -e requirements.lock ]; then cp requirements.lock $pins; else rm -f $pins; fi
# The project itself is built without isolation, so what builds it is pinned here too.
echo "setuptools>=68" |
  env -u PIP_FIND_LINKS $tool/bin/uv pip compile --quiet --universal --python-version 3.10 \
    --generate-hashes --no-header --no-annotate --extra dev -o $pins pyproject.toml - >/dev/null
{
  echo "# Made by \`make lock\` from pyproject.toml; do not edit."
  cat $pins
} >requirements.lock.new
mv requirements.lock.new requirements.lock
