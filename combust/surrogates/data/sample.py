"""States of trajectories and their copies, with exact end states, for learned chemistry: a sample set and its file."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from combust.errors import ConfigError, DivergenceError, at
from combust.interrupts import Stopped, stoppable
from combust.io.lock import locked
from combust.kinetics.mechanism import mixtures
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.report.meter import SILENT, Reporter
from combust.surrogates.data import labels, streams
from combust.surrogates.data.copies import Candidates, Copier
from combust.surrogates.data.harvest import harvest, require_runs
from combust.surrogates.data.sample_set import LOWEST, SPLITS, STREAMS, SampleSet, audited
from combust.surrogates.data.streams import States
from combust.surrogates.origin import revision
from combust.surrogates.settings import Surrogate, given, to_toml
from combust.timers import clock

FEWEST = 20_000  # rows, from which it is said beforehand what they take
PARTS = 2  # raise when what unfinished work holds changes

Expect = Callable[[Mechanism, Surrogate], str]


@dataclass(frozen=True, eq=False)
class Sampled:
    """A sample set that is finished and written."""

    samples: SampleSet
    path: Path
    gas: Mechanism

    def words(self) -> str:
        """What there is, as a table for people."""
        return table(self.samples, self.gas)


def sample(
    config: Surrogate | str | Path,
    out: str | Path | None = None,
    *,
    changes: Sequence[str] = (),
    resume: bool = False,
    force: bool = False,
    expect: Expect | None = None,
    reporter: Reporter = SILENT,
) -> Sampled:
    """Samples states of trajectories and their copies with exact end states, and writes them.

    config : settings, or the path of a TOML file, with "table.key=value" changes
    out : the file (HDF5); runs/<name of the config>/samples.h5 if omitted
    resume, force : continue what was interrupted; replace what an earlier sampling made
    expect : says what a large sampling will take, before it begins (`combust.surrogates.judge.forecast.expect`)

    Raises ConfigError, MechanismError for what cannot be sampled, DivergenceError where nothing burns, Stopped on a
    signal: what is finished is kept for `resume`.
    """
    settings, where, name = given(config, changes)
    path = Path(out or f"runs/{name}/samples.h5")
    gas = checked(settings, where)
    with locked(path.parent, name=f"{path.name}.lock"):
        store = Store(path, settings, gas.sha256, force, resume)
        try:
            with stoppable():
                if expect is not None and settings.sample.rows >= FEWEST and not resume:
                    reporter.say(expect(gas, settings))
                made = make(gas, settings, store, reporter)
                made.write(path)
        except KeyboardInterrupt:
            raise Stopped("stopped: the same command with --resume continues") from None
        finally:
            reporter.clear()
        store.remove()
    return Sampled(made, path, gas)


def checked(settings: Surrogate, where: str) -> Mechanism:
    """The mechanism of settings that can be sampled; errors begin with `where` they stand."""
    gas = Mechanism.load(settings.mechanism, settings.phase, ions=settings.ions)
    with at(where):
        check(settings, gas)
    return gas


def check(settings: Surrogate, gas: Mechanism) -> None:
    """Raises MechanismError for a species that the mechanism lacks, ConfigError for what else cannot be."""
    for key in ("fuel", "oxidizer"):
        with at(key):
            gas.composition(getattr(settings, key))
    mixtures.streams(gas, settings.fuel, settings.oxidizer)
    require_runs(gas, settings.sample.flows)
    low, high = gas.T_range
    T0, T1 = settings.range.T
    if T0 < low or T1 > high:
        raise ConfigError(
            f"range.T = [{T0:g}, {T1:g}]: the thermodynamic data of {gas.path} end at {low:g} and {high:g} K"
        )
    if not any(msgspec.structs.astuple(settings.sample.streams)) and not settings.sample.flows:
        raise ConfigError("sample.streams: all shares are zero, and sample.flows names no run: nothing to sample")
    asked = settings.sample.trajectories
    if any(getattr(asked, kind) for kind in streams.FLAMES):
        bare = [species.name for species in gas.cantera().species() if species.transport is None]
        if bare:
            raise ConfigError(
                f"sample.trajectories: flames need transport data, which {gas.path} lacks for {', '.join(bare[:3])}: "
                "set flame, counterflow and burner to 0 or take another file"
            )


class Store:
    """Where unfinished work is kept, next to the output: the drawn states, and chunks of end states."""

    def __init__(self, out: Path, settings: Surrogate, sha256: str, force: bool, resume: bool) -> None:
        """Raises ConfigError where the output is there already, or what is to be resumed is not, or is another."""
        self.out, self.path = out, out.with_name(out.name + ".parts")
        content = msgspec.to_builtins(settings)
        own = {key: content[key] for key in ("fuel", "oxidizer", "range", "sample", "phase")}
        own |= {"sha256": sha256, "parts": PARTS}
        key = hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()
        if resume:
            self._require(key)
            return
        if not force and (out.exists() or self.path.exists()):
            there = out if out.exists() else self.path
            raise ConfigError(f"{there} exists: choose another --out, --resume what was interrupted, or --force")
        self.remove()
        try:
            self.path.mkdir(parents=True)
            (self.path / "key").write_text(key, encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"--out {out}: cannot be written: {error.strerror}") from error

    def _require(self, key: str) -> None:
        try:
            before = (self.path / "key").read_text(encoding="utf-8")
        except OSError:
            raise ConfigError(f"--resume: no interrupted sampling beside {self.out}; run without --resume") from None
        if before != key:
            raise ConfigError(
                f"--resume: {self.path} was begun with other settings or another mechanism; give what was given then, "
                "or --force to begin anew"
            )

    def remove(self) -> None:
        """All that is unfinished."""
        shutil.rmtree(self.path, ignore_errors=True)

    def get(self, name: str) -> dict[str, np.ndarray] | None:
        """What `put` stored under the name; None if there is none or it is damaged."""
        try:
            with np.load(self.path / f"{name}.npz", allow_pickle=False) as file:
                return {key: file[key] for key in file.files}
        except Exception:  # zipfile, zlib and numpy have many errors for a damaged file, which is made again
            return None

    def once(self, name: str, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What is stored under the name, or is computed and stored now."""
        found = self.get(name)
        if found is None:
            found = compute()
            self.put(name, **found)
        return found

    def put(self, name: str, **arrays: Any) -> None:
        """Stores arrays under a name, all or nothing."""
        part = self.path / f"{name}.part"
        with part.open("wb") as file:
            np.savez(file, **arrays)
        os.replace(part, self.path / f"{name}.npz")


