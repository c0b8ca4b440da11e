"""Runs of the study of a pretrained family (validation/family.py): parents, and trainings on ammonia and hydrogen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from combust.surrogates.data.sample_set import SampleSet
from combust.surrogates.model.model import Model
from combust.surrogates.settings import Trajectories
from validation import transfer_runs
from validation.report import ROOT
from validation.transfer_runs import BATCH, BOIVIN, DENSE, HYDROGEN, MODES, Chemistry, Found, Transfer, judged, some

TAUGHT = 32_000  # training rows of each fuel, of a parent and of the fuel that is new
PARENT_STEPS, STEPS = 60_000, 20_000  # of the optimiser, of 128 rows: of a parent, of other trainings
METHANE = Chemistry(
    "family-ch4", "CH4", "methane_cfd.yaml", "CH4:1", phi=(0.7, 1.3), dt=(1e-7, 4e-6), T=(280.0, 3000.0),
    T_ignition=(1300.0, 1800.0), span=(0.5, 20.0), T_fresh=(300.0, 500.0), trajectories=Trajectories(16, 0, 6, 0, 0),
)  # fmt: skip
WET = replace(METHANE, phi=(0.5, 2.0), T_ignition=(950.0, 1500.0))
FAMILY = (
    replace(WET, name="family-h2", title="H2", fuel="H2:1"),
    replace(WET, name="family-syngas", title="CO and H2, half and half", fuel="CO:1, H2:1"), METHANE,
)  # fmt: skip
AMMONIA = Chemistry(
    "nh3-h2", "NH3 and H2, half and half", str(ROOT / "cases" / "nh3_h2.yaml"), "NH3:0.5, H2:0.5", phi=(0.6, 1.5),
    dt=(2e-7, 4e-6), T=(280.0, 3000.0), T_ignition=(1050.0, 1600.0), span=(0.7, 4.0), T_fresh=(298.0, 500.0),
)  # fmt: skip
OF = Transfer("nh3", "ammonia and hydrogen", METHANE, AMMONIA, 1.0, 3e-6)
STARTS = ("nothing", "family", "moved", "hydrogen")
SMOKE: dict[str, Any] = {
    "TAUGHT": 256, "PARENT_STEPS": 20, "STEPS": 20, "FAMILY": (HYDROGEN, DENSE),
    "OF": Transfer("nh3", "hydrogen", HYDROGEN, BOIVIN, 1.0, 6e-7),
}  # fmt: skip


@dataclass(frozen=True)
class Arm:
    """One training on so many rows of the new fuel, from what."""

    seed: int
    start: str  # of STARTS: nothing; a parent of all fuels; one whose labels were of other rows; one of hydrogen alone
    share: float  # of TAUGHT
    length: float = 1.0  # of the schedule, beside STEPS

    @property
    def name(self) -> str:
        """By which it is kept."""
        length = "" if self.length == 1.0 else f"-x{self.length:g}"
        return f"{self.start}-{100 * self.share:g}{length}-s{self.seed}"

    @property
    def rows(self) -> int:
        """That it is trained on."""
        return round(self.share * TAUGHT)

    def perform(self, folder: Path) -> Found:
        """Trains it and judges it."""
        first = None if self.start == "nothing" else parent(self.start, self.seed, folder)
        samples = some(OF.target.samples(folder), self.rows, self.seed)
        epochs = epochs_of(self.length * STEPS, self.rows)
        made, cpu, seen = transfer_runs.trained(OF.target, samples, self.seed, epochs, first, folder / self.name)
        modes = MODES if self.start in ("nothing", "family") and self.seed == 0 else MODES[:1]
        found = judged(OF, made, folder / self.name / "model", folder, modes)
        before = 0.0 if first is None else first.card["cpu"]
        return {"cpu": cpu, "steps": seen // BATCH, "parent": before} | found


def epochs_of(steps: float, rows: int) -> int:
    """That make so many steps."""
    return max(1, round(steps / (rows // min(BATCH, rows))))


def parent(how: str, seed: int, folder: Path) -> Model:
    """The model that trainings start from, trained once; its card has the CPU seconds of its training."""
    fuels = FAMILY[:1] if how == "hydrogen" else FAMILY
    path = folder / f"parent-{how}-s{seed}" / "model"
    if not path.with_suffix(".json").is_file():
        samples = SampleSet.join([some(fuel.samples(folder), TAUGHT, seed) for fuel in fuels])
        epochs = epochs_of(PARENT_STEPS, TAUGHT * len(fuels))
        made, cpu, _ = transfer_runs.trained(fuels[-1], samples, seed, epochs, None, path.parent, how == "moved")
        made.card["cpu"] = cpu
        made.save(path)
    return Model.load(path)
