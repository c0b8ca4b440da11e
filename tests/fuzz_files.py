"""Small whole files of every kind that combust reads, how each is changed at random, and by what it is read."""

from __future__ import annotations

import hashlib
import json
import tomllib
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import draws
import h5py
import mutations
import numpy as np
import torch
from helpers import CASE, Heat
from recipe import recipe
from safetensors.torch import load, save

from combust.case import load as config
from combust.cfd.boundaries.profiles import Gases, Profile
from combust.cfd.boundaries.spectra import read as read_spectrum
from combust.cfd.boundaries.tables import read
from combust.cfd.synthetic.settings import TableSpectrum
from combust.errors import CombustError
from combust.io import checkpoint
from combust.io.seal import seal
from combust.parallel import Communicator

RESPECTH = Path(__file__).parent / "unit/experiments/keromnes_2013.xml"
Read = Callable[[Path], Any]
Change = Callable[[np.random.Generator, Path], None]  # of the whole file at a path


@dataclass(frozen=True)
class Kind:
    """A kind of file: its name, what writes a whole one, what changes it, what reads it (with every door's checks)."""

    name: str
    write: Callable[[Path], None]
    change: Change
    read: Read
    refuses: bool = True  # else what is damaged is passed over


SPECTRUM = """# station 42
k [1/cm],E [cm3/s2]
2,120
4,47
8,12.6
"""
INLET = """# a profile
y [mm],velocity,X_H2,X_N2
0.0,0.0,0.5,0.5
0.5,3.0,0.4,0.6
1.0,0.0,0.5,0.5
"""
CHEMKED = """
experiment-type: ignition delay
apparatus: {kind: shock tube}
reference: {authors: [{name: A. B. Author}], year: 1999, doi: 10.1/x}
common-properties: {pressure: &p [2.2 bar]}
datapoints:
- temperature: [1164.48 kelvin]
  ignition-delay: [471.54 us, {uncertainty: 0.1, uncertainty-type: relative}]
  pressure: *p
  composition: {kind: mole fraction, species: [{species-name: H2, amount: [0.4]}, {species-name: O2, amount: [0.6]}]}
  ignition-type: {target: pressure, type: d/dt max}
"""
PUBLISHED = Path(__file__).parent / "data/experiments"
MIXTURE = "{kind: mole fraction, species: [{species-name: H2, amount: [0.4]}, {species-name: O2, amount: [0.6]}]}"
SPEEDS = f"""
experiment-type: laminar burning velocity measurement
apparatus: {{kind: flame}}
datapoints:
- temperature: [298 K]
  pressure: [1 atm]
  equivalence-ratio: [0.33 dimensionless]
  laminar-burning-velocity:
  - 820 mm/s
  - {{evaluated-standard-deviation: 4 cm/s, evaluated-standard-deviation-type: absolute}}
  composition: {MIXTURE}
"""
SPECIES = f"""
experiment-type: speciation measurement
apparatus: {{kind: jet stirred reactor}}
datapoints:
- pressure: [1 atm]
  residence-time: [120 ms]
  composition: {MIXTURE}
  independent-variables: [{{name: temperature, units: K}}]
  concentration-profiles:
  - species-name: H2O
    quantity: {{units: mole fraction}}
    values: [[800.0, 0.001], [900.0, 0.01]]
    uncertainty: [{{evaluated-standard-deviation: 0.0003, evaluated-standard-deviation-type: absolute}}]
"""
BURNER = f"""
experiment-type: speciation measurement
apparatus: {{kind: burner stabilized flame}}
datapoints:
- temperature: [293 K]
  pressure: [76 torr]
  flow-rate: [0.05 kg * m**-2 * s**-1]
  composition: {MIXTURE}
  independent-variables: [{{name: distance, units: cm}}]
  concentration-profiles: [{{species-name: H2O, quantity: {{units: ppm}}, values: [[0.2, 900.0], [0.4, 2000.0]]}}]
  auxiliary-profiles:
  - type: temperature
    independent: {{name: distance, units: cm}}
    quantity: {{units: K}}
    values: [[0.2, 500.0], [0.4, 900.0]]
"""
MACHINE = f"""
experiment-type: ignition delay
apparatus: {{kind: rapid compression machine}}
datapoints:
- temperature: [300 K]
  pressure: [1 bar]
  ignition-delay: [1.0 ms]
  composition: {MIXTURE}
  time-histories:
  - type: volume
    time: {{units: s, column: 0}}
    quantity: {{units: cm3, column: 1}}
    values: [[0.0, 50], [0.02, 5], [0.03, 6.0]]
"""
REDUCTION = """
mechanism = "h2o2.yaml"
fuel = "H2:1"
tolerance = { ignition_delay = 0.1, "peak OH" = 0.2 }
[[conditions]]
kind = "ignition"
T = "1000:1400:3"
p = [101325.0, "10 bar"]
phi = 1.0
[[conditions]]
kind = "psr"
T = "300 K"
p = "1,10 atm"
[graph]
method = "drgep"
targets = { H2 = 1.0 }
[search]
look = 3
"""
SURROGATE = recipe(
    'range.p=["0.9 bar", 1.1e5]', 'range.T=[280.0, "2400 K"]', 'range.dt=["0.2 us", 2e-6]', "sample.rows=3500",
    'sample.flows=["runs/a"]', "train.loss.step=1.0", "train.loss.tail=0.5",
)  # fmt: skip


