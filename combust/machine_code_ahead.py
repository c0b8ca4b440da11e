"""Machine code that a run will want, compiled by a process beside it, all at once, while torch and Cantera are loaded.

The process takes the same locks as a first use does, which so waits for what is under way, and compiles itself what
this process could not: it need not be told. The process ends with the run, and stops its compilers then.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from typing import IO

from combust import machine_code
from combust.machine_code import Code

PATIENCE = 5.0  # s that the process has to end its compilers and remove their files
AGAIN = 0.1  # s between two calls to end: a compiler may start meanwhile


def absent(codes: Sequence[Code]) -> list[Code]:
    """Those that are not compiled on this machine; none where nothing can be."""
    try:
        return [code for code in codes if not machine_code.whole(machine_code.file_of(code))]
    except (OSError, subprocess.SubprocessError):  # the first use says why
        return []


def processors() -> set[int]:
    """Those that this process may use; none where the system does not say."""
    return set(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else set()


@contextlib.contextmanager
def compiling(codes: Sequence[Code], on: Collection[int] = ()) -> Iterator[None]:
    """Within, a process compiles them.  on : processors for it; without any, those of this process"""
    process = _started(codes, on) if codes else None
    try:
        yield
    finally:
        if process is not None:
            _end(process)


def _started(codes: Sequence[Code], on: Collection[int]) -> subprocess.Popen[bytes] | None:
    """None where no process can be started."""
    start = f"import sys; sys.path[:] = {sys.path!r}; from combust.machine_code_ahead import main; main()"
    try:
        process = subprocess.Popen(  # in a session of its own: Ctrl-C is for the run, which then ends the process
            [sys.executable, "-c", start],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return None
    if on:
        with contextlib.suppress(OSError):  # before it starts compilers, which have its processors
            os.sched_setaffinity(process.pid, on)
    assert process.stdin is not None
    content = pickle.dumps(list(codes))
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(len(content).to_bytes(8, "big") + content)
        process.stdin.flush()
    threading.Thread(target=process.wait, daemon=True).start()  # else it stays as a zombie while the run goes on
    return process


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def work(orders: IO[bytes]) -> None:
    """Compiles what comes, all at once; what another process compiles already is left to it."""
    codes = pickle.loads(orders.read(int.from_bytes(orders.read(8), "big")))
    signal.signal(signal.SIGTERM, lambda *_: None)  # that is for the compilers, see below
    threading.Thread(target=_end_with_the_run, args=(orders,), daemon=True).start()
    threads = [threading.Thread(target=_make, args=(code,)) for code in codes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _make(code: Code) -> None:
    with contextlib.suppress(OSError, subprocess.SubprocessError):  # the first use meets it again, and says so
        machine_code.made(code, wait=False)


def _end_with_the_run(orders: IO[bytes]) -> None:
    """Its end of the pipe closes when the run is over, however that ended: compilers end by a signal then, and the
    process, when their files are removed.
    """
    orders.read()
    while True:
        os.killpg(0, signal.SIGTERM)
        time.sleep(AGAIN)


def main() -> None:
    """The process itself."""
    work(sys.stdin.buffer)
    os._exit(0)  # the thread reads still
