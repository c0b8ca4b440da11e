"""Which cells the network may have: those like its training data, whose steps agree with the exact rates.

Routes: SLOW, one cheap step with exact rates, where these are slow over the step (trust.slow); NETWORK;
EXACT, integrated; REFUSED, left as they were, where there is nothing to fall back on.

Agreement: with the exact rates at both ends of the step, of the network's step and of its correction
(trust.corrector), of which the better is kept; where that is not good enough yet, it is corrected again.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from combust.kernels import compiled
from combust.kinetics.integrate import systems
from combust.kinetics.integrate.blocks import by_blocks, take, where
from combust.kinetics.integrate.durations import Durations
from combust.kinetics.integrate.native.shared import Allowed, Rule, Steps
from combust.kinetics.integrate.systems import Fixed
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.rates.thermo import Thermo
from combust.surrogates.model.coordinates import Coordinates
from combust.surrogates.model.model import T_HIGHEST, T_LOWEST, Model, Step, settings_of
from combust.surrogates.settings import Surrogate
from combust.surrogates.trust.corrector import Corrected, Corrector, fourth_order, trapezoid
from combust.surrogates.trust.fresh import normalised, ratios

LARGEST_FACTOR = 0.2  # of the element correction: beyond it the network is lost
LARGEST_DEFECT = 1e-11  # of elements and energy, relative
GROWN, ACCELERATING = 1.05, 1.001  # by these factors
GROWTH = 0.01  # error allowed, of the change
SCARCE, FALLEN = 1e-3, 0.98  # of the peak; of what was there
FAINT = 1e-13  # of the peaks, too faint to matter
COLD, FAINT_COLD = 600.0, 1e-5  # K, and what is too faint below: there nothing ignites
HEATED = 20.0  # K, above the hottest fresh gas of flames: still none that ignites
BEFORE = 200.0  # K, below the coldest ignition that was taught: there nothing ignites either
RELEASE = 3.0  # K in a step, from which a cell burns already
LARGEST_NEGATIVE = 1e-5  # mass fraction that the correction may have to keep from going below zero
ROUNDS = 2  # corrections of a step, the second where the first leaves more than the stated error


class Trust(NamedTuple):
    """What the training rows covered, and the limits of the test of agreement."""

    lower: Tensor  # (inputs - 1,) of the inputs before scaling, without dt
    upper: Tensor
    centre: Tensor  # (inputs - 1,)
    whiten: Tensor  # (inputs - 1, inputs - 1): squared, the distance of Mahalanobis over its limit
    elements: Tensor  # (elements, species) kg per kg
    ratio_lower: Tensor  # (elements, elements) of Z_e / (Z_e + Z_f)
    ratio_upper: Tensor
    peak: Tensor  # (species,) largest mass fractions of trajectories and flows
    stated: Tensor  # (3,) error allowed in a step: K of T, share of the peak of Y, share of the step's own change
    limit: Tensor  # (1,) of the estimate, in units of what is allowed
    cold: Tensor = torch.tensor([COLD], dtype=torch.float64)  # (1,) K, below which nothing ignites


def covered(c: Coordinates, trust: Trust, T: Tensor, p: Tensor, Y: Tensor) -> Tensor:
    """Whether cells T, p (cells,), Y (species, cells) are like the training rows: range, elements, density of rows."""
    y = normalised(Y)
    return like_training(c, trust, T, p, y, ratios(trust.elements, y))


def like_training(c: Coordinates, trust: Trust, T: Tensor, p: Tensor, y: Tensor, ratio: Tensor) -> Tensor:
    """`covered` of mass fractions that are `normalised` and the ratios of their elements."""
    x = c.raw(T, p, y, torch.ones_like(T))[:-1]
    inside = ((x >= trust.lower.unsqueeze(1)) & (x <= trust.upper.unsqueeze(1))).all(0)
    known = (ratio >= trust.ratio_lower.unsqueeze(2)) & (ratio <= trust.ratio_upper.unsqueeze(2))
    inside = inside & known.flatten(0, 1).all(0)
    distance = (trust.whiten @ (x - trust.centre.unsqueeze(1))).square().sum(0)
    return inside & (distance <= 1.0)


covered_kernel = compiled(covered, dynamic=None)


def misfit(trust: Trust, z: Tensor, new: Tensor, error: Tensor) -> Tensor:
    """Size of an error (1 + species, cells) of a step from z to new, in units of what is allowed (cells,).

    Allowed: so many K and shares of the species' peaks, and a share of the change of T, or of the Y that changes most.
    z = (T, y); y may be Y or rho Y.
    """
    weight = trust.peak.unsqueeze(1) * new[1:].sum(0)
    change, a = new - z, trust.stated
    T = error[0].abs() / (a[0] + a[2] * change[0].abs())
    wrong, changed = ((x[1:].abs() / weight).amax(0) for x in (error, change))
    return torch.maximum(T, wrong / (a[1] + a[2] * changed))


def growth(trust: Trust, z: Tensor, new: Tensor, error: Tensor, rise: Tensor) -> Tensor:
    """The same of the species alone that grow by chemistry, in the end or at its first rate f by `rise` = dt f, from z
    with what transport adds: what is faint now may ignite the cell, so a share of their own change is allowed, and one
    of the peaks only where heat is released.
    """
    weight, before, after, linear = trust.peak.unsqueeze(1) * new[1:].sum(0), z[1:], new[1:], (z + rise)[1:]
    fast = torch.maximum(after, linear) > GROWN * before
    unstable = (after > linear) & (linear > before) & (after > ACCELERATING * before)
    scarce = (before < SCARCE * weight) & (rise[1:] > 0.1 * FAINT * weight)
    turned = scarce & (after < FALLEN * before)  # grows, but the step, with a foreign Jacobian, lets it fall
    growing = fast | unstable | turned  # what relaxes slows down
    faint = torch.where(z[0] < trust.cold, FAINT_COLD, FAINT)
    wrong, change = (x[1:].abs() / weight for x in (error, new - z))
    allowed = faint + GROWTH * change + trust.stated[1] * ((new[0] - z[0]) / RELEASE).square()
    return torch.where(growing, wrong / allowed, 0.0).amax(0)


def allowed(trust: Trust) -> Allowed:
    """The numbers of `misfit` and `growth`, as the kernels in C++ take them."""
    stated = (float(trust.stated[k]) for k in (0, 1, 2))
    numbers = (*stated, float(trust.cold), GROWN, ACCELERATING, GROWTH, SCARCE, FALLEN, FAINT, FAINT_COLD, RELEASE)
    return Allowed(trust.peak, numbers)


def better(trust: Trust, z: Tensor, z1: Tensor, new: Tensor, error: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of the network's step to z1 and its correction to `new` with this error, the one whose error is less by `misfit`;
    its error, and that in units of what is allowed (cells,). Of the network's step, what was corrected is the error.
    """
    own = z1 - new
    a, b = misfit(trust, z, z1, own), misfit(trust, z, new, error)
    kept = a < b
    return torch.where(kept, z1, new), torch.where(kept, own, error), torch.where(kept, a, b)


