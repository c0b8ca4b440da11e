"""What errors of rate constants leave of delays and flame speeds of hydrogen: bands, and three sources of two rates."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cantera as ct
import numpy as np
import torch

from combust.cli.uncertainty import percent, spread
from combust.kinetics.constants.merge import merge
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.quantum.command import tst
from combust.kinetics.trajectories.cantera_file import write_rates
from combust.kinetics.trajectories.record import Benchmark, Counting, Law, NetworkRecord, RateAt, ReactionFound
from combust.kinetics.uncertainty import delays, flames, picture
from combust.kinetics.uncertainty.bands import Band
from combust.kinetics.uncertainty.flames import Fresh
from combust.kinetics.uncertainty.groups import Uncertain, of_mechanism
from combust.kinetics.uncertainty.reading import read_factors
from combust.kinetics.uncertainty.record import DelayBand, FlameBand, SetBands, UncertaintyRecord
from combust.kinetics.uncertainty.sampling import scores
from combust.kinetics.uncertainty.uncertainty import Delays, Flames, Sampling, Work, uncertainty
from combust.report.charts import picture as drawn
from combust.report.meter import SILENT
from combust.units import ATM
from validation.report import ROOT, Report

TITLE = "Bands of delays and flame speeds"
FACTORS = ROOT / "cases" / "h2o2_factors.yaml"
LIBRARY = ROOT / "combust" / "kinetics" / "quantum" / "library"
BOXES = ROOT / "docs" / "validation" / "trajectories.json"
PICTURE = "uncertainty.png"
FUEL, AIR = "H2:1", "O2:1, N2:3.76"
TEMPERATURES = (950.0, 1000.0, 1200.0, 1400.0)  # K
PHI = (0.7, 1.0, 1.4)
REFINE = "extrapolated"
SAMPLES, FLAME_SAMPLES = 128, 32
CHECKED, NEAR = 3, 0.25  # rates of each flame that are moved by so many standard deviations
LITTLE = 0.02  # standard deviations of rates of reactors, whose delay bends more
LINEAR_FROM = 1200.0  # K
RATES = 7  # of the ranking that are shown
SMOKE = {"TEMPERATURES": (1200.0,), "PHI": (1.0,), "REFINE": "customary", "SAMPLES": 8, "FLAME_SAMPLES": 8,
         "CHECKED": 1}  # fmt: skip
COUNTED = ("H2 + OH => H + H2O", "H2 + O => H + OH")  # as that study calls them
SWAPPED = ("H2 + OH <=> H + H2O", "H2 + O <=> H + OH")


def run(report: Report) -> None:
    """All of it; flames that are in the cache of combust are not solved again."""
    with tempfile.TemporaryDirectory() as folder:
        quantum, md = quantum_mechanism(Path(folder)), md_mechanism(Path(folder))
        found = asked(SAMPLES, ["h2o2.yaml", quantum, md], [FACTORS])
        report.progress("bands of three mechanisms")
        alone(report, found.sets[0])
        against_samples(report, found.sets)
        against_flames(report, {"h2o2.yaml": "h2o2.yaml", "quantum": quantum})
        swap(report, found)
        report.pictures.mkdir(parents=True, exist_ok=True)
        drawn(report.pictures / PICTURE, lambda: picture.draw(report.pictures / PICTURE, found))
        report.text(f"![delays, flame speeds and shares of the variance](../pictures/{PICTURE})")
        same_rates(report, Path(folder), quantum, md)


def asked(samples: int, mechanisms: Sequence[str | Path], factors: Sequence[Path]) -> UncertaintyRecord:
    """Bands of H2 in air at 1 atm."""
    first, *others = mechanisms
    return uncertainty(first, FUEL, AIR, factors=factors, beside=others, delays=Delays(T=TEMPERATURES),
                       flames=Flames(phi=PHI, refine=REFINE, check=0), draws=Sampling(samples))  # fmt: skip


def quantum_mechanism(folder: Path) -> Path:
    """h2o2.yaml with both rates of the records that come with combust."""
    files = []
    for name in ("oh_h2", "o_h2"):
        tst(LIBRARY / f"{name}.toml", folder / name)
        files.append(folder / name / "rate.yaml")
    return merge("h2o2.yaml", files, folder / "quantum.yaml").path


def md_mechanism(folder: Path) -> Path:
    """h2o2.yaml with both rates that the study `trajectories` counted in boxes of ReaxFF."""
    write_rates(folder / "rates.yaml", counted(), ct.Solution("h2o2.yaml"))
    return merge("h2o2.yaml", [folder / "rates.yaml"], folder / "md.yaml", only=SWAPPED).path


def counted() -> NetworkRecord:
    """The two reactions of what that study keeps beside its page, as `combust network` had found them."""
    kept = json.loads(BOXES.read_text(encoding="utf-8"))["box"]
    reactions = tuple(reaction(one, kept["model"]) for one in kept["reactions"] if one["equation"] in COUNTED)
    judge = Benchmark("OH + H2 <=> H2O + H", kept["model"], "h2o2.yaml")
    return NetworkRecord((), Counting(), (), reactions, (), (), judge, "h2o2.yaml")


def reaction(one: dict[str, Any], model: float) -> ReactionFound:
    """A row of that study in SI;  model : factor of the forces"""
    at = tuple(RateAt(T, n, n / k * 1e3 if n else math.log(40.0) / high * 1e3, k / 1e3, low / 1e3, high / 1e3)
               for T, n, k, low, high, _ in one["at"])  # fmt: skip
    A, E, error = one["law"] or (0.0, 0.0, 0.0)
    law = Law(A / 1e3, E * ct.gas_constant, 0.0, error, 0.0, at[0].T, at[-1].T) if one["law"] else None
    left, _, right = one["equation"].partition(" => ")
    sides = tuple(left.split(" + ")), tuple(right.split(" + "))
    return ReactionFound(one["equation"], *sides, at, one["stable"], tuple(one["by_persistence"]), law,
                         f"{left} <=> {right}", one["factor"], model)  # fmt: skip


def quantities(one: SetBands) -> Iterator[tuple[str, str, float, DelayBand | FlameBand]]:
    """What it is, its value as text and as a number, its band."""
    for delay in one.delays:
        yield f"delay, {delay.T:g} K", f"{1e6 * delay.delay:.4g} us", delay.delay, delay
    for flame in one.flames:
        yield f"flame speed, phi {flame.phi:g}", f"{flame.speed:.3f} m/s", flame.speed, flame


def best(band: DelayBand | FlameBand) -> Band:
    """Of samples where there are some, else linear."""
    found = band.sampled or band.linear
    assert found is not None
    return found


def alone(report: Report, one: SetBands) -> None:
    """Bands of h2o2.yaml and what counts."""
    report.text(f"""Hydrogen and air at 1 atm: delays of stoichiometric gas at constant volume to the steepest rise of
        T, free flames of 300 K. h2o2.yaml with the factors of `cases/h2o2_factors.yaml` (those that the trial model of
        FFCM-2 states; two standard deviations of ln k), {len(one.factors)} uncertain rates. Bands of 95 %: {SAMPLES}
        samples of a Sobol sequence for delays, the adjoint for flames.""")
    rows = []
    for name, text, value, band in quantities(one):
        shares = band.shares
        first, second = sorted(range(len(shares)), key=lambda i, s=shares: -s[i])[:2]  # type: ignore[misc]
        most = (f"{one.factors[i].equation} {percent(shares[i])}" for i in (first, second))
        rows.append((name, text, spread(value, best(band)), *most))
    report.table(("", "value", "band", "most of the variance", "next"), rows)
    report.text("Which rate to compute next: shares of the variance, linear.")
    report.table(("rate", "factor", "share", "of delays", "of flames", "most", "where"), [
        (r.equation, f"{r.factor:.3g}", *map(percent, (r.share, r.delays, r.flames, r.most)), r.where)
        for r in one.ranking()[:RATES]
    ])  # fmt: skip


def against_samples(report: Report, sets: Sequence[SetBands]) -> None:
    """Linear bands beside sampled ones."""
    report.parts.append("## Linear or sampled")
    flame = uncertainty("h2o2.yaml", FUEL, AIR, factors=[FACTORS], delays=None, draws=Sampling(SAMPLES),
                        flames=Flames(phi=PHI, refine="customary", check=0, samples=FLAME_SAMPLES)).sets[0]  # fmt: skip
    report.progress("sampled flames")
    rows, off = [], dict.fromkeys(("delay", "flame speed"), 0.0)
    for label, one in (("h2o2.yaml", sets[0]), ("quantum", sets[1]), ("MD", sets[2]), ("h2o2.yaml", flame)):
        for name, _, value, band in quantities(one):
            if band.sampled is None or band.linear is None:
                continue
            ratio = scatter(band, FLAME_SAMPLES if one is flame else SAMPLES) / band.sampled.sigma
            rows.append((name, label, spread(value, band.linear), spread(value, band.sampled), f"{ratio:.3f}"))
            kind = name.partition(",")[0]
            if label == "h2o2.yaml" and (kind != "delay" or band.T >= LINEAR_FROM):
                off[kind] = max(off[kind], abs(ratio - 1))
    report.text(f"""Bands, and standard deviations of ln of the quantity, linear over sampled on the same samples, so
        that their number does not count in the ratio: {SAMPLES} of delays, {FLAME_SAMPLES} of flames, which stand on
        Cantera's customary grids here.""")
    report.table(("", "rates of", "linear", "sampled", "sigma, linear over sampled"), rows)
    report.text(f"""A delay bends where it nears the second explosion limit: between 950 and 1000 K at 1 atm the linear
        band says nothing, and the sampled one is to be taken; targets are for {LINEAR_FROM:g} K and above.""")
    where = {"delay": f" from {LINEAR_FROM:g} K on", "flame speed": ""}
    for kind, value in off.items():
        report.target(f"sigma of a {kind} of h2o2.yaml{where[kind]}, linear over sampled, less one", value, 0.1)


