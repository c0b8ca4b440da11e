"""A small real flow for tests of the shell: the heat equation on blocks; as a script, `combust` with that flow.

Environment variables ask for faults: TOY_NAN_AT=step, TOY_LOSE_AT=step, TOY_RAISE_AT=step:rank, TOY_SLEEP=seconds per
step, TOY_KILL_AT=n (SIGKILL of all ranks amid the n-th checkpoint), TOY_KILL_RANK=step:rank (SIGKILL of one rank),
TOY_FILE_LIMIT=bytes per file. Pictures take most of the time of so small a run: they are drawn only with TOY_PICTURE=1.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import forked
import numpy as np

from combust.case.config import Config
from combust.cfd.mesh.block import Block
from combust.errors import ConfigError, DivergenceError
from combust.io.checkpoint import read_checkpoint
from combust.io.folder import Folder
from combust.parallel import Communicator

ROOT = Path(__file__).resolve().parents[1]
CASE = """
title = "heat"
mesh = { kind = "uniform", cells = [24, 12, 8], lower = [0, 0, 0], upper = [2.4, 1.2, 0.8] }
gas = { mechanism = "h2o2.yaml" }
initial = { kind = "uniform", temperature = 300, composition = "N2:1" }
boundary = { x = { kind = "periodic" }, y = { kind = "periodic" }, z = { kind = "periodic" } }
stop = { steps = 20 }
[output]
fields = { names = ["T", "u"], every = { steps = 5 } }
series = { quantities = ["T_max", "T_mean"], every = { steps = 2 } }
checkpoint = { every = { steps = 5 } }
log = { every = { steps = 5 } }
"""


class Heat:
    """Explicit heat equation with a limit on dt that changes in time; a face field and a global follow along."""

    def __init__(self, config: Config, comm: Communicator) -> None:
        mesh = config.mesh
        shape = (1, 1, 1, *reversed(mesh.cells))[-3:]
        self.block = Block.create(comm, shape, (True, True, True))
        self.time, self.step, self.dt = 0.0, 0, 0.0
        lower, upper = (0.0, 0.0, *reversed(mesh.lower))[-3:], (1.0, 1.0, *reversed(mesh.upper))[-3:]
        self.faces = tuple(np.linspace(a, b, n + 1) for a, b, n in zip(lower, upper, shape, strict=True))
        self.h = [float(f[1] - f[0]) for f in self.faces]
        z, y, x = np.meshgrid(*(0.5 * (f[1:] + f[:-1]) for f in self.faces), indexing="ij")
        self.T = (300.0 + 1000.0 * np.exp(-((x - 0.5) ** 2) - y**2 - z**2))[self.own()]
        self.flux = np.zeros(self.block.faces(2)[2])
        self.mechanism = config.gas.mechanism
        self.seconds = 0.0

    def own(self, place: str = "cell") -> tuple[slice, ...]:
        _, start, count = self.block.faces(2) if place == "face_x" else (None, self.block.start, self.block.count)
        return tuple(slice(s, s + c) for s, c in zip(start, count, strict=True))

    def whole(self) -> np.ndarray:
        everything = np.empty(self.block.shape)
        for start, part in self.block.comm.gather((self.block.start, self.T)):
            everything[tuple(slice(s, s + c) for s, c in zip(start, part.shape, strict=True))] = part
        return everything

    def limit(self) -> tuple[float, str]:
        return 0.1 * min(self.h) ** 2 * (1 + 0.3 * np.sin(self.step)), "diffusion"

    def advance(self, dt: float) -> None:
        begin = time.perf_counter()
        time.sleep(float(os.environ.get("TOY_SLEEP", "0")))
        if os.environ.get("TOY_LOSE_AT") == str(self.step + 1):
            raise DivergenceError("the toy was asked to lose its solution")
        self.step += 1
        if f"{self.step}:{self.block.comm.rank}" == os.environ.get("TOY_RAISE_AT"):
            raise RuntimeError("the toy was asked to fail")
        if f"{self.step}:{self.block.comm.rank}" == os.environ.get("TOY_KILL_RANK"):
            os.kill(os.getpid(), signal.SIGKILL)
        T = self.whole()
        change = sum(
            (np.roll(T, 1, a) - 2 * T + np.roll(T, -1, a)) / self.h[a] ** 2 for a in range(3) if T.shape[a] > 1
        )
        self.T = (T + dt * change)[self.own()]
        flux = np.diff(np.concatenate([T[..., -1:], T, T[..., :1]], axis=2), axis=2)
        self.flux = self.flux + dt * flux[self.own("face_x")]
        if self.step == int(os.environ.get("TOY_NAN_AT", "0")) and self.block.comm.rank == self.block.comm.size - 1:
            self.T[0, 0, 1] = np.nan
        self.time, self.dt = self.time + dt, dt
        self.seconds += time.perf_counter() - begin

    def field(self, name: str) -> np.ndarray:
        fields = {"T": self.T, "u": np.stack([self.T, 2 * self.T, -self.T])}
        if name not in fields:
            raise ConfigError(f"output.fields.names: {name!r} is unknown; known: {', '.join(fields)}")
        return fields[name]

    def quantity(self, name: str) -> float:
        T = self.whole()
        if name not in ("T_max", "T_mean"):
            raise ConfigError(f"output.series.quantities: {name!r} is unknown; known: T_max, T_mean")
        return float(T.max() if name == "T_max" else T.mean())

    def concerns(self) -> dict[str, str]:
        return {}

    def step_concerns(self, dt: float) -> dict[str, str]:
        return {}

    def require_slow(self) -> float:
        return 0.0  # nothing moves

    def coordinates(self) -> tuple[np.ndarray, ...]:
        return self.faces

    def state(self) -> dict[str, tuple[np.ndarray, str]]:
        return {
            "T": (self.T, "cell"),
            "pair": (np.stack([self.T, -self.T]), "cell"),
            "flux": (self.flux, "face_x"),
            "p0": (np.array([101325.0 + self.step]), "global"),
        }

    def restore(self, read: Callable[[str], np.ndarray]) -> None:
        self.T, self.flux = read("T"), read("flux")

    def timers(self) -> dict[str, float]:
        return {"diffusion": self.seconds}

    def identity(self) -> dict[str, str]:
        mesh = hashlib.sha256(b"".join(f.tobytes() for f in self.faces)).hexdigest()
        return {"mechanism": self.mechanism, "mesh": mesh}


def same_output(one: Path, other: Path) -> None:
    """Fails unless two output folders hold the same fields, series, index and newest checkpoint, bit by bit."""
    block = Block.create(Communicator(), (8, 12, 24), (True, True, True))
    names = sorted(p.name for p in one.glob("fields*")) + ["series.csv"]
    assert names == sorted(p.name for p in other.glob("fields*")) + ["series.csv"]
    for name in names:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name
    a, b = (read_checkpoint(Folder(path).checkpoints()[0], block) for path in (one, other))
    for meta in (a.meta, b.meta):
        del meta["loop"]["wall"], meta["case"]
        # The restart ends a series of steps, so these two may be called once more without any trace in the output.
        del meta["hooks"]["log"], meta["hooks"]["guard"]
    assert a.meta == b.meta
    for name, array in a.arrays.items():
        np.testing.assert_array_equal(b.arrays[name], array)


def launch(
    arguments: Sequence[str], ranks: int = 0, timeout: float = 300, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Runs `combust <arguments>` with the toy flow in a process of its own, on `ranks` ranks (0: without MPI).

    Without MPI it is a forked one, which starts in a tenth of the time (`command` is the one that is not).
    """
    if not ranks:
        return forked.run(armed, [str(word) for word in arguments], env(**environment), timeout)
    return subprocess.run(
        command(arguments, ranks), env=env(**environment), capture_output=True, text=True, timeout=timeout, check=False
    )


