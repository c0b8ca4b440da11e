"""Long work that a signal stops: it ends as by Ctrl-C, keeps what it has, and can be continued."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

STOPPED = 4  # exit code of what was stopped and can be continued


class Stopped(KeyboardInterrupt):
    """Work that a signal stopped; the message, which may be empty, says how it goes on."""


@contextmanager
def stoppable() -> Iterator[None]:
    """SIGTERM interrupts the block as Ctrl-C does, also where Cantera makes another error of it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked: list[int] = []

    def stop(number: int, frame: object) -> None:
        asked.append(number)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except Exception as error:
        if asked:
            raise KeyboardInterrupt from error
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
