"""What goes wrong ends in a message and an exit code; nothing hangs, and the last good checkpoint stays good."""

import json
import os
import shutil
import signal
import subprocess
import time

import h5py
import pytest
from helpers import CASE, command, env, launch, same_output

from combust.cfd.mesh.block import Block
from combust.io.checkpoint import read_checkpoint
from combust.io.folder import Folder
from combust.parallel import Communicator

BLOCK = Block.create(Communicator(), (8, 12, 24), (True, True, True))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An undisturbed run."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "heat.toml").write_text(CASE)
    assert launch(["run", folder / "heat.toml", "--out", folder / "out"]).returncode == 0
    return folder / "out"


@pytest.fixture(scope="module")
def twelve(tmp_path_factory):
    """A run that ended after 12 of its 20 steps."""
    folder = tmp_path_factory.mktemp("twelve")
    (folder / "heat.toml").write_text(CASE)
    assert launch(["run", folder / "heat.toml", "--out", folder / "out", "--steps", "12"]).returncode == 0
    return folder / "out"


@pytest.fixture
def case(tmp_path):
    (tmp_path / "heat.toml").write_text(CASE)
    return ["run", tmp_path / "heat.toml", "--out", tmp_path / "out"]


def checkpoints(tmp_path):
    return [path.name for path in Folder(tmp_path / "out").checkpoints()]


def continues(case, tmp_path, whole):
    """The next run with --restart auto ends like the undisturbed one."""
    done = launch([*case, "--restart", "auto"])
    assert done.returncode == 0, done.stderr
    same_output(whole, tmp_path / "out")
    assert not list((tmp_path / "out").glob("*.part"))
    return done


@pytest.mark.parametrize("ranks", [0, 2])
def test_nan_ends_the_run_with_3(case, tmp_path, ranks):
    done = launch(case, ranks, TOY_NAN_AT="10")
    assert done.returncode == 3
    assert "error: after step 10: T" in done.stderr and f"on rank {max(ranks - 1, 0)} is nan" in done.stderr
    assert f"last good checkpoint: {tmp_path}/out/checkpoint_000005.h5" in done.stderr
    assert done.stderr.count("error:") == 1
    assert checkpoints(tmp_path) == ["checkpoint_000005.h5"]
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["exit"]["reason"] == "diverged" and summary["exit"]["code"] == 3


@pytest.mark.parametrize("ranks", [0, 2])
def test_first_step_that_is_lost_leaves_nothing(case, tmp_path, ranks):
    done = launch(case, ranks, TOY_LOSE_AT="1")
    assert done.returncode == 3 and done.stderr.count("error:") == 1
    assert f"no step was done, and nothing of this run is left in {tmp_path / 'out'}" in done.stderr
    assert not (tmp_path / "out").exists()
    assert launch(case, ranks).returncode == 0  # no --force


def test_nan_before_any_checkpoint(case):
    done = launch(case, TOY_NAN_AT="2")
    assert done.returncode == 3 and "no checkpoint was written yet" in done.stderr


def test_failure_on_one_rank_ends_all(case):
    begin = time.monotonic()
    done = launch(case, 2, TOY_RAISE_AT="3:1")
    assert done.returncode != 0
    assert "[rank 1] unexpected error" in done.stderr and "the toy was asked to fail" in done.stderr
    assert "MPI_ABORT" not in done.stderr.partition("the toy was asked to fail")[0]  # the launcher's words come after
    assert time.monotonic() - begin < 50


@pytest.mark.parametrize("ranks", [0, 2])
def test_killed_amid_a_checkpoint(case, tmp_path, whole, ranks):
    done = launch(case, ranks, TOY_KILL_AT="3")
    assert done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)
    assert (tmp_path / "out" / "checkpoint_000015.h5.part").exists()
    assert checkpoints(tmp_path) == ["checkpoint_000010.h5", "checkpoint_000005.h5"]
    continues(case, tmp_path, whole)


@pytest.mark.parametrize("ranks", [0, 2])
def test_file_that_cannot_grow(case, tmp_path, whole, twelve, ranks):
    """A limit on the size of files that lets fields through but no checkpoint."""
    shutil.copytree(twelve, tmp_path / "out")
    size = (tmp_path / "out" / "checkpoint_000012.h5").stat().st_size
    done = launch([*case, "--restart", "auto"], ranks, TOY_FILE_LIMIT=str(size - 2000))
    assert done.returncode == 1
    assert f"error: cannot write {tmp_path}/out/checkpoint_000015.h5" in done.stderr
    assert "last good checkpoint" in done.stderr and "Traceback" not in done.stderr
    assert checkpoints(tmp_path)[0] == "checkpoint_000012.h5"
    continues(case, tmp_path, whole)


