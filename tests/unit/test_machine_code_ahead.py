"""Machine code compiled beside a run: what is wanted, that first uses take it, and that nothing is left of it."""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from combust import machine_code, machine_code_ahead
from combust.case.load import load
from combust.machine_code import Code
from combust.parallel import ALONE
from combust.report.meter import Reporter
from combust.run import ahead
from combust.run.ahead import wanted

CASES = Path(__file__).resolve().parents[2] / "cases"
ONE = 'extern "C" int combust_one() { return 1; }\n'
LONG = 60.0  # s after which a test no longer waits

pytestmark = pytest.mark.skipif(not shutil.which("g++"), reason="needs g++")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of machine code."""
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(folder))
    return folder


@pytest.fixture
def compiler(tmp_path, monkeypatch):
    """Names a compiler for CXX that appends a line to a file at each compilation, then does what is given."""

    def named(then: str) -> Path:
        script, log = tmp_path / "compiler", tmp_path / "log"
        first = f'[ "$1" = --version ] && exec g++ --version\necho $$ >> {log}\n'
        script.write_text("#!/bin/sh\n" + first + then + "\n")
        script.chmod(0o755)
        monkeypatch.setenv("CXX", str(script))
        return log

    return named


def code(name: str = "one", text: str = ONE) -> Code:
    return Code(name, f"the code {name}", "main.cpp", {"main.cpp": text})


def until(true) -> None:
    begin = time.monotonic()
    while not true():
        assert time.monotonic() - begin < LONG, "waited in vain"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether it runs; one that has ended and that nobody has asked for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def one(library: ctypes.CDLL | None) -> int:
    assert library is not None
    return int(library.combust_one())


def test_all_are_compiled_at_once_and_taken(cache, monkeypatch):
    codes = [code("first"), code("second")]
    assert machine_code_ahead.absent(codes) == codes
    with machine_code_ahead.compiling(codes):
        until(lambda: not machine_code_ahead.absent(codes))
    monkeypatch.setattr(machine_code, "_build", lambda *x: pytest.fail("is there"))
    assert [one(machine_code.loaded(each)) for each in codes] == [1, 1]
    assert {path.suffix for path in cache.iterdir()} == {".so", ".lock"}


def test_a_first_use_waits_for_what_is_compiled_already(cache, compiler):
    log = compiler('sleep 0.5; exec g++ "$@"')
    with machine_code_ahead.compiling([code()]):
        until(log.exists)
        assert one(machine_code.loaded(code())) == 1
    assert len(log.read_text().split()) == 1


def test_what_fails_beside_a_run_is_said_at_the_first_use(cache, compiler, caplog):
    log = compiler("echo no room left >&2; exit 1")
    with machine_code_ahead.compiling([code()]):
        until(log.exists)
        assert machine_code.loaded(code()) is None
    assert caplog.text.count("no room left") == 1 and "the code one in C++ cannot be had" in caplog.text


@pytest.mark.skipif(len(machine_code_ahead.processors()) < 2, reason="needs two processors")
def test_a_rank_that_is_bound_has_compilers_on_the_processors_of_all(cache, compiler, tmp_path):
    every = machine_code_ahead.processors()
    log = compiler(f'unset OMP_NUM_THREADS OMP_THREAD_LIMIT; nproc >> {tmp_path / "processors"}; exec g++ "$@"')
    os.sched_setaffinity(0, {min(every)})
    try:
        with machine_code_ahead.compiling([code()], every):
            until(lambda: log.exists() and not machine_code_ahead.absent([code()]))
    finally:
        os.sched_setaffinity(0, every)
    assert int((tmp_path / "processors").read_text()) == len(every)


def test_a_run_that_ends_leaves_no_compiler_and_no_file(cache, compiler):
    log = compiler("sleep 600 & wait")
    with machine_code_ahead.compiling([code("first"), code("second")]):
        until(lambda: log.exists() and len(log.read_text().split()) == 2)
    assert not any(alive(int(pid)) for pid in log.read_text().split())
    assert {path.suffix for path in cache.iterdir()} == {".lock"}


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked at as Linux shows them")
def test_a_run_that_is_killed_leaves_no_compiler_and_no_file(cache, compiler):
    log = compiler("sleep 600 & wait")
    run = (
        "import time; from combust import machine_code_ahead as ahead; from combust.machine_code import Code\n"
        f"with ahead.compiling([Code('one', 'one', 'main.cpp', {{'main.cpp': ''}})]): time.sleep({2 * LONG})"
    )
    with subprocess.Popen([sys.executable, "-c", run]) as process:
        until(log.exists)
        process.send_signal(signal.SIGKILL)
    until(lambda: not any(alive(int(pid)) for pid in log.read_text().split()))
    until(lambda: {path.suffix for path in cache.iterdir()} == {".lock"})


def test_without_a_compiler_nothing_is_compiled_ahead(cache, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert machine_code_ahead.absent([code()]) == []


def test_a_process_that_cannot_start_is_none(cache, monkeypatch):
    def refused(*args, **kwargs):
        raise OSError("no more processes")

    monkeypatch.setattr(machine_code_ahead.subprocess, "Popen", refused)
    with machine_code_ahead.compiling([code()]):
        pass


def test_sources_that_were_changed_meanwhile_are_not_loaded(cache, tmp_path, caplog):
    """As by an update while the process runs: Python in memory and machine code would be of two versions."""
    source = tmp_path / "main.cpp"
    source.write_text(ONE)
    read = Code("one", "the code", "main.cpp", machine_code.texts_of(source), files=(source,))
    assert one(machine_code.loaded(read)) == 1
    source.write_text(ONE.replace("return 1", "return 2"))
    assert machine_code.loaded(read) is None
    assert "its sources were changed while this process ran" in caplog.text and "start it anew" in caplog.text


@pytest.mark.parametrize(
    ("case", "changes", "names"),
    [
        ("flame.toml", (), ["integrate", "flow", "pressure"]),
        ("flame_learned.toml", (), ["integrate", "flow", "pressure"]),
        ("flame1d_ch4.toml", (), ["integrate", "flow"]),
        ("tgv2d.toml", (), ["flow", "pressure"]),
        ("flame.toml", ("chemistry.kind=cvode", "numerics.pressure.solver=torch"), ["flow"]),
        ("flame.toml", ("device=cuda",), []),
    ],
)
def test_what_a_case_wants(case, changes, names, monkeypatch):
    monkeypatch.delenv("COMBUST_NATIVE", raising=False)
    monkeypatch.setattr(ahead, "has_gpu", lambda: False)
    config = load(CASES / case, changes)
    assert [each.name for each in wanted(config)] == names
    monkeypatch.setenv("COMBUST_NATIVE", "0")
    assert wanted(config) == []
    monkeypatch.delenv("COMBUST_NATIVE")
    monkeypatch.setattr(ahead, "has_gpu", lambda: True)
    assert wanted(config) == [] or config.device != "auto"


def test_a_run_knows_what_it_wants_before_torch_is_loaded():
    run = (
        "import sys, combust.cli.run, combust.run.run, combust.run.ahead as ahead; from combust.case.load import load\n"
        f"print(len(ahead.wanted(load({str(CASES / 'flame_learned.toml')!r}, ['device=cpu']))), 'torch' in sys.modules)"
    )
    environment = {**os.environ, "COMBUST_NATIVE": "1"}
    told = subprocess.run([sys.executable, "-c", run], capture_output=True, text=True, env=environment)
    assert told.stdout.split() == ["3", "False"], told.stderr


def test_what_is_compiled_is_said(cache, monkeypatch):
    said, started = [], []

    class Told(Reporter):
        def say(self, line: str) -> None:
            said.append(line)

    monkeypatch.setattr(ahead, "wanted", lambda config: [code("first"), code("second")])
    monkeypatch.setattr(machine_code_ahead, "_started", lambda codes, on: started.extend(codes))
    with ahead.compiled_ahead(load(CASES / "tgv2d.toml", ()), ALONE, Told()):
        pass
    assert [each.name for each in started] == ["first", "second"]
    assert said == ["compiling:   the code first, the code second, once on this machine, beside the start"]