def of_toml(source: str) -> tuple[Callable[[Path], None], Change]:
    def change(rng: np.random.Generator, path: Path) -> None:
        path.write_text(mutations.some_toml(rng, tomllib.loads(source), source), encoding="utf-8", errors="replace")

    return lambda path: path.write_text(source) and None, change


def change_text(rng: np.random.Generator, path: Path) -> None:
    path.write_text(mutations.text(rng, path.read_text()), encoding="utf-8", errors="replace")


def change_text_or_data(rng: np.random.Generator, path: Path) -> None:
    change_text(rng, path) if rng.integers(2) else change_data(rng, path)


def change_data(rng: np.random.Generator, path: Path) -> None:
    path.write_bytes(mutations.data(rng, path.read_bytes()))


def change_json(rng: np.random.Generator, path: Path) -> None:
    path.write_text(mutations.some_json(rng, json.loads(path.read_text())), encoding="utf-8", errors="replace")


# --- HDF5 -----------------------------------------------------------------------------------------------------------


def change_hdf5(rng: np.random.Generator, path: Path) -> None:
    """Bytes, or entries dropped, renamed, of other types, or filled with other numbers."""
    if not rng.integers(3):
        change_data(rng, path)
        return
    with h5py.File(path, "r+") as file, np.errstate(over="ignore"):
        for _ in range(rng.integers(1, 3)):
            change_entry(rng, file)
    seal_again(rng, path)


def seal_again(rng: np.random.Generator, path: Path) -> None:
    """The file's checksum, which h5py has cut off: mostly, for a file without it is first read by another process."""
    if rng.integers(20):
        seal(path)


def change_entry(rng: np.random.Generator, file: h5py.File) -> None:
    names: list[str] = []
    file.visit(names.append)
    holders = [file, *(file[name] for name in names)]
    node = holders[rng.integers(len(holders))]
    kind, name = rng.integers(6), names[rng.integers(len(names))] if names else ""
    attributes = list(node.attrs)
    value = mutations.VALUES[rng.integers(len(mutations.VALUES))]
    if kind < 2 and attributes:
        key = attributes[rng.integers(len(attributes))]
        if isinstance(value, str | int | float) and abs(value if not isinstance(value, str) else 0) < 2**62:
            node.attrs[key] = str(value).replace("\0", "") if isinstance(value, str) else value
        else:
            del node.attrs[key]
    elif kind == 2 and name:
        del file[name]
    elif kind == 3 and name:
        file.move(name, f"{name}x")
    elif name and isinstance(file[name], h5py.Dataset):
        old = file[name]
        new = np.asarray(old[...])
        if kind == 4 and new.size and new.dtype.kind == "f":
            new.reshape(-1)[rng.integers(new.size)] = [np.nan, np.inf, -1.0, 1e300][rng.integers(4)]
            old[...] = new
        else:
            kept = dict(old.attrs)
            del file[name]
            new = [new.astype("f4") if new.dtype.kind == "f" else new.astype("f8"), new.reshape(-1)[:-1],
                   np.zeros(0), "text"][rng.integers(4)] if new.dtype.kind != "O" else 0.0  # fmt: skip
            file.create_dataset(name, data=new).attrs.update(kept)


