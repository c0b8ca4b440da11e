"""Case files: what loads, what is refused, and what the message says."""

import tomllib
from pathlib import Path

import msgspec
import pytest

from combust.case.config import Config
from combust.case.load import convert, load, schema, to_toml
from combust.cfd.boundaries.settings import Inflow, Periodic
from combust.cfd.mesh.settings import StretchedMesh
from combust.cli.reference import kinds_of, markdown, tables
from combust.errors import ConfigError
from combust.settings.base import seconds

FLAME = """
title = "Lean flame"
[mesh]
kind = "uniform"
cells = [64, 32]
lower = [0, 0]
upper = [0.02, 0.01]
[gas]
mechanism = "h2o2.yaml"
[initial]
kind = "flame"
fuel = "H2:1"
oxidizer = "O2:0.21, N2:0.79"
phi = 0.5
position = 0.01
perturbation = { amplitude = 1e-4, modes = [1, 3], seed = 3 }
[boundary]
x_low = { kind = "inflow", velocity = "balanced" }
x_high = { kind = "outflow" }
y = { kind = "periodic" }
[stop]
time = 1e-4
"""


@pytest.fixture
def case(tmp_path):
    path = tmp_path / "flame.toml"
    path.write_text(FLAME)
    return path


def test_loads_with_defaults(case):
    config = load(case)
    assert config.gas.pressure == 101325.0
    assert config.output.directory == "runs/flame"
    sides = config.boundary.sides(config.mesh.dimensions)
    assert list(sides) == ["x_low", "x_high", "y_low", "y_high"]
    assert isinstance(sides["x_low"], Inflow) and isinstance(sides["y_high"], Periodic)


STRETCHED = 'mesh={kind="stretched", x={lower=0, upper=1, cells=9, ratio=1.1, symmetric=true}, y={faces=[0, 0.1, 0.3]}}'


@pytest.mark.parametrize(
    "overrides",
    [
        (),
        (STRETCHED,),
        ('title="quotes \\" and \\\\ and µ"', "stop.wall=23h", "numerics.dt=1e-6", "initial.perturbation.modes=4"),
        ('gas.transport={kind="constant", viscosity=1e-5}', "chemistry.kind=none", "output.fields.every.time=1e-5"),
        ("gas.transport={kind='mixture-averaged', soret=true}",),
        ('gas.transport={kind="constant-Lewis", lewis={H2=0.3, "CH2(S)"=1}, default=1}',),
        ('gas.transport={kind="sutherland", viscosity=1.7e-5, temperature=273.15, constant=110.4}',),
        ('gas.transport={kind="power-law", viscosity=1.7e-5, temperature=300, exponent=0.7, schmidt=1}',),
        ('boundary.x_low.composition="H2:1"', "boundary.x_high.pressure=2e5", "chemistry.kind=cvode"),
    ],
)
def test_resolved_case_loads_to_the_same(case, overrides):
    config = load(case, overrides)
    text = to_toml(config)
    assert convert(tomllib.loads(text), "again") == config
    case.write_text(text)
    assert load(case) == config


def test_mechanism_beside_the_case_file_is_found(case):
    (case.parent / "mine.yaml").write_text("")
    assert load(case, ["gas.mechanism=mine.yaml"]).gas.mechanism == str(case.parent / "mine.yaml")
    assert load(case, ["gas.mechanism=gri30.yaml"]).gas.mechanism == "gri30.yaml"


@pytest.mark.parametrize(
    "text, value",
    [
        ("initial.fuel=H2:2, N2:1", "H2:2, N2:1"),
        ('initial.fuel="H2:1"', "H2:1"),
        ("initial.phi=1", 1.0),
        ("mesh.cells=[8, 8]", (8, 8)),
        ("initial.refine=converged", "converged"),
        ("title = two words", "two words"),
    ],
)
def test_override(case, text, value):
    found = load(case, [text])
    for name in text.split("=")[0].strip().split("."):
        found = getattr(found, name)
    assert found == value


JET = Path(__file__).resolve().parents[2] / "cases" / "jet.toml"


def test_overrides_reach_entries_of_lists():
    """Parts of a side, what is within them, their kind, and numbers of lists."""
    found = load(JET, ["boundary.x_low[2].velocity=0.7", 'boundary.x_low[0].where.y=["0 mm", "1 mm"]',
                       "boundary.x_low[1].kind=inflow", "boundary.x_low[1].velocity=0.2",
                       "boundary.x_low[0].velocity.values[1][0]=5.0", "mesh.cells[0]=32"])  # fmt: skip
    low = found.boundary.x_low
    assert low[2].velocity == 0.7 and low[1].velocity == 0.2 and low[0].velocity.values[1] == (5.0, 3.0, 0.0)
    assert found.mesh.cells == (32, 20)


