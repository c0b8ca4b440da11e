"""combust chain on small stages: what runs and why, what is refused by name, what stands after a kill at any time."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import toy_chain
from helpers import ROOT, env

from combust.errors import ConfigError, DivergenceError, OutputError
from combust.settings.base import Settings
from combust.settings.trees import tree

SCRIPT = str(ROOT / "tests" / "toy_chain.py")


@pytest.fixture
def place(tmp_path):
    """(folder of the chain, its input)."""
    given = tmp_path / "given.txt"
    given.write_text("100")
    return tmp_path / "out", given


def made(found):
    return [done.stage.name for done in found.done if done.made]


def command(place, **options):
    return [sys.executable, SCRIPT, *map(str, place), *(f"{key}={value}" for key, value in options.items())]


def test_it_makes_all_and_then_nothing(place):
    found = toy_chain.run(*place)
    assert made(found) == list(toy_chain.NAMES) and toy_chain.content(place[0])["last"] == str(3 + 101 + 102)
    manifest = json.loads((place[0] / "second" / "manifest.json").read_text())
    assert manifest["settings"] == {"add": 1} and set(manifest["inputs"]) == {"first"} and manifest["starts"] == 1
    assert set(manifest["outputs"]) == {"steps.txt", "sum.txt", "when.txt"} and manifest["command"] == "toy second"
    before = {file: file.read_bytes() for file in place[0].rglob("*") if file.is_file()}
    again = toy_chain.run(*place)
    assert made(again) == [] and again.stale == ()
    assert {file: file.read_bytes() for file in before} == before
    assert not [path for path in place[0].iterdir() if path.suffix in (".partial", ".old", ".lock")]


def test_a_touched_input_runs_nothing_and_another_content_all_that_hangs_on_it(place):
    toy_chain.run(*place)
    os.utime(place[1])
    assert made(toy_chain.run(*place)) == []
    place[1].write_text("200")
    found = toy_chain.run(*place, dry_run=True)
    assert [one.fresh for one in found.planned] == [False] * 4 and "has another content" in found.planned[0].words()
    assert made(toy_chain.run(*place)) == list(toy_chain.NAMES)


def test_a_setting_of_one_stage_runs_it_and_the_later_ones(place):
    toy_chain.run(*place)
    found = toy_chain.run(*place, b=7, dry_run=True)
    assert found.planned[1].words() == "setting add was 1 and is 7"
    assert [one.stage.name for one in found.stale] == ["second", "last"]
    assert made(toy_chain.run(*place, b=7)) == ["second", "last"]
    assert toy_chain.content(place[0])["last"] == str(3 + 107 + 102)


def test_keys_that_came_later_make_nothing_stale_at_their_defaults(place, monkeypatch):
    """A stage of today has a key that its manifest lacks, or another default for one that it has."""
    plain = toy_chain.stages

    def with_settings(of):
        def stages(*args, **kwargs):
            return tuple(replace(one, settings=tree(of(add=one.settings["add"]))) for one in plain(*args, **kwargs))

        monkeypatch.setattr(toy_chain, "stages", stages)

    class Before(Settings, frozen=True):
        add: int

    class Today(Before, frozen=True):
        more: tuple[int, ...] = (1, 2)

    class Tomorrow(Before, frozen=True):
        more: tuple[int, ...] = (1, 2, 3)

    with_settings(Before)
    toy_chain.run(*place)
    manifest = place[0] / "second" / "manifest.json"
    before = manifest.read_bytes()
    with_settings(Today)
    found = toy_chain.run(*place)
    assert found.stale == () and made(found) == [] and manifest.read_bytes() == before
    with_settings(lambda add: Today(add=add, more=(1, 3 if add == 1 else 2)))
    found = toy_chain.run(*place, dry_run=True)
    assert [one.stage.name for one in found.planned if not one.fresh] == ["second", "last"]
    assert found.planned[1].words() == "setting more.1 was 2 and is 3"
    with_settings(Today)
    assert made(toy_chain.run(*place, only="second", force=True)) == []
    assert made(toy_chain.run(*place, first="second"))[0] == "second"  # its manifest has the key now
    with_settings(Tomorrow)
    found = toy_chain.run(*place, dry_run=True)
    assert found.planned[1].words() == "setting more.2 was null and is 3" and found.planned[0].fresh


def test_it_stops_early_where_outputs_are_equal(place):
    toy_chain.run(*place)
    assert made(toy_chain.run(*place, c=3)) == ["third"]  # 103 is made 102, as before
    assert made(toy_chain.run(*place, c=4)) == ["third", "last"]


def test_parts_of_it(place):
    assert made(toy_chain.run(*place, until="second")) == ["first", "second"]
    with pytest.raises(ConfigError, match="--only last: stage third before it is not up to date \\(not made yet\\)"):
        toy_chain.run(*place, only="last")
    assert made(toy_chain.run(*place, only="third")) == ["third"]
    assert made(toy_chain.run(*place)) == ["last"]
    assert made(toy_chain.run(*place, first="second")) == ["second", "last"]
    place[1].write_text("5")
    with pytest.raises(ConfigError, match="--from second: stage first before it is not up to date"):
        toy_chain.run(*place, first="second")


@pytest.mark.parametrize(("options", "text"), [
    ({"until": "fourth"}, "--until fourth: there is no such stage; there are first, second, third, last"),
    ({"first": "x"}, "--from x: there is no such"), ({"only": "first", "until": "last"}, "--only: goes with neither"),
    ({"first": "third", "until": "second"}, "--from third: comes after --until second"),
])  # fmt: skip
def test_unknown_stages(place, options, text):
    with pytest.raises(ConfigError, match=text):
        toy_chain.run(*place, **options)
    assert not place[0].exists()


def edited(out):
    (out / "third" / "sum.txt").write_text("104")


def missing(out):
    (out / "third" / "sum.txt").unlink()


def truncated(out):
    file = out / "third" / "manifest.json"
    file.write_bytes(file.read_bytes()[:100])


def foreign(out):
    shutil.rmtree(out / "third")
    (out / "third").mkdir()
    (out / "third" / "sum.txt").write_text("")


def swapped(out):
    shutil.copy(out / "second" / "manifest.json", out / "third" / "manifest.json")


@pytest.mark.parametrize(("wound", "text"), [
    (edited, "third/sum.txt is not as the stage third wrote it"), (missing, "third/sum.txt is missing"),
    (truncated, "third/manifest.json: cannot be read: it is not JSON"),
    (foreign, "third: has no manifest.json: it is half, or of something else"),
    (swapped, "third: is of another stage, second"),
])  # fmt: skip
def test_what_is_not_as_the_chain_made_it_is_refused_by_name(place, wound, text):
    toy_chain.run(*place)
    wound(place[0])
    before = {file: file.read_bytes() for file in place[0].rglob("*") if file.is_file() and file.suffix == ".txt"}
    for options in ({}, {"d": 9}):  # whether or not there is work
        with pytest.raises(ConfigError, match=text) as error:
            toy_chain.run(*place, **options)
        assert "--force" in str(error.value)
        assert {file: file.read_bytes() for file in before} == before
    assert "third" in made(toy_chain.run(*place, force=True))
    assert toy_chain.content(place[0])["last"] == "206"


def test_the_last_file_counts_like_the_others(place):
    """Engines do not look at files that nothing reads."""
    toy_chain.run(*place)
    (place[0] / "last" / "when.txt").write_text("never")
    with pytest.raises(ConfigError, match=r"last/when.txt is not as the stage last wrote it"):
        toy_chain.run(*place)


def test_files_of_others_are_not_thrown_away(place):
    toy_chain.run(*place)
    note = place[0] / "second" / "note.txt"
    note.write_text("mine")
    assert made(toy_chain.run(*place)) == []
    with pytest.raises(ConfigError, match="note.txt was not made by this stage"):
        toy_chain.run(*place, b=5)
    assert note.read_text() == "mine"


def test_a_stage_that_fails_names_itself_and_keeps_the_others(place):
    with pytest.raises(DivergenceError, match="stage second: it was asked to fail"):
        toy_chain.run(*place, fail="second")
    assert set(toy_chain.content(place[0])) == {"first"}
    assert made(toy_chain.run(*place)) == ["second", "third", "last"]
    steps = (place[0] / "second" / "steps.txt").read_text().splitlines()
    assert [line.split()[0] for line in steps] == [str(k) for k in range(toy_chain.STEPS)]  # it went on, not anew
    assert json.loads((place[0] / "second" / "manifest.json").read_text())["starts"] == 2


def test_a_half_stage_of_other_settings_is_begun_anew(place):
    with pytest.raises(DivergenceError):
        toy_chain.run(*place, fail="second")
    toy_chain.run(*place, b=5)
    assert set((place[0] / "second" / "steps.txt").read_text().split("\n")[:-1]) == {f"{k} of 5" for k in range(10)}


def test_a_half_folder_of_something_else_is_refused(place):
    (place[0] / "first.partial").mkdir(parents=True)
    (place[0] / "first.partial" / "thesis.tex").write_text("mine")
    with pytest.raises(ConfigError, match=r"first.partial: is no half folder of a chain"):
        toy_chain.run(*place)
    assert (place[0] / "first.partial" / "thesis.tex").exists()


def test_a_full_disk_keeps_earlier_stages(place):
    with pytest.raises(OutputError, match="stage third: No space left on device .*stages before it are kept") as error:
        toy_chain.run(*place, full="third")
    assert error.value.exit_code == 1 and set(toy_chain.content(place[0])) == {"first", "second"}
    assert made(toy_chain.run(*place)) == ["third", "last"]


def test_a_disk_that_is_full_for_good(place):
    """A limit on the size of files stands for it: the manifest itself cannot be written."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200)); import signal; "
    limit += "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); import sys; sys.argv = sys.argv[1:]; import runpy; "
    limit += "runpy.run_path(sys.argv[0], run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", limit, *command(place)[1:]], env=env(), capture_output=True, text=True)
    assert done.returncode == 1 and "first: " in done.stderr and "File too large" in done.stderr, done.stderr
    assert made(toy_chain.run(*place)) == list(toy_chain.NAMES)


