"""Files that are damaged, hostile or beyond use, by every door: the inputs of users' reports, and changes at random."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cantera as ct
import h5py
import numpy as np
from safetensors.torch import load_file, save_file

from validation.trust import Member

TESTS = Path(__file__).parents[2] / "tests"
sys.path.insert(0, str(TESTS))

import fuzz_files  # noqa: E402
import fuzz_mechanism  # noqa: E402
import mutations  # noqa: E402

from combust.__main__ import main  # noqa: E402
from combust.case.load import load  # noqa: E402
from combust.errors import CombustError  # noqa: E402
from combust.io.folder import Folder  # noqa: E402
from combust.parallel import Communicator  # noqa: E402
from combust.run.build import build  # noqa: E402

KIND = (
    "What is read from a file is validated by the same readers at every door (`info`, `models`, `check`, `run`, "
    "`--restart`, Python): damaged, hostile or meaningless content ends in exit 2 and one message that names file and "
    "entry. No traceback, no hang, no end of the process, no NaN taken in silence."
)
KINDS, EDITS = None, None  # of files, places of a card; all
COUNT, SEED = 200, 11  # of changes at random; another seed than that of the tests
CASE = """
mesh = { kind = "uniform", cells = [8], lower = [0], upper = [0.01] }
gas = { mechanism = "h2o2.yaml" }
initial = { kind = "uniform", temperature = 1200, composition = "H2:2, O2:1, N2:4" }
boundary = { x = { kind = "periodic" } }
numerics = { dt = 1e-7 }
stop = { steps = 4 }
output = { checkpoint = { every = { steps = 2 } } }
"""
H2O2 = Path(ct.get_data_directories()[-1]) / "h2o2.yaml"
PLOG = (
    "\n- equation: H + O2 <=> O + OH\n  type: pressure-dependent-Arrhenius\n  duplicate: true\n  rate-constants:\n"
    "  - {P: -1.0 atm, A: 1.0e+13, b: 0, Ea: 0}\n"
)
REFUSED = "exit 2, names file and entry"


def members() -> Iterator[Member]:
    """Inputs of reports first, then changes at random."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ.setdefault("COMBUST_DUMP", name)  # of cells that are meant to fail
        for part in DOORS:
            yield from part(folder)
    for kind in fuzz_files.KINDS[:KINDS]:
        yield changed(kind)
    yield changed_mechanisms()


def verb(*arguments: object) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a verb."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(argument) for argument in arguments])
    return code, out.getvalue(), err.getvalue()


def refused(tried: str, words: list[str], *arguments: object) -> Member:
    """A member that must end in exit 2 with all words in its message."""
    code, _, said = verb(*arguments)
    said = "error: " + said.partition("error: ")[2]  # libraries may warn before it
    text = " ".join(said.split())
    holds = code == 2 and "Traceback" not in said and all(word in text for word in words)
    return Member(tried, REFUSED, f"exit {code}: {text.removeprefix('error: ')[:160]}", holds)


def cases(folder: Path) -> Iterator[Member]:
    path = folder / "case.toml"
    for tried, old, new, words in (
        ("cells = 10^12", "[8]", "[1000000000000]", ["mesh", "GB"]),
        ("cells = 10^20", "[8]", "[100000000000000000000]", ["mesh.cells[0]", "2^63"]),
        ("3000-fold nesting", "[8]", "[" * mutations.DEEP, ["nested too deeply"]),
        ("path with NUL", "h2o2.yaml", "h2\\u0000.yaml", ["gas.mechanism", "NUL"]),
        ("x = 1e300", "[0.01]", "[1e300]", ["mesh.upper[0]"]),
        ("composition of an unknown species", "N2:4", "N3:4", ["initial.composition", "N3"]),
        ("composition whose sum overflows", "H2:2, O2:1", "H2:1e308, O2:1e308", ["initial.composition"]),
        ("mechanism in Chemkin format", "h2o2.yaml", "gas.inp", ["ck2yaml --input="]),
    ):
        path.write_text(CASE.replace(old, new))
        (folder / "gas.inp").write_text("ELEMENTS\nH O\nEND\n")
        yield refused(f"check: {tried}", ["case.toml", *words], "check", path)
    path.write_text('title = "\\u001b[2J \\u009b31m"\n' + CASE)
    code, out, _ = verb("check", path)
    clean = not set("\x1b\x9b") & set(out)
    yield Member(
        "check: title with terminal escapes",
        "shown as escapes, not obeyed",
        f"exit {code}, control characters on the terminal: {'none' if clean else 'some'}",
        code == 0 and clean,
    )


