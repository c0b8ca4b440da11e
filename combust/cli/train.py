"""combust train: networks, their coordinates and their card from a sample set; also in several processes.

A launcher starts the same command: `torchrun --nproc-per-node 4 -m combust train CONFIG`, `mpirun -n 4 combust train`.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from combust.cli.configs import learned_arguments, resume_arguments
from combust.errors import ConfigError
from combust.interrupts import STOPPED, Stopped, stoppable
from combust.parallel import Communicator, launched_under_mpi
from combust.report.meter import Meter

if TYPE_CHECKING:
    from combust.surrogates.training.finish import Trained

WAIT = 10.0  # s that another process has to say what they all find
LEAVE = 10.0  # s that processes have to end by themselves
FLAGS = ("tensorboard", "resume", "force")


def arguments(parser: argparse.ArgumentParser) -> None:
    learned_arguments(parser)
    parser.add_argument("--samples", metavar="FILE", help="samples; default: samples.h5 in the output folder")
    parser.add_argument("--also", metavar="FILE", action="append", default=[],
                        help="samples of another fuel in the same mechanism, from which the network learns too; may be "
                             "given again. Ranges and router are those of --samples")  # fmt: skip
    parser.add_argument("--out", metavar="DIR", help="output folder; default: runs/<name of the config>")
    parser.add_argument("--init", metavar="MODEL", help="model to start from; also of another mechanism or range")
    parser.add_argument(
        "--calibrate", action="store_true", help="no training: the router of --init anew, by [router] of the config"
    )
    parser.add_argument(
        "--range",
        action="store_true",
        help="no training, no samples: the range of the fresh gas of --init anew, from the config's trajectories",
    )
    parser.add_argument(
        "--minutes", type=float, metavar="M", help="fit the schedule into M minutes by the measured pace"
    )
    parser.add_argument("--processes", type=int, default=1, metavar="N", help="processes (torch DDP); default: 1")
    parser.add_argument("--tensorboard", action="store_true", help="also write the losses for TensorBoard")
    resume_arguments(parser)


def call(args: argparse.Namespace, comm: Communicator) -> int:
    """Trains what a TOML file asks for; the exit code. All input is checked before anything long is computed."""
    from combust import kernels
    from combust.surrogates.training import distributed

    kernels.keep_freed_memory()  # new pages for each batch's tensors cost a tenth of the time
    try:
        check(args)
        if args.processes > 1:
            return several(args)
        trained = made(args)
    except Stopped as stop:
        if str(stop):
            print(stop, flush=True)
        return STOPPED
    except (Exception, KeyboardInterrupt):
        # What all processes find, the root says: its end is the others' while they wait here.
        time.sleep(WAIT if distributed.rank() else 0.0)
        raise
    if trained is not None:
        summarise(trained)
    return 0


def check(args: argparse.Namespace) -> None:
    """Raises ConfigError for options that do not go together."""
    if args.also and (args.calibrate or args.range):
        raise ConfigError("--also: is for training, and goes with neither --calibrate nor --range")
    if args.range and (
        args.init is None or args.minutes is not None or args.processes > 1 or args.resume or args.calibrate
    ):
        raise ConfigError(
            "--range: needs --init MODEL, and goes with none of --minutes, --processes, --resume, --calibrate"
        )
    if args.processes < 1:
        raise ConfigError(f"--processes {args.processes}: must be at least 1")
    if args.processes > 1 and (launched_under_mpi() or "WORLD_SIZE" in os.environ):
        raise ConfigError(f"--processes {args.processes}: a launcher has started this process already; leave it out")
    if args.calibrate and (args.init is None or args.minutes is not None or args.processes > 1 or args.resume):
        raise ConfigError("--calibrate: needs --init MODEL, and goes with none of --minutes, --processes, --resume")


def made(args: argparse.Namespace) -> Trained | None:
    """What the options ask for, by this process."""
    from combust.surrogates.training.again import fresh_range, recalibrate
    from combust.surrogates.training.train import train

    if args.range:
        return fresh_range(args.config, args.init, args.out, changes=args.set, force=args.force, reporter=Meter())
    if args.calibrate:
        return recalibrate(
            args.config, args.init, args.out, samples=args.samples, changes=args.set, force=args.force, reporter=Meter()
        )
    return train(
        args.config, args.out, samples=args.samples, init=args.init, changes=args.set, minutes=args.minutes,
        tensorboard=args.tensorboard, resume=args.resume, force=args.force, also=args.also, reporter=Meter(),
    )  # fmt: skip


def summarise(trained: Trained) -> None:
    """Last words: the files."""
    if trained.losses is not None:
        picture = f" and {trained.picture.name}" if trained.picture else " (no picture: matplotlib is missing)"
        print(f"losses:  {trained.losses}{picture}")
    print(f"model:   {trained.path}", flush=True)


def several(args: argparse.Namespace) -> int:
    """The same command in several processes; what is wrong is said by this one, before they start."""
    from combust.surrogates.settings import given
    from combust.surrogates.training.job import prepared

    prepared(given(args.config, args.set), args.out, args.samples, args.init, args.minutes, also=args.also)
    words = [args.config, *(word for text in args.set for word in ("--set", text))]
    for name in ("samples", "out", "init", "minutes"):
        value = getattr(args, name)
        words += [] if value is None else [f"--{name}", str(value)]
    words += [word for file in args.also for word in ("--also", file)]
    words += [f"--{name}" for name in FLAGS if getattr(args, name)]
    try:
        with stoppable():
            return spawn(words, args.processes)
    except KeyboardInterrupt:
        return STOPPED


def spawn(words: Sequence[str], size: int) -> int:
    """Runs `combust train` with these words in `size` processes; the exit code of the worst.

    When one fails, or this one is interrupted (which raises KeyboardInterrupt), the others are ended too.
    """
    from combust.surrogates.training.distributed import free_port

    port = str(free_port())
    shared = {"OMP_NUM_THREADS": "1", **os.environ, "WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1"}
    command = [sys.executable, "-m", "combust", "train", *words]
    started: list[subprocess.Popen[bytes]] = []
    try:
        for number in range(size):
            own = {"RANK": str(number), "LOCAL_RANK": str(number), "MASTER_PORT": port}
            started.append(subprocess.Popen(command, env=shared | own))
        return _watch(started)
    finally:
        for process in started:
            process.terminate()
        for process in started:
            try:
                process.wait(LEAVE)
            except subprocess.TimeoutExpired:
                process.kill()


def _watch(started: list[subprocess.Popen[bytes]]) -> int:
    """Waits until all have ended well, or one has not."""
    waiting = list(started)
    while waiting:
        for process in list(waiting):
            try:
                code = process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
            if code > 0:
                return code
            if code < 0:
                print(f"a process was ended by signal {-code}: the same command with --resume continues", flush=True)
                return STOPPED if -code in (signal.SIGINT, signal.SIGTERM) else 1
            waiting.remove(process)
    return 0
