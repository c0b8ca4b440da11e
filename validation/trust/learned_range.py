"""Fresh gas within the range of the shipped models, at its hot end, and beyond; in a flow and from cell to cell."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from combust import kernels
from combust.errors import CombustError
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.surrogates import library
from combust.surrogates.judge import flames
from combust.surrogates.judge.conditions import Flame
from combust.surrogates.model.model import settings_of
from combust.surrogates.trust import fresh, fresh_case
from combust.surrogates.trust.fresh_case import Gas
from combust.surrogates.trust.parts import Parts
from validation.trust import Member

KIND = (
    "The temperature of the fresh gas is part of the range of a learned chemistry: flames of fresh gas that was taught "
    "keep their network cells, others have none, are said in words, and drift no more than with exact chemistry; "
    "report cards judge preheated flames too."
)
ATM, STEPS, LATE = 101325.0, 40, 20
WITHIN = {"h2_air": ((300.0, 0.5), (700.0, 0.5), (700.0, 1.0)), "ch4_air": ((300.0, 0.9), (600.0, 0.9))}
BEYOND = {"h2_air": ((800.0, 0.5), (850.0, 0.5), (850.0, 1.0), (950.0, 0.5)), "ch4_air": ((700.0, 0.9), (800.0, 0.9))}
LEAST, MOST, DRIFT = 0.05, 0.1, 1.05
FEW = 0.1  # of the cells of a flame beyond the range, which cross it by diffusion; 850 K hydrogen has the most
NAMES = {"h2_air": "hydrogen", "ch4_air": "methane"}
SMOKE = {
    "STEPS": 2, "LATE": 1, "WITHIN": {"h2_air": WITHIN["h2_air"][:1]}, "BEYOND": {"h2_air": BEYOND["h2_air"][:1]},
    "NAMES": {"h2_air": "hydrogen"},
}  # fmt: skip


def members() -> Iterator[Member]:
    """Flames by the flow, their cells alone, gases of cases, older and damaged cards, report cards."""
    with torch.no_grad(), kernels.using("eager"):
        for name in NAMES:
            parts = parts_of(name)
            yield from of_flames(name, parts)
            yield from of_cells(name, parts)
        yield from of_gases(parts_of("h2_air"))
        yield from of_cards(parts_of("h2_air"))
        yield from of_reports()


def parts_of(name: str) -> Parts:
    """A shipped model on its mechanism."""
    model = library.load(name)
    return Parts.of(model, Mechanism.load(model.card["mechanism"]["path"]))


def flow_of(name: str, parts: Parts, T: float, phi: float, mode: str) -> tuple[Any, float]:
    """The flow of a planar flame, and its time step [s]."""
    settings, at = settings_of(parts.model), Flame(phi, ATM, T)
    profile = flames.profile_of(parts.gas, settings, at)
    dt = flames.time_step(profile, tuple(parts.model.card["ranges"]["dt"]))
    chemistry = flames.chemistry_of(mode, library.find(name))
    return flames.build(parts.gas, settings, at, profile, chemistry), dt


def advanced(
    name: str, parts: Parts, T: float, phi: float, mode: str
) -> tuple[float, dict[str, float], dict[str, str]]:
    """Largest drift of the equation of state, shares of the late steps, and what the flow has to say."""
    flow, dt = flow_of(name, parts, T, phi, mode)
    drift, shares, said = 0.0, [], flow.concerns()
    for _ in range(STEPS):
        flow.advance(dt)
        drift = max(drift, flow.quantity("eos_drift"))
        if mode != "exact":
            shares.append([flow.quantity(f"{route}_share") for route in ("slow", "network", "exact")])
    mean = np.mean(shares[LATE:], axis=0).tolist() if shares else [0.0] * 3
    return drift, dict(zip(("slow", "network", "exact"), mean, strict=True)), said


def of_flames(name: str, parts: Parts) -> Iterator[Member]:
    """By the flow solver, beside exact chemistry."""
    for T, phi in WITHIN[name]:
        _, share, said = advanced(name, parts, T, phi, "router")
        yield Member(
            f"flame of {NAMES[name]}, phi {phi:g}, fresh gas {T:g} K",
            f"taught: more than {100 * LEAST:g} % of cells the network's, less than {100 * MOST:g} % exact, no word",
            f"network {100 * share['network']:.1f} %, exact {100 * share['exact']:.1f} %"
            + (", said" if "initial.temperature" in said else ""),
            share["network"] > LEAST and share["exact"] < MOST and "initial.temperature" not in said,
        )
    for T, phi in BEYOND[name]:
        exact, _, _ = advanced(name, parts, T, phi, "exact")
        drift, share, said = advanced(name, parts, T, phi, "router")
        text = said.get("initial.temperature", "")
        yield Member(
            f"flame of {NAMES[name]}, phi {phi:g}, fresh gas {T:g} K",
            "not taught: no network cell, the drift of the "
            f"equation of state that exact chemistry has, {exact:.2e}; said",
            f"network {100 * share['network']:.1f} %, drift {drift:.2e}; " + ("said" if text else "not a word"),
            share["network"] == 0.0 and drift <= DRIFT * exact and bool(text),
        )


def of_cells(name: str, parts: Parts) -> Iterator[Member]:
    """Cells of the free flames, without a case that could say where they come from."""
    settings = settings_of(parts.model)
    for T, phi in (*WITHIN[name], *BEYOND[name]):
        within = (T, phi) in WITHIN[name]
        if T > settings.range.T_ignition[0]:
            continue  # gas that ignites by itself: from cell to cell like an ignition
        found = flames.profile_of(parts.gas, settings, Flame(phi, ATM, T))
        Y = torch.as_tensor(found.Y).clamp_min(0.0)
        share = known(parts, torch.as_tensor(found.T), (Y / Y.sum(0)).contiguous())
        yield Member(
            f"cells of that flame alone: {NAMES[name]}, phi {phi:g}, {T:g} K",
            "all known" if within else f"known: at most {100 * FEW:g} %",
            f"{100 * share:.1f} % known",
            share == 1.0 if within else share <= FEW,
        )


def known(parts: Parts, T: torch.Tensor, Y: torch.Tensor) -> float:
    """Share of cells whose fresh gas was taught."""
    assert parts.fresh is not None
    good = fresh.known(parts.fresh, parts.trust.elements, parts.gas.thermo, "hp", T, Y)
    return float(good.double().mean())


def of_gases(parts: Parts) -> Iterator[Member]:
    """Gases that a case starts with or lets in."""
    mixture, solution = parts.gas.mixture("H2:1", "O2:1, N2:3.76", 0.5).numpy(), parts.gas.cantera()
    solution.TPY = 300.0, ATM, mixture
    solution.equilibrate("HP")
    burnt, air = solution.Y.copy(), parts.gas.composition("O2:1, N2:3.76").numpy()
    tried = [
        ("burnt gas of a flame of 300 K", Gas("gas", float(solution.T), burnt, False), ""),
        ("the same cooled to 1000 K, as beside a wall", Gas("gas", 1000.0, burnt, False), ""),
        ("a vessel of 1000 K, which ignites", Gas("gas", 1000.0, mixture, False), ""),
        ("a flame of 1000 K", Gas("gas", 1000.0, mixture, True), "hotter"),
        ("a vessel of 800 K", Gas("gas", 800.0, mixture, False), "other"),
        ("air of 850 K", Gas("gas", 850.0, air, False), "other"),
        ("air of 200 K", Gas("gas", 200.0, air, False), "colder"),
        ("a vessel of 1900 K", Gas("gas", 1900.0, mixture, False), "hotter"),
    ]
    for what, gas, word in tried:
        found = fresh_case.judge(parts, [gas], "direct", True)
        text = found.words.get("gas", "")
        yield Member(
            f"hydrogen: {what}",
            f"not taught: {word}, said, no network cell" if word else "taught: not a word",
            (f"said: {text.split('fresh gas ')[1].split(' than')[0]}" if text else "not a word")
            + ("" if found.trusted else ", no network cell"),
            (f"fresh gas {word} than" in text and not found.trusted) if word else found.trusted and not text,
        )


def of_cards(parts: Parts) -> Iterator[Member]:
    """A model that was made before, and damaged ones."""
    old = library.load("h2_air")
    del old.card["fresh"]
    made = Parts.of(old, parts.gas)
    gas = Gas("gas", 850.0, parts.gas.mixture("H2:1", "O2:1, N2:3.76", 0.5).numpy(), True)
    found = fresh_case.judge(made, [gas], "direct", True)
    yield Member(
        "card of an older model, flame of 850 K",
        "loads; no network cell, by the configuration on the card; said how to add the range",
        "loads" + ("" if found.trusted else ", no network cell") + f", {len(found.words)} sentences",
        not found.trusted and len(found.words) == 2,
    )
    damaged = [
        ("margin as a word", "margin", "wide"),
        ("a row short", "coldest", [1.0]),
        ("NaN", "margin", float("nan")),
        ("nodes that fall", "temperature", [900.0, 300.0]),
        ("ratios of other elements", "even", {"lowest": [[0.5]], "highest": [[0.5]]}),
    ]
    for what, key, value in damaged:
        model = library.load("h2_air")
        model.card = copy.deepcopy(model.card)
        model.card["fresh"][key] = value
        try:
            Parts.of(model, parts.gas)
        except CombustError as error:
            outcome = str(error).splitlines()[0]
        else:
            outcome = "taken"
        yield Member(f"card with {what}", "refused, naming the part", outcome[:120], "fresh" in outcome)


def of_reports() -> Iterator[Member]:
    """The report cards that lie beside the models."""
    for name in NAMES:
        found = json.loads((library.FOLDER / f"{name}.report.json").read_text())
        hot = settings_of(library.load(name)).range.T_fresh[1]
        flames = [f for f in found.get("flames", []) if f["mode"] == "router" and f.get("T") == hot]
        worst = max((f["routes"]["exact"] for f in flames), default=float("nan"))
        yield Member(
            f"report card of {name}",
            f"judges flames of {hot:g} K, at most {100 * MOST:g} % of their cells exact",
            f"{len(flames)} flames, {100 * worst:.1f} % at worst",
            worst <= MOST,
        )
