"""Integrator at the edge of a law: orders below one, rates that vanish."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import cantera as ct
import torch

from combust.errors import CombustError
from combust.kinetics import Mechanism
from combust.kinetics.integrate.cvode import CellIntegrator
from validation.trust import Member

KIND = (
    "Where C^n has no finite slope at zero (n < 1), or a rate constant vanishes, integration keeps its tolerance "
    "without the fallback, Jacobians are finite, and no result lies below -atol."
)
INPUTS = Path(__file__).parents[2] / "tests" / "faults" / "inputs"
CELL = {"O2": 0.05, "H2O": 0.10, "CO": 0.012, "CO2": 0.103, "N2": 0.735}
LIMITS = "  low-P-rate-constant: {{A: {}, b: 0, Ea: 0}}\n  high-P-rate-constant: {{A: {}, b: 0, Ea: 0}}\n"
FALLOFF = "- equation: CO + H2O (+M) <=> CO2 + H2 (+M)\n  type: "
VANISHING = {
    "high-pressure limit of zero": FALLOFF + "falloff\n" + LIMITS.format("1e18", "0"),
    "low-pressure limit of zero": FALLOFF + "falloff\n" + LIMITS.format("0", "1e13"),
    "both limits of zero": FALLOFF + "falloff\n" + LIMITS.format("0", "0"),
    "chemically activated, high limit of zero": FALLOFF + "chemically-activated\n" + LIMITS.format("1e18", "0"),
    "chemically activated, low limit of zero": FALLOFF + "chemically-activated\n" + LIMITS.format("0", "1e13"),
    "Troe with T3 = T1 = 0": FALLOFF + "falloff\n" + LIMITS.format("0", "1e13") + "  Troe: {A: 0.5, T3: 0, T1: 0}\n",
    "Troe with T3 = 1e-30, T1 = 1e30":
        FALLOFF + "falloff\n" + LIMITS.format("1e18", "1e13") + "  Troe: {A: 0.5, T3: 1.0e-30, T1: 1.0e+30}\n",
    "SRI, low limit of zero":
        FALLOFF + "falloff\n" + LIMITS.format("0", "1e13") + "  SRI: {A: 1.1, B: 700.0, C: 1234.0}\n",
    "third body of efficiencies zero": "- equation: CO + H2O + M <=> CO2 + H2 + M\n  type: three-body\n"
        "  rate-constant: {A: 1e12, b: 0, Ea: 0}\n  default-efficiency: 0.0\n  efficiencies: {H2: 0.0}\n",
    "duplicates that cancel": "".join(
        f"- equation: CO + H2O <=> CO2 + H2\n  rate-constant: {{A: {A}, b: 0, Ea: 0}}\n  duplicate: true\n{more}"
        for A, more in (("1e12", ""), ("-1e12", "  negative-A: true\n"))),
    "P-log sums of zero": "- equation: CO + H2O <=> CO2 + H2\n  type: pressure-dependent-Arrhenius\n  rate-constants:\n"
        "  - {P: 0.1 atm, A: 1e12, b: 0, Ea: 0}\n  - {P: 0.1 atm, A: -1e12, b: 0, Ea: 0}\n"
        "  - {P: 10 atm, A: 1e12, b: 0, Ea: 0}\n",
    "order -1 of a species that is absent": "- equation: CO + H2O => CO2 + H2\n  rate-constant: {A: 1e6, b: 0, Ea: 0}\n"
        "  orders: {CO: 1, H2O: 1, H2: -1}\n  nonreactant-orders: true\n  negative-orders: true\n",
    "Blowers-Masel": "- equation: CO + H2O => CO2 + H2\n  type: Blowers-Masel\n"
        "  rate-constant: {A: 1e12, b: 0, Ea0: 0, w: 1e6}\n",
}  # fmt: skip

ORDERS, GLOBAL = (0.1, 0.5, 0.75), ("one", "two", "four")
SMOKE = {"VANISHING": {"Blowers-Masel": VANISHING["Blowers-Masel"]}, "ORDERS": (0.5,), "GLOBAL": ("one",)}


def members() -> Iterator[Member]:
    """The cell of the fault, its relatives, vanishing rates, global mechanisms."""
    yield _cell()
    yield _cvode()
    for n in ORDERS:
        yield _used_up(n)
    for what, reaction in VANISHING.items():
        yield _vanishing(what, reaction)
    for steps in GLOBAL:
        yield _ignites(steps)


def _gas(change: tuple[str, str] = ("", "")) -> Mechanism:
    text = (INPUTS / "fractional_order.yaml").read_text(encoding="utf-8")
    return _written(text.replace(*change) if change[0] else text)


def _written(text: str) -> Mechanism:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gas.yaml"
        path.write_text(text, encoding="utf-8")
        return Mechanism.load(path)


def _state(gas: Mechanism, **other: float) -> torch.Tensor:
    Y = torch.zeros(len(gas.species), dtype=torch.float64)
    for name, value in {**CELL, **other}.items():
        Y[gas.index(name)] = value
    return Y / Y.sum()


def _cell() -> Member:
    gas = Mechanism.load(INPUTS / "fractional_order.yaml")
    gas.integrate(1900.0, 101325.0, _state(gas), 2e-6, rtol=1e-4, atol=1e-9)
    begin = time.process_time()
    end = gas.integrate(1900.0, 101325.0, _state(gas), 2e-6, rtol=1e-4, atol=1e-9)
    cpu, T, H2 = time.process_time() - begin, float(end.T), float(end.Y[gas.index("H2")])
    good = abs(T - 1902.228) < 0.01 and abs(H2) < 1e-9 and not end.stats.fallbacks and cpu < 0.2
    return Member(
        "H2 of order 0.25, made and used up: one cell over 2 us",
        "1902.228 K, H2 about 0 (Cantera, largest step 1e-11 s)",
        f"{T:.3f} K, H2 {H2:.1e}, {end.stats.steps} steps, {end.stats.fallbacks} fallbacks, {cpu:.2f} s",
        good,
    )


def _cvode() -> Member:
    gas = Mechanism.load(INPUTS / "fractional_order.yaml")
    z = torch.cat([torch.tensor([1900.0], dtype=torch.float64), _state(gas)])
    end = CellIntegrator(gas, 1e-4, 1e-9, "hp")(0, z, 0 * z, 2e-6, 101325.0)
    lowest = float(end[1:].min())
    return Member(
        "the same by the fallback, which steps through zero at these tolerances",
        "1902.228 K, none below -1e-9",
        f"{float(end[0]):.3f} K, lowest {lowest:.1e}",
        lowest >= -1e-9 and abs(float(end[0]) - 1902.228) < 0.01,
    )


def _used_up(n: float) -> Member:
    gas = _gas(("H2: 0.25", f"H2: {n}"))
    Y = torch.stack([_state(gas, H2=1e-3), _state(gas, H2=-1e-8)], 1)
    exact = gas.integrate(1900.0, 101325.0, Y, 1e-5, rtol=1e-6, atol=1e-10)
    end = gas.integrate(1900.0, 101325.0, Y, 1e-5, rtol=1e-4, atol=1e-9)
    error, lowest = float((end.T - exact.T).abs().max()), float(end.Y[:, 0].min())
    return Member(
        f"H2 of order {n}, 1e-3 used up in 10 us, and from -1e-8",
        "as at a tolerance 100 times smaller; no fallback",
        f"{error:.1e} K, lowest {lowest:.1e}, {end.stats.fallbacks} fallbacks",
        error < 0.1 and lowest >= -1e-9 and not end.stats.fallbacks,
    )


def _vanishing(what: str, reaction: str) -> Member:
    head = (INPUTS / "fractional_order.yaml").read_text(encoding="utf-8").split("reactions:")[0]
    right = "finite rates and Jacobian, or refused"
    try:
        gas = _written(f"{head}reactions:\n{reaction}")
    except CombustError as error:
        return Member(what, right, f"refused: {str(error).splitlines()[-1].partition('gas.yaml: ')[2][:120]}", True)
    Y = _state(gas)
    J, omega = gas.jacobian(1900.0, 101325.0, Y), gas.net_production_rates(1900.0, 101325.0, Y)
    good = bool(torch.isfinite(J).all() and torch.isfinite(omega).all())
    return Member(
        what, right, f"largest rate {float(omega.abs().max()):.2e}, largest entry {float(J.abs().max()):.2e}", good
    )


def _ignites(steps: str) -> Member:
    gas = Mechanism.load(INPUTS / f"global_{steps}.yaml")
    Y, times = gas.mixture("CH4:1", "O2:1, N2:3.76", 1.0), (1e-5, 1e-4, 1e-2)
    dt = torch.tensor(times, dtype=torch.float64)
    end = gas.integrate(torch.full((3,), 1500.0), 1e5, Y[:, None].expand(-1, 3), dt, rtol=1e-4, atol=1e-9)
    theirs = []
    for t in times:
        solution = gas.cantera()
        solution.TPY = 1500.0, 1e5, Y.numpy()
        network = ct.ReactorNet([reactor := ct.IdealGasConstPressureReactor(solution, clone=False)])
        network.rtol, network.atol, network.max_steps = 1e-9, 1e-16, 200_000
        network.advance(t)
        theirs.append(reactor.T)
    error = max(abs(a - b) for a, b in zip(end.T.tolist(), theirs, strict=True))
    return Member(
        f"global methane mechanism, {steps} step(s), igniting from 1500 K",
        "T of Cantera at 1e-9 after 10 us, 100 us, 10 ms",
        f"{error:.4f} K off, lowest Y {float(end.Y.min()):.1e}, {end.stats.fallbacks} fallbacks",
        error < 0.05 and float(end.Y.min()) >= -1e-9 and not end.stats.fallbacks,
    )