def total(thermo: Thermo, chemical: Tensor, z: Tensor, s: Tensor) -> Tensor:
    """dz/dt of "flow" with sources s, of the chemical one (1 + species, cells)."""
    return chemical + systems.transport_rate(thermo, z, s)


total_kernel = compiled(total, dynamic=None)
misfit_kernel = compiled(misfit, dynamic=None)
better_kernel = compiled(better, dynamic=None)
growth_kernel = compiled(growth, dynamic=None)


def misfits(trust: Trust, z: Tensor, new: Tensor, error: Tensor) -> Tensor:
    """`misfit` of any number of cells, in blocks."""
    return by_blocks(partial(misfit_kernel, trust), z, new, error)


def betters(trust: Trust, z: Tensor, z1: Tensor, new: Corrected) -> tuple[Tensor, Tensor, Tensor]:
    """`better` of any number of cells, in blocks."""
    end, error, estimate = by_blocks(partial(better_kernel, trust), z, z1, new.z, new.error)
    return end, error, estimate


def growths(trust: Trust, z: Tensor, new: Tensor, error: Tensor, rise: Tensor) -> Tensor:
    """`growth` of any number of cells, in blocks."""
    return by_blocks(partial(growth_kernel, trust), z, new, error, rise)


class CorrectedStep(NamedTuple):
    """Corrected steps of the network: z (1 + species, cells); the estimate of their error in units of what is allowed,
    the same of the species that grow, and whether elements, energy and signs are kept (cells,).
    """

    z: Tensor
    error: Tensor
    grown: Tensor
    sound: Tensor

    def accepted(self, limit: Tensor) -> Tensor:
        """Whether the step may be kept (cells,); NaN may not. limit: of the estimate."""
        return self.sound & (self.error <= limit) & (self.grown <= 1.0)


