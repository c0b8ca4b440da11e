"""A learned chemistry: networks between coordinates, elements made exact, temperature from the energy that is kept.

On disk it is two files: NAME.safetensors with all numbers and NAME.json, the card, with all that says what they mean
and how far they can be trusted.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from combust.atomic import replace_bytes
from combust.errors import ConfigError, FileFormatError
from combust.files import MEGA, UnreadableError, read_bytes, read_json
from combust.kernels import compiled
from combust.kinetics.integrate import systems
from combust.kinetics.integrate.systems import Hold
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.rates.thermo import Thermo
from combust.settings.config import checked, parsed
from combust.surrogates.model.card import require as require_card
from combust.surrogates.model.card import require_numbers, taught_of
from combust.surrogates.model.conserve import correct
from combust.surrogates.model.coordinates import Coordinates
from combust.surrogates.model.network import Network, Weights, apply
from combust.surrogates.settings import Surrogate

FORMAT, VERSION = "combust learned chemistry", 1
NEEDED = ("weights", "species", "mechanism", "coordinates", "network", "ranges")  # of a card
ADVICE = "copy both files of the model again, or train again (combust train)"
NUMBERS = re.compile(r"\[\n([-+\d.eE,\s]+)\]")  # lists of nothing else; no text has a line's end in JSON
NEWTON = 5  # steps: the error of T is squared by each, and starts below half of T
LARGEST = 8192 * MEGA  # of weights
T_LOWEST, T_HIGHEST = 50.0, 6000.0


class Core(NamedTuple):
    """What the kernel of a step takes; the weights are those of each network of the ensemble."""

    thermo: Thermo
    coordinates: Coordinates
    atoms: Tensor  # (elements, active species) kmol of atoms per kg
    weights: tuple[Weights, ...]
    hold: Hold


class Step(NamedTuple):
    """After the step: T (cells,), Y (species, cells); how much the elements had to be corrected; what is wrong."""

    T: Tensor
    Y: Tensor
    factor: Tensor  # (cells,) largest departure from one of what a species was multiplied by
    defect: Tensor  # (cells,) of elements and energy, relative: round-off, or the cell has no answer


def step(core: Core, T: Tensor, p: Tensor, Y: Tensor, dt: Tensor) -> Step:
    """A step of dt [s] (cells,) from T [K], p [Pa] (cells,), Y (species, cells), by the networks alone.

    Negative and unnormalised Y: the networks see max(Y, 0) divided by its sum; the result is non-negative and has the
    elements and the energy of Y as it is.
    """
    c = core.coordinates
    y = Y.clamp_min(0.0)
    y = y / y.sum(0)
    x = c.features(T, p, y, dt)
    out = apply(core.weights[0], x)
    for weights in core.weights[1:]:
        out = out + apply(weights, x)
    new = c.decode(y, out.to(Y.dtype) / len(core.weights), dt)
    new, factor, missing = correct(core.atoms, Y[c.active], new)
    Y1 = Y.index_copy(0, c.active, new)
    T1, residual = temperature(core.thermo, core.hold, T, Y, Y1)
    return Step(T1, Y1, factor, missing + residual)


def temperature(thermo: Thermo, hold: Hold, T: Tensor, Y: Tensor, Y1: Tensor) -> tuple[Tensor, Tensor]:
    """T (cells,) at which Y1 has the enthalpy (or energy) of Y at T, and the error of that energy over cp T.

    Newton's steps from T inside [50, 6000] K: energies grow with T, nearly in proportion. What does not arrive has a
    large error.
    """
    e, _ = systems.energies(thermo, hold, T)
    energy = (Y * e).sum(0)
    change = c = T
    for _ in range(NEWTON):
        e, c = systems.energies(thermo, hold, T)
        change = (energy - (Y1 * e).sum(0)) / (Y1 * c).sum(0)
        T = (T + change).clamp(T_LOWEST, T_HIGHEST)
    e, c = systems.energies(thermo, hold, T)
    return T, (energy - (Y1 * e).sum(0)).abs() / ((Y1 * c).sum(0) * T)


step_kernel = compiled(step, dynamic=None)


@dataclass
class Model:
    """Networks, coordinates, and the card that says what they are for."""

    coordinates: Coordinates
    networks: list[Network]
    card: dict[str, Any]
    tables: dict[str, Tensor] = field(default_factory=dict)  # of the router and others, by name

    @property
    def name(self) -> str:
        """Of the model."""
        return str(self.card.get("name", "model"))

    @property
    def hold(self) -> Literal["hp", "uv"]:
        """What a cell keeps: "hp" or "uv"."""
        return self.card.get("hold", "hp")

    @property
    def p_range(self) -> tuple[float, float]:
        """Lowest and highest pressure [Pa] that it states, and a little for round-off."""
        low, high = self.card["ranges"]["p"]
        return low * (1 - 1e-6), high * (1 + 1e-6)

    @property
    def dt_range(self) -> tuple[float, float]:
        """The same of time steps [s]."""
        low, high = self.card["ranges"]["dt"]
        return low * (1 - 1e-6), high * (1 + 1e-6)

    def core(self, gas: Mechanism, dtype: torch.dtype = torch.float32) -> Core:
        """For the kernels, on the device of the mechanism; dtype: of the networks' arithmetic."""
        device = gas.device
        c = self.coordinates
        moved: dict[str, Any] = {k: v.to(device) for k, v in c._asdict().items() if isinstance(v, Tensor)}
        c = c._replace(**moved)
        weights = tuple(
            tuple((W.detach().to(device, dtype), b.detach().to(device, dtype)) for W, b in net.weights())
            for net in self.networks
        )
        return Core(gas.thermo, c, atoms_of(gas, c.active), weights, self.hold)

    def step(self, gas: Mechanism, T: Tensor, p: Tensor, Y: Tensor, dt: Tensor) -> Step:
        """One step by the networks alone, differentiable with respect to all, weights included; see `step`."""
        weights = tuple(net.weights() for net in self.networks)
        return step(self.core(gas)._replace(weights=weights), T, p, Y, dt)

    def require(self, gas: Mechanism, where: str = "") -> None:
        """Raises ConfigError if the model belongs to another mechanism, saying what differs."""
        known, found = self.card["species"], list(gas.species)
        if known == found and self.card["mechanism"]["sha256"] == gas.sha256:
            return
        if known != found:
            same = sorted(known) == sorted(found)
            what = (
                "its species stand in another order"
                if same
                else (
                    f"it has {len(known)} species, the mechanism {len(found)}"
                    + (f"; only in one of them: {', '.join(sorted(set(known) ^ set(found))[:6])}" if not same else "")
                )
            )
        elif gas.sha256 == gas.file_sha256:
            what = "the species are the same but the content of the file differs (rates or thermo data)"
        else:
            what = "its rate parameters were changed in memory"
        raise ConfigError(
            f"{where}learned chemistry '{self.name}' was trained on {self.card['mechanism']['path']}, "
            f'not on {gas.path}: {what}. Use gas.mechanism = "{self.card["mechanism"]["path"]}", train a model for '
            f'this mechanism (combust train), or set chemistry.kind = "direct"'
        )

    # --- files --------------------------------------------------------------------------------------------------

    def save(self, path: str | Path) -> Path:
        """Writes NAME.safetensors and NAME.json, whole or not at all; returns the path of the card."""
        card, weights = files_of(path)
        data = save({k: v.detach().cpu().contiguous() for k, v in self._tensors().items()})
        c = self.coordinates
        numbers = {"power": c.power, "floor": c.floor, "tau": c.tau, "output": c.output}
        shape = [net.weights()[0][0].shape[0] for net in self.networks]
        self.card.update(
            format=FORMAT, version=VERSION, name=card.stem, coordinates=numbers,
            network={"width": shape[0], "depth": len(self.networks[0].layers) - 2, "ensemble": len(shape)},
            weights={"file": weights.name, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)},
        )  # fmt: skip
        replace_bytes(weights, data)
        text = json.dumps(self.card, indent=1, ensure_ascii=False)
        text = NUMBERS.sub(lambda found: "[" + " ".join(found[1].split()) + "]", text)  # in a line
        replace_bytes(card, (text + "\n").encode())
        return card

    def _tensors(self) -> dict[str, Tensor]:
        found = {f"coordinates.{k}": v for k, v in self.coordinates._asdict().items() if isinstance(v, Tensor)}
        found |= {f"tables.{k}": v for k, v in self.tables.items()}
        for i, net in enumerate(self.networks):
            found |= {f"networks.{i}.{k}": v for k, v in net.state_dict().items()}
        return found

    @classmethod
    def load(cls, path: str | Path) -> Model:
        """From NAME, NAME.json or NAME.safetensors. Raises FileFormatError for what is missing, damaged or foreign."""
        card_file, weights_file = files_of(path)
        card = read_card(card_file)
        expected = card["weights"]
        weights_file = card_file.with_name(expected["file"])
        try:
            data = read_bytes(weights_file, LARGEST)
        except UnreadableError as error:
            raise FileFormatError(
                f"learned chemistry '{card_file}': its weights {weights_file} cannot be read ({error.reason}); "
                f"the two files belong together: {ADVICE}"
            ) from error
        if hashlib.sha256(data).hexdigest() != expected["sha256"]:
            raise FileFormatError(
                f"learned chemistry '{weights_file}': damaged or of another card: {len(data)} bytes that do not match "
                f"the checksum in {card_file.name} ({expected['bytes']} bytes); {ADVICE}"
            )
        try:
            tensors = load(data)
            require_numbers(card, tensors)
            return cls._from(card, tensors)
        except (KeyError, SafetensorError, RuntimeError, ValueError, TypeError) as error:
            raise FileFormatError(
                f"learned chemistry '{card_file}': cannot be understood: {error}; {ADVICE}"
            ) from error

    @classmethod
    def _from(cls, card: dict[str, Any], tensors: dict[str, Tensor]) -> Model:
        def part(prefix: str) -> dict[str, Tensor]:
            return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

        numbers: dict[str, Any] = part("coordinates.") | card["coordinates"]
        coordinates = Coordinates(**numbers)
        inputs, outputs = coordinates.mean.numel(), coordinates.active.numel()
        shape, networks = card["network"], []
        for i in range(shape["ensemble"]):
            net = Network(inputs, outputs, shape["width"], shape["depth"])
            net.load_state_dict(part(f"networks.{i}."))
            networks.append(net)
        return cls(coordinates, networks, card, part("tables."))


