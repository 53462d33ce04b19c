#!/usr/bin/env bash
# Resolve pyproject.toml for every Python it allows into requirements.lock, with hashes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tool=.devstack/cache/uv
[ -x $tool/bin/uv ] || { python3 -m venv $tool && $tool/bin/pip install -q uv; }
{
  echo "# Made by \`make lock\` from pyproject.toml; do not edit."
  # The project itself is built without isolation, so what builds it is pinned here too.
  echo "setuptools>=68" |
    env -u PIP_FIND_LINKS $tool/bin/uv pip compile --quiet --universal --python-version 3.10 \
      --generate-hashes --no-header --no-annotate --extra dev pyproject.toml -
} >requirements.lock.new
mv requirements.lock.new requirements.lock
