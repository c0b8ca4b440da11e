"""Values at the sides that change with time and place: exact solutions, balances, restarts, what is refused."""

import math
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch

from combust import kernels
from combust.case.load import complete, convert, to_toml
from combust.cfd.boundaries.conditions import Inflow, Wall
from combust.cfd.boundaries.values import Table
from combust.errors import ConfigError
from combust.parallel import Communicator
from combust.run import build as case

torch.set_num_threads(1)
AIR, FUEL = "O2:0.21, N2:0.79", "H2:1, N2:1"
STILL = {"kind": "constant", "viscosity": 0.0}


def flow_of(raw, conditions=None):
    kernels.set_mode("eager")
    return case.Builder(config_of(raw), Communicator(), conditions=conditions or {}).flow()


def config_of(raw):
    raw = {"chemistry": {"kind": "none"}, "stop": {"steps": 1}, **raw}
    return convert({**raw, "numerics": {"compile": "off", **raw.get("numerics", {})}}, "test")


def channel(cells, transport=STILL, **numerics):
    return {
        "mesh": {"kind": "uniform", "cells": [cells], "lower": [0.0], "upper": [1.0]},
        "gas": {"mechanism": "h2o2.yaml", "transport": transport},
        "initial": {"kind": "uniform", "temperature": 300.0, "composition": AIR, "velocity": [1.0]},
        "boundary": {"x_low": {"kind": "inflow", "velocity": 1.0}, "x_high": {"kind": "outflow"}},
        "numerics": numerics,
    }


# --- a pulsating uniform stream, whose composition is a wave ----------------------------------------------------------

PERIOD, SWING = 0.25, 0.5


def speed(t):
    return 1.0 + SWING * math.sin(2 * math.pi * t / PERIOD)


def way(t):
    """The integral of the speed."""
    return t + SWING * PERIOD / (2 * math.pi) * (1 - math.cos(2 * math.pi * t / PERIOD))


def share(s):
    """Of the second gas in what entered when the front had come to s."""
    return np.where((s > 0) & (s < 0.4), np.sin(math.pi * s / 0.4) ** 4, 0.0)


def pulsating(cells, **more):
    """An inflow of speed(t) whose gas is a mixture of air with share(way(t)) of another of the same temperature."""
    raw = channel(cells, **more)
    gas = flow_of(raw).scheme.problem.gas
    a, b = gas.composition(AIR), gas.composition("O2:0.1, N2:0.9")

    def stream(t, points):
        g = float(share(np.array(way(t))))
        return torch.cat([torch.tensor([300.0]).double(), a + g * (b - a)]).reshape(-1, 1, 1, 1)

    inlet = Inflow(velocity=[0.0, 0.0, lambda t, points: points.new_tensor(speed(t))], stream=stream)
    return flow_of(raw, {"x_low": inlet}), a, b


def error_of_wave(cells):
    flow, a, b = pulsating(cells, reconstruction="central")
    k = flow.scheme.problem.gas.index("O2")
    steps = 2 * cells
    for _ in range(steps):
        flow.advance(0.5 / steps)
    x = (np.arange(cells) + 0.5) / cells
    exact = float(a[k]) + share(way(0.5) - x) * float(b[k] - a[k])
    speeds = flow.scheme.block_faces(flow.current.u)[2]
    assert float((speeds - speed(flow.time)).abs().max()) < 1e-3
    assert abs(flow.quantity("mass_error")) < 1e-12 and flow.quantity("element_error") < 1e-12
    assert abs(flow.quantity("enthalpy_error")) < 1e-12
    return float(np.abs(flow.field("Y_O2")[0, 0] - exact).mean() / abs(float(b[k] - a[k])))


def test_a_pulsating_stream_is_of_second_order():
    coarse, fine = error_of_wave(40), error_of_wave(80)
    assert math.log2(coarse / fine) > 1.8


def restarted(make, before, after, dt):
    """The flow after both, and another one that took its state over in between."""
    whole, again = make(), make()
    for _ in range(before):
        whole.advance(dt)
    saved = {name: array.copy() for name, (array, _) in whole.state().items()}
    again.time, again.step = whole.time, whole.step
    again.restore(saved.__getitem__)
    for flow in (whole, again):
        for _ in range(after):
            flow.advance(dt)
    return whole.state(), again.state()


