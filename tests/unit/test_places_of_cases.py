"""Places that a case names lie in its domain, an earlier run is another one, and given fields have a range."""

import re

import pytest

from combust.case.load import load
from combust.errors import ConfigError
from combust.parallel import Communicator
from combust.run.build import build

CASE = """
[mesh]
kind = "uniform"
cells = [8, 8]
lower = [0, 0]
upper = ["8 mm", "8 mm"]
[gas]
mechanism = "h2o2.yaml"
[chemistry]
kind = "none"
[initial]
kind = "uniform"
composition = "O2:0.21, N2:0.79"
temperature = 300
[boundary]
x_low = { kind = "inflow", velocity = 1.0 }
x_high = { kind = "outflow" }
y = { kind = "wall" }
[stop]
steps = 2
"""
OUTSIDE = {
    'initial.hot_spot={centre=["5 m", "4 mm"], radius="1 mm", temperature=900}': ("initial.hot_spot.centre", "5 m"),
    'initial.vortex={kind="taylor", centre=["4 mm", "-1 mm"], radius="1 mm", velocity=1}': ("centre", "-0.001 m"),
    'sources=[{kind="spark", centre=["4 mm", "9 mm"], radius="1 mm", energy=1e-3}]': ("centre", "0.009 m"),
}


@pytest.fixture
def path(tmp_path):
    (tmp_path / "box.toml").write_text(CASE)
    return tmp_path / "box.toml"


@pytest.mark.parametrize("change", OUTSIDE)
def test_a_place_outside_is_refused(path, change):
    key, value = OUTSIDE[change]
    with pytest.raises(ConfigError, match=f"{key}: {value} lies outside the domain, which is from 0 to 0.008 m"):
        build(load(path, [change]), Communicator())


def test_an_earlier_run_is_another_one(path, tmp_path):
    own = tmp_path / "out"
    for folder in (own, own / "checkpoint_000002.h5"):
        changes = [f'initial={{kind="run", folder="{folder}"}}', f'output.directory="{own}"']
        config = load(path, [*changes, 'boundary.x_low={kind="wall"}'])
        with pytest.raises(ConfigError, match="initial.folder: .* in this run's own output folder"):
            build(config, Communicator())


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('{on="T", fields=["Y_O2"]}', "between: give the range of T"),
        ('{on="T", fields=["T"], between=[300, 900]}', "fields: T is what is given"),
        ('{on="progress", between=[1, 0]}', "between must rise"),
    ],
)
def test_what_is_given_has_a_range(path, table, words):
    with pytest.raises(ConfigError, match=words):
        load(path, [f"output.conditional=[{table}]"])
    assert load(path, ['output.conditional=[{on="progress"}]']).output.conditional[0].range == (0.0, 1.0)


JETS = """initial={kind="layers", along="y", streams=[
 {composition="H2:1", temperature=300, until="%s", width="1 mm"}, {composition="O2:1", temperature=300}]%s}"""
SPARK = 'sources=[{kind="spark", centre=["4 mm", "4 mm"], radius="2 mm", energy=1e-3, start=%s, duration=1e-4}]'
WHISPER = 'boundary.x_low.fluctuations={kind="digital-filter", u_rms=0.1, length=%s}'
SILENT = {
    JETS % ("4 mm", ""): "",
    JETS % ("9 mm", ""): r"initial.streams\[0\].until: 0.009 m lies outside: the domain is from 0 to 0.008 m in y",
    JETS % ("4 mm", ', mirror="6 mm"'): "",
    JETS % ("7 mm", ', mirror="6 mm"'): r"initial.streams\[0\].until: 0.007 m lies outside",
    JETS % ("1 mm", ', mirror="9 mm"'): "initial.mirror: 0.009 m lies outside",
    JETS % ("4 mm", ', burnt={along="y", beyond=0.01, width=1e-3}'): "burnt.beyond: 0.01 m .* no gas is burnt",
    JETS % ("4 mm", ', burnt={along="x", beyond=-0.01, width=1e-3}'): "beyond: -0.01 m .* all of the gas is burnt",
    SPARK % "0.0": "",
    SPARK % "2e-3": "the spark from 0.002 to 0.0021 s never comes: the run ends at stop.time = 0.001 s",
    SPARK % "9.5e-4": "puts in 50 % of its energy",
    WHISPER % "1e-3": "",
    WHISPER % "1e-5": r"fluctuations.length: 1e-05 m along x beside a cell of 0.001 m and .* 16\d\d random numbers",
}


@pytest.mark.parametrize("change", SILENT)
def test_what_has_no_effect_or_only_costs_is_told(path, change):
    """Of starts that run: each is a concern of the flow, which `check` and `run` tell."""
    gas = ['composition="N2:1"', "temperature=300"] if "layers" in change else []
    changes = [change.replace("\n", ""), "stop.time=1e-3", *(f"boundary.x_low.{key}" for key in gas)]
    told = " ".join(build(load(path, changes), Communicator()).concerns().values())
    if SILENT[change]:
        assert re.search(SILENT[change], told), told
    else:
        assert not re.search("outside|spark|length", told), told


def test_a_filter_of_too_many_numbers_is_refused(path):
    with pytest.raises(ConfigError, match="length: so short that .* random numbers"):
        build(load(path, [WHISPER % "1e-10"]), Communicator())