def scatter(band: DelayBand | FlameBand, samples: int) -> float:
    """Standard deviation of ln of the quantity by its slopes, over the samples that its sampled band has."""
    draws = Sampling(samples)
    x = scores(len(band.slopes), draws.samples, draws.sequence, draws.seed)
    return float((np.array(band.slopes) @ x).std(ddof=1))


def against_flames(report: Report, mechanisms: dict[str, str | Path]) -> None:
    """Slopes by the adjoint beside those of flames and reactors whose rates are moved a little."""
    report.parts.append("## Adjoints")
    report.text(f"""Slopes, d ln of the quantity for a standard deviation of ln k, beside those of flames, and of
        reactors, that are solved again with the rate {NEAR:g} (reactors: {LITTLE:g}) standard deviations up and down;
        of each flame the {CHECKED} rates that move it most, of delays all rates. Where a factor changes with T
        (quantum), A, b and Ea move.""")
    rows, worst, of_delays = [], 0.0, 0.0
    for label, path in mechanisms.items():
        uncertain = of_mechanism(Mechanism.load(path), read_factors(FACTORS), None, False)
        for phi in PHI:
            for name, slope, again in near_flames(uncertain, phi):
                rows.append((f"flame speed, phi {phi:g}", label, name, f"{slope:+.5f}", f"{again:+.5f}",
                             f"{100 * (slope / again - 1):+.2f} %"))  # fmt: skip
                worst = max(worst, abs(slope / again - 1))
        of_delays = max(of_delays, near_delays(uncertain))
        report.progress(f"slopes of {label}")
    report.table(("", "rates of", "rate moved", "adjoint", "solved again", "difference"), rows)
    report.target("slope of a flame speed by the adjoint over that of flames solved again, less one", worst, 0.005)
    report.target("slopes of delays: largest difference in shares of the largest slope", of_delays, 0.005)