@pytest.mark.parametrize("text, words", [
    ("boundary.x_low[3].velocity=1", "boundary.x_low has 3 entries, counted from 0"),
    ("boundary.x_low.velocity=1", r"boundary.x_low is not a table: name an entry of it, boundary.x_low\[0\]"),
    ("boundary[0].x_low=1", "boundary is not a list"),
    ("boundary.x_low[a].velocity=1", "an entry of a list"),
    ("boundary.x_low[-1].velocity=1", "an entry of a list"),
    ("boundary.x_low[1].speed=1", r"boundary.x_low\[1\].speed: unknown key"),
])  # fmt: skip
def test_overrides_of_lists_say_what_is_wrong(text, words):
    with pytest.raises(ConfigError, match=words):
        load(JET, [text])


REFUSED = [
    ("numerics.sweeps=3", ["numerics.sweeps = 3: allowed 1, 2"]),
    ("numerics={dt=1e-6, dt_first=1e-7}", ["numerics.dt_first: numerics.dt fixes all steps", "omit numerics.dt "]),
    ("numerics.sweep=2", ["numerics.sweep: unknown key", 'Did you mean "sweeps"?']),
    ("titel=x", ["titel: unknown key", 'Did you mean "title"?']),
    ("mesh.kind=unifrom", ['mesh.kind = "unifrom": allowed "uniform", "stretched"', 'Did you mean "uniform"?']),
    ("mesh.cells=[1, -2]", ["mesh.cells[1] = -2: allowed a whole number at least 1"]),
    ("mesh.cells=64", ["mesh.cells = 64: allowed a list of 1 to 3 entries"]),
    ("mesh.cells=[4.5, 4]", ["mesh.cells[0] = 4.5: allowed a whole number"]),
    ("mesh.lower=[0]", ["mesh: cells, lower and upper need the same number"]),
    ("mesh.lower=[0, 1]", ["mesh: lower = 1.0 must lie below upper = 0.01 in y"]),
    ("mesh=3", ["mesh = 3: allowed a table with kind"]),
    ('mesh={kind="stretched", x={lower=0}}', ["mesh.x: needs lower, upper and cells, or faces"]),
    ('mesh={kind="stretched", x={faces=[0, 2, 1]}}', ["mesh.x: faces must be at least two increasing numbers"]),
    ("gas.pressure=1", ["gas.pressure = 1: allowed a number at least 100", "[Pa]"]),
    ("gas.pressure=1 baar", ["gas.pressure = \"1 baar\": unit 'baar' of a pressure is unknown", "Pa, pascal, hPa"]),
    ('gas.pressure="101325"', ['gas.pressure = "101325": allowed a number', "[Pa], or a text with its unit"]),
    ("gas.pressure=0.5 mbar", ["gas.pressure = 50.0: allowed a number at least 100", "[Pa]"]),
    ("gas.transport=mixture", ['"mixture-averaged"', "Did you mean"]),
    ("gas.transport.kind=constant", ["gas.transport.viscosity is missing", "[Pa s]"]),
    ("gas.transport.kind=suther", ['gas.transport.kind = "suther"', 'Did you mean "sutherland"?']),
    ('gas.transport={kind="constant-Lewis"}', ["gas.transport.lewis is missing: allowed a table of numbers"]),
    ('gas.transport={kind="constant-Lewis", lewis={H2=0}}', ["gas.transport: lewis.H2 = 0", "greater than 0"]),
    ('gas.transport={kind="constant-Lewis", lewis={H2="a"}}', ['gas.transport.lewis.H2 = "a": allowed a number']),
    ('gas.transport={kind="constant-Lewis", lewis={}, default=-1}', ["gas.transport.default = -1", "greater than 0"]),
    ('gas.transport={kind="unity-Lewis", soret=true}', ["gas.transport.kind", '"mixture-averaged"']),
    ('gas.transport={kind="mixture-averaged", soret=1}', ["gas.transport.soret = 1: allowed true or false"]),
    ('gas.transport={kind="sutherland", viscosity=1e-5}', ["gas.transport.temperature is missing", "[K]"]),
    ('gas.transport={kind="power-law", viscosity=1e-5, temperature=0}', ["gas.transport.temperature = 0", "[K]"]),
    ("gas.gravity=[0, 0]", ["gas.gravity = [0, 0]: allowed a list of 3 entries"]),
    ("chemistry.rtol=-1", ["chemistry.kind is missing"]),
    ('chemistry={kind="direct", rtol=-1}', ["chemistry.rtol = -1: allowed a number greater than 0"]),
    ('initial.temperature="300"', ['initial.temperature = "300": allowed a number at least 100', "[K]"]),
    ('initial.temperature="300 s"', ["initial.temperature = \"300 s\": unit 's' of a temperature is unknown"]),
    ("initial.temperature=27", ["initial.temperature = 27: allowed a number at least 100", "[K]"]),
    ("initial.phi=nan", ["initial.phi = nan: must be a finite number"]),
    ("initial.kind=flam", ["initial.kind", 'Did you mean "flame"?']),
    ("boundary.x_low.velocity=fast", ['"balanced", "flame-speed"', "[m/s]"]),
    ("boundary.x_low.fuel=H2:1", ["boundary.x_low: fuel, oxidizer and phi go together"]),
    ('boundary.x_low={kind="periodic"}', ["boundary: x: periodic belongs to both sides"]),
    ("boundary.y_low.kind=wall", ["boundary: give either y or y_low and y_high"]),
    ("boundary.z.kind=wall", ["boundary.z: the mesh has only 2 dimension(s)"]),
    ('mesh={kind="uniform", cells=[4,4,4], lower=[0,0,0], upper=[1,1,1]}', ["boundary.z_low is missing"]),
    ("stop.time=-1", ["stop.time = -1: allowed a number greater than 0", "[s]"]),
    ("stop={}", ["stop: needs at least one of time, steps, wall"]),
    ("stop.wall=23 hours", ['stop.wall = "23 hours"', '"23h"']),
    ("stop.wall=true", ["stop.wall = true"]),
    ("output.fields.every={time=1e-5, steps=3}", ["output.fields.every: needs exactly one of steps, time, wall"]),
    ("output.fields.names=T", ['output.fields.names = "T": allowed a list']),
    ("turbulence.kind=les", ['turbulence.kind = "les": allowed "none"']),
    ("numerics.compile=true", ["numerics.compile = true: allowed"]),
]


