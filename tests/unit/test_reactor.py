"""Batched reactors at constant h, p and u, v against CVODE at 1e-12; errors that name the cell; failed cells."""

import cantera as ct
import numpy as np
import pytest
import torch

from combust import kernels
from combust.__main__ import main
from combust.errors import ConfigError, DivergenceError, StateError
from combust.kinetics import Mechanism
from combust.kinetics.integrate import cells as ode
from combust.kinetics.integrate import systems
from combust.kinetics.integrate.cvode import CellIntegrator
from combust.kinetics.integrate.rosenbrock import METHODS
from combust.kinetics.integrate.systems import Fixed
from combust.kinetics.rates.thermo import GAS_CONSTANT

AIR = "O2:1, N2:3.76"
FUELS = {"h2o2.yaml": "H2:1", "gri30.yaml": "CH4:1"}


def igniting(path, T0=1300.0, count=8):
    """T, p, Y of states along an ignition at 1 bar."""
    gas = Mechanism.load(path)
    solution = gas.cantera()
    solution.TPY = T0, 1e5, gas.mixture(FUELS[path], AIR, 1.0).numpy()
    reactor = ct.IdealGasConstPressureReactor(solution, clone=False)
    network = ct.ReactorNet([reactor])
    states = []
    while reactor.T < T0 + 1100:
        network.step()
        states.append([reactor.T, *solution.Y])
    pick = np.array(states)[np.linspace(3, len(states) - 1, count).astype(int)].T
    return gas, torch.tensor(pick[0].copy()), 1e5, torch.tensor(pick[1:] / pick[1:].sum(0))


def by_cantera(gas, T, p, Y, dt, hold, s=None):
    """T, Y by CVODE at 1e-12, cell by cell."""
    cell = CellIntegrator(gas, 1e-12, 1e-20, hold)
    z = torch.cat([T[None], Y])
    s = torch.zeros_like(z) if s is None else s
    held = torch.full_like(T, p) if hold == "hp" else gas.density(T, p, Y)
    end = torch.stack([cell(i, z[:, i], s[:, i], dt, float(held[i])) for i in range(len(T))], 1)
    return end[0], end[1:]


def energy(gas, hold, T, Y):
    return (Y * systems.energies(gas.thermo, hold, T)[0]).sum(0)


@pytest.mark.parametrize("hold", ["hp", "uv"])
@pytest.mark.parametrize("path", FUELS)
def test_equals_cvode_and_conserves(path, hold):
    gas, T, p, Y = igniting(path)
    exact_T, exact_Y = by_cantera(gas, T, p, Y, 1e-5, hold)
    for rtol, bound in ((1e-4, 1e-4), (1e-7, 1e-7)):
        end = gas.integrate(T, p, Y, 1e-5, hold=hold, rtol=rtol, atol=1e-4 * rtol)
        assert float((end.T / exact_T - 1).abs().max()) < bound
        assert float((end.Y - exact_Y).abs().max()) < bound
        elements = gas.element_matrix / gas.molar_mass
        # round-off, kmol/kg: the method's coefficients reach 150, a cell takes some ten steps
        assert torch.allclose(elements @ end.Y, elements @ Y, rtol=0, atol=2e-14)
        assert torch.allclose(energy(gas, hold, end.T, end.Y), energy(gas, hold, T, Y), rtol=1e-13, atol=1e-7)
        assert end.stats.cells == 8 and end.stats.fallbacks == 0


def test_cantera_reactors_agree_with_our_equations():
    """CVODE on Cantera's own equations, so that ours are not only compared with themselves."""
    gas, T, p, Y = igniting("h2o2.yaml", count=3)
    for hold, kind in (("hp", ct.IdealGasConstPressureReactor), ("uv", ct.IdealGasReactor)):
        end = gas.integrate(T, p, Y, 1e-5, hold=hold, rtol=1e-8, atol=1e-14)
        for i in range(3):
            solution = gas.cantera()
            solution.TPY = float(T[i]), p, Y[:, i].numpy()
            network = ct.ReactorNet([reactor := kind(solution, clone=False)])
            network.rtol, network.atol = 1e-12, 1e-20
            network.advance(1e-5)
            assert abs(float(end.T[i]) / reactor.T - 1) < 1e-8
            assert np.abs(end.Y[:, i].numpy() - solution.Y).max() < 1e-8


@pytest.mark.parametrize("hold", ["hp", "uv"])
def test_constant_source(hold):
    gas, T, p, Y = igniting("h2o2.yaml")
    fresh = gas.mixture("H2:1", AIR, 0.7)[:, None]
    heat, feed = torch.full_like(T, 3e8), 500.0 * (fresh - Y)
    exact_T, exact_Y = by_cantera(gas, T, p, Y, 2e-5, hold, torch.cat([heat[None], feed]))
    end = gas.integrate(T, p, Y, 2e-5, hold=hold, rtol=1e-8, atol=1e-13, source=(3e8, feed))
    assert float((end.T / exact_T - 1).abs().max()) < 1e-8
    assert float((end.Y - exact_Y).abs().max()) < 1e-8
    gained = energy(gas, hold, end.T, end.Y) - energy(gas, hold, T, Y)
    assert torch.allclose(gained, 2e-5 * heat, rtol=1e-7)


