"""Places that a case names lie in its domain, an earlier run is another one, and given fields have a range."""

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
