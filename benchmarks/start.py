"""Seconds of the clock from the command to the first step, and to the first step with compiled kernels.

    python benchmarks/start.py                                          # cases/flame.toml on two ranks
    python benchmarks/start.py --case flame1d_ch4.toml --ranks 1
    python benchmarks/start.py --case flame_learned.toml --ranks 1

Cold: an empty cache of kernels and of the integrator; warm: what the cold run before it left there. Free flames come
from the user's cache, which the first run fills. A run that compiles nothing beside its steps ends after --steps.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from pairs import Sheet, done, parsed, parser

ROOT = Path(__file__).resolve().parents[1]
ROW = re.compile(r"\s+\d+ \d\.\d+e")  # of the log: a step, and its time
CHANGE = "compiled ones from now on"
SMOKE = "--case tgv2d.toml --ranks 1 --steps 2 --rounds 2"


def timed(case: str, ranks: int, steps: int, cache: Path, out: Path) -> dict[str, float]:
    """Seconds to "first step" and, if kernels are compiled beside the run, to "compiled" ones at work."""
    command = [
        *(sys.executable, "-m", "combust.run", str(ROOT / "cases" / case), "--out", str(out), "--force"),
        *("--steps", str(steps), "--set", "output.log.every={steps=1}"),
    ]
    if ranks > 1:
        command = [str(ROOT / "scripts" / "mpirun.sh"), "-n", str(ranks), *command]
    variables = os.environ | {"TORCHINDUCTOR_CACHE_DIR": str(cache), "PYTHONUNBUFFERED": "1"}
    begin, found, changed = time.monotonic(), {}, False
    with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True, cwd=ROOT) as run:
        assert run.stdout is not None
        for line in run.stdout:
            changed = changed or CHANGE in line
            if ROW.match(line):
                name = "compiled" if changed else "first step"
                found.setdefault(name, time.monotonic() - begin)
                if changed:
                    run.send_signal(signal.SIGTERM)
                    break
    if "first step" not in found:
        raise SystemExit(f"{case} made no step: exit {run.returncode}")
    return found


def arguments() -> argparse.ArgumentParser:
    made = parser(__doc__)
    made.add_argument("--case", default="flame.toml")
    made.add_argument("--ranks", type=int, default=2)
    made.add_argument("--steps", type=int, default=200, help="at most; default: %(default)s")
    made.add_argument("--rounds", type=int, default=5)
    return made


def main(argv: list[str] | None = None) -> Sheet:
    options = parsed(arguments(), SMOKE, argv)
    sheet, seconds = Sheet("start"), dict[str, list[float]]()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.rounds):
            cache = Path(folder) / f"cache{number}"
            for how in ("cold", "warm"):
                found = timed(options.case, options.ranks, options.steps, cache, Path(folder) / "out")
                for name, value in found.items():
                    seconds.setdefault(f"{how}, {name}", []).append(value)
    for name, values in seconds.items():
        target = 10.0 if name != "cold, compiled" else 60.0
        sheet.cost(f"{Path(options.case).stem}, {options.ranks} rank(s), {name}", np.array(values), "s", target)
    return done(sheet, options)


if __name__ == "__main__":
    main()