def test_restart_within_a_pulse_is_bitwise():
    whole, again = restarted(lambda: pulsating(24)[0], 5, 3, 0.7e-2)
    for name, (array, _) in whole.items():
        assert np.array_equal(again[name][0], array), name


def test_a_steady_checkpoint_begins_a_pulse():
    """Of a case without a clock: the time before follows from the last step."""
    steady, pulse = flow_of(channel(24)), pulsating(24)[0]
    for _ in range(3):
        steady.advance(1e-2)
    saved = {name: array for name, (array, _) in steady.state().items()}
    assert "clock" not in saved
    pulse.time, pulse.step = steady.time, steady.step
    pulse.restore(saved.__getitem__)
    assert pulse.time_before == pytest.approx(0.02) and pulse.time == steady.time
    pulse.advance(1e-3)
    assert float(pulse.current.u[2][0, 0, 2]) == speed(pulse.time)


# --- places: a parabola between walls, a jet beside a wall ------------------------------------------------------------

HEIGHT, LENGTH, PEAK = 1e-3, 3e-3, 2.0


def tube(entry, cells=(12, 8), initial=0.0, composition=AIR, boundary=None, **more):
    """A channel between walls along x."""
    return {
        "mesh": {"kind": "uniform", "cells": list(cells), "lower": [0.0, 0.0], "upper": [LENGTH, HEIGHT]},
        "gas": {"mechanism": "h2o2.yaml", "transport": {"kind": "constant", "viscosity": 1e-3}},
        "initial": {"kind": "uniform", "temperature": 300.0, "composition": composition, "velocity": [initial]},
        "boundary": {"x_low": entry, "x_high": {"kind": "outflow"}, "y": {"kind": "wall"}, **(boundary or {})},
        **more,
    }


def parabola(y):
    return 4 * PEAK * (y / HEIGHT) * (1 - y / HEIGHT)


