#!/usr/bin/env bash
# Sets up combust on Debian/Ubuntu: system packages if missing, then .venv. A second call finds nothing to do.
# Elsewhere (no apt-get) it uses what is installed; `combust doctor` then says what is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(python3-venv python3-dev g++ make openmpi-bin libopenmpi-dev libpetsc-real-dev python3-petsc4py)
if command -v apt-get >/dev/null; then
  missing=()
  for package in "${packages[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    echo "installing system packages: ${missing[*]}"
    as_root=""
    if [ "$(id -u)" -ne 0 ]; then
      command -v sudo >/dev/null || { echo "error: need root or sudo for: apt-get install ${missing[*]}" >&2; exit 2; }
      as_root="sudo"
    fi
    $as_root apt-get update -qq
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  fi
fi

# petsc4py comes from the system, built for the system's Python: the environment must stand on that one.
python=/usr/bin/python3
[ -x "$python" ] || python=$(command -v python3)
[ -x .venv/bin/python ] || "$python" -m venv --system-site-packages .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=23"
.venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,docs]'
.venv/bin/combust doctor
touch .venv/ready
