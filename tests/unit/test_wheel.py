"""The wheel: built, installed in an environment that does not see the repository, its verbs work there."""

import os
import site
import subprocess
import sys
import venv

import pytest
from helpers import ROOT

from combust import __version__, shipped

TINY = ["--set", "mesh.cells=[16,16]", "--set", "numerics.compile=off", "--steps", "3"]


def run(command, where, **environment):
    """What a command prints. Fails with its messages."""
    kept = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "COMBUST_CACHE")}
    done = subprocess.run(
        [str(word) for word in command], cwd=where, env=kept | environment, capture_output=True, text=True, timeout=600,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
    return done.stdout


def copy_of_repository(folder):
    """What is committed, and what is not yet, but ignored files: a build leaves traces in its source."""
    listed = run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], ROOT).split("\0")
    for name in filter(None, listed):
        source, target = ROOT / name, folder / name
        if os.path.lexists(source):
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_symlink():
                target.symlink_to(os.readlink(source))
            else:
                target.write_bytes(source.read_bytes())
    return folder


@pytest.fixture(scope="module")
def combust(tmp_path_factory):
    """The command `combust` of an environment that holds the wheel and sees the dependencies of this one."""
    folder = tmp_path_factory.mktemp("wheel")
    source = copy_of_repository(folder / "source")
    run([sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q", "-w", folder, source], folder)
    [wheel] = folder.glob("combust-*.whl")
    assert f"-{__version__}-" in wheel.name
    venv.create(folder / "env", with_pip=False)
    own = next((folder / "env" / "lib").glob("python*")) / "site-packages"
    python = folder / "env" / "bin" / "python"
    (own / "dependencies.pth").write_text("\n".join(site.getsitepackages()))
    run([sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", "-q", wheel], folder)
    place = run([python, "-c", "import combust; print(combust.__file__)"], folder)
    assert place.startswith(str(own)), place
    work = folder / "work"
    work.mkdir()
    return lambda *words: run(
        [python.with_name("combust"), *words], work, OMP_NUM_THREADS="1", COMBUST_CACHE=str(folder / "cache")
    )


@pytest.mark.slow
def test_the_verbs_work_without_the_repository(combust):
    listed = combust("new")
    assert all(case.name in listed and case.title in listed for case in shipped.cases())
    assert "my.toml" in combust("new", "taylor_green_2d", "my.toml")
    assert "first dt: " in combust("check", "my.toml", *TINY)
    assert "mms_gas.yaml" in combust("new", "mms") and "first dt: " in combust("check", "mms.toml", *TINY[:4])
    assert "reached step 3" in combust("run", "my.toml", *TINY, "--out", "out")
    assert "checkpoint of step 3" in combust("info", "out/checkpoint_000003.h5")
    assert "delay [s]" in combust("ignite", "h2o2.yaml", "--fuel", "H2", "--T", "1200", "--out", "delays")
    assert "h2_air" in combust("models") and "ch4_air" in combust("models", "ch4_air")
    assert "reduce" in combust("--help") and __version__ in combust("--version")


@pytest.mark.slow
def test_a_learned_case_and_the_shipped_mechanism_work_without_the_repository(combust):
    combust("new", "flame1d_ch4", "methane.toml")
    assert "flame: " in combust("check", "methane.toml", "--set", "numerics.compile=off")
    combust("new", "reduction/methane", "reduce.toml")
    assert "28 species" in combust("info", "methane_cfd.yaml")