def error_of_parabola(cells):
    """Mean of the steady flow that enters with the exact profile, half way along the channel, over the peak."""
    inlet = Inflow(velocity=[0.0, 0.0, lambda t, points: parabola(points[1])], stream=None)
    raw = tube({"kind": "inflow", "velocity": PEAK}, (cells, cells))
    gas = flow_of(raw).scheme.problem.gas
    inlet.stream = torch.cat([torch.tensor([300.0]).double(), gas.composition(AIR)])
    inlet.velocity[2].unsteady = False
    flow = flow_of(raw, {"x_low": inlet})
    assert not flow.scheme.filler.unsteady
    for _ in range(85):  # until the plug of the start is gone
        flow.advance(2e-5)
    y = flow.grid.centres[1].reshape(-1).numpy()
    u = flow.scheme.block_faces(flow.current.u)[2][0, :, cells // 2].numpy()
    assert abs(flow.quantity("mass_error")) < 1e-12
    return np.abs(u - parabola(y)).mean() / PEAK


def test_a_parabola_between_walls_stays_poiseuille():
    coarse, fine = error_of_parabola(8), error_of_parabola(16)
    assert fine < 2e-3 and math.log2(coarse / fine) > 1.8


JET = [
    {"kind": "inflow", "where": {"y": ["0 mm", "0.5 mm"]}, "velocity": "1 m/s", "composition": FUEL},
    {"kind": "inflow", "where": {"y": [5e-4, 7.5e-4]}, "velocity": 0.2, "temperature": 400.0},
    {"kind": "wall", "where": {"y": [7.5e-4, 1e-3]}, "temperature": 350.0},
]


@pytest.mark.parametrize("coupling", ["sdc", "strang"])
def test_a_jet_on_a_part_of_a_side_conserves(coupling):
    """Fuel beside a co-flow beside a wall: what enters is each stream on its own cells."""
    raw = tube([*JET[:2], {"kind": "wall", "where": JET[2]["where"]}], numerics={"coupling": coupling})
    raw["gas"]["transport"] = "mixture-averaged"
    flow = flow_of(raw)
    u = flow.scheme.block_faces(flow.current.u)[2][0, :, 0]
    assert u.tolist() == [1.0] * 4 + [0.2] * 2 + [0.0] * 2
    for _ in range(10):
        flow.advance(1e-5)
    assert abs(flow.quantity("mass_error")) < 1e-12 and flow.quantity("element_error") < 1e-12
    assert abs(flow.quantity("enthalpy_error")) < 1e-12
    hydrogen, T = flow.field("Y_H2")[0, :, 0], flow.field("T")[0, :, 0]
    assert hydrogen[:4].min() > 0.01 and hydrogen[-1] < 1e-3
    assert T[4:6].min() > 303 and abs(T[:3] - 300).max() < 3


def test_a_part_of_a_wall_is_held_at_its_temperature():
    """Heat enters by the hot part alone, and the balances count it."""
    flow = flow_of(tube(JET))
    ghosts = flow.current.q[0, 0, 2:-2, 1]
    assert ghosts[6:].tolist() == [350.0, 350.0] and ghosts[:6].tolist() == [300.0] * 6
    flow.advance(1e-5)
    assert abs(flow.quantity("enthalpy_error")) < 1e-12


def test_restart_of_parts_is_bitwise():
    pulse = {"over": "time", "at": [0.0, 1e-5, 2e-5], "values": [0.0, 2.0, 0.0], "repeat": True}
    warming = {"over": "time", "at": [0.0, 2e-4], "values": [300.0, 400.0]}
    parts = [{**JET[0], "velocity": pulse}, JET[1], {**JET[2], "temperature": warming}]
    whole, again = restarted(lambda: flow_of(tube(parts)), 3, 2, 0.9e-5)
    for name, (array, _) in whole.items():
        assert np.array_equal(again[name][0], array), name


# --- one profile, in three ways ---------------------------------------------------------------------------------------

EDGES = [0.0, 2e-4, 7e-4, 1e-3]
SPEEDS, HEAT, FUELS = [0.0, 1.0, 0.5, 0.0], [300.0, 350.0, 320.0, 300.0], [0.1, 0.3, 0.2, 0.1]


def by_tables():
    return tube({
        "kind": "inflow",
        "velocity": {"over": "y", "at": ["0 mm", "0.2 mm", 7e-4, "0.1 cm"], "values": [0, "1 m/s", 0.5, 0]},
        "temperature": {"over": "y", "at": EDGES, "values": HEAT},
        "composition": {"over": "y", "at": EDGES, "values": [f"H2:{x!r}, O2:{1 - x!r}" for x in FUELS]},
    })  # fmt: skip


def by_file(folder):
    lines = [
        f"{1e3 * y!r},{100 * u!r},{T!r},{x!r},{1 - x!r}" for y, u, T, x in zip(EDGES, SPEEDS, HEAT, FUELS, strict=True)
    ]
    (folder / "inlet.csv").write_text("\n".join(["# a table", "y [mm],u [cm/s],temperature,X_H2,X_O2", *lines]) + "\n")
    table = {"over": "y", "file": "inlet.csv"}
    raw = tube({"kind": "inflow", "velocity": {**table, "column": "u"}, "temperature": table, "composition": table})
    return complete(config_of(raw), folder / "case.toml")


def by_functions():
    raw = tube({"kind": "inflow", "velocity": 1.0})
    gas = flow_of(raw).scheme.problem.gas

    def linear(values):
        table = torch.as_tensor(values, dtype=torch.float64)
        at = torch.tensor(EDGES, dtype=torch.float64)

        def function(t, points):
            y = points[1]
            i = (torch.bucketize(y, at, right=True) - 1).clamp(0, 2)
            found = table[i] + ((y - at[i]) / (at[i + 1] - at[i])).reshape(*y.shape, *[1] * (table.dim() - 1)) * (
                table[i + 1] - table[i]
            )
            return found if table.dim() == 1 else found.movedim(-1, 0)

        return function

    T, Y = linear(HEAT), linear(torch.stack([gas.composition(f"H2:{x!r}, O2:{1 - x!r}") for x in FUELS]))
    stream = lambda t, points: torch.cat([T(t, points)[None], Y(t, points)])  # noqa: E731
    return raw, {"x_low": Inflow(velocity=[0.0, 0.0, linear(SPEEDS)], stream=stream)}


def test_table_file_and_function_are_the_same_bits(tmp_path):
    kernels.set_mode("eager")
    flows = [flow_of(by_tables()), case.Builder(by_file(tmp_path), Communicator()).flow(), flow_of(*by_functions())]
    states = []
    for flow in flows:
        for _ in range(2):
            flow.advance(1e-5)
        states.append({name: array for name, (array, _) in flow.state().items() if name != "clock"})
        assert flow.quantity("element_error") < 1e-12
    for other in states[1:]:
        for name, array in states[0].items():
            assert np.array_equal(other[name], array), name


def test_a_case_with_a_file_is_whole_without_it(tmp_path):
    """What a run writes has the numbers in place of the file: it loads and is equal, units and all."""
    config = by_file(tmp_path)
    again = convert(tomllib.loads(to_toml(config)), "written")
    assert again == config and "inlet.csv" not in to_toml(config)
    assert config.boundary.x_low.velocity.at == tuple(EDGES) and config.boundary.x_low.velocity.values == tuple(SPEEDS)


# --- values held on a side, in time: Stokes' second problem ----------------------------------------------------------

RATE, NU = 2 * math.pi / 4e-4, 1e-3  # 1/s, m2/s


def stokes(y, t):
    """exp(-k y) cos(RATE t - k y), k = (RATE / 2 NU)^1/2: what diffuses from a wall that swings along itself."""
    k = math.sqrt(RATE / (2 * NU))
    return torch.exp(-k * torch.as_tensor(y)) * torch.cos(RATE * t - k * torch.as_tensor(y))


def error_of_swinging_wall(cells):
    """Mean departure from the exact velocity after an eighth of a period, both walls driven by it, no other scale."""
    raw = tube({}, boundary={"x": {"kind": "periodic"}})
    del raw["boundary"]["x_low"], raw["boundary"]["x_high"]
    raw["mesh"]["cells"] = [4, cells]
    gas = flow_of(raw).scheme.problem.gas
    rho = float(gas.density(torch.tensor(300.0).double(), 101325.0, gas.composition(AIR)))
    raw["gas"]["transport"] = {"kind": "constant", "viscosity": NU * rho}
    walls = {f"y_{end}": Wall(velocity=[0.0, 0.0, lambda t, points: stokes(points[1], t)]) for end in ("low", "high")}
    builder = case.Builder(config_of(raw), Communicator(), conditions=walls)
    q, u = builder.fields()
    y = builder.grid.centres[1]
    u[2].copy_(stokes(y, 0.0).expand_as(u[2]))
    object.__setattr__(builder, "fields", lambda: (q, u))
    flow, steps = builder.flow(), cells // 2
    for _ in range(steps):
        flow.advance(5e-5 / steps)
    found = flow.scheme.block_faces(flow.current.u)[2][0, :, 0]
    return float((found - stokes(y, flow.time).reshape(-1)).abs().mean())


def test_walls_that_swing_are_of_second_order():
    coarse, fine = error_of_swinging_wall(16), error_of_swinging_wall(32)
    assert fine < 1e-3 and math.log2(coarse / fine) > 1.8


# --- what comes is seen before it comes -------------------------------------------------------------------------------


def test_a_resting_gas_does_not_step_over_a_pulse():
    """Rest until 0.1 s, then a ramp to 4 m/s within 0.1 s: cells of 1/24 m, Courant number 0.5."""
    ramp = {"over": "time", "at": [0.0, 0.1, 0.2], "values": [0.0, 0.0, 4.0]}
    raw = channel(24, cfl=0.5)
    raw["initial"]["velocity"], raw["boundary"]["x_low"]["velocity"] = [0.0], ramp
    flow = flow_of(raw)
    while flow.time < 0.3:
        dt, what = flow.limit()
        flow.advance(dt)
        assert speed_at_inlet(flow) * dt * 24 <= 0.5 * (1 + 1e-9), what
    assert speed_at_inlet(flow) == 4.0 and abs(flow.quantity("mass_error")) < 1e-12


def speed_at_inlet(flow):
    return float(flow.scheme.block_faces(flow.current.u)[2][0, 0, 0])


def test_mach_numbers_of_a_pulse_are_told_at_the_start():
    raw = channel(24)
    raw["boundary"]["x_low"]["velocity"] = {"over": "time", "at": [0.0, 1.0], "values": [1.0, 140.0]}
    assert "Mach number 0.4" in flow_of(raw).concerns()["Mach"]
    raw["boundary"]["x_low"]["velocity"]["values"] = [1.0, 700.0]
    with pytest.raises(ConfigError, match="Mach number 2"):
        flow_of(raw).concerns()


def test_tables_over_two_coordinates_and_repeated_time():
    """Bilinear, exact for products of linear functions; over time held outside, or begun again."""
    y, t = torch.linspace(0, 1, 7).double(), [0.0, 1.0, 3.0]
    values = torch.tensor([[(1 + a) * (2 + b) for b in (0.0, 0.4, 1.0)] for a in t], dtype=torch.float64)
    table = Table(("time", "y"), [t, [0.0, 0.4, 1.0]], values)
    points = torch.stack([0 * y, y, 0 * y]).reshape(3, 1, 7, 1)
    for moment, held in ((0.0, 0.0), (0.7, 0.7), (2.2, 2.2), (5.0, 3.0), (-1.0, 0.0)):
        torch.testing.assert_close(table(moment, points), (1 + held) * (2 + y).reshape(1, 7, 1), rtol=1e-14, atol=0.0)
    again = Table(("time", "y"), [t, [0.0, 0.4, 1.0]], values, repeat=True)
    torch.testing.assert_close(again(3 * 5 + 0.7, points), table(0.7, points), rtol=1e-12, atol=0.0)
    late = Table(("time",), [[1.0, 2.0, 3.0]], torch.tensor([0.0, 5.0, 0.0], dtype=torch.float64), repeat=True)
    found = [float(late(moment, points)) for moment in (0.0, 0.5, 1.0, 2.0, 3.0, 4.0)]
    assert found == [0.0, 0.0, 0.0, 5.0, 0.0, 5.0]  # the first entry's value holds before it
    turned = Table(("y", "time"), [[0.0, 0.4, 1.0], t], values.T.contiguous())
    assert torch.equal(turned(0.7, points), table(0.7, points))
    assert table.unsteady and table.times(0.0, 2.0) == [1.0] and again.times(3.5, 7.5) == [4.0, 6.0, 7.0]


def round_jet(**side):
    """A box of 8 x 6 x 6 cells with a jet of fuel along its axis, from its low side in x."""
    at = ["0 mm", 1.2e-3, 1.8e-3, 8e-3]
    return {
        "mesh": {"kind": "uniform", "cells": [8, 6, 6], "lower": [0.0, -3e-3, -3e-3], "upper": [8e-3, 3e-3, 3e-3]},
        "gas": {"mechanism": "h2o2.yaml"},
        "initial": {"kind": "uniform", "temperature": 300.0, "composition": AIR, "velocity": [1.0, 0.0, 0.0]},
        "boundary": {
            "x_low": {
                "kind": "inflow",
                "velocity": {"over": "r", "at": at, "values": [3.0, 2.0, 1.0, 1.0]},
                "temperature": {"over": "r", "shape": "tanh", "values": [400.0, 300.0], "centre": 1.5e-3,
                                "thickness": 1e-3},
                "composition": {"over": "r", "at": at, "values": [FUEL, FUEL, AIR, AIR]},
                **side,
            },
            "x_high": {"kind": "outflow"}, "y": {"kind": "symmetry"}, "z": {"kind": "symmetry"},
        },
    }  # fmt: skip


def test_a_table_over_the_distance_from_the_axis():
    """A round jet in a box: velocity, T and composition of the distance from y = z = 0; what comes in is kept."""
    flow = flow_of(round_jet())
    flow.advance(1e-5)
    _, y, z = flow.grid.centres[2], flow.grid.centres[1].flatten(), flow.grid.centres[0].flatten()
    r = np.hypot(*np.meshgrid(z.numpy(), y.numpy(), indexing="ij"))
    u = flow.scheme.block_faces(flow.current.u)[2][:, :, 0].numpy()
    np.testing.assert_allclose(u, np.interp(r, [0, 1.2e-3, 1.8e-3, 8e-3], [3, 2, 1, 1]), rtol=1e-13)
    assert abs(flow.quantity("mass_error")) < 1e-12 and flow.quantity("element_error") < 1e-12
    table = Table(("r",), [[0.0, 5.0]], torch.tensor([1.0, 11.0], dtype=torch.float64))
    point = torch.tensor([3.0, -4.0, 7.0], dtype=torch.float64).reshape(3, 1, 1, 1)
    assert float(table(0.0, point)) == 11.0


@pytest.mark.parametrize("side, words", [
    ({"velocity": {"over": "r", "at": [0.0, 4e-3], "values": [3.0, 1.0]}}, "the side from 0 to 0.0042"),
    ({"velocity": {"over": "r", "shape": "parabolic", "mean": 1.0}}, "write it as a table"),
])  # fmt: skip
def test_what_r_cannot_be_is_named(side, words):
    with pytest.raises(ConfigError, match=words):
        flow_of(round_jet(**side))


def test_r_is_for_sides_in_x_of_three_dimensions():
    raw = tube({"kind": "inflow", "velocity": {"over": "r", "at": [0.0, 1.0], "values": [1.0, 1.0]}})
    with pytest.raises(ConfigError, match='"r" is no direction of that side of this mesh; allowed: y, time'):
        flow_of(raw)


def test_a_profile_lies_where_ghosts_are():
    """In 2-D on a side that is normal to y: cells, faces between them, and ghosts that wrap round a periodic x."""
    raw = tube({"kind": "wall"})
    raw["boundary"] = {
        "x": {"kind": "periodic"},
        "y_low": {"kind": "inflow", "velocity": {"over": "x", "at": [0.0, LENGTH], "values": [0.0, 3.0]},
                  "tangential": {"x": {"over": "x", "at": [0.0, LENGTH], "values": [1.0, 4.0]}}},
        "y_high": {"kind": "outflow"},
    }  # fmt: skip
    flow = flow_of(raw)
    width, centres = LENGTH / 12, (np.arange(12) + 0.5) / 4
    v, u = flow.current.u[1][0, 2].numpy(), flow.current.u[2][0, 1].numpy()
    np.testing.assert_allclose(v, np.concatenate([centres[-2:], centres, centres[:2]]), rtol=1e-13)
    faces = np.arange(13) * width * 1e3
    np.testing.assert_allclose(u[2:14], 1 + faces[:12], rtol=1e-13)


def test_edges_within_cells_are_told(caplog):
    """0.5 mm and 0.73 mm on cells of 0.1 mm: the first lies on a face, the second a third into a cell."""
    parts = [JET[0], {**JET[1], "where": {"y": [5e-4, 7.3e-4]}}, {**JET[2], "where": {"y": [7.3e-4, 1e-3]}}]
    with caplog.at_level("INFO"):
        flow = flow_of(tube(parts, (12, 10)))
    assert flow.scheme.block_faces(flow.current.u)[2][0, :, 0].tolist() == [1.0] * 5 + [0.2] * 2 + [0.0] * 3
    (said,) = (r.getMessage() for r in caplog.records if "edge" in r.getMessage())
    assert "boundary.x_low" in said and "y = 0.00073 m" in said and "0.0007 m: 0.3 of the cell" in said


# --- the page that tells how ------------------------------------------------------------------------------------------

PAGE = Path(__file__).resolve().parents[2] / "docs" / "boundaries.md"


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_the_script_of_the_page_runs(monkeypatch, capsys):
    monkeypatch.chdir(PAGE.parents[1])
    (script,) = blocks("python")
    exec(compile(script, str(PAGE), "exec"), {})
    assert abs(float(capsys.readouterr().out.split()[-1])) < 1e-12


@pytest.mark.parametrize("number", range(len(blocks("toml"))))
def test_the_tables_of_the_page_are_understood(number, tmp_path):
    text = blocks("toml")[number]
    if any(word in text for word in ("exit.npy", "hold-flame", "fluctuations")):
        pytest.skip("read by test_shapes.py, test_follow.py, and test_synthetic_inflow.py")
    if text.startswith("[boundary]"):
        flow = flow_of({**tube({}), "boundary": tomllib.loads(text)["boundary"]})
        flow.advance(1e-6)
        assert abs(flow.quantity("mass_error")) < 1e-12
        return
    if "[boundary.x_low]" not in text:
        text = '[[boundary.x_low]]\nkind = "inflow"\nwhere = { y = [0.0, 1e-3] }\n' + text
    raw = tube({}, boundary={})
    sides = tomllib.loads(text)["boundary"]["x_low"]
    raw["boundary"]["x_low"] = sides
    several = isinstance(sides, list) and len(sides) > 1
    raw["mesh"]["upper"][1] = float(sides[-1]["where"]["y"][1].split()[0]) * 1e-3 if several else 1e-3
    (tmp_path / "inlet.csv").write_text(blocks("text")[0])
    kernels.set_mode("eager")
    flow = case.Builder(complete(config_of(raw), tmp_path / "case.toml"), Communicator()).flow()
    flow.advance(1e-6)
    assert abs(flow.quantity("mass_error")) < 1e-12
