"""A mechanism is its content: changed rate parameters are another one, for digests, Cantera, caches and models."""

import hashlib
import pickle
from pathlib import Path

import cantera as ct
import draws
import numpy as np
import pytest
import torch

from combust.__main__ import main
from combust.errors import DivergenceError, MechanismError
from combust.kinetics.flames.free import free_flame
from combust.kinetics.integrate import cells as ode
from combust.kinetics.integrate.cvode import CellIntegrator
from combust.kinetics.mechanism import places
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.reactors.ignition import ignition_delays

HERE = Path(__file__).parent
NAMES = ("special", "pressure", "falloff", "linear_burke")
MECHANISMS = ["h2o2.yaml", "gri30.yaml", *(str(HERE / f"{name}_rates.yaml") for name in NAMES)]
AIR = "O2:0.21, N2:0.79"


@pytest.fixture(scope="module")
def gas():
    return Mechanism.load("h2o2.yaml")


def times(gas, factor, reaction=None):
    """The mechanism with one pre-exponential, or all of them, times a factor."""
    A = gas.parameters.A.clone()
    A[slice(None) if reaction is None else reaction] *= factor
    return gas.with_parameters(A=A)


def test_digest_is_that_of_the_content(gas):
    file = hashlib.sha256(places.find("h2o2.yaml").read_bytes()).hexdigest()
    assert gas.sha256 == gas.file_sha256 == file
    assert gas.with_parameters().sha256 == gas.with_parameters(**gas.parameters._asdict()).sha256 == file
    one, again, other = times(gas, 2.0, 3), times(Mechanism.load("h2o2.yaml"), 2.0, 3), times(gas, 2.0, 4)
    assert one.sha256 == again.sha256 and one.file_sha256 == file
    assert len({file, one.sha256, other.sha256, times(gas, 3.0, 3).sha256}) == 4
    b = gas.parameters.b + 0.1
    assert one.with_parameters(b=b).sha256 == gas.with_parameters(b=b, A=one.parameters.A).sha256
    assert times(one, 0.5, 3).sha256 == file  # twice and half of it: the file's again


def test_what_counts_for_nothing_is_no_change():
    """Low-pressure limits of reactions without one, exponents of tables."""
    gas = Mechanism.load(HERE / "pressure_rates.yaml")
    tables = [i for i, r in enumerate(gas.cantera().reactions()) if isinstance(r.rate, ct.PlogRate | ct.ChebyshevRate)]
    b = gas.parameters.b.clone()
    b[tables] += 1.0
    same = gas.with_parameters(b=b, A_low=7 * gas.parameters.A_low)
    assert tables and same.changes == {} and same.sha256 == gas.sha256


def test_ensembles_have_digests_and_no_cantera(gas):
    n = gas.rates.order.shape[0]
    one, two = torch.full((n, 2), 1.1, dtype=torch.float64), torch.full((n, 2), 1.2, dtype=torch.float64)
    assert len({gas.sha256, *(gas.ensemble(*x).sha256 for x in ((one,), (two,), (one, two)))}) == 4
    assert gas.ensemble(one).sha256 == gas.ensemble(one.clone()).sha256
    with pytest.raises(MechanismError, match="ensemble of 2 members"):
        gas.ensemble(one).cantera()
    with pytest.raises(DivergenceError, match="ensemble of 2"):
        CellIntegrator(gas.ensemble(one), 1e-6, 1e-12)
    X = gas.ensemble(one).mixture("H2:1", AIR, 1.0)
    assert torch.equal(X, gas.mixture("H2:1", AIR, 1.0))


@pytest.mark.parametrize("path", MECHANISMS, ids=lambda path: Path(path).stem)
def test_cantera_has_the_changed_rates(path):
    """Every limit of every reaction by its own factor and shifts; P-log, Chebyshev, linear Burke by their factor."""
    gas, rng = Mechanism.load(path), draws.rng(5)
    n = gas.rates.A.shape[0]
    new = gas.parameters._asdict()
    for name, x in new.items():
        factor, shift = (torch.tensor(rng.uniform(*ends, n)) for ends in ((0.5, 2.0), (0.0, 0.2)))
        new[name] = x * factor if name.startswith("A") else x + shift
    changed = gas.with_parameters(**new)
    solution, copy = changed.cantera(), again_of(changed).load()
    assert copy.sha256 == changed.sha256 != gas.sha256
    rebuilt = ct.Solution(  # what is made of its reactions elsewhere has them too
        thermo="ideal-gas", kinetics="gas", species=solution.species(), reactions=solution.reactions()
    )
    assert solution.species_names == list(gas.species) and solution.transport_model == gas.cantera().transport_model
    for T, p in ((900.0, 1e5), (1800.0, 2e6)):
        Y = rng.dirichlet(np.ones(len(gas.species)))
        ours = [np.array([x.numpy() for x in m.rates_of_progress(T, p, torch.tensor(Y))]) for m in (changed, copy)]
        np.testing.assert_array_equal(*ours)
        for theirs in (solution, rebuilt):
            theirs.TPY = T, p, Y
            expected = np.array([theirs.forward_rates_of_progress, theirs.reverse_rates_of_progress])
            assert np.all(np.abs(ours[0] - expected) <= 1e-10 * np.abs(expected))


