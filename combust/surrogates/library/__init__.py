"""Models that come with combust: for each NAME a card, weights, the config that reproduces it, and its report; and
those that a user fetched, in a folder of theirs.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from combust.errors import FileFormatError
from combust.files import is_file
from combust.folders import home_cache

if TYPE_CHECKING:
    from combust.surrogates.model.model import Model

FOLDER = Path(__file__).parent
PLACE = "COMBUST_MODELS"  # environment variable: the folder of fetched models


def names() -> list[str]:
    """Of the shipped models."""
    return sorted(path.stem for path in FOLDER.glob("*.safetensors"))


def own_folder() -> Path | None:
    """Where fetched models are kept: $COMBUST_MODELS, or models in ~/.cache/combust; None without a home."""
    if given := os.environ.get(PLACE):
        return Path(given).expanduser()
    cache = home_cache()
    return None if cache is None else cache / "models"


def fetched() -> list[str]:
    """Names of the models that were fetched."""
    folder = own_folder()
    return [] if folder is None else sorted(path.stem for path in folder.glob("*.safetensors"))


def find(name: str | Path) -> Path:
    """The path of a shipped or fetched model, or of one by its path or the folder that `combust train` wrote it to.

    Raises FileFormatError listing what there is.
    """
    given, folder = Path(name).expanduser(), own_folder()
    known = {**({own: folder / own for own in fetched()} if folder else {}), **{own: FOLDER / own for own in names()}}
    if str(name) not in known and given.is_dir() and not is_file(Path(f"{given}.json")):
        if is_file(given / "model.json"):
            return given / "model"
        raise FileFormatError(f"learned chemistry '{name}': a folder without a model.json; name the model's .json file")
    if given.suffix in (".json", ".safetensors") or len(given.parts) > 1 or is_file(Path(f"{given}.json")):
        return given
    if str(name) in known:
        return known[str(name)]
    raise FileFormatError(
        f"learned chemistry '{name}': no such model among those that come with combust ({', '.join(names()) or 'none'})"
        f" or were fetched ({', '.join(fetched()) or 'none'}) and no such file; give a path, fetch one (combust models "
        "--fetch), or train one (combust train)"
    )


def load(name: str | Path) -> Model:
    """A model by name or path. Raises FileFormatError."""
    from combust.surrogates.model.model import Model

    return Model.load(find(name))
