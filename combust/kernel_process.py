"""A process beside a run that compiles its kernels into torch's disk cache, while the run steps with eager ones.

Orders come through its standard input; it ends with the process that started it.
"""

from __future__ import annotations

import logging
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import IO

import torch

from combust import kernels
from combust.graphs import Graphs
from combust.kernel_orders import Order, mark
from combust.torch_parts import parts

logger = logging.getLogger(__name__)


class KernelProcess:
    """The process, from the side of the run. Raises OSError if it cannot be started."""

    def __init__(self, orders: Sequence[Order]) -> None:
        self.count = len(orders)
        start = f"import sys; sys.path[:] = {sys.path!r}; from combust.kernel_process import main; main()"
        command = [sys.executable, "-c", start]
        # In a session of its own: Ctrl-C is for the run, which then closes the pipe.
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
        )
        assert self._process.stdin is not None
        content = pickle.dumps((list(orders), torch.get_num_threads(), logger.getEffectiveLevel()))
        try:
            self._process.stdin.write(len(content).to_bytes(8, "big") + content)
            self._process.stdin.flush()
        except BrokenPipeError:  # it has ended: `done` tells
            pass

    def done(self) -> bool:
        """Whether it has ended, well or not: what it did not compile, the run compiles itself."""
        return self._process.poll() is not None

    def end(self) -> None:
        """Ends it, if it has not."""
        if self._process.stdin is not None:
            try:
                self._process.stdin.close()
            except BrokenPipeError:
                pass
        if not self.done():
            self._process.kill()
        self._process.wait()


def compile_order(order: Order) -> None:
    """Compiles it into the disk cache. Raises what torch's compiler raises."""
    fn, dynamic, args = order.opened()
    found = parts()
    if found is not None:
        Graphs(fn, dynamic is None, found, kernels.options).prepare(args)
        path = mark(order)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch()


def work(orders: IO[bytes]) -> None:
    """Compiles what comes; an order that cannot be is left to the run, which says why."""
    count = int.from_bytes(orders.read(8), "big")
    batch, threads, level = pickle.loads(orders.read(count))
    logging.basicConfig(format="%(message)s", level=level)
    threading.Thread(target=_end_with_the_run, args=(orders,), daemon=True).start()
    torch.set_num_threads(threads)
    kernels.require_cache()
    for order in batch:
        start = time.perf_counter()
        try:
            compile_order(order)
        except Exception as error:  # of whatever kind: the run meets it again, and raises it
            logger.info("%s is not compiled beside the run: %s", order.name, error)
        else:
            logger.info("compiled %s beside the run in %.1f s", order.name, time.perf_counter() - start)


def _end_with_the_run(orders: IO[bytes]) -> None:
    """Its end of the pipe closes when the run is over, however that ended."""
    orders.read()
    os._exit(1)


def main() -> None:
    """The process itself."""
    work(sys.stdin.buffer)
    os._exit(0)  # the thread reads still
