"""What documents tell a user to type is understood; short commands run; so do those of the README in a fresh clone."""

import os
import re
import shutil
import subprocess
import sys

import pytest
from documented import BEGIN, ROOT, Command, commands, in_page, parts, wrong

from combust.__main__ import main

SHORT = {"models", "list", "schema", "doctor"}  # verbs that take no time
RUN = sorted({c.text for c in commands() if c.text.startswith("combust ") and c.text.split()[1] in SHORT
              and not any(word.isupper() for word in c.text.split())})  # fmt: skip


def test_every_command_is_understood():
    found = commands()
    assert len({c.text for c in found}) > 60 and len({c.place for c in found}) > 25
    bad = [f"{c.place}: {c.text}: {said}" for c in found if (said := wrong(c))]
    assert not bad, "\n".join(bad)


@pytest.mark.parametrize("text", [
    "combust ignites gri30.yaml", "combust run", "combust ignite gri30.yaml --fule CH4", "make flames",
    "python -m validation flame_sped", "python benchmarks/flow.py --cels 3", "python benchmarks/none.py",
    "combust run cases/none.toml", "scripts/mpirun.sh -n 2 python -m combust.run", "python -m combust.runs",
])  # fmt: skip
def test_commands_that_would_fail_are_found(text):
    assert BEGIN.match(text) and wrong(Command("here", text, True))


def test_where_commands_stand():
    readme = [c.text for c in in_page("README.md") if c.whole]
    assert "make test" in readme and any(text.startswith("combust check") for text in readme)
    assert not any("#" in text for text in readme)
    assert [c.text for c in parts(Command("here", "a b && c | d; e", True))] == ["a b", "c", "d", "e"]


@pytest.mark.parametrize("text", RUN)
def test_short_commands_run(text, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert main(text.split()[1:]) == 0
    assert capsys.readouterr().out.strip()


def clone(folder, as_user):
    """A clone of what is committed here, `folder`/combust, owned by the user."""
    folder.chmod(0o755)
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder / "combust")], check=True)
    if as_user is not None:
        for top, names, files in os.walk(folder):
            for name in (".", *names, *files):
                os.chown(os.path.join(top, name), as_user, as_user, follow_symlinks=False)
    return folder / "combust"


@pytest.mark.slow
@pytest.mark.parametrize("who", ["this user", "an ordinary user"])
def test_a_fresh_clone_does_what_the_readme_says(who, tmp_path_factory):
    """The lines of `Make your own`, on few cells, a benchmark and a study; nothing of this checkout is on the path."""
    as_user = None
    if who == "an ordinary user":
        if os.geteuid() != 0:
            pytest.skip("only root can become another user")
        as_user = 65534
    folder = tmp_path_factory.mktemp("clone")
    for parent in list(folder.parents)[:2]:  # pytest's, which it keeps to itself
        parent.chmod(0o755)
    place = clone(folder, as_user)
    bin_ = folder / "bin"
    bin_.mkdir()
    (bin_ / "combust").write_text(f'#!/bin/sh\nexec {sys.executable} -m combust "$@"\n')
    (bin_ / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    for path in bin_.iterdir():
        path.chmod(0o755)
    environment = {"PATH": f"{bin_}:{os.environ['PATH']}", "HOME": str(folder), "OMP_NUM_THREADS": "1"}
    lines = [c.text for c in in_page("README.md") if c.whole]
    start = lines.index("cp cases/flame.toml my.toml")
    tiny = " --set mesh.cells=[24,16] --set stop.steps=2 --set numerics.compile=off"
    lines = [re.sub(r"(-n|--ranks) \d+", r"\1 2", text) for text in lines[start:]]  # as many as all machines have
    wanted = [text + (tiny if "combust.run" in text or "check" in text else "") for text in lines]
    wanted += ["python benchmarks/pool.py --smoke", "python -m validation --smoke taylor_green", "combust doctor"]
    if shutil.which("mpirun") is None:
        wanted = [text for text in wanted if "mpirun" not in text]
    for text in wanted:
        done = subprocess.run(text, shell=True, cwd=place, env=environment, capture_output=True, text=True,
                              user=as_user, group=as_user, timeout=600, check=False)  # fmt: skip
        assert done.returncode == 0, f"{text}\n{done.stdout[-1500:]}{done.stderr[-1500:]}"
    assert (place / "runs" / "my" / "fields.pvd").is_file()
