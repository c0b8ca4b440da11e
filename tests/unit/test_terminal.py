"""Output that nobody takes: a reader that is gone ends every verb in silence, a full device with one message."""

import logging
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from helpers import env

from combust.__main__ import main
from combust.cli.options import log
from combust.parallel import Communicator
from combust.warned import in_words, noted, pass_on, words

VERBS = {
    "help": ["--help"],
    "help of a verb": ["reduce", "--help"],
    "schema": ["schema", "--markdown"],
    "list": ["list"],
    "doctor": ["doctor"],
    "info": ["info", "h2o2.yaml"],
    "models": ["models"],
    "check": ["check", "cases/taylor_green_2d.toml"],
    "run": ["run", "cases/taylor_green_2d.toml", "--steps", "1", "--set", "numerics.compile=off"],
    "bad input": ["list", "boundry"],
}


@pytest.fixture
def gone():
    """A pipe whose reader has left."""
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as stream:
        yield stream


@pytest.fixture
def full():
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    with open("/dev/full", "w") as stream:
        yield stream


def call(verb, stream, tmp_path, monkeypatch):
    """Exit code of a verb whose standard output is `stream`."""
    arguments = [str(Path(a).resolve()) if a.startswith("cases/") else a for a in VERBS[verb]]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdout", stream)
    try:
        return main(arguments)
    except SystemExit as end:
        return end.code


@pytest.mark.parametrize("verb", [v for v in VERBS if v != "bad input"])
def test_a_reader_that_is_gone(verb, gone, tmp_path, monkeypatch, capsys):
    assert call(verb, gone, tmp_path, monkeypatch) == 141  # as of a program that SIGPIPE ends
    said = capsys.readouterr().err
    assert "error" not in said and "Traceback" not in said


@pytest.mark.parametrize("verb", ["help", "schema", "info", "run"])
def test_a_full_device(verb, full, tmp_path, monkeypatch, capsys):
    assert call(verb, full, tmp_path, monkeypatch) == 1
    said = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("compil")]
    assert said == ["error: standard output cannot be written: No space left on device"]


def test_messages_that_cannot_be_written_cost_no_work(full, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", full)
    assert main(["list", "boundry"]) == 2
    assert main(["list", "boundary"]) == 0
    assert "outflow" in capsys.readouterr().out


@pytest.mark.parametrize("end, code", [("gone", 141), ("closed", 0)])
def test_python_says_nothing_when_it_ends(end, code, gone):
    """It writes what is left in its buffers once more, after the verb."""
    command = [sys.executable, "-m", "combust", "list"]
    if end == "closed":
        command = ["sh", "-c", 'exec "$@" >&-', "sh", *command]
    done = subprocess.run(command, env=env(), stdout=gone, stderr=subprocess.PIPE, timeout=60)
    assert (done.returncode, done.stderr) == (code, b"")


CANTERA = "ChemEquil::equilibrate: Temperature ({} K) outside valid range of 300 K to 3000 K"


def test_warnings_of_libraries_are_said_once_and_in_words(capsys):
    text = words(CANTERA.format("3022.487353130056"))
    assert text.startswith("a temperature of 3022 K lies beyond the thermodynamic data (300 to 3000 K), which Cantera")
    with in_words():
        for T in ("3022.48", "3100.1"):
            warnings.warn(CANTERA.format(T), stacklevel=1)
        warnings.warn("overflow encountered\n in exp", RuntimeWarning, stacklevel=1)
        warnings.warn("old name", DeprecationWarning, stacklevel=1)
    assert capsys.readouterr().err == f"warning: {text}\nwarning: overflow encountered in exp\n"


def test_warnings_of_other_processes_are_said_by_this_one(capsys):
    with in_words():
        for T in ("3022.48", "3100.1"):
            with noted() as messages:
                warnings.warn(CANTERA.format(T), stacklevel=1)
            pass_on(messages)
    assert capsys.readouterr().err.count("warning: ") == 1


def test_other_libraries_are_heard_only_where_something_is_wrong(monkeypatch):
    """matplotlib tells of its fonts at the first picture."""
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    log(Communicator())
    assert logging.getLogger("combust.kernels").isEnabledFor(logging.INFO)
    assert not logging.getLogger("matplotlib").isEnabledFor(logging.INFO)
    assert logging.getLogger("matplotlib").isEnabledFor(logging.WARNING)