def heat() -> Heat:
    return Heat(config.convert(tomllib.loads(CASE), "heat"), Communicator())


def write_checkpoint(path: Path) -> None:
    flow = heat()
    hook = {"last": 3, "count": 1}
    loop = {"time": 1e-3, "step": 3, "dt": 1e-4, "free_dt": float("inf"), "wall": 1.0}
    meta = {"loop": loop, "hooks": {"guard": hook, "fields": hook}, "step": 3, "time": 1e-3,
            "identity": flow.identity(), "case": CASE}  # fmt: skip
    checkpoint.write_checkpoint(path, flow.block, flow.state(), meta)


def change_checkpoint(rng: np.random.Generator, path: Path) -> None:
    """As other HDF5, and with checksums that are right again."""
    if rng.integers(2):
        change_hdf5(rng, path)
        return
    with h5py.File(path, "r+") as file:
        if rng.integers(3):
            text = mutations.some_json(rng, json.loads(file["meta"][...].tobytes())).encode(errors="replace")
            del file["meta"]
            meta = checkpoint.contiguous_bytes(file, "meta", text) if hasattr(checkpoint, "contiguous_bytes") else (
                file.create_dataset("meta", data=np.frombuffer(text, np.uint8)))  # fmt: skip
            meta.attrs["crc32"] = zlib.crc32(text)
        else:
            data = file["state/T"]
            new = data[...]
            new.reshape(-1)[rng.integers(new.size)] = [np.nan, np.inf][rng.integers(2)]
            data[...] = new
            data.attrs["checksum"] = np.uint64(checkpoint.checksum(Communicator(), new, new.shape, (0, 0, 0)))
    seal_again(rng, path)


def read_checkpoint(path: Path) -> Any:
    """By info and by a restart; what the one accepts, the other does."""
    from combust.errors import FileFormatError

    flow = heat()
    found: list[Any] = []
    for door in (by_info, lambda p: by_restart(p, flow)):
        try:
            found.append(door(path))
        except FileFormatError as error:
            found.append(error)
    for other in found:
        if isinstance(other, CombustError):
            raise other
    return found[1]


def by_info(path: Path) -> None:
    with checkpoint.open_checkpoint(path) as file:
        checkpoint.verify(path, file)
        checkpoint.require_continuable(path, checkpoint.read_meta(path, file))


def by_restart(path: Path, flow: Heat) -> Any:
    saved = checkpoint.read_checkpoint(path, flow.block, flow.identity())
    checkpoint.require_complete(path, saved, flow.block, flow.state())
    return saved.arrays


# --- snapshots, series ----------------------------------------------------------------------------------------------


def write_vtr(path: Path) -> None:
    from combust.io.vtr import write_vtr

    flow = heat()
    write_vtr(path, flow.block, flow.coordinates(), {"T": flow.T, "u": flow.field("u")}, 0.25, 3)


def read_vtr(path: Path) -> Any:
    from combust.io.vtr import read_vtr

    return read_vtr(path)


def change_vtr(rng: np.random.Generator, path: Path) -> None:
    from combust.io.vtr import BEGIN, TAIL

    if rng.integers(2):
        change_data(rng, path)
        return
    head, mark, rest = path.read_bytes().partition(BEGIN)
    rest = rest[: rest.rindex(TAIL) + len(TAIL)]
    path.write_bytes(mutations.text(rng, head.decode()).encode(errors="replace") + mark + rest)
    if rng.integers(2):
        seal(path)


