"""What may go to a terminal, and what becomes of it when nobody takes it.

A title, a name of a species or the message of another library may hold escape sequences that move the cursor, change
colours, rename the window, or turn the direction of writing; these are shown as `\\x1b`. A reader that is gone
(`| head`) ends the command in silence, a device that is full with one message.
"""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any, TextIO

# Control characters but for line feed and tab; marks that turn the direction of writing; halves of surrogate pairs.
OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
BAR = re.compile(r"(\r|\x1b\[K)")  # what the progress bars of combust consist of
FAILED = 1  # exit code


class Unwritable(BaseException):
    """Standard output or error takes no more. No Exception: what catches those would go on without a listener.

    exit_code : that of a program which SIGPIPE ends where the reader is gone, else 1;  message : empty for the former
    """

    def __init__(self, name: str, error: OSError) -> None:
        gone = error.errno == errno.EPIPE
        self.exit_code = 128 + signal.SIGPIPE if gone else FAILED
        self.message = "" if gone else f"error: standard {name} cannot be written: {error.strerror}"
        super().__init__(self.message)


def printable(text: str) -> str:
    """`text` with what a terminal would obey written as escapes such as `\\x1b`; all else stays as it is."""
    return OBEYED.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode(), text)


class Printable:
    """A text stream that shows what it is given; what cannot be encoded is written as an escape, too.

    Raises Unwritable once the stream takes nothing more; a second time it is silent, so that the command can end, and
    so it is for a message on standard error that a full device does not take: no work is lost for it.
    """

    def __init__(self, stream: TextIO, name: str, bars: bool = False) -> None:
        """bars: carriage returns and "erase to the end of the line" pass, for progress bars."""
        self._stream, self._name, self._bars = stream, name, bars

    def write(self, text: str) -> int:
        parts = BAR.split(text) if self._bars else [text]
        shown = "".join(part if i % 2 else printable(part) for i, part in enumerate(parts))
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        self._attempt(lambda: self._stream.write(shown.encode(encoding, "backslashreplace").decode(encoding)))
        return len(text)

    def flush(self) -> None:
        self._attempt(self._stream.flush)

    def _attempt(self, action: Callable[[], Any]) -> None:
        try:
            action()
        except OSError as error:
            drop(self._stream)
            if self._name == "output" or error.errno == errno.EPIPE:
                raise Unwritable(self._name, error) from None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def drop(stream: TextIO) -> None:
    """What the stream still holds, and all that follows, goes nowhere: Python would write it when it ends, and fail."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


@contextmanager
def shown() -> Iterator[None]:
    """Standard output and error show what they are given until the end of the block."""
    out, err = (stream or open(os.devnull, "w") for stream in (sys.stdout, sys.stderr))  # noqa: SIM115 - may be closed
    out, err = Printable(out, "output"), Printable(err, "error", bars=True)
    with redirect_stdout(out), redirect_stderr(err):
        yield


def flushed(verb: Callable[[], int]) -> int:
    """The exit code of `verb` once all that it said is written, or that of an output which takes no more."""
    try:
        try:
            return verb()
        finally:
            sys.stdout.flush()
    except Unwritable as lost:
        if lost.message:
            print(lost.message, file=sys.stderr, flush=True)
        return lost.exit_code
