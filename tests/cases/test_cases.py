"""Every shipped case, shrunk: builds, runs a few steps, keeps its balances, and gives the numbers it gave before.

`python tests/cases/test_cases.py [CASE ...]` writes the references anew, after a change that is meant to alter them.
The flames come from files beside this one, so that neither Cantera's version nor its patience matters here.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from combust.case.load import load
from combust.cfd.lowmach.flow import ReactingFlow
from combust.cfd.operators.reconstruction import named
from combust.errors import ConfigError
from combust.kinetics.flames.counterflow import CounterflowProfile
from combust.kinetics.flames.free import compute_or_load
from combust.kinetics.flames.store import read_profile
from combust.parallel import Communicator
from combust.run import build as case
from combust.shipped import CHAINS

HERE = Path(__file__).resolve().parent
CASES = HERE.parents[1] / "cases"
STEPS = 5
# name: (radical or species whose norms are compared, dt [s], changes that make the case small at its own resolution)
SHRUNK = {
    "flame": ("H", 2e-6, ["mesh.cells=[40,8]", "mesh.upper=[0.003,0.0006]", "initial.position=0.0015"]),
    # fp64: the rounding of a network in fp32 differs between processors.
    "flame_learned": (
        "H",
        2e-6,
        ["mesh.cells=[40,8]", "mesh.upper=[0.003,0.0006]", "initial.position=0.0015", "chemistry.precision=fp64"],
    ),
    "flame1d_h2": ("H", 5e-7, ["mesh.cells=[96]", "mesh.upper=[0.001575]", "initial.position=0.0008"]),
    "flame1d_ch4": ("OH", 5e-7, ["mesh.cells=[40]", "mesh.upper=[0.00184]", "initial.position=0.0009"]),
    "flame1d_nh3": ("NH2", 5e-7, ["mesh.cells=[40]", "mesh.upper=[0.0029]", "initial.position=0.0014"]),
    "kernel": (
        "OH",
        5e-7,
        ["mesh.cells=[20,20]", "mesh.upper=[0.00125,0.00125]", "initial.centre=[5e-4,6e-4]", "initial.radius=0.0003"],
    ),
    "hit_flame": (
        "H",
        2e-6,
        [
            "mesh.cells=[40,16]",
            "mesh.upper=[0.003,0.0012]",
            "initial.position=0.0018",
            "initial.turbulence.region.x=[0,0.002]",
        ],
    ),
    "flame_vortex": (
        "H",
        2e-6,
        [
            "mesh.cells=[40,24]",
            "mesh.upper=[0.003,0.0018]",
            "initial.position=0.0018",
            "initial.vortex=[{kind='lamb-oseen',centre=[8e-4,1.2e-3],radius=2e-4,velocity=6.0},"
            "{kind='lamb-oseen',centre=[8e-4,6e-4],radius=2e-4,velocity=-6.0}]",
        ],
    ),
    "flame_in_box": (
        "H",
        1e-6,
        [
            "mesh.cells=[20,6,6]",
            "mesh.upper=[0.005,0.0015,0.0015]",
            "initial.position=0.0027",
            "initial.turbulence.region.x=[0,0.002]",
            "sources[0].x=[0.0005,0.0018]",
        ],
    ),
    "temporal_jet": (
        "OH",
        1e-6,
        ["mesh.cells=[6,20,4]", "mesh.lower=[0.0,-0.0067,0.0]", "mesh.upper=[0.002,0.0067,0.00134]"],
    ),
    "temporal_jet_fuel": (
        "OH",
        1e-7,
        ["mesh.cells=[6,20,4]", "mesh.lower=[0.0,-0.0067,0.0]", "mesh.upper=[0.002,0.0067,0.00134]"],
    ),
    "coflow": ("OH", 1e-5, ["mesh.x={lower=0.0,upper=0.004,cells=10}", "output.probes[0].end=[0.004,0.0]"]),
    "coflow_flicker": ("CO2", 2e-5, ["mesh.x={lower=0.0,upper=0.016,cells=10}", "output.probes[0].end=[0.016,0.0]"]),
    "counterflow": ("OH", 5e-6, ["mesh.x.cells=32", "mesh.y.cells=4"]),
    "jet": ("H2", 1e-5, ["mesh.cells=[24,20]"]),
    "sandia_d": (
        "OH",
        1e-6,
        ["mesh.x={lower=0.0,upper=0.03,cells=6}", "mesh.y={lower=0.0,upper=0.15,cells=10,ratio=1.6}"],
    ),
    "sandia_d_les": (
        "OH",
        1e-6,
        [
            "mesh.x={lower=0.0,upper=0.03,cells=5}",
            "mesh.y={lower=-0.012,upper=0.012,cells=8}",
            "mesh.z={lower=-0.012,upper=0.012,cells=8}",
            "boundary.x_low.fluctuations.length=3e-3",
        ],
    ),
    "bunsen": ("OH", 2e-6, ["mesh={kind='uniform',cells=[8,16],lower=[0.0,0.0],upper=[0.0016,0.006]}"]),
    "jet_ignition": ("H2", 2e-7, ["mesh.cells=[16,20]", "mesh.upper=[0.003,0.004]"]),
    "pipe": ("N2", 1e-4, ["mesh.x.cells=12", "mesh.y.cells=6"]),
    "mms": ("LIGHT", 4e-3, ["mesh.cells=[16,16]"]),
    "tgv2d": ("N2", 4e-5, ["mesh.cells=[24,24]"]),
    "tgv3d_cold": ("N2", 4e-5, ["mesh.cells=[10,10,10]"]),
    "tgv3d_les": ("N2", 4e-5, ["mesh.cells=[10,10,10]"]),
    "hit_cbc": ("N2", 5e-3, ["mesh.cells=[10,10,10]"]),
    "channel": ("N2", 5e-5, ["mesh.x.cells=10", "mesh.y.cells=12", "mesh.y.ratio=1.4", "mesh.z.cells=8"]),
    "channel_rans": ("N2", 1e-3, ["mesh.y.cells=8"]),
    "taylor_green_2d": ("N2", 4e-5, ["mesh.cells=[24,24]"]),
    "tgv_reacting": ("OH", 2e-7, ["mesh.cells=[12,12,12]"]),
    "triple_flame": ("OH", 2e-6, ["mesh.cells=[24,20]"]),
    "tgv_mixing": ("H2", 1e-6, ["mesh.cells=[12,12,12]"]),
}


def no_flame() -> None:
    raise AssertionError("tests/cases/flames lacks a profile")


def stored_flame(mechanism, T, p, fuel, oxidizer, phi, **_):
    """The profile of this mixture from tests/cases/flames, in the place of Cantera's solver."""
    return compute_or_load(HERE / "flames" / f"{fuel.partition(':')[0]}_{phi:g}.npz", no_flame)