def again_of(gas):
    """Where it comes from, by way of another process."""
    return pickle.loads(pickle.dumps(gas.source))


@pytest.mark.parametrize("factor", [0.0, -1.0])
@pytest.mark.parametrize("name", ["pressure", "linear_burke"])
def test_factors_that_no_table_holds(name, factor):
    changed = times(Mechanism.load(HERE / f"{name}_rates.yaml"), factor)
    solution, Y = changed.cantera(), np.full(len(changed.species), 1 / len(changed.species))
    solution.TPY = 1200.0, 1e5, Y
    ours = changed.rates_of_progress(1200.0, 1e5, torch.tensor(Y))[0].numpy()
    np.testing.assert_allclose(ours, solution.forward_rates_of_progress, rtol=1e-10)


def test_cvode_takes_the_changed_rates(gas, monkeypatch):
    Y, slower = gas.mixture("H2:1", AIR, 1.0), times(gas, 0.5)
    state = torch.tensor([1300.0, 1500.0], dtype=torch.float64), 1e5, Y[:, None].expand(-1, 2)
    good = [m.integrate(*state, 1e-5, rtol=1e-7, atol=1e-13) for m in (gas, slower)]
    delay = ignition_delays(slower, 1300.0, 1e5, Y, 1e-2)
    monkeypatch.setattr(ode, "MAX_STEPS", 2)
    by_cvode = slower.integrate(*state, 1e-5, rtol=1e-7, atol=1e-13)
    assert by_cvode.stats.fallbacks == 2
    assert torch.allclose(by_cvode.T, good[1].T, rtol=1e-6) and not torch.allclose(by_cvode.T, good[0].T, rtol=1e-3)
    assert float(ignition_delays(slower, 1300.0, 1e5, Y, 1e-2)) == pytest.approx(float(delay), rel=2e-3)


def test_failed_cells_keep_the_changed_rates(gas, monkeypatch, tmp_path, capsys):
    Y, slower = gas.mixture("H2:1", AIR, 1.0)[:, None], times(gas, 0.5)
    end, other = (float(m.integrate(1400.0, 1e5, Y, 3e-5).T[0]) for m in (slower, gas))
    monkeypatch.setenv("COMBUST_DUMP", str(tmp_path))
    monkeypatch.setattr(ode, "MAX_STEPS", 2)
    monkeypatch.setattr(CellIntegrator, "_integrate", lambda *a: np.full(11, np.nan))
    with pytest.raises(DivergenceError, match="combust info"):
        slower.integrate(1400.0, 1e5, Y, 3e-5)
    monkeypatch.undo()
    (file,) = tmp_path.glob("failed_cell_*.json")
    assert main(["info", str(file)]) == 0
    text = capsys.readouterr().out
    assert "another file now" not in text and "29 parameters of its reactions changed" in text
    found = [float(line.split("T = ")[1].split()[0]) for line in text.splitlines()[-2:]]
    assert found == pytest.approx([end, end], rel=2e-4) and abs(other / end - 1) > 2e-3


def test_flames_are_asked_anew(gas, monkeypatch, tmp_path):
    """The profile in the cache is the file's: another mechanism neither finds nor replaces it."""
    monkeypatch.setenv("COMBUST_CACHE", str(tmp_path))
    args = {"T": 300.0, "p": 101325.0, "fuel": "H2:1", "oxidizer": AIR, "phi": 0.6, "slope": 0.4, "curve": 0.6}
    first, other = free_flame(gas, **args), free_flame(times(gas, 0.5), **args)
    assert len([*tmp_path.glob("*.npz")]) == 2 and other.speed < 0.8 * first.speed
    assert free_flame(gas, **args).speed == first.speed


def test_no_values_no_digest(gas):
    def f(A):
        changed = gas.with_parameters(A=A)
        with pytest.raises(MechanismError, match="have no values here"):
            _ = changed.sha256
        return changed.net_production_rates(1500.0, 1e5, torch.full((10,), 0.1, dtype=torch.float64))

    assert torch.isfinite(torch.vmap(f)(gas.parameters.A.expand(2, -1))).all()


def test_gradients_do_not_hinder_cantera(gas):
    A = (2 * gas.parameters.A).requires_grad_()
    changed = gas.with_parameters(A=A)
    assert changed.sha256 == times(gas, 2.0).sha256
    assert changed.cantera(transport=False).reaction(2).rate.pre_exponential_factor == pytest.approx(2 * 38.7)


def test_a_reaction_that_is_not_there():
    gas = Mechanism.load("h2o2.yaml")
    with pytest.raises(MechanismError, match="reactions 29"):
        gas.source._replace(changes={"A": {29: 1.0}}).load()