def write_pvd(path: Path) -> None:
    from combust.io.vtr import write_pvd

    write_pvd(path, [(0.0, "fields_000000.vtr"), (1e-5, "fields_000010.vtr")])


def read_pvd(path: Path) -> Any:
    from combust.io.vtr import read_pvd

    found = read_pvd(path)
    assert all("/" not in name for _, name in found)
    return found


def write_series(path: Path) -> None:
    path.write_text("step,time,dt,T_max\n" + "".join(f"{i},{i}e-5,1e-5,{1800 + i}.5\n" for i in range(6)))


def read_series(path: Path) -> Any:
    from combust.io.series import read_series, start_series

    found = read_series(path)
    start_series(path, ["T_max"], 3)
    return [found[name] for name in ("step", "time", "dt")]  # a quantity may be NaN


def write_planes(path: Path) -> None:
    from combust import planes

    places = {"x": np.array([0.5]), "y": np.linspace(0.1, 0.9, 4), "z": np.zeros(1)}
    for step in range(3):
        one = planes.record(step, 1e-5 * step, places, {name: np.full((1, 4, 1), 0.5) for name in ("u", "T", "Y_H2")})
        if not step:
            planes.begin(path, one.dtype)
        planes.append(path, one)


def read_planes(path: Path) -> Any:
    from combust import planes

    found = planes.read(path)
    return [found.times, found.x, found.y, found.z, *(v for i in range(len(found.times)) for v in found.at(i).values())]


# --- learned chemistry ----------------------------------------------------------------------------------------------


def write_model(path: Path) -> None:
    """An untrained network with a router; as good as any for reading."""
    from combust.kinetics.mechanism.mechanism import Mechanism
    from combust.surrogates.model.coordinates import Coordinates
    from combust.surrogates.model.model import Model
    from combust.surrogates.model.network import Network

    gas = Mechanism.load("h2o2.yaml")
    n, rng = len(gas.species), draws.generator(3)
    active, inert = torch.arange(8), torch.tensor([9])
    ones, inputs = torch.ones(13, dtype=torch.float64), 12
    coordinates = Coordinates(active, inert, 0 * ones, ones, ones[:8].clone(), 0.1, 1e-12, 1e-6, "box-cox")
    network = Network(13, 8, 6, 1)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, generator=rng)
    d = torch.float64
    tables = {
        "trust.lower": torch.zeros(inputs, dtype=d), "trust.upper": torch.ones(inputs, dtype=d),
        "trust.centre": torch.zeros(inputs, dtype=d), "trust.whiten": torch.eye(inputs, dtype=d),
        "trust.elements": torch.ones(4, n, dtype=d), "trust.ratio_lower": torch.zeros(4, 4, dtype=d),
        "trust.ratio_upper": torch.ones(4, 4, dtype=d), "trust.peak": torch.ones(n, dtype=d),
        "trust.stated": torch.ones(3, dtype=d), "trust.limit": torch.ones(1, dtype=d),
        "references.T": torch.tensor([300.0, 2000.0], dtype=d), "references.Y": torch.full((n, 2), 1.0 / n, dtype=d),
    }  # fmt: skip
    card = {
        "title": "small", "mechanism": {"path": "h2o2.yaml", "sha256": gas.sha256, "phase": gas.name},
        "fuel": "H2:1", "oxidizer": "O2:1, N2:3.76", "species": list(gas.species), "hold": "hp",
        "ranges": {"T": [280.0, 2400.0], "p": [9e4, 1.1e5], "dt": [2e-7, 2e-6], "phi": [0.45, 0.56],
                   "atoms": {"O": [0.1, 0.2]}},
        "samples": {"rows": {"train": 9, "validation": 3, "test": 1}, "trajectories": 2},
        "router": {"stated": {"T_K": 0.1, "Y_of_peak": 1e-3, "of_change": 0.05, "quantile": 0.98}, "limit": 1.0},
        "training": {"rows_seen": 9, "seconds": 1.5}, "config": SURROGATE, "written": "2026-11-25",
    }  # fmt: skip
    Model(coordinates, [network], card, tables).save(path)