def stored_counterflow(mechanism=None, p=None, fuel="", *_, **__):
    """That of the case counterflow, or of methane as `coflow` starts with it, made as stored_flame's."""
    name = "counterflow_CH4" if fuel == "CH4:1" else "counterflow"
    return read_profile(HERE / "flames" / f"{name}.npz", CounterflowProfile)


def lay_flames(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flames from tests/cases/flames in the place of Cantera's solvers."""
    monkeypatch.setattr("combust.kinetics.flames.free.free_flame", stored_flame)
    monkeypatch.setattr("combust.kinetics.flames.counterflow.counterflow_flame", stored_counterflow)


def run(name: str, monkeypatch: pytest.MonkeyPatch, *more: str) -> ReactingFlow:
    """The shrunk case, changed by `more`, after a few steps, all kernels eager."""
    lay_flames(monkeypatch)
    _, dt, changes = SHRUNK[name]
    config = load(CASES / f"{name}.toml", [*changes, *more, "device=cpu", "numerics.compile=off"])
    flow = case.build(config, Communicator())
    asked = {*config.output.fields.names}, {*config.output.series.quantities}
    for _ in range(STEPS):
        flow.advance(dt)
    for field in asked[0]:
        assert np.isfinite(flow.field(field)).all(), field
    for quantity in asked[1]:
        assert np.isfinite(flow.quantity(quantity)), quantity
    return flow


def norms(flow: ReactingFlow, species: str) -> dict[str, list[float]]:
    """[largest magnitude, root of the volume mean of the square] by field."""
    volume = flow.grid.volume.numpy()
    found = {}
    for name in ("T", "u", f"Y_{species}", "p"):
        value = flow.field(name)
        found[name] = [float(np.abs(value).max()), float(np.sqrt((value**2 * volume).sum() / volume.sum()))]
    return found


def test_each_case_is_here():
    flows = (path.stem for path in CASES.glob("*.toml") if not path.stem.startswith(CHAINS))
    assert sorted(SHRUNK) == sorted(flows)


@pytest.mark.parametrize("name", SHRUNK)
def test_case(name, monkeypatch):
    torch.set_num_threads(1)
    flow = run(name, monkeypatch)
    assert flow.quantity("eos_drift") <= 1e-3
    bounded = named(flow.scheme.numerics.reconstruction).bounded != "nowhere"
    assert flow.quantity("Y_min") > (-1e-8 if bounded else -1e-6)
    assert abs(flow.quantity("mass_error")) < 1e-12
    if name != "mms":  # its gases are made and destroyed by the manufactured source
        assert flow.quantity("element_error") < 1e-12
        assert abs(flow.quantity("enthalpy_error")) < 1e-12
    reference = json.loads((HERE / "references" / f"{name}.json").read_text())
    for field, found in norms(flow, SHRUNK[name][0]).items():
        np.testing.assert_allclose(found, reference[field], rtol=1e-7, atol=0, err_msg=f"{name}: {field}")


def test_counterflow_in_a_plane(monkeypatch):
    """The switch that the case names: all the gas leaves along y, v = 2 y V where it is r V around an axis."""
    flow, known = run("counterflow", monkeypatch, "mesh.kind=stretched"), stored_counterflow()
    assert not flow.grid.axisymmetric
    x, y = (flow.grid.centres[axis].flatten().numpy() for axis in (2, 1))
    expected = 2 * y[:, None] * np.interp(x, known.x, known.V)
    np.testing.assert_allclose(flow.field("u")[1, 0, :2], expected[:2], atol=0.06 * expected[1].max())
    assert flow.quantity("T_max") == pytest.approx(np.interp(x, known.x, known.T).max(), rel=0.01)
    assert abs(flow.quantity("mass_error")) < 1e-12


MODELS = {"h2o2.yaml": "h2_air"}
TOLERANT = ("sandia_d", "sandia_d_les", "temporal_jet_fuel")  # cases with a tolerance, for which `none` has no use
SLOW = (
    ("temporal_jet", "cvode"),
    ("flame_in_box", "cvode"),
    ("mms", "direct"),
    ("mms", "cvode"),
    ("flame_learned", "cvode"),
    ("sandia_d", "cvode"),
    ("sandia_d_les", "cvode"),
)
COARSE = {1: ["mesh.cells=[20]"], 2: ["mesh.cells=[12,5]"], 3: ["mesh.cells=[8,8,8]"]}


@pytest.mark.parametrize("name, kind", [
    pytest.param(name, kind, marks=[pytest.mark.slow] if (name, kind) in SLOW else [])
    for name in SHRUNK for kind in ("direct", "cvode", "none", "learned")
])  # fmt: skip
def test_each_kind_of_chemistry(name, kind, monkeypatch, capsys):
    """`--set chemistry.kind=...` of every case: it is built and takes a step, with what it is asked to write."""
    lay_flames(monkeypatch)
    _, dt, changes = SHRUNK[name]
    path = CASES / f"{name}.toml"
    before = load(path)
    coarse = [] if before.mesh.__struct_config__.tag != "uniform" else COARSE[before.mesh.dimensions]
    small = [*changes, *coarse, "device=cpu", "numerics.compile=off"]
    model = MODELS.get(before.gas.mechanism, "h2_air")
    sets = [f"chemistry.kind={kind}", *([f"chemistry.model={model}"] if kind == "learned" else [])]
    config = load(path, [*(c for c in small if not c.startswith("chemistry.")), *sets])
    left_out = kind != "learned" if name == "flame_learned" else kind == "none" and name in TOLERANT
    assert ("note: " in capsys.readouterr().err) == left_out  # keys of the case's own chemistry
    if kind == "learned" and before.gas.mechanism not in MODELS:
        with pytest.raises(ConfigError, match='chemistry.kind = "direct"|species'):
            case.build(config, Communicator())
        return
    flow = case.build(config, Communicator())
    flow.advance(dt)
    for field in config.output.fields.names:
        assert np.isfinite(flow.field(field)).all(), field
    for quantity in config.output.series.quantities:
        assert np.isfinite(flow.quantity(quantity)), quantity
    assert flow.quantity("T_max") > 250
    assert abs(flow.quantity("mass_error")) < (1e-9 if kind == "cvode" else 1e-12)  # CVODE keeps it to its tolerance


def main(names: list[str]) -> None:
    torch.set_num_threads(1)
    for name in names or SHRUNK:
        with pytest.MonkeyPatch.context() as monkeypatch:
            text = json.dumps(norms(run(name, monkeypatch), SHRUNK[name][0]), indent=1)
        (HERE / "references" / f"{name}.json").write_text(text + "\n")
        print(name, text)


if __name__ == "__main__":
    main(sys.argv[1:])
