#!/usr/bin/env bash
# Make .venv from requirements.lock. What is there and right is kept; run again after an interruption.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. devstack/step.sh

python=${PYTHON:-python3}
stamp=.venv/.made-from

apt_install() {
  command -v apt-get >/dev/null || {
    echo "missing: $*; there is no apt-get here, install by hand"
    return 1
  }
  local root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
      echo "missing: $*; neither root nor sudo: as root, run apt-get install $*"
      return 1
    }
    root=(sudo)
  fi
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q update
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install "$@"
}

have_python() {
  if ! command -v "$python" >/dev/null; then
    apt_install python3 python3-venv || return 1
  fi
  if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))'; then
    echo "missing: Python 3.10 or newer; $("$python" --version) is what $python gives"
    return 1
  fi
  # Debian ships the module venv without ensurepip, which it needs, in a package of its own.
  if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    apt_install python3-venv || return 1
  fi
  "$python" --version
}

wanted() {
  "$python" --version
  pwd
  sha256sum requirements.lock pyproject.toml
}

have_venv() {
  if [ -x .venv/bin/python ] && wanted | cmp -s - "$stamp" && .venv/bin/python -m pip -q check; then
    echo "kept"
    return
  fi
  rm -f "$stamp"
  .venv/bin/python -m pip --version >/dev/null 2>&1 || "$python" -m venv --clear .venv
  .venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes \
    -r requirements.lock || return 1
  .venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation \
    -e . || return 1
  wanted >"$stamp"
  echo "installed"
}

step "python" have_python
step "virtual environment" have_venv
