"""Transport models of case files in the flow: what reaches the fluxes, what is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch

from combust import kernels
from combust.case.load import load
from combust.cfd.operators import scalars
from combust.cfd.operators.coefficients import combined
from combust.errors import ConfigError
from combust.parallel import Communicator
from combust.run import build as case

CASES = Path(__file__).resolve().parents[2] / "cases"
SMALL = ["mesh.cells=[16,12]", "mesh.upper=[1.12e-3,0.96e-3]", "initial.centre=[5e-4,4e-4]", "initial.radius=2e-4"]
SORET = 'gas.transport={kind="mixture-averaged", soret=true}'


def kernel(*changes):
    """The ignition kernel in a small closed box."""
    kernels.set_mode("eager")
    return case.Builder(load(CASES / "kernel.toml", [*SMALL, *changes]), Communicator()).flow()


def fluxes(flow, axis=-1):
    """Diffusive fluxes of (rho h, rho Y) along x in the state at hand."""
    s, scheme = flow.current, flow.scheme
    axis = scheme.layout.axes[axis]
    return scalars.diffusive_flux(s.q, s.coefficients, scheme.thermo, scheme.layout, scheme.metrics[axis], axis)


def test_soret_flux_is_the_formula():
    plain, soret = kernel(), kernel(SORET)
    added = fluxes(soret)[1:] - fluxes(plain)[1:]
    gas, scheme = soret.scheme.problem.gas, soret.scheme
    q = soret.current.q
    row = q[:, q.shape[1] // 2, q.shape[2] // 2]  # (T, Y) along x, with ghosts
    D_T = gas.transport(row[0], 101325.0, row[1:].clamp_min(0), soret=True).thermal_diffusion / row[0]
    width = float(scheme.grid.widths[scheme.layout.axes[-1]][0])
    face = -0.5 * (D_T[:, 1:] + D_T[:, :-1]) * (row[0, 1:] - row[0, :-1]) / width
    face = face - 0.5 * (row[1:, 1:] + row[1:, :-1]) * face.sum(0)
    line = added[:, added.shape[1] // 2, added.shape[2] // 2]
    ghosts = (face.shape[1] - line.shape[1]) // 2
    expected = face[:, ghosts : ghosts + line.shape[1]]
    assert float(expected.abs().max()) > 1e-5
    assert torch.all((line - expected).abs() <= 1e-9 * expected.abs().max())
    total = fluxes(soret)[1:].sum(0)
    assert float(total.abs().max()) <= 1e-14 * float(fluxes(soret)[1:].abs().max())


def test_soret_draws_hydrogen_to_the_hot_gas_and_conserves():
    """In a closed box mass, elements and energy stay; the hot kernel holds more H2 than without thermal diffusion."""
    inert = ('chemistry={kind="none"}',)
    plain, soret = kernel(*inert), kernel(SORET, *inert)
    before = soret.current.U.sum((1, 2, 3))
    for flow in (plain, soret):
        for _ in range(3):
            flow.advance(2e-7)
    after = soret.current.U.sum((1, 2, 3))
    assert torch.all((after - before)[1:].abs() <= 1e-12 * before[1:].sum())
    hot = plain.current.q[0] > 800
    H2 = 1 + soret.scheme.problem.gas.index("H2")
    gained = (soret.current.q[H2] - plain.current.q[H2])[hot].sum()
    assert float(gained) > 0


def test_coefficients_that_a_case_does_not_have_are_none():
    plain, soret = kernel().current.coefficients, kernel(SORET).current.coefficients
    assert plain.thermal_diffusion is None and soret.thermal_diffusion.shape == soret.mole_diffusivity.shape
    assert torch.allclose(plain.viscosity, soret.viscosity, rtol=1e-13, atol=0)  # one of them is made in C++
    with pytest.raises(ValueError, match="one has thermal_diffusion and the other has not"):
        combined(plain, soret, torch.add)


@pytest.mark.parametrize(
    "table, name",
    [
        ('{kind="constant-Lewis", lewis={H2=0.3, H=0.2}, default=1.0}', "constant-Lewis"),
        ('{kind="sutherland", viscosity=1.7e-5, temperature=273.15, constant=110.4}', "sutherland"),
        ('{kind="power-law", viscosity=1.7e-5, temperature=273.15, exponent=0.7}', "power-law"),
        ('{kind="mixture-averaged"}', "mixture-averaged"),
    ],
)
def test_models_reach_the_flow(table, name):
    flow = kernel(f"gas.transport={table}", 'chemistry={kind="none"}')
    assert flow.scheme.problem.transport == name
    flow.advance(1e-7)
    s, gas = flow.current, flow.scheme.problem.gas
    q = flow.scheme.inner(s.q)
    numbers = {
        "constant-Lewis": {"lewis": {"H2": 0.3, "H": 0.2}, "default": 1.0},
        "sutherland": {"viscosity": 1.7e-5, "temperature": 273.15, "constant": 110.4},
        "power-law": {"viscosity": 1.7e-5, "temperature": 273.15, "exponent": 0.7},
        "mixture-averaged": {},
    }[name]
    expected = gas.transport(q[0], float(s.p0), q[1:], name, **numbers)
    c = s.coefficients
    assert np.allclose(flow.scheme.inner(c.viscosity), expected.viscosity, rtol=1e-12)
    assert np.allclose(flow.scheme.inner(c.conductivity), expected.conductivity, rtol=1e-12)
    D = flow.scheme.inner(c.mole_diffusivity) * 8314.46261815324 * q[0] / (gas.molar_mass.reshape(-1, 1, 1, 1) * s.p0)
    assert np.allclose(D, expected.diffusivity, rtol=1e-9)


def test_unknown_species_is_named_when_the_case_is_built():
    with pytest.raises(ConfigError, match="no species 'H3'.*nearest: .*H2"):
        kernel('gas.transport={kind="constant-Lewis", lewis={H3=0.3}, default=1.0}')


def test_compositions_of_a_case_are_mole_fractions():
    """Air, by hand: 0.2329 of its mass is oxygen. A fuel is what most moles are."""
    flow = kernel('initial={kind="uniform", temperature=300.0, composition="O2:1, N2:3.76"}')
    gas = flow.scheme.problem.gas
    oxygen = 31.998 / (31.998 + 3.76 * 28.014)
    Y = flow.current.q[1:, 0, 4, 4]
    np.testing.assert_allclose(float(Y[gas.index("O2")]), oxygen, rtol=1e-5)
    diluted = load(CASES / "kernel.toml", [*SMALL, 'initial.fuel="H2:6, AR:4"'])
    assert case.Builder(diluted, Communicator()).unburnt.fuel == gas.index("H2")