def near_flames(uncertain: Uncertain, phi: float) -> list[tuple[str, float, float]]:
    """Rate, slope by the adjoint, slope of two flames."""
    fresh = Fresh(300.0, ATM, FUEL, AIR, phi, refine=REFINE)
    band = Work(uncertain, FUEL, AIR, Sampling(), 1, SILENT).flames(Flames(phi=(phi,), refine=REFINE, check=0))[0]
    found = []
    for i in sorted(range(len(band.slopes)), key=lambda i: -abs(band.slopes[i]))[:CHECKED]:
        x = torch.zeros(len(band.slopes), dtype=torch.float64)
        x[i] = NEAR
        up, down = (flames.speed(uncertain.gas, uncertain.changed(one), fresh) for one in (x, -x))
        found.append((uncertain.groups[i].equation, band.slopes[i], math.log(up / down) / (2 * NEAR)))
    return found


def near_delays(uncertain: Uncertain) -> float:
    """Largest difference of slopes over the largest slope, of all temperatures."""
    work = Work(uncertain, FUEL, AIR, Sampling(), 1, SILENT)
    at = work.vessels(Delays(T=TEMPERATURES, rtol=1e-9, atol=1e-15), [(ATM, 1.0, T) for T in TEMPERATURES])
    slopes, again = delays.slopes(uncertain, at), delays.differences(uncertain, at, LITTLE)
    return float((np.abs(slopes - again).max(0) / np.abs(again).max(0)).max())