def make(gas: Mechanism, settings: Surrogate, store: Store, reporter: Reporter) -> SampleSet:
    """The sample set, from what is stored and what is not yet."""
    begin = time.monotonic()
    drawn = draw(gas, settings, store, reporter)
    states, arrays = drawn.states, drawn.arrays
    reporter.say(f"{len(states)} rows drawn ({clock(time.monotonic() - begin)})")
    T1, Y1, counts = labelled(gas, settings, states, arrays["dt"], store, reporter)
    good = np.isfinite(T1)
    counts |= drawn.counts | {"rows left out that could not be integrated": int((~good).sum())}
    made = SampleSet(
        T=states.T, p=states.p, Y=states.Y, group=states.group, **arrays, T1=np.where(good, T1, 0.0), Y1=Y1,
        species=gas.species, mechanism=settings.mechanism, sha256=gas.sha256, hold=settings.sample.labels.hold,
        groups=tuple(drawn.groups), counts=counts, notes=tuple(drawn.notes), config=to_toml(settings),
        revision=revision(),
    ).rows(good)  # fmt: skip
    rng = np.random.default_rng([settings.sample.seed, 300])
    rows = np.sort(rng.permutation(len(made))[: settings.sample.labels.audit])
    states = States(made.T[rows], made.p[rows], made.Y[rows], made.group[rows])
    return audited(made, rows, *labels.audit(gas, made.hold, states, made.dt[rows]))


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows without their end states."""

    states: States
    arrays: dict[str, Any]  # dt, stream, split, round, slow
    groups: list[streams.Group]
    notes: list[str]
    counts: dict[str, Any]


def draw(gas: Mechanism, settings: Surrogate, store: Store, reporter: Reporter) -> Rows:
    """All rows but their end states, in random order, so that any slice is a fair sample."""
    own = settings.sample
    base, groups, notes, counts = of_trajectories(gas, settings, store, reporter)
    split = streams.splits(groups, own.held_out, own.validation, own.seed)
    if own.flows:
        flow, runs, skipped = harvest(gas, settings, len(groups))
        groups, split = groups + runs, np.r_[split, np.zeros(len(runs), np.int8)]
        counts["flow: range"] += skipped
    of = reporter.of("copies")
    copier = Copier(gas, settings, base, split, own.rows >= labels.COMPILE_FROM, of.reach)
    parts = []
    for name, rows in shares(settings).items():
        rng = np.random.default_rng([own.seed, 200 + STREAMS.index(name)])
        pick = picking(flow, rng) if name == "flow" else None
        part = store.once(f"stream_{name}", partial(of_stream, copier, name, rows, rng, pick))
        of.clear()
        counts.update(json.loads(str(part["counts"])))
        parts.append(part | {"stream": np.full(len(part["T"]), STREAMS.index(name), np.int8)})
        reporter.say(f"  {name}: {len(part['T'])} rows")
    for group, number in zip(groups, split, strict=True):
        group["split"] = SPLITS[number]
    names = ("T", "p", "Y", "group", "dt", "slow", "stream")
    order = np.random.default_rng([own.seed, 299]).permutation(sum(len(part["T"]) for part in parts))
    T, p, Y, group, dt, slow, stream = (np.concatenate([part[name] for part in parts])[order] for name in names)
    if not len(T):
        raise DivergenceError("not one row could be drawn: widen range or sample.heat_release")
    turn = np.where(stream == STREAMS.index("flow"), own.round, 0)
    arrays = {"dt": dt, "slow": slow, "stream": stream, "round": turn, "split": split[group]}
    return Rows(States(T, p, Y, group), arrays, groups, notes, {key: int(n) for key, n in counts.items() if n})


def of_trajectories(
    gas: Mechanism, settings: Surrogate, store: Store, reporter: Reporter
) -> tuple[States, list[streams.Group], list[str], Counter[str]]:
    """States of the trajectories that lie in the range, what these are, notes and counts."""
    of = reporter.of("trajectories")

    def compute() -> dict[str, Any]:
        states, groups, notes = streams.trajectories(gas, settings, of.reach)
        return vars(states) | {"texts": np.array(json.dumps([groups, notes]))}

    stored = store.once("trajectories", compute)
    of.clear()
    groups, notes = json.loads(str(stored["texts"]))
    for note in notes:
        reporter.say(note)
    base = States(stored["T"], stored["p"], stored["Y"], stored["group"])
    reporter.say(f"{len(base)} states of {len(groups)} trajectories")
    (T0, T1), (p0, p1) = settings.range.T, settings.range.p
    inside = (base.T >= T0) & (base.T <= T1) & (base.p >= p0) & (base.p <= p1)
    if not inside.any():
        raise ConfigError(f"range.T = [{T0:g}, {T1:g}]: no state of any trajectory lies within")
    return base.rows(inside), groups, notes, Counter({"trajectories: range": int((~inside).sum())})


def picking(states: States, rng: np.random.Generator) -> Candidates:
    """Draws any of the states."""
    return lambda count: states.rows(np.asarray(rng.integers(len(states), size=count)))


def of_stream(
    copier: Copier, name: str, rows: int, rng: np.random.Generator, pick: Candidates | None
) -> dict[str, Any]:
    """Rows of one stream, and what was rejected on the way."""
    copier.rejected.clear()
    states, dt, slow = copier.rows_of(name, rows, rng, pick)
    return vars(states) | {"dt": dt, "slow": slow, "counts": np.array(json.dumps(copier.rejected))}


def shares(settings: Surrogate) -> dict[str, int]:
    """Rows of each stream."""
    own = settings.sample
    weight = msgspec.structs.asdict(own.streams)
    total = sum(weight.values())
    flow = (own.flow_share if total else 1.0) if own.flows else 0.0
    found = {name: round(own.rows * (1 - flow) * value / total) for name, value in weight.items() if value}
    return found | ({"flow": own.rows - sum(found.values())} if own.flows else {})


def labelled(
    gas: Mechanism, settings: Surrogate, states: States, dt: np.ndarray, store: Store, reporter: Reporter
) -> tuple[np.ndarray, np.ndarray, dict[str, float]]:
    """T, Y at the end of dt; chunks that are stored are not computed again."""
    of, ends, begin = reporter.of("rows labelled"), [], time.monotonic()
    compile = len(states) >= labels.COMPILE_FROM
    of.reach(0, len(states))
    for start in range(0, len(states), labels.CHUNK):
        part = slice(start, start + labels.CHUNK)
        make = partial(labels.label, gas, settings.sample.labels, states.rows(part), dt[part], compile)
        ends.append(store.once(f"labels_{start:09d}", make))
        of.reach(min(start + labels.CHUNK, len(states)), len(states))
    of.clear()
    seconds = time.monotonic() - begin
    reporter.say(f"labels: {clock(seconds)}, {1e6 * seconds / len(states):.0f} us a row")
    counts: dict[str, float] = {"negative mass fractions set to 0": sum(int(end["clipped"]) for end in ends)}
    counts[LOWEST] = min(float(end["least"]) for end in ends)
    return np.concatenate([end["T"] for end in ends]), np.concatenate([end["Y"] for end in ends]), counts


def table(made: SampleSet, gas: Mechanism) -> str:
    """What there is: rows by stream and split, ranges, audit, what was left out."""
    lines = [f"{'stream':<12}" + "".join(f"{name:>12}" for name in SPLITS) + f"{'slow':>9}"]
    for number, name in enumerate(STREAMS):
        own = made.stream == number
        if own.any():
            counts = [int((own & (made.split == k)).sum()) for k in range(len(SPLITS))]
            lines.append(f"{name:<12}" + "".join(f"{n:12d}" for n in counts) + f"{made.slow[own].mean():9.1%}")
    moles = made.Y @ (gas.element_matrix / gas.molar_mass).cpu().numpy().T
    atoms = moles / moles.sum(1, keepdims=True)
    ranges = {"T [K]": made.T, "p [Pa]": made.p, "dt [s]": made.dt} | {
        f"atoms of {e}": atoms[:, k] for k, e in enumerate(gas.elements) if atoms[:, k].any()
    }
    lines += [f"{name:<12}{x.min():12.5g} to {x.max():.5g}" for name, x in ranges.items()]
    found = made.audit["summary"]
    lines.append(
        f"audit of {found['rows']} rows by CVODE: T within {found['T']:.2g} K, largest error {found['error']:.2g} of "
        f"the row's largest increment; {found['within_1']:.2%} of components within 1 % of their increment, "
        f"{found['within_10']:.2%} within 10 %"
    )
    return "\n".join(lines + [f"{key}: {value}" for key, value in made.counts.items() if value])
