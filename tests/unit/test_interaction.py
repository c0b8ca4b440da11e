"""What an interaction of turbulence and chemistry does in a flow: factors of rates and of diffusion."""

from dataclasses import dataclass

import cantera as ct
import numpy as np
import pytest
import torch
from test_flow import kernel
from test_view import Even, with_problem

from combust import kernels
from combust.case.load import load
from combust.cfd.closures.base import EddyFields
from combust.cfd.initial.fields import stack
from combust.cfd.interaction.base import Interaction, Interplay
from combust.cfd.lowmach.context import Below, Context, with_motion
from combust.errors import ConfigError, StateError
from combust.parallel import Communicator
from validation.two_gases import CASES, PERIODIC, WALL, Prepared, inert, steps

STRANG = "numerics.coupling=strang"


class Factors(Interaction):
    """Numbers, or functions of what is met."""

    def __init__(self, **given):
        self.given = given

    def update(self, met):
        one = torch.ones_like(met.view.rho)
        return Interplay(**{row: f(met) if callable(f) else f * one for row, f in self.given.items()})

    @property
    def fields(self):
        return {"twice_T": lambda met: 2.0 * met.view.T}

    @property
    def columns(self):
        return {"cells": lambda met: float(met.view.sum(torch.ones_like(met.view.rho).sum()))}


def by_temperature(met):
    """Slow where it is hot: every cell of its own."""
    return 0.1 + 300.0 / met.view.T


@dataclass(frozen=True)
class WithInteraction(Prepared):
    """A case whose interaction is given."""

    given: Interaction | None = None

    def interaction(self):
        return self.given


def met_by(interaction, *changes, start=None):
    """The ignition kernel of `test_flow.kernel` with an interaction."""
    small = ["mesh.cells=[16,12]", "mesh.upper=[1.12e-3,0.96e-3]", "initial.centre=[5e-4,4e-4]", "initial.radius=2e-4"]
    kernels.set_mode("eager")
    return WithInteraction(
        load(CASES / "kernel.toml", [*small, *changes]), Communicator(), start=start, given=interaction
    ).flow()


def same(flow, other):
    for name, (array, _) in flow.state().items():
        assert np.array_equal(array, other.state()[name][0]), name


@pytest.mark.parametrize("changes", [(), (STRANG,)])
def test_what_says_nothing_changes_no_bit(changes):
    plain = steps(kernel(*changes), 2, 4e-7)
    same(steps(met_by(Factors() if changes else Factors(rates=1.0), *changes), 2, 4e-7), plain)


@pytest.mark.parametrize("changes", [(), (STRANG,)])
def test_a_box_whose_rates_are_multiplied_is_a_reactor_of_slower_rates(changes):
    """Constant volume, so that dp0/dt heats the gas: Cantera's reactor with its rates multiplied has the same T, p."""
    factor, text = 0.4, ["mesh.cells=[2,2]", "initial.radius=1.0", "initial.hot_temperature=1600.0", *changes]

    def fresh_but_hot(builder, fields):
        return stack(builder.grid, 1500.0, builder.mixture(builder.config.initial)), fields[1]

    flow = steps(met_by(Factors(rates=factor), *text, start=fresh_but_hot), 15, 4e-6)
    solution = flow.scheme.problem.gas.cantera()
    solution.TPX = 1500.0, 101325.0, "H2:1.4, O2:1, N2:3.761904761904762"
    solution.set_multiplier(factor)
    reactor = ct.IdealGasReactor(solution, clone=False)
    network = ct.ReactorNet([reactor])
    network.rtol, network.atol = 1e-10, 1e-18
    network.advance(60e-6)
    assert reactor.T > 1700.0
    assert flow.quantity("T_max") == pytest.approx(reactor.T, rel=2e-4)
    assert flow.quantity("p0") == pytest.approx(reactor.thermo.P, rel=2e-4)


@pytest.mark.parametrize("changes", [(), (STRANG,)])
def test_rates_times_zero_are_no_reactions(changes):
    none = steps(kernel("chemistry={kind='none'}", *changes), 2, 4e-7)
    flow = steps(met_by(Factors(rates=0.0), *changes), 2, 4e-7)
    for name, atol in (("T", 1e-4), ("Y_H2", 1e-9), ("Y_OH", 1e-10), ("u", 1e-4)):
        np.testing.assert_allclose(flow.field(name), none.field(name), rtol=1e-7, atol=atol, err_msg=name)
    assert flow.quantity("heat_release") == 0.0