def test_any_shape_and_a_step_for_each_cell():
    gas, T, p, Y = igniting("h2o2.yaml")
    dt = torch.logspace(-8, -5, 8, dtype=torch.float64)
    flat = gas.integrate(T, p, Y, dt)
    boxed = gas.integrate(T.reshape(2, 2, 2), p, Y.reshape(-1, 2, 2, 2), dt.reshape(2, 2, 2))
    assert torch.allclose(boxed.T.reshape(-1), flat.T, rtol=1e-13)
    for i in (0, 7):
        alone = gas.integrate(T[i], p, Y[:, i], dt[i])
        assert float(alone.T / flat.T[i] - 1) == pytest.approx(0.0, abs=1e-13)


def test_cold_cells_are_skipped_and_still_accurate():
    gas = Mechanism.load("h2o2.yaml")
    Y = gas.mixture("H2:1", AIR, 1.0)[:, None].expand(-1, 3)
    T = torch.tensor([300.0, 700.0, 1500.0], dtype=torch.float64)
    end = gas.integrate(T, 1e5, Y, 1e-6)
    exact_T, exact_Y = by_cantera(gas, T, 1e5, Y, 1e-6, "hp")
    assert end.stats.skipped == 2
    assert float((end.Y - exact_Y).abs().max()) < 1e-9
    assert float((end.T / exact_T - 1).abs().max()) < 1e-9


@pytest.mark.parametrize("T0, dt", [(1100.0, 3e-3), (1100.0, 1e-1), (1264.0, 1e-3), (1264.0, 1e-2)])
def test_no_ignition_is_leapt_over(T0, dt):
    """Radicals grow from nothing, far below atol: the error test alone does not see them. (Delays: 1.4 and 0.5 ms.)"""
    gas = Mechanism.load("h2o2.yaml")
    Y = gas.composition("H2:0.01, O2:0.005, AR:0.985")[:, None]
    T = torch.tensor([T0], dtype=torch.float64)
    exact_T, _ = by_cantera(gas, T, 2.2e5, Y, dt, "uv")
    for rtol, atol in ((1e-6, 1e-10), (1e-3, 1e-7)):
        end = gas.integrate(T, 2.2e5, Y, dt, hold="uv", rtol=rtol, atol=atol)
        assert float(end.T) == pytest.approx(float(exact_T), abs=3.0), (rtol, end.stats)


def test_chunks_do_not_change_the_result(monkeypatch):
    from combust.kinetics.integrate import reactor

    gas, T, p, Y = igniting("h2o2.yaml")
    whole = gas.integrate(T, p, Y, 1e-5)
    monkeypatch.setattr(reactor, "CHUNK", 3)
    parts = gas.integrate(T, p, Y, 1e-5)
    assert torch.allclose(parts.T, whole.T, rtol=1e-13) and parts.stats == whole.stats


def test_order_of_the_default_method():
    gas, T, p, Y = igniting("h2o2.yaml")
    at = int((T - 1550).abs().argmin())  # where it is fastest; hotter, the reference is no better than our error
    T, Y, dt = T[at : at + 1], Y[:, at : at + 1], 4e-6
    exact_T, _ = by_cantera(gas, T, p, Y, dt, "hp")
    errors, system, method = [], ode.System(gas.kinetics, "hp"), METHODS["rodas5p"]
    for steps in (8, 16, 32, 64):
        z, h = torch.cat([T[None], Y]), torch.full_like(T, dt / steps)
        for _ in range(steps):
            at = ode.linearise_block(system, method, z, torch.zeros_like(z), h, Fixed(torch.full_like(T, p)))
            z, _ = ode.rosenbrock_step(system, method, ode.Tolerance(), at, torch.zeros_like(z))
        errors.append(float((z[0] - exact_T).abs()))
    assert max(np.log2(np.array(errors[:-1]) / errors[1:])) > 4.8, errors


@pytest.mark.parametrize(
    "change, message",
    [
        (dict(T=float("nan")), r"temperature nan in cell \(1,\)"),
        (dict(T=150.0), r"temperature 150.0 in cell \(1,\): must be within the mechanism's 200 to 5000 K"),
        (dict(p=0.0), r"pressure 0.0 in cell \(1,\)"),
        (dict(Y=float("nan")), r"sum of mass fractions nan in cell \(1,\)"),
        (dict(Y=0.5), r"sum of mass fractions .* in cell \(1,\): must be 1 within 1e-6"),
        (dict(dt=-1.0), r"dt -1.0 in cell \(1,\)"),
        (dict(source=float("inf")), r"source inf in cell \(1,\)"),
    ],
)
def test_bad_input_names_the_cell(change, message):
    gas = Mechanism.load("h2o2.yaml")
    Y = gas.mixture("H2:1", AIR, 1.0)[:, None].repeat(1, 3)
    values = {"T": torch.full((3,), 1000.0), "p": torch.full((3,), 1e5), "dt": torch.full((3,), 1e-6)}
    heat = torch.zeros(3, dtype=torch.float64)
    for name, value in change.items():
        target = {"Y": Y[0], "source": heat}.get(name, values.get(name))
        target[1] = value
    with pytest.raises(StateError, match=message):
        gas.integrate(values["T"], values["p"], Y, values["dt"], source=(heat, torch.zeros_like(Y)))


