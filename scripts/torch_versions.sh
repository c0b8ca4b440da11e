#!/usr/bin/env bash
# Runs the tests of kernels, kinetics and one flame with other releases of torch: scripts/torch_versions.sh [VERSION ...]
# Each release goes into a folder of its own that is removed afterwards (CUDA builds take 5 to 7 GB meanwhile; KEEP=FOLDER
# keeps them there for the next time). Everything else is that of .venv. Prints one line a release.
set -euo pipefail
cd "$(dirname "$0")/.."

python=$PWD/.venv/bin/python
[ -n "${PYTHON:-}" ] && python=$PYTHON
versions=("$@")
[ $# -gt 0 ] || versions=(2.9.1 2.13.0 2.14.1) # oldest stated (setup.cfg), pinned (constraints.txt), newest tried
tests=(tests/unit/test_kernels.py tests/unit/test_compilation.py tests/unit/test_transforms.py
  tests/unit/test_rates.py tests/unit/test_thermo.py
  tests/unit/test_transport.py tests/unit/test_jacobian.py tests/unit/test_reactor.py
  "tests/cases/test_cases.py::test_case[flame1d_h2]")
folder=${KEEP:-$(mktemp -d)}
mkdir -p "$folder"
[ -n "${KEEP:-}" ] || trap 'rm -rf "$folder"' EXIT
failed=0
for version in "${versions[@]}"; do
  at=$folder/torch-$version
  if [ ! -d "$at/torch" ]; then
    "$python" -m pip install --quiet --no-compile --target "$at" "torch==$version" >"$folder/pip-$version.log" 2>&1 || {
      echo "torch $version: not to be had: $(tail -1 "$folder/pip-$version.log")"
      failed=1
      continue
    }
  fi
  # No numpy or the like beside it: .venv's own goes first where both have one.
  rm -rf "$at"/numpy "$at"/numpy.libs
  found=$(PYTHONPATH=$at:$PWD "$python" -c 'import torch; print(torch.__version__)')
  log=$folder/tests-$version.log
  if PYTHONPATH=$at:$PWD TORCHINDUCTOR_CACHE_DIR=$folder/cache-$version OMP_NUM_THREADS=1 "$python" -m pytest -q \
    -m "not slow" -p no:cacheprovider "${tests[@]}" >"$log" 2>&1; then
    echo "torch $found: $(tail -1 "$log")"
  else
    failed=1
    echo "torch $found: FAILED, $(tail -1 "$log")"
    grep -E "^(FAILED|ERROR)" "$log" || tail -5 "$log"
  fi
  [ -n "${KEEP:-}" ] || rm -rf "$at"
done
exit $failed
