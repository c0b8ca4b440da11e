"""Fields and numbers by name, against formulas and Cantera."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from combust import kernels
from combust.case import names
from combust.case.load import load
from combust.cfd.initial.fields import Fields, stack
from combust.cli.reference import markdown
from combust.errors import CombustError, ConfigError
from combust.kinetics.flames.free import FlameProfile
from combust.parallel import Communicator
from combust.run import build as case
from combust.settings.names import SYNONYMS

torch.set_num_threads(1)
CASES = Path(__file__).resolve().parents[2] / "cases"


@dataclass(frozen=True)
class Turning(case.Builder):
    """Gas that turns about z, x and y at rates 3, 5 and 7 1/s, and shears."""

    def fields(self) -> Fields:
        faces = [self.grid.face_points(axis) for axis in range(3)]
        u = [None, None, None]
        for axis, rates in ((0, (0, 5, -7)), (1, (-5, 2, 3)), (2, (7, -3, 0))):
            z, y, x = faces[axis]
            value = rates[0] * z + rates[1] * y + rates[2] * x
            shape = [n + (a == axis) for a, n in enumerate(self.grid.layout.n)]
            u[axis] = value.expand(shape).contiguous()
        return stack(self.grid, 300.0, self.mixture(self.config.initial)), tuple(u)


def flow_of(name, *changes, builder=case.Builder):
    kernels.set_mode("eager")
    return builder(load(CASES / f"{name}.toml", changes), Communicator()).flow()


@pytest.fixture(scope="module")
def burning():
    flow = flow_of(
        "kernel", "mesh.cells=[10,8]", "mesh.upper=[7e-4,6e-4]", "initial.centre=[3e-4,3e-4]", "initial.radius=2e-4"
    )
    flow.advance(4e-7)
    return flow


@pytest.fixture(scope="module")
def vortices():
    return flow_of("taylor_green_2d", "mesh.cells=[48,48]")


def test_scalars_of_the_mixture(burning):
    """Cell by cell what Cantera makes of T, Y: density, viscosity, conductivity, rates, heat release, X."""
    gas = burning.scheme.problem.gas
    solution = gas.cantera()
    solution.transport_model = "mixture-averaged"
    names = ("T", "viscosity", "conductivity", "heat_release", "X_H2O", "omega_OH", "density")
    found = {name: burning.field(name)[0].ravel() for name in names}
    Y = np.stack([burning.field(f"Y_{s}")[0].ravel() for s in gas.species])
    assert np.allclose(Y.sum(0), 1.0, rtol=1e-14)
    for i in range(0, Y.shape[1], 7):
        solution.TDY = found["T"][i], found["density"][i], Y[:, i]
        k = gas.index("OH")
        wanted = {
            "viscosity": solution.viscosity,
            "conductivity": solution.thermal_conductivity,
            "heat_release": solution.heat_release_rate,
            "X_H2O": solution["H2O"].X[0],
            "omega_OH": solution.net_production_rates[k] * solution.molecular_weights[k],
        }
        for name, value in wanted.items():
            scale = np.abs(found[name]).max() * 1e-10
            assert found[name][i] == pytest.approx(value, rel=1e-8, abs=scale), name


def test_layout_of_arrays(burning):
    assert burning.field("T").shape == (1, 8, 10) and burning.field("u").shape == (3, 1, 8, 10)
    assert burning.field("T").dtype == np.float64 and burning.field("u").flags.c_contiguous
    assert np.abs(burning.field("u")[2]).max() == 0.0 and np.abs(burning.field("u")[:2]).max() > 0.0
    assert burning.field("rank").max() == 0.0


def test_numbers_are_those_of_the_fields(burning):
    T, volume = burning.field("T"), burning.grid.volume.numpy()
    assert burning.quantity("T_max") == T.max() == burning.quantity("max(T)")
    assert burning.quantity("T_min") == T.min() == burning.quantity("min(T)")
    assert burning.quantity("mean(T)") == pytest.approx((T * volume).sum() / volume.sum(), rel=1e-14)
    heat = (burning.field("heat_release") * volume).sum()
    assert burning.quantity("sum(heat_release)") == pytest.approx(heat, rel=1e-12)
    assert burning.quantity("heat_release") == pytest.approx(heat, rel=1e-12)
    assert burning.quantity("eos_drift") == pytest.approx(np.abs(burning.field("eos_drift")).max())
    species = burning.scheme.problem.gas.species
    assert burning.quantity("Y_min") == min(burning.field(f"Y_{s}").min() for s in species)
    assert 0.0 < burning.quantity("active_share") <= 1.0
    assert burning.quantity("pressure_iterations") >= 1 and burning.quantity("stages") >= 2


def test_every_name_of_the_reference_is_there(burning, vortices):
    """The reference, what diagnostics know, and what can be asked of shipped cases are one list."""
    assert set(burning.diagnostics.fields) == set(names.FIELDS)
    assert set(burning.diagnostics.quantities) == set(names.QUANTITIES)
    text = markdown()
    walls = {names.WALL, *(need for side, need in names.WALLS.items() if side[0] != "z")}
    of_flames = {names.FRESH, names.STREAMS, names.PROGRESS}
    for flow, has in ((burning, {*of_flames, *walls, names.AT_REST}), (vortices, {names.AT_REST})):
        fields = {**names.FIELDS, **{f"{k}N2": name for k, name in names.FAMILIES.items()}}
        for name, about in fields.items():
            if name == "equivalence_ratio" and flow is vortices:
                continue  # of nitrogen there is none
            if about.needs in ("", *has):
                assert np.isfinite(flow.field(name)).all(), name
                assert np.isfinite([flow.quantity(f"{how}({name})") for how in ("max", "min", "mean", "sum")]).all()
            else:
                with pytest.raises(ConfigError, match="needs"):
                    flow.field(name)
            assert f"| `{name.replace('N2', '<species>')}` |" in text
        for name, about in names.QUANTITIES.items():
            if about.needs in ("", *has):
                assert np.isfinite(flow.quantity(name)) or name in ("front", "numerical_dissipation"), name
            else:
                with pytest.raises(ConfigError, match="needs"):
                    flow.quantity(name)
            assert f"| `{name}` |" in text
    for other, name in SYNONYMS.items():
        with pytest.raises(ConfigError, match=f'did you mean "{name}"'):
            (burning.field if name in names.FIELDS else burning.quantity)(other)


def test_mixture_fields_are_cantera_s(burning):
    gas = burning.scheme.problem.gas
    solution = gas.cantera(transport=False)
    found = {
        name: burning.field(name)[0].ravel()
        for name in ("T", "rho", "density", "enthalpy", "cp", "molar_mass", "mixture_fraction", "speed")
    }
    Y = np.stack([burning.field(f"Y_{s}")[0].ravel() for s in gas.species])
    np.testing.assert_array_equal(found["rho"], found["density"])
    np.testing.assert_allclose(found["speed"], np.sqrt((burning.field("u") ** 2).sum(0)).ravel(), rtol=1e-12)
    for i in range(0, Y.shape[1], 7):
        solution.TDY = found["T"][i], found["rho"][i], Y[:, i]
        assert found["enthalpy"][i] == pytest.approx(solution.enthalpy_mass, rel=1e-9, abs=1.0)
        assert found["cp"][i] == pytest.approx(solution.cp_mass, rel=1e-10)
        assert found["molar_mass"][i] == pytest.approx(solution.mean_molecular_weight, rel=1e-10)
        bilger = solution.mixture_fraction("H2:1", "O2:0.21, N2:0.79", basis="mole", element="Bilger")
        assert found["mixture_fraction"][i] == pytest.approx(bilger, rel=1e-9)


def test_unknown_names_are_refused_with_a_hint(burning):
    for wrong, near in (("vorticty", "vorticity"), ("heatrelease", "heat_release")):
        with pytest.raises(ConfigError, match=f'"{wrong}" is unknown.*did you mean "{near}"'):
            burning.field(wrong)
    with pytest.raises(ConfigError, match='"T_maxi" is unknown.*did you mean "T_max"'):
        burning.quantity("T_maxi")
    with pytest.raises(CombustError, match="XYZ"):
        burning.field("Y_XYZ")
    with pytest.raises(ConfigError, match="nothing"):
        burning.quantity("max(nothing)")


def test_equivalence_ratio_and_progress():
    flow = flow_of("kernel", "mesh.cells=[8,8]", "initial.phi=0.7")
    ratio, progress = flow.field("equivalence_ratio"), flow.field("progress")
    np.testing.assert_allclose(ratio, 0.7, rtol=1e-10)  # burnt or not: elements do not change
    fresh = flow.unburnt
    np.testing.assert_allclose(
        progress, (flow.field("T") - 300.0) / (fresh.burnt_temperature - 300.0), rtol=1e-12, atol=1e-15
    )
    rich = flow_of(
        "flame1d_ch4",
        "gas.mechanism=h2o2.yaml",
        "chemistry.kind=none",
        "mesh.cells=[8]",
        'initial={kind="kernel", fuel="H2:1", oxidizer="O2:0.21, N2:0.79", phi=2.5, centre=[1e-3], '
        "radius=1e-4, thickness=1e-4, hot_temperature=400.0}",
        "boundary.x_low.velocity=0.0",
    )
    np.testing.assert_allclose(rich.field("equivalence_ratio"), 2.5, rtol=1e-10)


def test_progress_needs_a_flame(vortices):
    for name in ("flame_speed", "front"):
        with pytest.raises(ConfigError, match=f'"{name}" needs an unburnt mixture'):
            vortices.quantity(name)
    with pytest.raises(ConfigError, match="unburnt mixture"):
        vortices.field("progress")


def test_taylor_green_numbers(vortices):
    """u = U sin x cos y: vorticity 2 U k sin x sin y (with v = -U cos x sin y), kinetic energy rho U^2 A / 4."""
    U, k = 4.0, 1e3
    x = vortices.grid.centres[2].numpy() * k
    y = vortices.grid.centres[1].numpy() * k
    curl = vortices.field("vorticity")
    exact = 2 * U * k * np.sin(x) * np.sin(y)
    assert np.abs(curl[2] - exact).max() < 0.01 * 2 * U * k
    assert np.abs(curl[:2]).max() == 0.0
    area = float(vortices.grid.volume.sum())
    rho = float(vortices.field("density").mean())
    assert vortices.quantity("kinetic_energy") == pytest.approx(0.25 * rho * U**2 * area, rel=5e-3)
    # Cells average their faces and miss the peak by half a cell: cos(pi / 48) three times.
    assert vortices.quantity("speed_max") == pytest.approx(U * np.cos(np.pi / 48) ** 3, rel=1e-4)
    assert np.abs(vortices.field("divergence")).max() < 1e-6 * U * k


def test_vorticity_has_x_y_z():
    """Linear velocities have a constant curl, exact away from the walls."""
    wall = '{kind="wall", slip=true}'
    changes = [
        "mesh.cells=[6,5,7]",
        "mesh.lower=[0,0,0]",
        "mesh.upper=[0.1,0.1,0.1]",
        'initial={kind="uniform", temperature=300.0, composition="N2:1"}',
        f"boundary={{x={wall}, y={wall}, z={wall}}}",
    ]
    builder = Turning(load(CASES / "taylor_green_2d.toml", changes), Communicator())
    flow = builder.flow()
    # As set, before the projection made them fit the walls.
    flow.current.u = flow.scheme.filler.pad_faces(builder.fields()[1])
    curl = flow.field("vorticity")[:, 2:-2, 2:-2, 2:-2]
    for component, value in zip(curl, (10.0, 14.0, 6.0), strict=True):
        np.testing.assert_allclose(component, value, rtol=1e-10)


def step_flame(mechanism, T, p, fuel, oxidizer, phi, **_):
    """A made-up profile: linear in x over 1 mm from fresh gas to equilibrium."""
    solution = mechanism.cantera()
    solution.TP = T, p
    solution.set_equivalence_ratio(phi, fuel, oxidizer)
    Yu, rho = solution.Y.copy(), solution.density
    solution.equilibrate("HP")
    Yb, Tb = solution.Y.copy(), solution.T
    x = np.array([-5e-3, -0.5e-3, 0.5e-3, 5e-3])
    c = np.array([0.0, 0.0, 1.0, 1.0])
    return FlameProfile(
        species=tuple(mechanism.species),
        x=x,
        T=T + c * (Tb - T),
        u=1.0 + 5.0 * c,
        rho=np.full(4, rho),
        Y=Yu[:, None] + c * (Yb - Yu)[:, None],
        pressure=p,
        speed=1.0,
        equilibrium_temperature=Tb,
    )


def test_front_and_consumption_speed(monkeypatch):
    """The front is where the profile was laid; the speed is the integral of the rates over fresh fuel."""
    monkeypatch.setattr("combust.kinetics.flames.free.free_flame", step_flame)
    flow = flow_of("flame1d_h2", "mesh.cells=[60]", "mesh.upper=[0.006]", "initial.position=0.00283")
    assert flow.quantity("front") == pytest.approx(0.00283, abs=2e-5)
    k = flow.scheme.problem.gas.index("H2")
    rate = float((flow.current.wdot[k] * flow.grid.volume).sum())
    fresh, burnt = float(flow.unburnt.Y[k]), float(flow.field("Y_H2")[0, 0, -1])
    area = 1.0
    assert flow.quantity("flame_speed") == pytest.approx(-rate / (flow.unburnt.density * area * (fresh - burnt)))
    cold = flow_of("kernel", "mesh.cells=[8,8]", "initial.radius=1e-9", "initial.thickness=1e-9")
    assert np.isnan(cold.quantity("front"))


def test_what_flows_out_counts_in_the_balance(monkeypatch):
    """An open domain: content now + what left = content at the start, to round-off, for mass, atoms and enthalpy."""
    monkeypatch.setattr("combust.kinetics.flames.free.free_flame", step_flame)
    flow = flow_of("flame1d_h2", "mesh.cells=[40]", "mesh.upper=[0.004]", "chemistry.kind=none")
    mass = float((flow.current.U[1:].sum(0) * flow.grid.volume).sum())
    for _ in range(5):
        flow.advance(2e-6)
    now = float((flow.current.U[1:].sum(0) * flow.grid.volume).sum())
    assert abs(now / mass - 1) > 1e-6
    assert abs(flow.quantity("mass_error")) < 1e-13 and flow.quantity("element_error") < 1e-13
    assert abs(flow.quantity("enthalpy_error")) < 1e-13