def checkpoints(folder: Path) -> Iterator[Member]:
    path, out = folder / "case.toml", folder / "out"
    for tried, damage in (
        ("a data set missing", lambda f: f.__delitem__("state/U")),
        ("meta without loop", without_loop),
        ("a value changed", lambda f: f["state/U"].__setitem__((0, 0, 0, 0), 7.0)),
        ("description missing", lambda f: f.__delitem__("meta")),
    ):
        path.write_text(CASE)
        verb("run", path, "--out", out, "--force")
        newest = Folder(out).checkpoints()[0]
        with h5py.File(newest, "r+") as file:
            damage(file)
        yield refused(f"info: checkpoint, {tried}", [newest.name, "damaged"], "info", newest)
        yield refused(
            f"--restart FILE: {tried}", [newest.name, "damaged"], "run", path, "--out", out, "--restart", newest
        )
        code, _, said = verb("run", path, "--out", out, "--restart", "auto")
        holds = code == 0 and newest.name in said and "trying the one before" in said
        yield Member(
            f"--restart auto: newest with {tried}",
            "the older whole one, and says which was skipped and why",
            f"exit {code}: {' '.join(said.split())[:160]}",
            holds,
        )


def numbers(folder: Path) -> Iterator[Member]:
    """Files whose damage shows in no structure, or shows HDF5 a way without end."""
    path = folder / "fields_000003.vtr"
    fuzz_files.write_vtr(path)
    whole = path.read_bytes()
    place = whole.index(fuzz_files.heat().T.tobytes()) + 6
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    yield refused("info: snapshot, one bit of a number", [path.name, "is not what was written"], "info", path)
    endless = Path(shutil.copy(TESTS / "faults" / "inputs" / "endless.h5", folder))
    yield refused("info: HDF5 file that keeps the library in a loop", [endless.name, "come to an end"], "info", endless)


def without_loop(file: Any) -> None:
    import zlib

    meta = json.loads(file["meta"][...].tobytes())
    del meta["loop"]
    text = json.dumps(meta).encode()
    del file["meta"]
    file.create_dataset("meta", data=np.frombuffer(text, np.uint8)).attrs["crc32"] = zlib.crc32(text)


def models(folder: Path) -> Iterator[Member]:
    card = folder / "m.json"
    fuzz_files.write_model(card)
    whole, weights = card.read_text(), card.with_suffix(".safetensors").read_bytes()
    edits, wrong = 0, []
    for place in list(mutations.places(json.loads(whole)))[:EDITS]:
        for value in (None, "x", [], {}, -1):
            made = json.loads(whole)
            node = made
            for name in place[:-1]:
                node = node[name]
            if value is None:
                del node[place[-1]]
            else:
                node[place[-1]] = value
            card.write_text(json.dumps(made))
            edits += 1
            wrong += failures(lambda: fuzz_files.read_model(card), str(place))
    yield Member(
        f"{edits} edits of a card: each entry dropped or of another type",
        "a message, or not needed",
        f"{len(wrong)} tracebacks" + (f": {wrong[0]}" if wrong else ""),
        not wrong,
    )
    for tried, change in (
        ("NaN in the weights", lambda t: t["networks.0.layers.1.weight"].fill_(np.nan)),
        ("a router's table of another length", lambda t: t.update({"tables.trust.peak": t["tables.trust.peak"][:-1]})),
    ):
        card.write_text(whole)
        card.with_suffix(".safetensors").write_bytes(weights)
        tensors = load_file(card.with_suffix(".safetensors"))
        change(tensors)
        save_file({k: v.contiguous() for k, v in tensors.items()}, card.with_suffix(".safetensors"))
        made = json.loads(whole)
        made["weights"]["sha256"] = hashlib.sha256(card.with_suffix(".safetensors").read_bytes()).hexdigest()
        card.write_text(json.dumps(made))
        yield refused(
            f"verify: model with {tried}",
            ["m.json", "networks" if "NaN" in tried else "peak"],
            "verify",
            card,
            "--out",
            folder / "verify",
        )