def corrected_step(
    trust: Trust,
    corrector: Corrector,
    z: Tensor,
    z1: Tensor,
    step: Step,
    chemical: Tensor,
    s: Tensor,
    near: Tensor,
    p: Tensor,
    dt: float | Durations,
    fixed: Fixed | None,
) -> CorrectedStep:
    """The network's `step` from z to z1 (1 + species, cells) corrected, again where the stated error is not kept yet.

    chemical: dz/dt at z without the sources s; near: references, p [Pa] (cells,).
    """
    durations = Durations.given(dt)
    h = durations.seconds
    begun = (step.factor <= LARGEST_FACTOR) & (step.defect <= LARGEST_DEFECT)
    if (code := corrector.native(durations, z, z1, chemical, s, p)) is not None:
        steps = Steps(code, corrector.system.hold, allowed(trust))
        constant = None if fixed is None else fixed.held
        return by_native(steps, corrector, z, z1, begun, chemical, s, near, p, durations.whole, constant)
    f = chemical if fixed is not None else by_blocks(partial(total_kernel, corrector.core.thermo), chemical, z, s)
    moved, rise = z + h * (f - chemical), h * chemical
    found = CorrectedStep(z1.clone(), torch.full_like(p, torch.nan), torch.zeros_like(p), torch.zeros_like(begun))
    left, guess = torch.arange(p.numel(), device=p.device), z1
    for _ in range(ROUNDS):
        here, held = take(z, left), None if fixed is None else fixed.of(left)
        new = corrector(here, guess, take(f, left), take(s, left), near[left], p[left], durations.of(left), held)
        end, wrong, error = betters(trust, here, take(z1, left), new)
        grown = growths(trust, take(moved, left), end, wrong, take(rise, left))
        now = CorrectedStep(end, error, grown, begun[left] & kept(new))
        for whole, part in zip(found, now, strict=True):
            whole[..., left] = part
        again = where(now.sound & error.isfinite() & ~now.accepted(torch.ones_like(trust.limit)))
        left, guess = left[again], take(new.z, again)
        if not left.numel():
            break
    return found


def by_native(
    steps: Steps, corrector: Corrector, z: Tensor, z1: Tensor, begun: Tensor, chemical: Tensor, s: Tensor, near: Tensor,
    p: Tensor, dt: float, held: Tensor | None,
) -> CorrectedStep:  # fmt: skip
    """`corrected_step` in C++; begun: whether the network's step is sound (cells,)."""
    core, cells = corrector.core, torch.arange(p.numel())
    rule = Rule(core.coordinates.active, core.atoms, ROUNDS, LARGEST_DEFECT, LARGEST_NEGATIVE, (T_LOWEST, T_HIGHEST))
    found = CorrectedStep(torch.empty_like(z), torch.empty_like(p), torch.empty_like(p), torch.zeros_like(begun))
    for places, alike in corrector.shared.alike(cells, near, p, dt, trapezoid, fourth_order):
        done = steps.corrected(alike, rule, z, z1, chemical, s, dt, held, begun)
        if places is None:
            return CorrectedStep(*done)
        for whole, part in zip(found, done, strict=True):
            whole[..., places] = part[..., places]
    return found


def kept(new: Corrected) -> Tensor:
    """Whether a correction keeps elements, energy and signs (cells,); NaN does not."""
    return (new.defect <= LARGEST_DEFECT) & (new.negative <= LARGEST_NEGATIVE)


def met(step: Step) -> Tensor:
    """Whether elements and energy are kept and nothing turned negative (cells,): all that is asked without a router."""
    return torch.isfinite(step.T) & (step.factor < 1.0) & (step.defect <= LARGEST_DEFECT)


def trust_of(model: Model, gas: Mechanism) -> Trust:
    """From the tables of a model, on the device of the mechanism."""
    tables: dict[str, Any] = {
        k: model.tables[f"trust.{k}"].to(gas.device) for k in Trust._fields if k not in Trust._field_defaults
    }
    tables["lower"], tables["upper"] = to_stated_pressures(model, tables["lower"], tables["upper"])
    return Trust(**tables, cold=torch.tensor([cold(settings_of(model))], dtype=torch.float64, device=gas.device))


def to_stated_pressures(model: Model, lower: Tensor, upper: Tensor) -> tuple[Tensor, Tensor]:
    """Bounds of the inputs whose pressures reach to both ends of the range that the model states: a trajectory has one
    pressure, so that the outermost rows stop short of them, and a whole flow at an end would be exact.
    """
    low, high = (math.log(p) for p in model.p_range)
    lower, upper = lower.clone(), upper.clone()
    lower[-1], upper[-1] = lower[-1].clamp_max(low), upper[-1].clamp_min(high)  # ln p is the last (coordinates.raw)
    return lower, upper


def cold(settings: Surrogate) -> float:
    """Temperature [K] below which nothing ignites: a little above the hottest fresh gas of flames, which would
    have done so before, and well below the coldest ignition.
    """
    within = settings.range
    return max(COLD, min(within.T_fresh[1] + HEATED, within.T_ignition[0] - BEFORE))
