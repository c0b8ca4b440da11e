"""The C++ kernels as a library: where it is kept, who compiles it, what is said where there is none, or no memory."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from combust import machine_code
from combust.kinetics.integrate.native import library
from combust.kinetics.integrate.native.integrator import compiled_for
from combust.kinetics.mechanism.mechanism import Mechanism


def test_code_has_a_place_where_the_cache_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "file"))
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path / "other"))
    assert machine_code.place("x.so").parent.parent == tmp_path / "other"
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path / "file"))
    with pytest.raises(OSError, match="name a folder in TORCHINDUCTOR_CACHE_DIR"):
        machine_code.place("x.so")


def test_users_without_a_home_have_a_place(tmp_path, monkeypatch):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(machine_code.Path, "home", no_home)
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    assert machine_code.place("x.so").parent.parent == tmp_path


def test_code_is_taken_from_a_cache_that_is_read_only(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(machine_code.os, "access", lambda *x: False)
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path / "none"))
    (tmp_path / "x.so").write_bytes(b"code" + hashlib.sha256(b"code").digest())
    assert machine_code.place("x.so") == tmp_path / "x.so"
    (tmp_path / "x.so").write_bytes(b"code" + hashlib.sha256(b"more code").digest())
    with pytest.raises(OSError, match="neither"):
        machine_code.place("x.so")


def test_a_part_of_a_file_is_compiled_anew(tmp_path, monkeypatch):
    """Loading it would end the process."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(machine_code, "FLAGS", (*machine_code.FLAGS, "-O0"))
    library.library.cache_clear()
    path = tmp_path / f"integrate-{machine_code.key(library.code(), machine_code.compiler())}.so"
    path.write_bytes(b"\x7fELF")
    try:
        assert library.library() is not None and machine_code.whole(path)
    finally:
        library.library.cache_clear()


def test_compilers_that_cxx_names(monkeypatch, caplog):
    monkeypatch.setenv("CXX", "env g++")
    assert machine_code.compiler() == [shutil.which("env"), "g++"]
    monkeypatch.setenv("CXX", "no-such-compiler")
    library.library.cache_clear()
    try:
        assert library.library() is None
        assert 'CXX = "no-such-compiler" names no program: install g++ or name one in CXX' in caplog.text
    finally:
        library.library.cache_clear()


def test_without_a_compiler_torch_serves(monkeypatch, caplog):
    gas = Mechanism.load("h2o2.yaml")
    monkeypatch.setattr(machine_code, "FLAGS", ("-no-such-flag",))
    library.library.cache_clear()
    try:
        assert compiled_for(gas.kinetics) is None
        assert "torch's slower kernels serve instead" in caplog.text and "no-such-flag" in caplog.text
    finally:
        library.library.cache_clear()


SHORT = """
import resource, sys, torch
from combust.errors import MemoryLackError
from combust.kinetics.integrate import cells as ode
from combust.kinetics.integrate.native.integrator import compiled_for
from combust.kinetics.integrate.rosenbrock import METHODS
from combust.kinetics.integrate.systems import Fixed
from combust.kinetics.mechanism.mechanism import Mechanism

class Keeping:
    rows, ending = list(range(11)), None
    def __call__(self, record): pass

torch.set_num_threads(int(sys.argv[1]))
gas = Mechanism.load("h2o2.yaml")
Y = gas.mixture("H2:1", "O2:1, N2:3.76", 1.0)
z = torch.cat([torch.tensor([1500.0], dtype=torch.float64), Y]).unsqueeze(1).expand(-1, 3000).contiguous()
job = ode.System(gas.kinetics, "hp"), METHODS["rodas4"], ode.Tolerance(1e-6, 1e-12), z, z * 0, 1e-4
first, fixed = torch.full((3000,), 1e-9, dtype=z.dtype), Fixed(torch.full((3000,), 1e5, dtype=z.dtype))
assert compiled_for(gas.kinetics, z) is not None
pages = int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 40_000_000,) * 2)
try:
    ode.integrate_cells(*job, first, 8, fixed, observe=Keeping())
except MemoryError as error:
    assert isinstance(error, MemoryLackError)
    print(error)
print(ode.integrate_cells(*job, first, 8, fixed).failed.numel())
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="a limit of memory is set as Linux has it")
def test_memory_that_is_not_granted_is_said():
    """And does not end the process, in whichever thread; what needs less works on."""
    told = subprocess.run([sys.executable, "-c", SHORT, "2"], capture_output=True, text=True)
    said, failed = told.stdout.strip().splitlines()
    of = "integration with the states of all steps of 3000 cells of 10 species on 2 threads"
    assert said.startswith(f"{of}: the system grants no more memory"), told.stderr
    assert failed == "0"