def change_card(rng: np.random.Generator, path: Path) -> None:
    change_json(rng, path)


def change_weights(rng: np.random.Generator, path: Path) -> None:
    """Tensors dropped, of other shapes, types or numbers, or bytes; the checksum in the card is right."""
    weights = path.with_suffix(".safetensors")
    if not rng.integers(4):
        change_data(rng, weights)
    else:
        tensors = load(weights.read_bytes())
        names = sorted(tensors)
        name = names[rng.integers(len(names))]
        value, kind = tensors[name], rng.integers(5)
        if kind == 0:
            del tensors[name]
        elif kind == 1:
            tensors[name] = value.reshape(-1)[:-1].clone() if value.numel() > 1 else value.repeat(2)
        elif kind == 2:
            tensors[name] = value.to(torch.int32)
        elif kind == 3:
            tensors[f"{name}x"] = tensors.pop(name)
        else:
            flat = value.clone().double().reshape(-1)
            flat[rng.integers(flat.numel())] = [np.nan, np.inf, -np.inf, -1.0][rng.integers(4)]
            tensors[name] = flat.reshape(value.shape).to(value.dtype)
        weights.write_bytes(save(tensors))
    card = json.loads(path.read_text())
    card["weights"]["sha256"] = hashlib.sha256(weights.read_bytes()).hexdigest()
    path.write_text(json.dumps(card))


def read_model(path: Path) -> Any:
    """By the API, by a case and by `combust models`."""
    from combust.kinetics.mechanism.mechanism import Mechanism
    from combust.surrogates.judge import models
    from combust.surrogates.model.model import Model, settings_of
    from combust.surrogates.trust.parts import Parts

    entry = models.examine(path.with_suffix(""))
    if entry.card is not None:
        models.row(entry)
        models.explain(entry.path, entry, entry.card)
    model = Model.load(path)
    settings_of(model)
    parts = Parts.of(model, Mechanism.load("h2o2.yaml"))
    trust = parts.trust._replace(limit=parts.trust.stated)  # which may be infinite
    return [trust, parts.references, model.coordinates, [list(n.parameters()) for n in model.networks]]


def write_samples(path: Path) -> None:
    """Four rows of a made-up sample set."""
    from combust.surrogates.data.sample_set import SampleSet, audited

    Y = np.full((4, 3), 1.0 / 3.0)
    made = SampleSet(
        T=np.full(4, 900.0), p=np.full(4, 1e5), dt=np.full(4, 1e-6), Y=Y, T1=np.full(4, 901.0), Y1=Y,
        stream=np.zeros(4), group=np.array([0, 0, 1, 1]), split=np.array([0, 1, 2, 0]), round=np.zeros(4),
        slow=np.zeros(4), species=("H2", "O2", "N2"), mechanism="x.yaml", sha256="0" * 64,
        groups=({"kind": "ignition"}, {"kind": "flame"}), counts={"clipped": 2}, notes=("a note",), config="a = 1",
    )  # fmt: skip
    audited(made, np.array([1]), np.array([901.0]), Y[:1]).write(path)


def change_samples(rng: np.random.Generator, path: Path) -> None:
    """As other HDF5; or NaN, or other numbers, with the right checksum."""
    from combust.surrogates.data.sample_set import KINDS, SampleSet

    if rng.integers(2):
        change_hdf5(rng, path)
        return
    whole = SampleSet.read(path)
    names = [name for name in KINDS if name != "group"]
    name = names[rng.integers(len(names))]
    value = getattr(whole, name)
    new = [np.nan, np.inf, -1.0, 77.0][rng.integers(4)] if value.dtype.kind == "f" else 99
    value.reshape(-1)[rng.integers(value.size)] = new
    whole.write(path)