def test_bad_options():
    gas = Mechanism.load("h2o2.yaml")
    Y = gas.mixture("H2:1", AIR, 1.0)
    with pytest.raises(StateError, match="hold = 'tp'; allowed: 'hp'"):
        gas.integrate(1000.0, 1e5, Y, 1e-6, hold="tp")
    with pytest.raises(ConfigError, match="rtol = 2"):
        gas.integrate(1000.0, 1e5, Y, 1e-6, rtol=2)


@pytest.mark.parametrize("hold", ["hp", "uv"])
def test_a_cell_that_does_not_arrive_goes_to_cvode(monkeypatch, hold):
    gas, T, p, Y = igniting("h2o2.yaml", count=4)
    good = gas.integrate(T, p, Y, 1e-5, hold=hold)
    monkeypatch.setattr(ode, "MAX_STEPS", 2)
    slow = gas.integrate(T, p, Y, 1e-5, hold=hold)
    assert slow.stats.fallbacks > 0
    assert torch.allclose(slow.T, good.T, rtol=1e-5)


def test_radicals_that_recombine_faster_than_they_meet():
    """Rates carry both away from zero once atol leaves both below it; other states begin by steps of 1e-22 s."""
    gas = Mechanism.load("nDodecane_Reitz.yaml", "nDodecane_IG")
    solution = gas.cantera(transport=False)
    Y = []
    for burnt in (0.2, 0.4, 0.6, 0.8):
        solution.set_equivalence_ratio(2.0, "c12h26:1", "o2:1, n2:3.76")
        fresh = solution.Y
        solution.TP = 1500.0, 5e5
        solution.equilibrate("TP")
        Y.append((1 - burnt) * fresh + burnt * solution.Y)
    end = gas.integrate([305.0, 315.0, 330.0, 340.0], 5e5, np.array(Y).T, 1e-4, hold="uv")
    assert end.stats.fallbacks == 0 and float(end.Y.min()) > -1e-9
    gas = Mechanism.load("SiF4_NH3_mec.yaml", "gas")
    Y = torch.zeros(len(gas.species), dtype=torch.float64)
    Y[gas.index("SIF3")], Y[gas.index("F")] = 1 - 2.3e-5, 2.3e-5
    end = gas.integrate(395.0, 3.7e6, Y, 1e-4)
    assert end.stats.fallbacks == 0 and float(end.Y[gas.index("F")]) < 1e-9


def test_a_cell_that_cvode_cannot_integrate_is_written_and_runs_again(monkeypatch, tmp_path, capsys):
    gas, T, p, Y = igniting("h2o2.yaml", count=4)
    monkeypatch.setenv("COMBUST_DUMP", str(tmp_path))
    monkeypatch.setattr(ode, "MAX_STEPS", 2)
    monkeypatch.setattr(CellIntegrator, "_integrate", lambda *a: np.full(11, np.nan))
    with pytest.raises(DivergenceError, match=r"cell \d .*the result is not finite.*`combust info .*failed_cell_"):
        gas.integrate(T, p, Y, 1e-5)
    monkeypatch.undo()
    (file,) = tmp_path.glob("failed_cell_*.json")
    assert main(["info", str(file)]) == 0
    text = capsys.readouterr().out
    assert "hold hp" in text and "batched integrator: T = " in text and "CVODE: T = " in text
    ours, theirs = (float(line.split("T = ")[1].split()[0]) for line in text.splitlines()[-2:])
    assert ours == pytest.approx(theirs, rel=1e-5)


def test_info_refuses_another_json(tmp_path, capsys):
    for text in ("{", '{"kind": "other"}', '{"kind": "combust failed cell"}'):
        (file := tmp_path / "x.json").write_text(text)
        assert main(["info", str(file)]) == 2
        assert str(file) in capsys.readouterr().err


def test_pressure_follows_at_constant_volume():
    gas, T, p, Y = igniting("h2o2.yaml")
    end = gas.integrate(T, p, Y, 1e-5, hold="uv")
    rho = gas.density(T, p, Y)
    after = rho * GAS_CONSTANT * end.T / gas.mean_molar_mass(end.Y)
    assert torch.allclose(gas.density(end.T, after, end.Y), rho)


def test_mode_is_restored():
    before = kernels.mode()
    with kernels.using("eager"):
        assert kernels.mode() == "eager"
    assert kernels.mode() == before