def swap(report: Report, found: UncertaintyRecord) -> None:
    """Three mechanisms that differ in two rates."""
    report.parts.append("## Three sources of two rates")
    report.text("""OH + H2 and O + H2 of h2o2.yaml (*literature*), of transition-state theory (*quantum*: the records
        that come with `combust tst`), and counted in boxes of ReaxFF (*MD*: the rates and factors that `combust
        network` stated in the study [trajectories](trajectories.md); O + H2, five events, has no law of its own and
        scales the mechanism's at 3500 K), put into h2o2.yaml by `combust merge`. These two have the
        factors of their own source, all others those of the literature.""")
    gases = [Mechanism.load(one.mechanism).cantera() for one in found.sets]
    places = [next(f.reactions[0] - 1 for f in found.sets[0].factors if f.equation == name) for name in SWAPPED]
    rows = []
    for name, i in zip(SWAPPED, places, strict=True):
        for T in (1000.0, 1500.0, 2000.0):
            cells = []
            for gas, one in zip(gases, found.sets, strict=True):
                gas.TP = T, ATM
                used = next(f for f in one.factors if f.equation == name)
                sigma = used.sigma[(500.0, 1000.0, 1500.0, 2000.0, 2500.0).index(T)]
                k = gas.forward_rate_constants[i]
                first = k if not cells else first  # noqa: F821
                cells.append(f"{k / first:.2f} (factor {math.exp(2 * sigma):.2f})")
            rows.append((name, f"{T:g} K", *cells))
    report.table(("k over that of h2o2.yaml", "", "literature", "quantum", "MD"), rows)
    values = [list(quantities(one)) for one in found.sets]
    rows, apart = [], {"quantum": [], "MD": []}  # type: ignore[var-annotated]
    for old, *others in zip(*values, strict=True):
        cells = [old[1], spread(old[2], best(old[3]))]
        for label, new in zip(apart, others, strict=True):
            overlap = best(new[3]).low <= best(old[3]).high and best(old[3]).low <= best(new[3]).high
            cells += [f"{100 * (new[2] / old[2] - 1):+.1f} %", spread(old[2], best(new[3]))]
            if not overlap:
                apart[label].append(old[0])
        rows.append((old[0], *cells))
    report.text("Values, changes and bands, all in percent of the values of h2o2.yaml:")
    report.table(("", "h2o2.yaml", "its band", "quantum", "its band", "MD", "its band"), rows)
    for label, names in apart.items():
        said = f"lie apart for {', '.join(names)}" if names else "overlap everywhere"
        report.text(f"Bands of {label} and of h2o2.yaml {said}.")
        report.target(f"bands of {label} that lie apart from those of h2o2.yaml", len(names), 0)


def same_rates(report: Report, folder: Path, quantum: Path, md: Path) -> None:
    """h2o2.yaml's own rates with three sets of factors, of these two rates only."""
    report.parts.append("## Three sets of factors")
    literature = folder / "literature.yaml"
    own = {text: entry for entry in read_factors(FACTORS).entries for text in entry.equations}
    lines = [f"  {name}: {math.exp(own[name].ln_f[0]):.6g}" for name in SWAPPED]
    literature.write_text("factors:\n" + "\n".join(lines) + "\n", encoding="utf-8")
    found = asked(8, ["h2o2.yaml"], [literature, quantum, md])
    report.text("""The rates of h2o2.yaml, of which these two only are off, by the factors of each source (`--factors`
        three times): the linear bands, and what O + H2 has of the variance. For factors as large as those of MD they
        are rough (see above).""")
    rows = []
    for parts in zip(*(list(quantities(one)) for one in found.sets), strict=True):
        cells = []
        for one, (_, _, value, band) in zip(found.sets, parts, strict=True):
            place = [f.equation for f in one.factors].index(SWAPPED[1])
            cells.append(f"{spread(value, band.linear)} ({percent(band.shares[place])})")
        rows.append((parts[0][0], *cells))
    report.table(("", "literature", "quantum", "MD"), rows)
