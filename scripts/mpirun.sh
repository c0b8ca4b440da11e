#!/usr/bin/env bash
# mpirun with what Open MPI wants to be told when root or more ranks than cores run; other launchers need nothing.
set -euo pipefail
flags=()
if mpirun --version 2>/dev/null | grep -q 'Open MPI'; then
  flags+=(--oversubscribe)
  [ "$(id -u)" -eq 0 ] && flags+=(--allow-run-as-root)
fi
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
exec mpirun "${flags[@]}" "$@"
