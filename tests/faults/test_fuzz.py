"""Every reader, given files changed at random: a message that names the file, or a result without NaN; never else.

The seeds are fixed (SEED of each kind), so a failure is met again; COMBUST_FUZZ_SEED=n and COMBUST_FUZZ_COUNT=n try
others.
"""

import math
import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager

import draws
import fuzz_files
import fuzz_mechanism
import numpy as np
import pytest
from helpers import env

from combust.errors import CombustError
from combust.terminal import OBEYED

SEED = int(os.environ.get("COMBUST_FUZZ_SEED", "0"))
COUNT = int(os.environ.get("COMBUST_FUZZ_COUNT", "200"))
LONGEST = 3  # CPU seconds of one file


@contextmanager
def limited(what):
    """No reader may hang: counted in CPU time, which does not depend on what else runs."""

    def stop(*_):
        raise AssertionError(f"{what}: took more than {LONGEST} s of CPU time")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, LONGEST)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def tried(kind, path, what):
    """Reads the file; whether it was accepted."""
    try:
        with limited(what):
            found = kind.read(path)
    except CombustError as error:
        text = str(error)
        assert path.stem in text, f"{what}: {text} does not name the file"
        assert not OBEYED.search(text) and len(text) < 20_000, f"{what}: {text[:500]!r}"
        return False
    except Exception as error:
        raise AssertionError(f"{what}: {type(error).__name__}: {str(error)[:300]}") from error
    for number in fuzz_files.numbers(found):
        assert math.isfinite(number), f"{what}: {number} was accepted"
    return True


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("kind", fuzz_files.KINDS, ids=lambda kind: kind.name)
def test_changed_at_random(kind, tmp_path):
    whole, work = tmp_path / "whole", tmp_path / "work"
    whole.mkdir()
    kind.write(whole / kind.name)
    assert tried(kind, whole / kind.name, "the whole file"), "the whole file is refused"
    accepted = 0
    for number in range(COUNT):
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(whole, work)
        rng = np.random.default_rng([draws.seed(SEED), number])
        kind.change(rng, work / kind.name)
        accepted += tried(kind, work / kind.name, f"{kind.name}, seed [{SEED}, {number}]")
    assert accepted < COUNT or not kind.refuses, "nothing was refused"


def mechanisms(seed, count):
    command = [sys.executable, fuzz_mechanism.__file__, str(seed), str(count)]
    done = subprocess.run(command, env=env(), capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0 and "done:" in done.stdout, f"exit {done.returncode}: {done.stdout[-1500:]}"


def test_mechanisms_changed_at_random():
    """In a process of their own: Cantera might end it."""
    mechanisms(SEED, COUNT)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 105))
def test_more_seeds(seed, tmp_path, monkeypatch):
    """Other files than those that every run tries."""
    monkeypatch.setattr(sys.modules[__name__], "SEED", seed)
    for kind in fuzz_files.KINDS:
        (tmp_path / kind.name).mkdir()
        test_changed_at_random(kind, tmp_path / kind.name)
    mechanisms(seed, COUNT)
