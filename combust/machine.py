"""The memory of the machine, and of this process: what there is of it, and in what pages; whether there is a GPU."""

from __future__ import annotations

import os
import re
import resource
import sys
from pathlib import Path

LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")  # of containers and batch jobs
GPUS = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")  # of drivers: NVIDIA's, under Windows, AMD's


HUGE_PAGES = "THP_MEM_ALLOC_ENABLE"  # torch's switch, which it reads at its first array


def huge_pages() -> None:
    """Lets torch ask Linux for pages of 2 MiB for arrays of at least that size: a look-up of an address, and a page
    fault, for 512 of the small ones. What the environment says goes first: with "0" there are none.
    """
    os.environ.setdefault(HUGE_PAGES, "1")


def has_gpu() -> bool:
    """Whether there may be a GPU that torch knows: a sign of the system's, as torch takes seconds to load."""
    return any(Path(sign).exists() for sign in GPUS)


def machine_memory() -> int:
    """What processes of this machine, or of this container, may use together [bytes]."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in LIMITS:
        try:
            text = Path(path).read_text().strip()
        except OSError:
            continue
        if text.isdigit():
            found.append(int(text))
    return min(found)


def resident_memory() -> int | None:
    """What this process holds now [bytes]; None where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None


def peak_memory() -> int:
    """Largest resident memory of this process so far [bytes].

    Linux's own line for it: what getrusage says there is at least the memory of the process that started this one.
    """
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        status = ""
    if found := re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE):
        return 1024 * int(found[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
