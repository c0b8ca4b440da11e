"""Makes the model that tests of routes, corrections and balances are judged by, and the rows it is asked for:

    python tests/make_learned.py        # of tests/data/learned/tiny.toml: model and strict, samples.h5

It is trained on more rows than are kept, and calibrated on the ones that are kept. "strict" is the same model with the
limit of trust at the median of the estimates in a flame: a test of any route has enough cells, whatever the last bit
does. Made again, it is another model of the same kind; nothing in the tests may need this one.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from learned_fixture import FOLDER, Tiny  # noqa: E402

from combust.io.seal import seal  # noqa: E402
from combust.kinetics.mechanism.mechanism import Mechanism  # noqa: E402
from combust.parallel import Communicator  # noqa: E402
from combust.run import build as case  # noqa: E402
from combust.surrogates.data import sample
from combust.surrogates.data.sample_set import SPLITS, SampleSet  # noqa: E402
from combust.surrogates.model.model import Model  # noqa: E402
from combust.surrogates.settings import load  # noqa: E402
from combust.surrogates.training import train  # noqa: E402
from combust.surrogates.training.calibrate import calibrate, own_states  # noqa: E402

TRAINING, VALIDATION = 1000, 1200  # rows kept
STEPS, DT = 12, 2e-6


def evenly(mask: np.ndarray, count: int) -> np.ndarray:
    """Indices of `count` of the rows of a mask."""
    rows = np.flatnonzero(mask)
    return rows[np.linspace(0, len(rows) - 1, count).astype(int)]


def kept(samples: SampleSet) -> SampleSet:
    """Training rows of all streams, and validation rows of trajectories."""
    split = {name: samples.split == SPLITS.index(name) for name in ("train", "validation")}
    some = evenly(split["train"], TRAINING), evenly(split["validation"] & own_states(samples), VALIDATION)
    return replace(samples.rows(np.sort(np.concatenate(some))), audit={}, notes=(), counts={}, revision="")


def compress(path: Path) -> None:
    """The same datasets, packed."""
    with h5py.File(path) as old, h5py.File(path.with_suffix(".packed"), "w") as new:
        new.attrs.update(old.attrs)
        for name in old:
            new.create_dataset(name, data=old[name][()], compression=9, shuffle=True, track_times=False)
    seal(path.with_suffix(".packed"))
    path.with_suffix(".packed").replace(path)


def median(tiny: Tiny) -> float:
    """Of the estimates of the cells that a flame's later steps ask the network for."""
    flow, errors = case.build(tiny.case({"model": str(tiny.path)}), Communicator()), []
    flow.scheme.chemistry.parts.trust.limit.fill_(torch.inf)
    for _ in range(STEPS):
        flow.advance(DT)
        errors.append(flow.field("route_error").ravel())
    found = np.concatenate(errors[STEPS // 2 :])
    return float(np.median(found[found > 0]))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        out, samples = Path(folder), Path(folder) / "samples.h5"
        sample.sample(FOLDER / "tiny.toml", samples)
        train.train(FOLDER / "tiny.toml", out)
        model, rows = Model.load(out / "model"), kept(SampleSet.read(samples))
    router = calibrate(model, Mechanism.load("h2o2.yaml"), rows, load(FOLDER / "tiny.toml"))
    model.save(FOLDER / "model")
    rows.write(FOLDER / "samples.h5")
    compress(FOLDER / "samples.h5")
    model.tables["trust.limit"].fill_(median(Tiny(FOLDER)))
    model.card["router"]["limit"] = float(model.tables["trust.limit"])
    model.save(FOLDER / "strict")
    print(router)


if __name__ == "__main__":
    main()
