"""Growth of a small wrinkle of a planar flame against hydrodynamic theory with its correction for thickness."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.integrate import trapezoid

from combust import kernels
from combust.cfd.lowmach.flow import ReactingFlow
from combust.kinetics.flames.free import FlameProfile, Refine, free_flame
from combust.kinetics.mechanism.mechanism import Mechanism
from validation import planar
from validation.report import Report, percent

TITLE = "Darrieus-Landau instability: growth rate of a small wrinkle"
MECHANISM, FUEL, AIR, PHI, T, P = "h2o2.yaml", "H2:1", "O2:0.21, N2:0.79", 1.0, 300.0, 101325.0
PER_THICKNESS = 8  # cells per thermal thickness
WAVES = (20, 30)  # wavelengths in thermal thicknesses
AMPLITUDE = 0.05  # of the start, in thermal thicknesses
E_FOLDINGS = 1.6  # that a run lasts, by theory
LIMIT = 0.2
REFINE: Refine = "converged"
SMOKE = {"REFINE": "customary", "PER_THICKNESS": 2, "WAVES": (6,), "E_FOLDINGS": 0.02}


@dataclass(frozen=True)
class Theory:
    """Dispersion relation omega = w0 S k - delta S k^2 (B1 + Pr B3) for unity Lewis numbers.

    Matalon, Cui, Bechtold, J. Fluid Mech. 487 (2003) 179. doi:10.1017/S0022112003004683
    """

    speed: float
    expansion: float
    diffusive: float  # delta = lambda_u / (rho_u cp_u S) [m]
    w0: float
    B1: float
    B3: float
    prandtl: float

    def rate(self, k: float) -> tuple[float, float]:
        """Growth rates [1/s] of an infinitely thin flame and with the correction."""
        thin = self.w0 * self.speed * k
        return thin, thin - self.diffusive * self.speed * k**2 * (self.B1 + self.prandtl * self.B3)


def theory(gas: Mechanism, flame: FlameProfile) -> Theory:
    """Coefficients for the conductivity of the flame's own gas as a function of its temperature."""
    solution = gas.cantera()
    solution.transport_model = "unity-Lewis-number"
    conductivity = []
    for temperature, Y in zip(flame.T, flame.Y.T, strict=True):
        solution.TPY = temperature, flame.pressure, Y
        conductivity.append(solution.thermal_conductivity)
    solution.TPY = flame.T[0], flame.pressure, flame.Y[:, 0]
    cp, viscosity = solution.cp_mass, solution.viscosity
    s = flame.rho[0] / flame.rho[-1]
    x = np.linspace(1.0, s, 2001)
    progress = 1 + (s - 1) * (flame.T - flame.T[0]) / (flame.T[-1] - flame.T[0])
    rising = np.maximum.accumulate(progress)
    keep = np.concatenate([[True], np.diff(rising) > 0])
    lam = np.interp(x, rising[keep], np.array(conductivity)[keep]) / conductivity[0]
    w0 = (-s + math.sqrt(s**3 + s**2 - s)) / (s + 1)
    over_x, plain = trapezoid(lam / x, x), trapezoid(lam, x)
    front = s / (s + (s + 1) * w0)
    B1 = 0.5 * front * (s * (2 * w0 + s + 1) / (s - 1) * over_x + plain)
    B3 = front * ((s - 1) * lam[-1] - plain)
    diffusive = conductivity[0] / (flame.rho[0] * cp * flame.speed)
    return Theory(flame.speed, s, diffusive, w0, float(B1), float(B3), viscosity * cp / conductivity[0])


