"""How ranks are started: scripts/mpirun.sh with any MPI, as root and not; a launcher that does not fit mpi4py."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from helpers import ROOT

from combust.errors import DependencyError
from combust.machine import HUGE_PAGES, huge_pages
from combust.parallel import SIZES, world

OPEN_MPI, HYDRA = "mpirun (Open MPI) 4.1.4", "HYDRA build details:\n    Version: 4.0.2"


def program(path, text):
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)


@pytest.mark.parametrize(
    "version, user, flags",
    [
        (OPEN_MPI, 0, ["--oversubscribe", "--allow-run-as-root"]),
        (OPEN_MPI, 1000, ["--oversubscribe"]),
        (HYDRA, 0, []),
        (HYDRA, 1000, []),
    ],
)
def test_mpirun_is_told_what_it_wants(tmp_path, version, user, flags):
    program(tmp_path / "id", f"echo {user}\n")
    program(
        tmp_path / "mpirun",
        f"""[ "$1" = --version ] && echo '{version}' && exit\necho "threads $OMP_NUM_THREADS"; printf '%s\\n' "$@"\n""",
    )
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    command = [ROOT / "scripts" / "mpirun.sh", "-n", "2", "echo", "two words"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["threads 1", *flags, "-n", "2", "echo", "two words"]


def test_no_mpirun(tmp_path):
    for name in ("env", "bash"):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}" if name == "env" else "/bin/bash")
    done = subprocess.run(
        [ROOT / "scripts" / "mpirun.sh", "-n", "2", "true"], env={"PATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.returncode == 2 and done.stderr == "error: no mpirun on the path; combust doctor says how to get it\n"


@pytest.mark.parametrize("sizes, ranks, fits", [
    ({}, 1, True), ({"PMI_SIZE": "1"}, 1, True), ({"PMI_SIZE": "2"}, 2, True), ({"PMI_SIZE": "2"}, 1, False),
    ({"OMPI_COMM_WORLD_SIZE": "1", "SLURM_STEP_NUM_TASKS": "2"}, 1, True),  # daemons on two nodes, one rank
])  # fmt: skip
def test_a_launcher_of_another_mpi(monkeypatch, sizes, ranks, fits):
    """Each rank would be alone, and run the whole case."""
    mpi = SimpleNamespace(
        COMM_WORLD=SimpleNamespace(Get_size=lambda: ranks, Get_rank=lambda: 0),
        Get_library_version=lambda: "Open MPI v4.1.4, package: Debian\x00",
    )
    monkeypatch.setitem(sys.modules, "mpi4py", SimpleNamespace(MPI=mpi))
    for name in SIZES:
        monkeypatch.delenv(name, raising=False)
    for name, size in sizes.items():
        monkeypatch.setenv(name, size)
    if fits:
        assert world().size == ranks
        return
    with pytest.raises(DependencyError, match=r"2 ranks \(PMI_SIZE\).* alone in its MPI, Open MPI v4.1.4: mpirun and"):
        world()


@pytest.mark.parametrize("said, then", [(None, "1"), ("0", "0"), ("1", "1")])
def test_large_pages_unless_the_environment_says_otherwise(monkeypatch, said, then):
    monkeypatch.setenv(HUGE_PAGES, said or "")
    if said is None:
        monkeypatch.delenv(HUGE_PAGES)
    huge_pages()
    assert os.environ[HUGE_PAGES] == then
