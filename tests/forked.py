"""Processes of their own that do not load torch again: forked off one server, which has loaded what `combust` loads.

What they do to themselves (exit codes, signals, limits, environment) is theirs; what they write is theirs alone. Only
that `python ...` starts at all is not tried so: `helpers.command` does that.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

LOADED = ["combust.__main__", "combust.cli.run", "combust.cli.progress", "combust.run.run", "combust.run.course"]


def run(
    main: Callable[[list[str]], int], arguments: Sequence[str], environment: Mapping[str, str], timeout: float
) -> subprocess.CompletedProcess[str]:
    """Exit code and words of sys.exit(main(arguments)) in a new process with these environment variables."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LOADED)
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("stdout", "stderr")]
        process = context.Process(target=_child, args=(main, list(arguments), dict(environment), os.getcwd(), files))
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(list(arguments), timeout, *(path.read_text() for path in files))
        said, errors = (path.read_text() for path in files)
    return subprocess.CompletedProcess(list(arguments), process.exitcode, said, errors)


def _child(main: Callable[[list[str]], int], arguments: list[str], environment: dict[str, str], place: str,
           files: list[Path]) -> None:  # fmt: skip
    for number, path in enumerate(files, start=1):
        with path.open("wb") as file:
            os.dup2(file.fileno(), number)
    os.chdir(place)
    os.environ.clear()
    os.environ.update(environment)
    sys.exit(main(arguments))