def run(report: Report) -> None:
    """Growth rates at each wavelength."""
    gas = Mechanism.load(MECHANISM)
    flame = free_flame(gas, T, P, FUEL, AIR, PHI, transport="unity-Lewis", refine=REFINE)
    t = theory(gas, flame)
    thickness = flame.thermal_thickness
    report.text(
        f"H2/air, phi {PHI:g}, 300 K, 1 atm, all Lewis numbers one, so that only expansion and thickness matter: S_L = "
        f"{flame.speed:.4f} m/s, expansion {t.expansion:.2f}, thermal thickness {1e3 * thickness:.3f} mm, diffusive "
        f"thickness {1e6 * t.diffusive:.1f} um. Theory (Matalon, Cui and Bechtold, J. Fluid Mech. 487 (2003) 179) with "
        f"the conductivity of this flame: w0 = {t.w0:.3f}, B1 = {t.B1:.2f}, B3 = {t.B3:.2f}, Pr = {t.prandtl:.2f}. A "
        f"cosine of amplitude {AMPLITUDE:g} thermal thicknesses, one wave in a periodic width; {PER_THICKNESS} cells "
        "per thermal thickness. The amplitude is the cosine part of the position of the front by its unburnt fuel; the "
        "rate is fitted to the second half of the run."
    )
    rows = []
    for wave in WAVES:
        k = 2 * math.pi / (wave * thickness)
        thin, corrected = t.rate(k)
        rate, grown, cells = measure(flame, wave, E_FOLDINGS / corrected, report)
        rows.append(
            [
                f"{wave}",
                cells,
                f"{k * t.diffusive:.4f}",
                f"{thin:.0f}",
                f"{corrected:.0f}",
                f"{rate:.0f}",
                percent(rate / corrected - 1, 1),
                f"{grown:.1f}",
            ]
        )
        report.target(f"growth rate, wavelength {wave} thicknesses", 100 * (rate / corrected - 1), 100 * LIMIT, " %")
    report.table(
        [
            "wavelength / thickness",
            "cells",
            "k delta",
            "thin flame [1/s]",
            "theory [1/s]",
            "measured [1/s]",
            "error",
            "amplitude grew by",
        ],
        rows,
    )


def measure(flame: FlameProfile, wave: int, end: float, report: Report) -> tuple[float, float, int]:
    """Growth rate [1/s] over the second half of a run to `end` [s], growth of the amplitude, and cells."""
    thickness = flame.thermal_thickness
    length, fine = wave * thickness, thickness / PER_THICKNESS
    x = planar.graded_faces(fine, (-3 * thickness, 3 * thickness), (-0.75 * length, length), 1.08, length / 24)
    y = np.linspace(0.0, length, wave * PER_THICKNESS + 1)
    flow = planar.build(
        "flame.toml",
        [
            f'mesh={{ kind = "stretched", x = {{ faces = {x.tolist()} }}, y = {{ faces = {y.tolist()} }} }}',
            'gas.transport="unity-Lewis"',
            f"initial.phi={PHI}",
            "initial.position=0.0",
            f"initial.perturbation={{ amplitude = {AMPLITUDE * thickness}, modes = [1] }}",
            'boundary.x_low={ kind = "inflow", velocity = "flame-speed" }',
            'numerics.compile="on"',
        ],
        flame,
    )
    kernels.keep_freed_memory()
    times, amplitudes = [], []
    while flow.time < end:
        dt = min(flow.limit()[0], 2e-6)
        flow.advance(dt)
        times.append(flow.time)
        amplitudes.append(amplitude(flow))
        if flow.step % 50 == 0:
            report.progress(f"wavelength {wave}: {flow.time / end:.0%}, amplitude {1e6 * amplitudes[-1]:.2f} um")
    t, a = np.array(times), np.array(amplitudes)
    late = t >= end / 2
    rate = np.polyfit(t[late], np.log(a[late]), 1)[0]
    return float(rate), float(a[-1] / a[0]), int(np.prod(flow.block.shape))


def amplitude(flow: ReactingFlow) -> float:
    """Amplitude [m] of the cosine over y in the position of the front, as the fuel left in each row tells it."""
    assert flow.unburnt is not None
    fuel = flow.unburnt.fuel
    x, y = flow.coordinates()[2], flow.coordinates()[1]
    left = (flow.current.U[1 + fuel, 0].cpu().numpy() * np.diff(x)).sum(-1)
    front = left / (flow.unburnt.density * float(flow.unburnt.Y[fuel]))
    middle = 0.5 * (y[1:] + y[:-1])
    return float(2 * (front * np.cos(2 * math.pi * middle / y[-1])).mean())
