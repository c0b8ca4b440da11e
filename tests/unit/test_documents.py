"""What documents tell a user to type is understood; short commands run; so do those of the README in a fresh clone."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from documented import BEGIN, PAGES, ROOT, Command, commands, in_page, parts, wrong

from combust.__main__ import main, parser
from combust.case.load import load
from combust.reduction import settings as reduction
from combust.surrogates import settings as surrogates

OWN_MODEL = ("syngas_mechanism.toml", "syngas.toml", "flame_syngas.toml")
SHORT = {"models", "list", "schema", "doctor"}  # verbs that take no time
RUN = sorted({c.text for c in commands() if c.text.startswith("combust ") and c.text.split()[1] in SHORT
              and not any(word.isupper() or "runs/" in word for word in c.text.split())})  # fmt: skip


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


def headings(page):
    """Anchors of a page, as GitHub and the site make them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES)
def test_rows_of_a_table_stand_under_its_head(page):
    """What follows a blank line without a head is shown as raw text."""
    text = re.sub(r"^```.*?^```", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        head, rule, *_ = *table.splitlines(), ""
        assert re.fullmatch(r"\|(\s*:?-+:?\s*\|)+", rule) and len(re.findall(r"(?<!\\)\|", head)) == rule.count("|"), (
            head
        )


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    """Files and headings that a page links to, on disk as on GitHub."""
    place, lost = (ROOT / page).parent, []
    for link in re.findall(r"\]\(([^)\s]+)\)", (ROOT / page).read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        target = place / path if path else ROOT / page
        if "://" not in link and not (target.exists() and (not anchor or anchor in headings(target))):
            lost.append(link)
    assert not lost


@pytest.mark.parametrize("text", RUN)
def test_short_commands_run(text, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert main(text.split()[1:]) == 0
    assert capsys.readouterr().out.strip()


@pytest.fixture
def own_folder():
    """Not pytest's, which it keeps from other users."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


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
def test_a_fresh_clone_does_what_the_readme_says(who, own_folder):
    """The lines of `Make your own`, on few cells, a benchmark and a study; nothing of this checkout is on the path."""
    as_user = None
    if who == "an ordinary user":
        if os.geteuid() != 0:
            pytest.skip("only root can become another user")
        as_user = 65534
    folder = own_folder
    place = clone(folder, as_user)
    bin_ = folder / "bin"
    bin_.mkdir()
    (bin_ / "combust").write_text(f'#!/bin/sh\nexec {sys.executable} -m combust "$@"\n')
    (bin_ / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    for path in bin_.iterdir():
        path.chmod(0o755)
    environment = {"PATH": f"{bin_}:{os.environ['PATH']}", "HOME": str(folder), "OMP_NUM_THREADS": "1"}
    lines = [c.text for c in in_page("README.md") if c.whole]
    start = lines.index("combust new flame my.toml")
    tiny = " --set mesh.cells=[24,16] --set stop.steps=2 --set numerics.compile=off"
    lines = [re.sub(r"(-n|--ranks) \d+", r"\1 2", text) for text in lines[start:]]  # as many as all machines have
    wanted = [
        text + (tiny if any(word in text for word in ("combust.run", "check", "profile")) else "") for text in lines
    ]
    wanted += ["python benchmarks/pool.py --smoke", "python -m validation --smoke taylor_green", "combust doctor"]
    if shutil.which("mpirun") is None:
        wanted = [text for text in wanted if "mpirun" not in text]
    for text in wanted:
        done = subprocess.run(text, shell=True, cwd=place, env=environment, capture_output=True, text=True,
                              user=as_user, group=as_user, timeout=600, check=False)  # fmt: skip
        assert done.returncode == 0, f"{text}\n{done.stdout[-1500:]}{done.stderr[-1500:]}"
    assert (place / "runs" / "my" / "fields.pvd").is_file()


def test_every_verb_is_in_the_readme():
    text = (ROOT / "README.md").read_text()
    verbs = next(a for a in parser()._actions if a.dest == "verb").choices
    missing = [verb for verb in verbs if not re.search(rf"combust[ .]{verb}\b|`{verb}`", text)]
    assert not missing


def test_files_of_the_own_model_are_valid(tmp_path):
    page = (ROOT / "docs" / "own_model.md").read_text()
    files = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert len(files) == len(OWN_MODEL)
    for name, body in zip(OWN_MODEL, files, strict=True):
        assert f"`{name}`" in page
        (tmp_path / name).write_text(body)
    assert len(reduction.load(tmp_path / OWN_MODEL[0]).cases) == 21
    assert surrogates.load(tmp_path / OWN_MODEL[1]).sample.rows == 150_000
    assert load(tmp_path / OWN_MODEL[2]).chemistry.model.endswith("runs/syngas/model")
