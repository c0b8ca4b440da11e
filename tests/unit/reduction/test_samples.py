"""Sampled states: where they lie, whole trajectories, files, and what is said when a case cannot be done."""

from pathlib import Path

import cantera as ct
import h5py
import numpy as np
import pytest

from combust import __version__
from combust.errors import ConfigError, DivergenceError, FileFormatError, MechanismError
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.reduction.cases import trajectories
from combust.reduction.cases.conditions import ReductionCase
from combust.reduction.cases.samples import Samples, sample

AIR, P = "O2:1, N2:3.76", 101325.0
CASES = (
    ReductionCase("ignition", "H2:1", AIR, 1000.0, P),
    ReductionCase("ignition", "H2:1", AIR, 1100.0, P, hold="hp", held_out=True),
    ReductionCase("psr", "H2:1", AIR, 300.0, P),
    ReductionCase("flame", "H2:1", AIR, 300.0, P),
    ReductionCase("counterflow", "H2:1, N2:1", AIR, 300.0, P, strain=100.0),
)


@pytest.fixture(scope="module")
def gas():
    return Mechanism.load("h2o2.yaml")


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def samples(gas, told, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMBUST_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(trajectories, "SLOPE", 0.2)
        patch.setattr(trajectories, "CURVE", 0.3)
        return sample(gas, CASES, lambda *done: told.append(done))


def of_row(samples, row):
    return samples.of_cases([row])


def test_every_case_has_its_states(samples, told):
    counts = np.bincount(samples.case, minlength=len(CASES)).tolist()
    assert told == [(row, case, counts[row]) for row, case in enumerate(CASES)]
    assert len(samples) == sum(counts) and min(counts) >= 10 and max(counts) <= 35
    assert samples.Y.shape == (10, len(samples)) and samples.Y.min() >= 0
    assert samples.Y.sum(0) == pytest.approx(np.ones(len(samples)))
    for row in range(len(CASES)):
        step = np.diff(of_row(samples, row).position)
        assert np.all(step < 0) if CASES[row].kind == "psr" else np.all(step > 0)


def test_ignition_covers_rise_and_induction(gas, samples):
    solution = gas.cantera()
    path = trajectories.ignition_path(solution, CASES[0])
    own, rise = of_row(samples, 0), path.T.max() - 1000.0
    share = (own.T - 1000.0) / rise
    assert np.histogram(share, np.linspace(0, 1, 21))[0].min() >= 1 and share.max() == 1.0
    delay = path.position[np.diff(path.T).argmax()]
    assert (own.position < 0.85 * delay).sum() >= 7
    # constant volume, then constant pressure
    assert own.p.max() > 2 * P and of_row(samples, 1).p == pytest.approx(np.full(of_row(samples, 1).T.shape, P))
    solution.TPY = own.T[-1], own.p[-1], own.Y[:, -1]
    density = solution.density
    solution.TP = 1000.0, P
    solution.set_equivalence_ratio(1.0, "H2:1", AIR)
    solution.TP = 1000.0, P
    assert density == pytest.approx(solution.density, rel=1e-6)


def test_reactor_and_flames(samples):
    reactor = of_row(samples, 2)
    assert reactor.T[0] > 2300 and reactor.T[-1] == pytest.approx(1240.0, abs=5.0)
    assert reactor.position[[0, -1]] == pytest.approx([1.0, 1.51e-5], rel=0.01)
    flame = of_row(samples, 3)
    assert np.all(np.diff(flame.T) > 0) and flame.T[0] < 400 < 2000 < flame.T[-1]
    counterflow = of_row(samples, 4)
    assert counterflow.T.max() > 1500 and counterflow.T[0] < 500 and counterflow.T[-1] < 500


def test_jets_have_the_strain_and_equal_momentum(gas):
    solution = gas.cantera()
    fuel, oxidizer = trajectories.jet_fluxes(solution, CASES[4])
    solution.TPX = 300.0, P, "H2:1, N2:1"
    rho = solution.density
    assert 2 * fuel / rho / trajectories.WIDTH == pytest.approx(100.0)
    solution.TPX = 300.0, P, AIR
    assert fuel**2 / rho == pytest.approx(oxidizer**2 / solution.density)


def test_parts_are_whole_trajectories(samples):
    psr = samples.of_kind("psr", "flame")
    assert [case.kind for case in psr.cases] == ["psr", "flame"] and set(psr.case) == {0, 1}
    assert np.array_equal(psr.T, samples.T[(samples.case == 2) | (samples.case == 3)])
    train, test = samples.split(0.4, seed=3)
    assert {*train.cases} | {*test.cases} == {*CASES} and len(test.cases) == 2 and len(train.cases) == 3
    assert len(train) + len(test) == len(samples)
    again = samples.split(0.4, seed=3)[1]
    assert again.cases == test.cases and samples.of_cases([4, 0]).cases == (CASES[4], CASES[0])
    assert np.array_equal(samples.of_cases([4, 0]).case, np.sort(samples.of_cases([4, 0]).case))
    with pytest.raises(ConfigError, match="known are ignition, psr"):
        samples.of_kind("shock")
    with pytest.raises(ConfigError, match="split of 1 cases"):
        samples.of_cases([0]).split(0.5)


def test_a_file_gives_back_what_it_was_given(samples, gas, tmp_path):
    path = tmp_path / "new" / "samples.h5"
    samples.write(path)
    read = Samples.read(path)
    for name in ("T", "p", "Y", "case", "position"):
        assert np.array_equal(getattr(read, name), getattr(samples, name))
    assert read.cases == CASES and read.species == gas.species and read.sha256 == gas.sha256
    with h5py.File(path) as file:
        assert file.attrs["combust"] == __version__ and file.attrs["cantera"] == ct.__version__
    assert list(path.parent.iterdir()) == [path]


def test_files_that_are_refused(samples, tmp_path):
    path = tmp_path / "samples.h5"
    with pytest.raises(FileFormatError, match="no such file"):
        Samples.read(path)
    samples.write(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FileFormatError, match="damaged"):
        Samples.read(path)
    path.write_bytes(b"position, T\n0, 300\n")
    with pytest.raises(FileFormatError, match="damaged or not an HDF5 file"):
        Samples.read(path)
    for change, message in (
        (lambda file: file["T"].__setitem__(3, 301.0), "checksum"),
        (lambda file: file.__delitem__("position"), "damaged"),
        (lambda file: file.attrs.__setitem__("version", 2), "version 2, this combust reads 1"),
        (lambda file: file.attrs.__setitem__("format", "checkpoint"), "not one of samples"),
        (lambda file: file.attrs.__delitem__("sha256"), "damaged"),
    ):
        path.write_bytes(whole)
        with h5py.File(path, "r+") as file:
            change(file)
        with pytest.raises(FileFormatError, match=message):
            Samples.read(path)


@pytest.mark.parametrize(
    "case, error, message",
    [
        (
            ReductionCase("ignition", "H2:1", AIR, 1000.0, P, phi=1e-3),
            DivergenceError,
            "case ignition H2:1.*does not burn",
        ),
        (
            ReductionCase("ignition", "H2:1", AIR, 500.0, P),
            DivergenceError,
            "500 K, 1 atm at constant volume: does not ignite",
        ),
        (
            ReductionCase("psr", "H2:1", AIR, 1600.0, P, phi=0.2),
            DivergenceError,
            "case psr H2:1 phi 0.2.*without turning back",
        ),
        (
            ReductionCase("counterflow", "H2:1", AIR, 300.0, P),
            ConfigError,
            "case counterflow H2:1 against .*strain 0.0",
        ),
        (ReductionCase("flame", "CH4:1", AIR, 300.0, P), MechanismError, "case flame CH4:1 phi 1.*no species 'CH4'"),
        (ReductionCase("ignition", "H2:1", AIR, -5.0, P), ConfigError, "case ignition.*cannot set the gas"),
        (ReductionCase("shock", "H2:1", AIR, 900.0, P), ConfigError, "kinds are ignition, psr"),
        (ReductionCase("ignition", "H2:1", AIR, 900.0, P, hold="hv"), ConfigError, "held is uv or hp"),
    ],
)
def test_what_fails_is_named(gas, case, error, message):
    with pytest.raises(error, match=message):
        sample(gas, [case])


def test_flames_need_transport_data():
    bare = Mechanism.load(Path(__file__).parent / "hand_network.yaml")
    done, cases = [], [ReductionCase(kind, "A:1", "B:1", 1000.0, P) for kind in ("ignition", "flame")]
    with pytest.raises(ConfigError, match="case flame A:1.*needs transport data.*lacks for 5 of its species"):
        sample(bare, cases, lambda *x: done.append(x))
    assert not done


def test_what_cannot_be_sampled(gas):
    with pytest.raises(ConfigError, match="at least one case"):
        sample(gas, [])


def test_samples_of_changed_rates(gas):
    """They are sampled with the changed rates, and belong to that mechanism alone."""
    faster = gas.with_parameters(A=2 * gas.parameters.A)
    found = sample(faster, CASES[:1])
    found.require(faster)
    with pytest.raises(ConfigError, match="another mechanism"):
        found.require(gas)
    assert found.position[-1] < 0.9 * sample(gas, CASES[:1]).position[-1]  # it ignites earlier