@pytest.mark.parametrize("override, parts", REFUSED, ids=[r[0] for r in REFUSED])
def test_refused(case, override, parts):
    with pytest.raises(ConfigError) as error:
        load(case, [override])
    message = str(error.value)
    assert message.startswith(f"{case}: ")
    assert "\n" not in message
    for part in parts:
        assert part in message


def test_what_a_case_may_hold_is_found_out_once(case, monkeypatch):
    """That takes longer than all the rest of reading a case: once in a process, however many keys are changed."""
    load(case)
    monkeypatch.setattr("combust.explain.mi.type_info", lambda root: pytest.fail(f"asked once more of {root}"))
    load(case, ["mesh.cells=[20, 10]", "chemistry.kind=none", "stop.time=3e-5"])


@pytest.mark.parametrize("override", ["gravity", "=3", "a b=3", "mesh.kind.x=3", 'title="open', "mesh.cells=[1,"])
def test_override_that_cannot_be_read(case, override):
    with pytest.raises(ConfigError, match="override"):
        load(case, [override])


def test_file_that_cannot_be_read(tmp_path):
    with pytest.raises(ConfigError, match="none.toml: cannot be read: No such file"):
        load(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("a = \nb = 1")
    with pytest.raises(ConfigError, match="bad.toml: is not valid TOML.*line 1"):
        load(tmp_path / "bad.toml")


def test_missing_table_is_named(case):
    case.write_text(FLAME.replace("[stop]\ntime = 1e-4", ""))
    with pytest.raises(ConfigError, match="stop is missing"):
        load(case)


@pytest.mark.parametrize("value, expected", [(90, 90.0), ("90s", 90.0), ("30min", 1800.0), ("1.5 h", 5400.0)])
def test_seconds(value, expected):
    assert seconds(value) == expected


def test_every_key_is_documented():
    for path, options, text in tables():
        assert text, path
        for option in options:
            assert option.cls.__doc__
            for field in option.fields:
                described = field.type
                assert isinstance(described, msgspec.inspect.Metadata), f"{path}.{field.name} has no doc()"
                assert described.extra_json_schema["description"], f"{path}.{field.name}"


def test_schema_and_reference():
    assert schema()["$defs"]["Numerics"]["properties"]["cfl"]["description"]
    assert "| `sweeps` | 1, 2 | `2` |" in markdown()
    assert set(kinds_of()["chemistry"]) == {"direct", "learned", "cvode", "none"}


def test_settings_are_immutable(case):
    with pytest.raises(AttributeError):
        load(case).title = "x"
    assert isinstance(load(case, [STRETCHED]).mesh, StretchedMesh)
    assert isinstance(load(case), Config)
