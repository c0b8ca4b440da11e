"""One run, one folder: a lock file with host and process, taken whole or not at all and gone at any end.

The file appears under its name by a hard link to a finished one, which is atomic on network file systems too, or by
exclusive creation where there are no hard links. A lock whose process has ended on this host is taken over: a process
is known by its number and the time of its start, as numbers come again. Of another host nothing can be known.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from combust.errors import ConfigError, OutputError
from combust.parallel import Communicator, on_root

NAME = "combust.lock"
DEADLY = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)  # end a process that does not listen
TRIES = 10


@dataclass(frozen=True)
class Lock:
    """A lock that this process holds, and the folders that were made for it, outermost first."""

    file: Path
    text: str
    made: tuple[Path, ...]

    def release(self) -> None:
        """Removes the lock if it is still this one, and what was made for it and is empty."""
        with suppress(OSError):
            if self.file.read_text(encoding="utf-8") == self.text:
                self.file.unlink()
        for folder in reversed(self.made):
            with suppress(OSError):
                folder.rmdir()


@contextmanager
def locked(folder: Path, comm: Communicator | None = None, name: str = NAME) -> Iterator[None]:
    """Holds `folder`, which is made if need be, for the block, on the root of `comm`; released at any end of it.

    name : of the lock file, where only files of one name are to be held

    Raises ConfigError on all ranks if another process holds it, OutputError if it cannot be written.
    """
    comm = comm or Communicator()
    lock = on_root(comm, lambda: take(folder, name))
    if not comm.is_root:
        yield
        return
    try:
        with _until_killed(lock):
            yield
    finally:
        lock.release()


@contextmanager
def _until_killed(lock: Lock) -> Iterator[None]:
    """A deadly signal in the block releases the lock first, then does what it would have done."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def die(number: int, _: FrameType | None) -> None:
        lock.release()
        signal.signal(number, before[number])
        os.kill(os.getpid(), number)

    unheard = [number for number in DEADLY if signal.getsignal(number) == signal.SIG_DFL]
    before: dict[int, Any] = {number: signal.signal(number, die) for number in unheard}
    try:
        yield
    finally:
        for number in unheard:
            signal.signal(number, before[number])


def take(folder: Path, name: str = NAME) -> Lock:
    """The lock of a folder. Raises ConfigError if another process holds it, OutputError if it cannot be made."""
    holder = {"host": socket.gethostname(), "pid": os.getpid(), "started": started(os.getpid())}
    holder |= {"since": time.strftime("%Y-%m-%d %H:%M:%S"), "token": uuid.uuid4().hex}
    made: list[Path] = []
    try:
        made += [path for path in (folder, *folder.parents) if not path.exists()][::-1]
        folder.mkdir(parents=True, exist_ok=True)
        lock = Lock(folder / name, json.dumps(holder) + "\n", tuple(made))
        for _ in range(TRIES):
            if _create(lock.file, lock.text):
                return lock
            _make_way(lock.file)
    except OSError as error:
        _undo(made)
        raise OutputError(f"output folder {folder} cannot be written: {error.strerror or error}") from error
    raise ConfigError(f"output folder {folder}: {name} comes and goes: other runs start there; choose another folder")


def _undo(made: list[Path]) -> None:
    for path in reversed(made):
        with suppress(OSError):
            path.rmdir()


def _create(file: Path, text: str) -> bool:
    """Makes the lock file with its content in one step; False if there is one."""
    whole = file.with_name(f"{file.name}.{uuid.uuid4().hex}")
    try:
        whole.write_text(text, encoding="utf-8")
        try:
            os.link(whole, file)
        except FileExistsError:
            return whole.stat().st_nlink == 2  # a network may lose the answer to a link that was made
        except OSError:  # no hard links here
            try:
                with open(file, "x", encoding="utf-8") as own:
                    own.write(text)
            except FileExistsError:
                return False
        return True
    finally:
        whole.unlink(missing_ok=True)


def _make_way(file: Path) -> None:
    """Removes a lock whose process is gone. Raises ConfigError for one that is held, or may be."""
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return
    try:
        holder = json.loads(text)
        host, pid, begin, since = (holder[key] for key in ("host", "pid", "started", "since"))
    except (ValueError, KeyError, TypeError):
        raise ConfigError(f"{file}: cannot be read; remove it if no run is using this folder") from None
    if host != socket.gethostname():
        raise ConfigError(
            f"output folder {file.parent} is in use by process {pid} on host {host} since {since}: choose another "
            f"folder, or remove {file} if that process has ended (it cannot be seen from here)"
        )
    if begin == started(int(pid)):
        raise ConfigError(
            f"output folder {file.parent} is in use by process {pid} on this host since {since}: let it end or stop "
            "it first, or choose another folder"
        )
    aside = file.with_name(f"{file.name}.{uuid.uuid4().hex}")
    with suppress(FileNotFoundError):
        os.rename(file, aside)  # one of several that come at once
        if aside.read_text(encoding="utf-8") != text:  # a new one: another was faster
            with suppress(OSError):
                os.link(aside, file)
        aside.unlink()


def started(pid: int) -> str:
    """When the process of this number started, as text that no other of that number has; "" if there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
        return "" if fields[0] == "Z" else f"{boot} {fields[19]}"
    except OSError:
        if Path("/proc/self/stat").exists():
            return ""
    done = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return done.stdout.strip()
