"""Eddy viscosities of the velocity gradient alone: values by hand, invariance, walls, cases."""

import math

import numpy as np
import pytest
import torch
from test_view import linear_view

from combust.case.load import load
from combust.cfd.closures import settings, sigma, smagorinsky, vreman, wale
from combust.cfd.closures.algebraic import energy
from combust.cfd.closures.sigma import singular_values
from combust.parallel import Communicator
from combust.run import build as case
from tests.draws import generator
from validation.two_gases import steps

MODELS = {"smagorinsky": smagorinsky.Smagorinsky, "wale": wale.Wale, "vreman": vreman.Vreman, "sigma": sigma.Sigma}
# u_i = A_ij x_j, and nu_t of Smagorinsky, WALE, Vreman, sigma for filter width 1 and constant 1.
ROOT2 = math.sqrt(0.5)
FLOWS = {
    "rest": ([[0, 0, 0], [0, 0, 0], [0, 0, 0]], (0.0, 0.0, 0.0, 0.0)),
    "solid-body rotation": ([[0, -1, 0], [1, 0, 0], [0, 0, 0]], (0.0, (2 / 3) ** 0.25, ROOT2, 0.0)),
    "pure shear": ([[0, 1, 0], [0, 0, 0], [0, 0, 0]], (1.0, 0.0, 0.0, 0.0)),
    "plane strain": ([[1, 0, 0], [0, -1, 0], [0, 0, 0]], (2.0, 0.08696418, ROOT2, 0.0)),
    "axisymmetric": ([[2, 0, 0], [0, -1, 0], [0, 0, -1]], (math.sqrt(12), 0.15062638, math.sqrt(1.5), 0.0)),
    "dilatation": ([[1, 0, 0], [0, 1, 0], [0, 0, 1]], (0.0, 0.0, 1.0, 0.0)),
    "planar flame": ([[1, 0, 0], [0, 0, 0], [0, 0, 0]], (2 / math.sqrt(3), 0.33969708, 0.0, 0.0)),
    "swirl and strain": (
        [[0.5, -1, 0], [1, 0.5, 0], [0, 0, -1]],
        (math.sqrt(3), 0.56142579, math.sqrt(4.0625 / 3.5), 0.0),
    ),
    "shear and strain": ([[0, 1, 0], [0, 1, 0], [0, 0, -1]], (math.sqrt(5), 0.11358151, math.sqrt(2 / 3), 0.0)),
    "all": ([[0.2, 0.5, -0.3], [0.1, -0.4, 0.6], [-0.7, 0.3, 0.2]], (1.62788206, 0.0962389, 0.64097556, 0.0197758)),
}


@pytest.mark.parametrize("flow", FLOWS)
def test_values_of_linear_flows(flow):
    A, expected = FLOWS[flow]
    for model, value in zip(MODELS.values(), expected, strict=True):
        fields = model(1.0, 0.7, 0.5).update(linear_view(A))
        assert float((fields.viscosity - value).abs().max()) < 1e-7, model
        torch.testing.assert_close(fields.heat, fields.viscosity / 0.7)
        torch.testing.assert_close(fields.species, fields.viscosity / 0.5)