def command(arguments: Sequence[str], ranks: int = 0) -> list[str]:
    launcher = ["mpirun", "--allow-run-as-root", "--oversubscribe", "-n", str(ranks)] if ranks else []
    return [*launcher, sys.executable, str(Path(__file__).resolve()), *map(str, arguments)]


def env(**extra: str) -> dict[str, str]:
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", **extra}


def kill_amid_checkpoint(number: int) -> None:
    """From now on the `number`-th checkpoint is written half, then the process is killed."""
    from combust.io import checkpoint

    write, calls = checkpoint.write_blocks, []

    def half(comm, path, size, parts):
        calls.append(path)
        if len(calls) == number:
            write(comm, path, size, parts[: len(parts) // 2])
            comm.barrier()
            os.kill(os.getpid(), signal.SIGKILL)
        write(comm, path, size, parts)

    checkpoint.write_blocks = half


def arm() -> None:
    """Puts the toy in the place of the real flow, with the faults that the environment asks for."""
    sys.modules["combust.run.build"] = SimpleNamespace(build=Heat)  # type: ignore[assignment]
    if "TOY_PICTURE" not in os.environ:
        sys.modules["combust.run.picture"] = SimpleNamespace(plot=lambda folder: SimpleNamespace(path="not drawn"))  # type: ignore[assignment]
    if "TOY_KILL_AT" in os.environ:
        kill_amid_checkpoint(int(os.environ["TOY_KILL_AT"]))
    if "TOY_FILE_LIMIT" in os.environ:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(os.environ["TOY_FILE_LIMIT"]),) * 2)


def armed(arguments: list[str]) -> int:
    """`combust <arguments>` with the toy."""
    arm()
    from combust.__main__ import main

    return main(arguments)


def arguments_of(verb: Any, *words: str) -> argparse.Namespace:
    """What the parser of a verb's module in combust.cli makes of words."""
    parser = argparse.ArgumentParser()
    verb.arguments(parser)
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(armed(sys.argv[1:]))


def require_bitwise_restart(whole: Any, again: Any, dt: float, before: int) -> None:
    """Advances `whole`, gives its state to `again`, advances both by two steps: all of their states must be the same.

    dt [s] of the steps, `before` of them until then;  again : another flow of the same case, at time zero
    """
    for _ in range(before):
        whole.advance(dt)
    saved = {name: array.copy() for name, (array, _) in whole.state().items()}
    again.restore(saved.__getitem__)
    again.step, again.time = whole.step, whole.time
    for flow in (whole, again):
        for _ in range(2):
            flow.advance(dt)
    for name, (array, _) in whole.state().items():
        assert np.array_equal(again.state()[name][0], array), name