def settings_of(model: Model) -> Surrogate:
    """What the model was made from, as its card has it. Raises FileFormatError for a text that is damaged."""
    where = f"learned chemistry '{model.name}': the configuration in its card"
    try:
        return checked(parsed(model.card["config"]), where, Surrogate)
    except ConfigError as error:
        raise FileFormatError(str(error)) from None
    except ValueError as error:
        raise FileFormatError(f"{where}: is not valid TOML: {error}") from error


def atoms_of(gas: Mechanism, active: Tensor) -> Tensor:
    """(elements, active species) kmol of atoms per kg, of the elements that these species have."""
    atoms = (gas.element_matrix / gas.molar_mass)[:, active.to(gas.device)]
    return atoms[atoms.abs().sum(1) > 0]


def files_of(path: str | Path) -> tuple[Path, Path]:
    """Card and weights of NAME, NAME.json or NAME.safetensors."""
    path = Path(path).expanduser()
    stem = path.with_suffix("") if path.suffix in (".json", ".safetensors") else path
    return stem.with_name(stem.name + ".json"), stem.with_name(stem.name + ".safetensors")


def read_card(path: Path) -> dict[str, Any]:
    """The card of a model. Raises FileFormatError."""
    try:
        card = read_json(path)
    except UnreadableError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise FileFormatError(
                f"learned chemistry '{path}': no such file; `combust models` lists those that come with combust, "
                "`combust train` makes others"
            ) from error
        if isinstance(error.__cause__, OSError):
            raise FileFormatError(f"learned chemistry '{path}': cannot be read: {error.reason}") from error
        raise FileFormatError(f"learned chemistry '{path}': damaged, not a card ({error.reason}); {ADVICE}") from error
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise FileFormatError(f"learned chemistry '{path}': a JSON file, but not the card of a model: {ADVICE}")
    if card.get("version") != VERSION:
        raise FileFormatError(
            f"learned chemistry '{path}': version {card.get('version')}; this combust reads {VERSION}: "
            "train again (combust train), or take the combust that wrote it"
        )
    missing = [k for k in NEEDED if k not in card]
    for table, keys in (("weights", ("file", "sha256", "bytes")), ("mechanism", ("path", "sha256"))):
        found = card.get(table)
        missing += [f"{table}.{k}" for k in keys if not (isinstance(found, dict) and k in found)]
    if missing:
        raise FileFormatError(f"learned chemistry '{path}': the card lacks {', '.join(missing)}: {ADVICE}")
    require_card(card, f"learned chemistry '{path}': the card cannot be understood")
    taught_of(card, str(path))
    return card