@pytest.mark.parametrize("name", MODELS)
def test_in_proportion_to_the_gradient_and_the_same_in_any_frame(name):
    """nu_t(s R A R^T) = s nu_t(A) for rotations R and s > 0, and the square of the length."""
    draws = generator()
    A = torch.randn(3, 3, 50, generator=draws, dtype=torch.float64)
    R, _ = torch.linalg.qr(torch.randn(3, 3, generator=draws, dtype=torch.float64))
    kernel, one = MODELS[name](1.0, 0.7, 0.7).viscosity, torch.ones(50, dtype=torch.float64)
    turned = torch.einsum("ik,klm,jl->ijm", R, A, R)
    wanted = kernel(A, one)
    torch.testing.assert_close(kernel(turned, one), wanted, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(kernel(2.0**-27 * A, one), 2.0**-27 * wanted, rtol=1e-12, atol=0)
    torch.testing.assert_close(kernel(A, 3 * one), 9 * wanted, rtol=1e-12, atol=0)
    assert (wanted >= 0).all()


def test_energy_of_the_eddies_is_that_of_a_balance():
    """Where C_s^2 = C_k (C_k/C_e)^(1/2), what the strain makes of the eddies is what they dissipate."""
    strain, width, cs = 700.0, torch.tensor([2e-3], dtype=torch.float64), (0.094**3 / 1.048) ** 0.25
    g = torch.zeros(3, 3, 1, dtype=torch.float64)
    g[2, 1] = strain
    nu = MODELS["smagorinsky"](cs, 0.7, 0.7).viscosity(g, width)
    k, epsilon = energy(nu, width)
    assert float(nu) == pytest.approx(0.094 * 2e-3 * float(k) ** 0.5, rel=1e-12)
    assert float(epsilon) == pytest.approx(float(nu) * strain**2, rel=1e-12)


def test_singular_values_are_those_of_numpy():
    A = torch.randn(3, 3, 200, generator=generator(), dtype=torch.float64)
    found = torch.stack(singular_values(A)).numpy()
    wanted = np.linalg.svd(A.permute(2, 0, 1).numpy(), compute_uv=False).T
    np.testing.assert_allclose(found, wanted, atol=1e-7)


@pytest.mark.parametrize("name, power", [("smagorinsky", 0), ("vreman", 1), ("wale", 3), ("sigma", 3)])
def test_power_of_the_distance_from_a_wall(name, power):
    """Turbulence near a wall at y = 0: u and w of order y, v of order y^2 so that div u = 0."""
    a, b = torch.randn(2, 6, generator=generator(), dtype=torch.float64).unbind()
    y = torch.tensor([1e-3, 1e-4], dtype=torch.float64)
    g = torch.zeros(3, 3, 2, dtype=torch.float64)
    g[0, 0], g[0, 1], g[0, 2] = a[0] * y, a[1] + 2 * b[0] * y, a[2] * y
    g[2, 0], g[2, 1], g[2, 2] = a[3] * y, a[4] + 2 * b[1] * y, a[5] * y
    g[1, 0], g[1, 1], g[1, 2] = b[2] * y * y, -(a[0] + a[5]) * y, b[3] * y * y
    nu = MODELS[name](1.0, 0.7, 0.7).viscosity(g, torch.ones(2, dtype=torch.float64))
    assert math.log10(float(nu[0] / nu[1])) == pytest.approx(power, abs=0.1)


def eddies_of(flow):
    """nu_t and the filter width."""
    return torch.as_tensor(flow.field("nu_t")), flow.scheme.domain.filter_width


@pytest.mark.parametrize("name", MODELS)
def test_a_case_asks_for_it(name):
    changes = ["mesh.cells=[10,10,10]", "device=cpu", "numerics.compile=off", f"turbulence.kind={name}"]
    flow = case.build(
        load("cases/tgv3d_cold.toml", [*changes, "output.fields.names=['u','nu_t','k_t']"]), Communicator()
    )
    steps(flow, 2, 2e-5)
    for field, of in zip(("k_t", "epsilon_t"), energy(*eddies_of(flow)), strict=True):
        np.testing.assert_allclose(flow.field(field), of.numpy(), rtol=1e-12)
    assert isinstance(flow.scheme.problem.closure, MODELS[name]) and flow.field("nu_t").min() >= 0
    assert flow.field("nu_t").max() > 0 and "eddies" not in flow.concerns()
    assert abs(flow.quantity("mass_error")) < 1e-12
    saved = {field: array.copy() for field, (array, _) in flow.state().items()}
    again = case.build(load("cases/tgv3d_cold.toml", changes), Communicator())
    again.restore(saved.__getitem__)
    again.time, again.step, again.dt = flow.time, flow.step, flow.dt
    for one in (flow, again):
        steps(one, 1, 2e-5)
    for field, (array, _) in flow.state().items():
        assert np.array_equal(array, again.state()[field][0]), field


def test_less_than_three_dimensions_are_doubtful():
    changes = ["mesh.cells=[12,10]", "device=cpu", "numerics.compile=off"]
    for kind, said in (("sigma", '"sigma" is zero there'), ("wale", "no model of turbulence")):
        flow = case.build(load("cases/taylor_green_2d.toml", [*changes, f"turbulence.kind={kind}"]), Communicator())
        assert said in flow.concerns()["eddies"]


def test_the_tables_of_a_case():
    for name, kind in (("wale", settings.Wale), ("vreman", settings.Vreman), ("sigma", settings.Sigma)):
        built = kind(constant=0.3, prandtl=0.9, schmidt=0.8).build()
        assert built == MODELS[name](0.3, 0.9, 0.8)
