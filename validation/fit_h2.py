"""A-factors of hydrogen fitted to published ignition delays by their gradients, and the delays that no fit saw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor

from combust.experiments.compare import ATOL
from combust.experiments.formats.data import DataSet
from combust.experiments.formats.read import read
from combust.experiments.matching import Names, detector, mass_fractions
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.reactors.delay_gradients import differentiable_delays
from validation.report import ROOT, Report

TITLE = "Hydrogen rates fitted to published delays"
MECHANISM = "h2o2.yaml"
FILES = ("chaumeix_2007.yaml", "keromnes_2013.xml")
FREE = 6  # reactions: those that the delays of the fit feel most
BOUND = math.log(2.0)  # of ln(A / A_file), taken for two standard deviations
SPREAD = 0.2  # standard deviation of the logarithm of a measured delay, which the files do not say
WITHIN = 30.0  # measured delays that a reactor is given to ignite
FIRST = 0.1  # of x, the length of the first step
STEPS = 12  # of L-BFGS-B, at most
RTOL = 1e-8
SMOKE = {"FREE": 1, "STEPS": 1, "RTOL": 1e-6, "FILES": FILES[:1]}

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Delays:
    """The points of one file."""

    name: str
    T: Tensor
    p: Tensor
    Y: Tensor
    measured: Tensor  # s
    criterion: str

    @classmethod
    def of(cls, data: DataSet, gas: Mechanism) -> Delays:
        """Those of a file whose points have one criterion."""
        names, points = Names(gas), data.points
        (criterion,) = {detector(point, names, "uv")[0] for point in points}
        T, p, measured = torch.tensor([(x.T, x.p, x.delay) for x in points], dtype=torch.float64).unbind(1)
        name = Path(data.path).stem.replace("_", " ").capitalize()
        return cls(name, T, p, mass_fractions(points, data, names), measured, criterion)

    def of_points(self, some: slice) -> Delays:
        """Some of them."""
        parts = self.T[some], self.p[some], self.Y[:, some], self.measured[some]
        return Delays(self.name, *parts, self.criterion)

    def ln_ratios(self, gas: Mechanism) -> Tensor:
        """ln(simulated / measured) of each point."""
        t_end = WITHIN * float(self.measured.max())
        found = differentiable_delays(gas, self.T, self.p, self.Y, t_end, "uv", self.criterion, RTOL, ATOL)
        return torch.log(found / self.measured)


def changed(gas: Mechanism, reactions: Sequence[int], x: Tensor) -> Mechanism:
    """The mechanism with exp(x) of the rates of some reactions, both limits of a falloff."""
    old = gas.parameters
    factor = torch.ones_like(old.A).index_copy(0, torch.tensor(reactions), torch.exp(x))
    return gas.with_parameters(A=old.A * factor, A_low=old.A_low * factor)


def sensitivities(gas: Mechanism, sets: Sequence[Delays]) -> Tensor:
    """Mean d ln tau / d ln A of each set's points (sets, reactions)."""
    x = torch.zeros_like(gas.parameters.A).requires_grad_()
    rows = []
    for each in sets:
        mean = each.ln_ratios(changed(gas, range(len(x)), x)).mean()
        rows.append(torch.autograd.grad(mean, x)[0])
    return torch.stack(rows)