def read_samples(path: Path) -> Any:
    from combust.surrogates.data.sample_set import SampleSet

    found = SampleSet.read(path)
    assert found.slow.dtype == bool
    return [found.T, found.p, found.dt, found.Y, found.T1, found.Y1, found.audit.get("Y")]


def write_states(path: Path) -> None:
    from combust.reduction.cases.conditions import ReductionCase
    from combust.reduction.cases.samples import Samples

    cases = (ReductionCase("ignition", "H2:1", "O2:1", 1000.0, 1e5),)
    Samples(
        T=np.array([900.0, 950.0]), p=np.array([1e5, 1e5]), Y=np.full((2, 2), 0.5), case=np.array([0, 0]),
        position=np.array([0.0, 1.0]), cases=cases, species=("H2", "O2"), mechanism="x.yaml", sha256="0" * 64,
    ).write(path)  # fmt: skip


def read_states(path: Path) -> Any:
    from combust.reduction.cases.samples import Samples

    found = Samples.read(path)
    return [found.T, found.p, found.Y, found.position]


def write_training(path: Path) -> None:
    from combust.surrogates.training.state import State, write

    state = State(epoch=2, planned=9, best=0.5, history=[[0.0, 1.0, 0.5]])
    state.network = {"layers.0.weight": torch.ones(2, 2)}
    state.adam = [{"step": torch.tensor(3.0), "exp_avg": torch.zeros(2, 2)}]
    write(path, state, {"mechanism": "a"})


def read_training(path: Path) -> Any:
    from combust.surrogates.training.state import read

    state, _ = read(path)
    return [state.network, state.adam, state.done, state.best_network]


def write_cell(path: Path) -> None:
    from dataclasses import asdict

    from combust.kinetics.integrate.failed_cell import FailedCell

    cell = FailedCell("h2o2.yaml", "ohmech", "0" * 64, "hp", 1200.0, 1e5, {"H2": 0.1, "O2": 0.9}, 0.0,
                      {"H2": 0.0, "O2": 0.0}, 1e-6, 1e-4, 1e-9, "a reason")  # fmt: skip
    path.write_text(json.dumps(asdict(cell)))


def read_cell(path: Path) -> Any:
    from combust.kinetics.integrate.failed_cell import describe, read

    found = read(path)
    describe(found)
    return found


def write_report(path: Path) -> None:
    """The shipped one, with its longest lists cut."""
    from combust.surrogates import library

    whole = json.loads((library.FOLDER / "h2_air.report.json").read_text())
    for name in ("flames", "reactors", "targets"):
        whole[name] = whole[name][:1]
    whole["reactors"][0]["cases"] = whole["reactors"][0]["cases"][:1]
    path.write_text(json.dumps(whole))


def read_report(path: Path) -> Any:
    """By `combust models` and by `verify --only`."""
    from combust.report.numbers import restored
    from combust.surrogates.judge import card, report, targets

    found = card.read(path)
    again = restored(found)
    report.sections(again, targets.of_card(again), {})
    return None


# --- experiments, evaluations ---------------------------------------------------------------------------------------


def of_text(text: str) -> Callable[[Path], None]:
    return lambda path: path.write_text(text) and None


def change_experiment(rng: np.random.Generator, path: Path) -> None:
    """One of the kinds of experiment, changed."""
    path.write_text((SPEEDS, SPECIES, BURNER, MACHINE)[rng.integers(4)])
    change_text_or_data(rng, path)


def read_experiment(path: Path) -> Any:
    from combust.experiments.formats.read import read

    found = read(path)
    return [found.points, [found.reference, found.apparatus, *found.notes]]


def write_evaluations(path: Path) -> None:
    from combust.reduction.cases.measures import Outcome

    text = Outcome({"ignition_delay": 1e-4}, {"heat_release": np.ones(3)}, 300.0).to_json()
    path.write_text("".join(json.dumps([f"key{i}", text]) + "\n" for i in range(4)))