@pytest.mark.parametrize("ranks", [0, 2])
def test_full_disk(case, tmp_path, ranks):
    (tmp_path / "out").mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=420k", "tmpfs", tmp_path / "out"], capture_output=True, check=False
    )
    if mount.returncode:
        pytest.skip("needs the right to mount a tmpfs")
    try:
        done = launch(case, ranks)
        assert done.returncode == 1
        assert f"cannot write {tmp_path}/out/" in done.stderr and "no space left" in done.stderr.lower()
        assert "Traceback" not in done.stderr
        kept = checkpoints(tmp_path)
        assert kept and f"last good checkpoint: {tmp_path}/out/{kept[0]}" in done.stderr
        for name in kept:
            read_checkpoint(tmp_path / "out" / name, BLOCK)
    finally:
        subprocess.run(["umount", tmp_path / "out"], check=True)


def test_truncated_checkpoint(case, tmp_path, whole, twelve):
    shutil.copytree(twelve, tmp_path / "out")
    newest, before = Folder(tmp_path / "out").checkpoints()
    newest.write_bytes(newest.read_bytes()[:-5000])
    refused = launch([*case, "--restart", newest])
    assert refused.returncode == 2
    assert f"error: {newest}: " in refused.stderr and "truncated" in refused.stderr
    done = continues(case, tmp_path, whole)
    assert f"warning: {newest}" in done.stderr
    assert before.name == "checkpoint_000010.h5"


def test_no_whole_checkpoint(case, tmp_path, twelve):
    shutil.copytree(twelve, tmp_path / "out")
    for path in Folder(tmp_path / "out").checkpoints():
        with h5py.File(path, "r+") as file:
            file["state/T"][0, 0, 0] += 1
    done = launch([*case, "--restart", "auto"])
    assert done.returncode == 2
    assert done.stderr.count("warning:") == 2 and "no checkpoint there is whole" in done.stderr


def test_checkpoint_of_another_mechanism(case, tmp_path, twelve):
    shutil.copytree(twelve, tmp_path / "out")
    done = launch([*case, "--restart", "auto", "--set", "gas.mechanism=gri30.yaml"])
    assert done.returncode == 2
    assert "its mechanism is h2o2.yaml, that of this case is gri30.yaml" in done.stderr


def test_a_rank_of_a_profile_is_killed(case, tmp_path):
    """The others end with it, and nothing is left: files are written after the last step."""
    files = ["--trace", tmp_path / "trace.json", "--json", tmp_path / "numbers.json"]
    done = launch(["profile", tmp_path / "heat.toml", *files], 2, TOY_KILL_RANK="5:1")
    assert done.returncode == 128 + signal.SIGKILL
    assert [path.name for path in tmp_path.iterdir()] == ["heat.toml"]


@pytest.mark.parametrize("ranks, number", [(0, signal.SIGTERM), (2, signal.SIGUSR1)])
def test_signal_then_restart_is_exact(case, tmp_path, whole, ranks, number):
    """The signal goes to mpirun, which hands SIGUSR1 on to the ranks."""
    running = subprocess.Popen(
        command(case, ranks), env=env(TOY_SLEEP="0.3"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    for _ in range(200):
        time.sleep(0.1)
        if (tmp_path / "out" / "checkpoint_000005.h5").exists():
            break
    os.kill(running.pid, number)
    said, errors = running.communicate(timeout=300)
    assert running.returncode == 4, errors
    assert f"stopped by {number.name} after step" in said and "--restart auto" in said
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["exit"]["reason"] == "signal"
    step = json.loads((tmp_path / "out" / "summary.json").read_text())["step"]
    assert step < 20 and checkpoints(tmp_path)[0] == f"checkpoint_{step:06d}.h5"
    continues(case, tmp_path, whole)


def test_wall_limit_then_restart_is_exact(case, tmp_path, whole):
    done = launch([*case, "--set", "stop.wall=1"], TOY_SLEEP="0.2")
    assert done.returncode == 4 and "wall-time limit" in done.stdout
    continues(case, tmp_path, whole)


@pytest.mark.parametrize("ranks", [0, 2])
def test_folder_that_cannot_be_written(case, tmp_path, ranks):
    (tmp_path / "file").write_text("")
    done = launch([*case[:-1], tmp_path / "file" / "out"], ranks)
    assert done.returncode == 1
    assert f"error: output folder {tmp_path}/file/out cannot be written" in done.stderr
    assert done.stderr.count("error:") == 1


@pytest.mark.parametrize("ranks", [2])
def test_bad_input_and_full_folder_are_said_once(case, tmp_path, ranks):
    done = launch([*case, "--set", "numerics.sweeps=3"], ranks)
    assert done.returncode == 2 and done.stderr.count("error:") == 1
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    done = launch(case, ranks)
    assert done.returncode == 2 and done.stderr.count("is not empty") == 1