def fit(gas: Mechanism, reactions: Sequence[int], sets: Sequence[Delays]) -> tuple[Array, int]:
    """x (reactions,) = ln(A / A_file) of least sum of squares over standard deviations; and how many evaluations."""

    def objective(values: Array) -> tuple[float, Array]:
        x = torch.tensor(FIRST * values, requires_grad=True)
        varied = changed(gas, reactions, x)
        misfit = torch.cat([each.ln_ratios(varied) / SPREAD for each in sets]).square().sum()
        total = misfit + (2 * x / BOUND).square().sum()
        (slope,) = torch.autograd.grad(total, x)
        return float(total.detach()), FIRST * slope.numpy()

    bounds = [(-BOUND / FIRST, BOUND / FIRST)] * len(reactions)
    options = {"maxiter": STEPS, "ftol": 1e-3}
    found = minimize(objective, np.zeros(len(reactions)), jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return FIRST * found.x, found.nfev


@dataclass(frozen=True)
class Fit:
    """What a fit used, what it did not see, and what came of it."""

    name: str
    seen: Sequence[Delays]
    unseen: Sequence[Delays]
    reactions: list[int]
    x: Array
    evaluations: int

    @classmethod
    def of(cls, gas: Mechanism, name: str, seen: Sequence[Delays], unseen: Sequence[Delays]) -> Fit:
        """Fits the rates that the delays seen feel most."""
        felt = sensitivities(gas, seen).abs().mean(0)
        reactions = felt.argsort(descending=True)[:FREE].tolist()
        return cls(name, seen, unseen, reactions, *fit(gas, reactions, seen))

    def fitted(self, gas: Mechanism) -> Mechanism:
        """The mechanism with the fit's rates."""
        return changed(gas, self.reactions, torch.tensor(self.x))

    def line(self, gas: Mechanism) -> tuple[list[str], list[float]]:
        """A row of the table, and its errors: before and after, of what was seen and of what was not."""
        errors = [error(each, sets) for sets in (self.seen, self.unseen) for each in (gas, self.fitted(gas))]
        counts = [str(sum(len(each.T) for each in sets)) for sets in (self.seen, self.unseen)]
        numbers = [f"{x:.3f}" for x in errors]
        return [self.name, counts[0], *numbers[:2], counts[1], *numbers[2:], str(self.evaluations)], errors


def error(gas: Mechanism, sets: Sequence[Delays]) -> float:
    """Mean of |ln(simulated / measured)|."""
    with torch.no_grad():
        return float(torch.cat([each.ln_ratios(gas) for each in sets]).abs().mean())


def run(report: Report) -> None:
    """A fit to every other point of the files, judged by the others."""
    gas = Mechanism.load(MECHANISM)
    sets = [Delays.of(read(ROOT / "tests" / "unit" / "experiments" / name), gas) for name in FILES]
    halves = [[each.of_points(slice(first, None, 2)) for each in sets] for first in (0, 1)]
    report.text(
        f"{MECHANISM} ignites too late behind the shock waves of {' and '.join(each.name for each in sets)} (hydrogen "
        "in argon, constant volume, ignition as the files say; [what is in them](../kinetics.md#experiments)). Here "
        f"the A-factors of the {FREE} reactions that delays feel most are fitted by L-BFGS-B with the gradients of "
        "[`differentiable_delays`](../kinetics.md#gradients-of-reactors), x = ln(A / A of the file) of both limits of "
        f"a falloff: the least sum of (ln(simulated / measured) / {SPREAD})^2 and (2 x / ln 2)^2, no factor beyond 2. "
        f"The files say no uncertainty of their delays, {SPREAD} is assumed; a factor of 2 counts as two standard "
        "deviations."
    )
    fits = [Fit.of(gas, "every other point of each", *halves)]
    lines, errors = zip(*(each.line(gas) for each in fits), strict=True)
    report.text("Mean of \\|ln(simulated / measured)\\|:")
    columns = ("fitted to", "points", "before", "after", "points it did not see", "before", "after", "evaluations")
    report.table(columns, lines)
    factors(report, gas, fits)
    report.text(
        "The points not seen lie between those fitted, of the same tubes: this shows that the fit is no fit of noise, "
        "not that its rates are right. It knows nothing but these delays; a factor at its bound asks for more than two "
        "standard deviations, and other evidence on that rate would belong into the sum."
    )
    picture(report, gas, fits[0])
    report.target("error of the half not seen, after over before", errors[0][3] / errors[0][2], 0.6)


def factors(report: Report, gas: Mechanism, fits: Sequence[Fit]) -> None:
    """The table of A over that of the file, for each fit."""
    equations = gas.cantera(transport=False).reaction_equations()
    found = [dict(zip(each.reactions, np.exp(each.x), strict=True)) for each in fits]
    rows = [
        [equations[i], *(f"{of[i]:.2f}" if i in of else "" for of in found)]
        for i in dict.fromkeys(sum(map(list, found), []))
    ]
    report.text("A over A of the file:")
    report.table(("reaction", *(each.name for each in fits)), rows)


def picture(report: Report, gas: Mechanism, of: Fit) -> None:
    """Delays over 1000/T, before and after."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(of.seen), figsize=(5.2 * len(of.seen), 4.2), layout="constrained", squeeze=False)
    for ax, seen, unseen in zip(axes[0], of.seen, of.unseen, strict=True):
        for part, fill, label in ((seen, "k", "measured, fitted"), (unseen, "none", "measured, not seen")):
            ax.semilogy(1000 / part.T, 1e6 * part.measured, "o", mfc=fill, mec="k", label=label)
        for each, style, label in ((gas, "x", MECHANISM), (of.fitted(gas), "+", "after the fit")):
            color = "tab:red" if each is gas else "tab:blue"
            with torch.no_grad():
                found = [part.measured * torch.exp(part.ln_ratios(each)) for part in (seen, unseen)]
            T, tau = torch.cat([seen.T, unseen.T]), 1e6 * torch.cat(found)
            ax.semilogy(1000 / T, tau, style, color=color, ms=8, label=label)
        ax.set(xlabel="1000 K / T", ylabel="ignition delay [us]", title=seen.name)
    axes[0][0].legend()
    report.pictures.mkdir(parents=True, exist_ok=True)
    figure.savefig(report.pictures / "fit_h2.png", dpi=110)
    plt.close(figure)
    report.text("![measured and simulated delays, before and after the fit](../pictures/fit_h2.png)")