def read_evaluations(path: Path) -> Any:
    from combust.reduction.cases.measures import Outcome, is_outcome
    from combust.reduction.cases.store import Store

    store = Store(path, is_outcome)
    for key in store.known:
        Outcome.from_json(store[key])
    return None


def read_case(path: Path) -> Any:
    found = config.load(path)
    assert config.convert(tomllib.loads(config.to_toml(found)), "again") == found
    return found


def read_inlet(path: Path) -> Any:
    velocity = read(Profile(over="y", file=str(path)), "boundary.x_low.velocity", "velocity", path.parent)
    gases = read(Gases(over="y", file=str(path)), "boundary.x_low.composition", "composition", path.parent)
    assert velocity.file is gases.file is None
    return [velocity.at, velocity.values, gases.at]


def read_table_spectrum(path: Path) -> Any:
    table = read_spectrum(TableSpectrum(file=str(path)), path.parent)
    assert table.file is None
    return [table.k, table.E]


def read_reduction(path: Path) -> Any:
    from combust.reduction.settings import load

    return load(path).cases


def read_surrogate(path: Path) -> Any:
    from combust.surrogates.settings import load

    return load(path)


KINDS = (
    Kind("case.toml", *of_toml(CASE), read_case),
    Kind("reduction.toml", *of_toml(REDUCTION), read_reduction),
    Kind("surrogate.toml", *of_toml(SURROGATE), read_surrogate),
    Kind("checkpoint_000003.h5", write_checkpoint, change_checkpoint, read_checkpoint),
    Kind("fields_000003.vtr", write_vtr, change_vtr, read_vtr),
    Kind("fields.pvd", write_pvd, change_text_or_data, read_pvd),
    Kind("inlet.csv", of_text(INLET), change_text_or_data, read_inlet),
    Kind("spectrum.csv", of_text(SPECTRUM), change_text_or_data, read_table_spectrum),
    Kind("series.csv", write_series, change_text_or_data, read_series),
    Kind("inflow.npy", write_planes, change_data, read_planes),
    Kind("card.json", write_model, change_card, read_model),
    Kind("model.json", write_model, change_weights, read_model),
    Kind("model.report.json", write_report, change_json, read_report),
    Kind("samples.h5", write_samples, change_samples, read_samples),
    Kind("states.h5", write_states, change_hdf5, read_states),
    Kind("checkpoint.safetensors", write_training, change_data, read_training),
    Kind("failed_cell.json", write_cell, change_json, read_cell),
    Kind("chemked.yaml", of_text(CHEMKED), change_text_or_data, read_experiment),
    Kind("respecth.xml", of_text(RESPECTH.read_text()), change_text_or_data, read_experiment),
    Kind("experiment.yaml", of_text(SPEEDS), change_experiment, read_experiment),
    *(
        Kind(name, of_text((PUBLISHED / name).read_text()), change_text_or_data, read_experiment)
        for name in ("milton_1984.xml", "dagaut_2003.xml", "martin_1990.xml")
    ),
    Kind("evaluations.jsonl", write_evaluations, change_text_or_data, read_evaluations, refuses=False),
)


def numbers(found: Any) -> Iterator[float]:
    """All numbers in what a reader returned."""
    if isinstance(found, torch.Tensor):
        found = found.detach().numpy()
    if isinstance(found, np.ndarray):
        yield from (float(x) for x in found.reshape(-1)) if found.dtype.kind == "f" else ()
    elif isinstance(found, dict):
        for value in found.values():
            yield from numbers(value)
    elif isinstance(found, list | tuple):
        for value in found:
            yield from numbers(value)
    elif isinstance(found, float):
        yield found
    elif hasattr(found, "__struct_fields__"):
        for name in found.__struct_fields__:
            yield from numbers(getattr(found, name))
    elif hasattr(found, "__dataclass_fields__"):
        for name in found.__dataclass_fields__:
            yield from numbers(getattr(found, name))
