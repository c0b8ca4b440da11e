"""When a learned chemistry will not be used: time step, pressure or mixture beyond its range, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch

from combust.parallel import Communicator
from combust.surrogates.trust.fresh import ratios
from combust.surrogates.trust.fresh_case import Gas, fate
from combust.surrogates.trust.parts import Parts
from combust.surrogates.trust.routes import RouteStatistics
from combust.units import ATM


def step_and_pressure(
    parts: Parts, dt: float, p0: float, shares: Iterable[float], fallback: str, router: bool
) -> dict[str, str]:
    """name -> sentence of a step of dt [s] (0: not known) at p0 [Pa]; shares: of dt that a network step takes."""
    words, todo = {}, 'or set chemistry.kind = "direct"'
    low, high = parts.model.dt_range
    used = [share * dt for share in shares if dt > 0]
    if used and not low <= min(used) <= max(used) <= high:
        some = "" if max(used) == dt else f", of which the network takes {span(min(used), max(used))} s at once"
        words["learned dt"] = (
            f"dt = {dt:.4g} s{some}: learned chemistry '{parts.model.name}' was taught steps of {span(low, high)} s: "
            f"{fate(fallback, router)}. Choose another step (numerics.dt, numerics.dt_max, numerics.cfl), {todo}"
        )
    low, high = parts.model.p_range
    if not low <= p0 <= high:
        words["learned p"] = (
            f"p = {p0:.6g} Pa ({p0 / ATM:.3g} atm): learned chemistry '{parts.model.name}' was taught "
            f"{span(low, high)} Pa ({span(low / ATM, high / ATM)} atm): {fate(fallback, router)}. Train a model for it "
            f"(range.p), {todo}"
        )
    return words


def mixtures(parts: Parts, gases: Iterable[Gas], fallback: str, router: bool) -> Iterator[tuple[str, str]]:
    """(name, sentence) of each gas that a flame is to burn in whose elements were not taught in such proportions."""
    trust, device = parts.trust, parts.gas.device
    for gas in gases:
        ratio = ratios(trust.elements, torch.as_tensor(gas.Y, device=device).unsqueeze(1))[..., 0]
        off = (ratio < trust.ratio_lower) | (ratio > trust.ratio_upper)
        if not gas.flame or not bool(off.any()):
            continue
        a, b = (int(i) for i in off.nonzero()[0])
        names, phi = parts.gas.elements, parts.model.card["ranges"]["phi"]
        yield (
            gas.where.replace("temperature", "mixture"),
            (
                f"{gas.where.removesuffix('.temperature')}: a mixture of {names[a]}/({names[a]} + {names[b]}) = "
                f"{float(ratio[a, b]):.3g} by mass, while learned chemistry '{parts.model.name}' was taught "
                f"{span(float(trust.ratio_lower[a, b]), float(trust.ratio_upper[a, b]))} (phi {span(*phi)} of "
                f"{parts.model.card['fuel']} in {parts.model.card['oxidizer']}): {fate(fallback, router)}. Train a "
                'model for it (range.phi), or set chemistry.kind = "direct"'
            ),
        )


def idle(routes: RouteStatistics, name: str, comm: Communicator) -> dict[str, str]:
    """name -> sentence if no cell was the network's in the last step though some reacted (collective)."""
    network, left, outside = comm.sum(
        float(routes.network), float(routes.exact + routes.refused), float(routes.outside)
    )
    if network or not left:
        return {}
    return {"no network": (
        f"learned chemistry '{name}' did no cell of the last step: of {left:.0f} cells that react fast, {outside:.0f} "
        f"are unlike its training, of {left - outside:.0f} it disagreed with the exact rates")}  # fmt: skip


def span(low: float, high: float) -> str:
    """0.5 to 10."""
    return f"{low:.3g} to {high:.3g}" if low != high else f"{low:.3g}"
