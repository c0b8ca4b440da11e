#!/usr/bin/env bash
# mpirun for root and for others, with Open MPI, MPICH or Intel MPI: tells Open MPI what it wants to be told where root
# or more ranks than cores run; the others need nothing. One thread per rank unless OMP_NUM_THREADS says otherwise.
set -euo pipefail
command -v mpirun >/dev/null || { echo "error: no mpirun on the path; combust doctor says how to get it" >&2; exit 2; }
flags=()
if [[ "$(mpirun --version 2>/dev/null)" == *"Open MPI"* ]]; then
  flags+=(--oversubscribe)
  if [ "$(id -u)" -eq 0 ]; then flags+=(--allow-run-as-root); fi
fi
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
exec mpirun ${flags[@]+"${flags[@]}"} "$@"