def test_the_second_of_two_leaves_with_the_process_of_the_first(place):
    first = subprocess.Popen(command(place, pause=2), env=env(), stdout=subprocess.DEVNULL)
    try:
        wait_for(place[0] / "first.partial" / "steps.txt")  # it works now
        with pytest.raises(ConfigError, match=f"in use by process {first.pid} on this host"):
            toy_chain.run(*place)
    finally:
        first.send_signal(signal.SIGTERM)
        first.wait(30)
    assert first.returncode == 4 and not (place[0] / "chain.lock").exists()


def wait_for(path, seconds=60.0):
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, path
        time.sleep(0.01)


def kill_at_random(place, times, seed):
    """The chain is killed `times` times, each time at another place, and one plain call ends it."""
    whole = place[0].with_name("whole")
    toy_chain.run(whole, place[1])
    draw = random.Random(seed)
    for _ in range(times):
        shutil.rmtree(place[0], ignore_errors=True)
        process = subprocess.Popen(command(place, pause=0.01), env=env(), stdout=subprocess.DEVNULL)
        wait_for(place[0] / "chain.lock")
        time.sleep(draw.uniform(0.0, 0.6))
        process.kill()
        process.wait(30)
        stood = {name: (place[0] / name).stat().st_ino for name in toy_chain.NAMES if (place[0] / name).is_dir()}
        half = [path for path in place[0].glob("*.partial/steps.txt")]
        lines = len(half[0].read_text().splitlines()) if half else 0
        found = toy_chain.run(*place)
        assert toy_chain.content(place[0]) == toy_chain.content(whole)
        assert not set(made(found)) & set(stood)  # what was finished is not made again
        if half:
            steps = (place[0] / half[0].parent.name.removesuffix(".partial") / "steps.txt").read_text()
            assert len(steps.splitlines()) == toy_chain.STEPS >= lines
        assert made(toy_chain.run(*place)) == []


def test_kill_at_random_times(place):
    kill_at_random(place, 3, seed=os.getpid())


@pytest.mark.slow
def test_kill_at_twenty_random_times(place):
    kill_at_random(place, 20, seed=os.getpid())


@pytest.mark.parametrize("where", ["manifest", "aside", "both"])
def test_a_kill_while_one_folder_takes_the_place_of_the_other(place, where):
    """The states between the steps of a change of folders, each of which a call mends."""
    out = place[0]
    toy_chain.run(*place)
    shutil.copytree(out, out.with_name("before"))
    toy_chain.run(*place, b=7)
    before, half, old = out.with_name("before"), out / "second.partial", out / "second.old"
    os.rename(out / "second", half)  # all is done in the half folder ...
    if where == "manifest":
        shutil.copytree(before / "second", out / "second")  # ... the stale one stands,
    else:
        shutil.copytree(before / "second", old)  # or it is aside
    if where == "both":
        shutil.copytree(half, out / "second")
        shutil.rmtree(half)  # or the new one stands and the old one is still there
    found = toy_chain.run(*place, b=7)
    assert toy_chain.content(out)["second"] == "107" and not half.exists() and not old.exists()
    assert "last" not in made(found) and made(toy_chain.run(*place, b=7)) == []