def test_the_factor_of_eddies_acts_on_their_conduction_at_walls():
    """What a law of the wall adds for the eddies is multiplied as they are in the cells beside it; its shear stays."""
    flow = inert({"cells": (4, 3), "lower": (0, 0), "upper": (1, 1)}, {"x": PERIODIC, "y": WALL})
    scheme, n = flow.scheme, flow.scheme.layout.n
    nu = torch.full(n, 1e-3, dtype=torch.float64)
    wall = {(1, side): torch.stack([2.0 * nu[:, :1], 3.0 * nu[:, :1]]) for side in (0, 1)}
    factor = torch.arange(1.0, 1.0 + nu.numel(), dtype=torch.float64).reshape(n)
    view = flow.diagnostics.eddies.view()
    nothing = Context(0.0, None, None, None)

    def acting(interplay):
        below = Below(EddyFields(nu, nu, nu, wall=wall), interplay, None)
        return with_motion(nothing, below, view, scheme).eddies

    plain, found = acting(Interplay()), acting(Interplay(eddy=factor))
    beyond = found.conductivity.shape[1] - 3
    for at, ghost in ((0, 1), (-1, beyond + 1)):  # cells in y: two ghosts, three cells, two ghosts
        cells = (slice(None), ghost, slice(2, -2))
        ratio = (found.conductivity[cells] / plain.conductivity[cells]).reshape(-1)
        torch.testing.assert_close(ratio, factor[:, at].reshape(-1), rtol=1e-12, atol=0)
        torch.testing.assert_close(found.viscosity[cells], plain.viscosity[cells], rtol=0, atol=0)


@pytest.mark.parametrize("changes", [(), (STRANG,)])
def test_restart_bit_by_bit(changes):
    factors = Factors(rates=by_temperature, molecular=lambda met: 1.0 + met.view.T / 1000.0)
    whole = steps(met_by(factors, *changes), 2, 4e-7)
    saved = {name: array.copy() for name, (array, _) in whole.state().items()}
    again = met_by(factors, *changes)
    again.restore(saved.__getitem__)
    again.time, again.step, again.dt = whole.time, whole.step, whole.dt
    assert again.quantity("heat_release") == whole.quantity("heat_release")
    same(steps(again, 2, 4e-7), steps(whole, 2, 4e-7))
    assert abs(whole.quantity("element_error")) < 1e-12 and abs(whole.quantity("enthalpy_error")) < 1e-12
    assert whole.quantity("eos_drift") < 1e-3


def test_what_output_shows_are_the_rates_that_act():
    flow, plain = met_by(Factors(rates=0.3)), kernel()
    for name in ("heat_release", "omega_H2O"):
        np.testing.assert_allclose(flow.field(name), 0.3 * plain.field(name), rtol=1e-12)
    np.testing.assert_array_equal(flow.field("twice_T"), 2.0 * flow.field("T"))
    assert flow.quantity("cells") == flow.field("T").size
    # and they are what a short step does
    acts = flow.field("omega_H2O")
    flow.advance(1e-9)
    np.testing.assert_allclose(flow.current.wdot[species(flow, "H2O")], acts, rtol=1e-2, atol=1e-3 * acts.max())


def species(flow, name):
    return flow.scheme.problem.gas.index(name)


def layers(builder, fields):
    """Waves of temperature and composition at rest."""
    z, y, x = builder.grid.centres
    wave = 1e-6 * torch.sin(2 * np.pi * x / 0.1) + 0 * y
    return torch.cat([300.0 + 300 * wave[None], 0.5 + wave[None], 0.5 - wave[None]]), fields[1]


def test_factors_of_diffusion_are_more_diffusion():
    """Of heat and species of the gas twice as much is a gas of twice the viscosity at rest; of eddies alike."""
    box = ({"cells": (12, 2), "lower": (0, 0), "upper": (0.1, 0.1)}, {"x": PERIODIC, "y": PERIODIC})
    nu = 1e-3 / float(inert(*box, layers).field("density").mean())
    twice = steps(inert(*box, layers, viscosity=2e-3), 5, 2e-2)
    flows = (
        with_problem(inert(*box, layers, viscosity=1e-3), interaction=Factors(molecular=2.0)),
        with_problem(
            inert(*box, layers, viscosity=1e-3),
            closure=Even(nu, 2 * nu / 0.7, 2 * nu / 0.7),
            interaction=Factors(eddy=0.5),
        ),
    )
    for flow in flows:
        steps(flow, 5, 2e-2)
        for name in ("T", "Y_HEAVY"):
            change = np.abs(twice.field(name) - inert(*box, layers).field(name)).max()
            assert np.abs(flow.field(name) - twice.field(name)).max() < 1e-3 * change, name


def test_factors_that_cannot_be_are_named():
    flow = met_by(Factors())
    for row in Interplay._fields:
        flow.scheme.problem.interaction.given = {row: -1.0}
        with pytest.raises(StateError, match=rf"Factors.update: {row}: is -1 at .*finite and at least 0"):
            flow.advance(1e-7)
        flow.scheme.problem.interaction.given = {row: lambda met: met.view.T[..., 1:]}
        with pytest.raises(ConfigError, match=rf"Factors.update: {row}: has shape"):
            flow.advance(1e-7)
    with pytest.raises(ConfigError, match="problem.interaction: is the class Factors; give one of its objects"):
        met_by(Factors)
    with pytest.raises(ConfigError, match="problem.interaction: int is no Interaction"):
        met_by(3)