def mechanisms(folder: Path) -> Iterator[Member]:
    text, path = H2O2.read_text(), folder / "gas.yaml"
    bomb = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}' if i else 'x'] * 9)}]\n" for i in range(8))
    for tried, content, words in (
        ("P-log with a negative pressure (Cantera: segmentation fault)", text + PLOG, ["pressure P"]),
        ("YAML alias bomb (Cantera: a minute, 1.4 GB)", bomb + text, ["aliases"]),
        ("YAML alias of itself (Cantera: segmentation fault)", "a: &a [*a]\n" + text, ["alias"]),
        (
            "linear Burke without colliders (Cantera: segmentation fault)",
            text + "\n- equation: H + OH <=> H2O\n  type: linear-Burke\n  colliders: []\n",
            ["colliders"],
        ),
        ("A = 2.65e216", text.replace("2.65e+16", "2.65e+216"), ["H + O2 <=> O + OH"]),
        ("a coefficient of H2 of 2.3e200", text.replace("2.34433112", "2.34433112e+200", 1), ["species H2"]),
    ):
        path.write_text(content)
        yield refused(f"ignite: {tried}", ["gas.yaml", *words], "ignite", path, "--fuel", "H2", "--out", folder)
    path.write_text(text.replace("2.65e+16", "2.65e+56"))
    (folder / "case.toml").write_text(CASE.replace("h2o2.yaml", "gas.yaml"))
    code, _, said = verb("run", folder / "case.toml", "--out", folder / "lost", "--force")
    yield Member(
        "run: A = 2.65e56, finite but beyond use",
        "exit 3, names the reaction",
        f"exit {code}: ...{' '.join(said.split())[-160:]}",
        code == 3 and "H + O2 <=> O + OH" in said,
    )
    gas = ct.Solution("h2o2.yaml")
    species = [ct.Species.from_dict(s.input_data | {"name": s.name.lower()}) for s in gas.species()]
    ct.Solution(thermo="ideal-gas", kinetics="gas", species=species, reactions=[]).write_yaml(path)
    config = CASE.replace("h2o2.yaml", "gas.yaml").replace(
        'composition = "H2:2, O2:1, N2:4"', 'fuel = "h2:1", oxidizer = "O2:1, N2:3.76", phi = 1'
    )
    (folder / "case.toml").write_text(config)
    try:
        build(load(folder / "case.toml"), Communicator())
        outcome = "runs"
    except CombustError as error:
        outcome = str(error)
    yield Member('check: names in lower case, oxidizer "O2:1, N2:3.76"', "runs", outcome[:160], outcome == "runs")
    assert tomllib.loads(config)


def failures(action: Callable[[], Any], what: str) -> list[str]:
    """[what it was] if an action ends in anything but success or a CombustError."""
    try:
        action()
    except CombustError:
        return []
    except Exception as error:  # what is looked for
        return [f"{what}: {type(error).__name__}: {error}"[:120]]
    return []


def changed(kind: fuzz_files.Kind) -> Member:
    """Files of a kind changed at random."""
    accepted = not_finite = 0
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        for number in range(COUNT):
            path = Path(name) / kind.name
            kind.write(path)
            kind.change(np.random.default_rng([SEED, number]), path)
            found: list[Any] = []
            wrong += failures(lambda p=path, f=found: f.append(kind.read(p)), f"[{SEED}, {number}]")  # type: ignore[misc]
            accepted += len(found)
            not_finite += not all(np.isfinite(x) for x in fuzz_files.numbers(found))
    outcome = f"{accepted} accepted, {COUNT - accepted - len(wrong)} refused, {len(wrong)} tracebacks, {not_finite} NaN"
    return Member(
        f"{kind.name}: {COUNT} changes at random",
        "no traceback, no hang, no NaN",
        outcome + (f" ({wrong[0]})" if wrong else ""),
        not wrong and not not_finite,
    )


def changed_mechanisms() -> Member:
    """The same of mechanisms, in a process of its own."""
    command = [sys.executable, fuzz_mechanism.__file__, str(SEED), str(COUNT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    last = (done.stdout.strip().splitlines() or [""])[-1]
    return Member(
        f"mechanism.yaml: {COUNT} changes at random",
        "no traceback, no hang, no end of the process, no NaN",
        last if done.returncode == 0 else f"exit {done.returncode} at {last}",
        done.returncode == 0,
    )


DOORS = (cases, checkpoints, numbers, models, mechanisms)
SMOKE = {"KINDS": 2, "EDITS": 4, "COUNT": 2, "DOORS": (cases, models)}
