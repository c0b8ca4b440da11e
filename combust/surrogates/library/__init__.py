"""Models that come with combust: for each NAME a card, weights, the config that reproduces it, and its report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from combust.errors import FileFormatError
from combust.files import is_file

if TYPE_CHECKING:
    from combust.surrogates.model.model import Model

FOLDER = Path(__file__).parent


def names() -> list[str]:
    """Of the shipped models."""
    return sorted(path.stem for path in FOLDER.glob("*.safetensors"))


def find(name: str | Path) -> Path:
    """The path of a shipped model, or of one given by its path or the folder that `combust train` wrote it to.

    Raises FileFormatError listing what there is.
    """
    given = Path(name).expanduser()
    if str(name) not in names() and given.is_dir() and not is_file(Path(f"{given}.json")):
        if is_file(given / "model.json"):
            return given / "model"
        raise FileFormatError(f"learned chemistry '{name}': a folder without a model.json; name the model's .json file")
    if given.suffix in (".json", ".safetensors") or len(given.parts) > 1 or is_file(Path(f"{given}.json")):
        return given
    if str(name) in names():
        return FOLDER / str(name)
    known = ", ".join(names()) or "none"
    raise FileFormatError(
        f"learned chemistry '{name}': no such model among those that come with combust ({known}) and no such file; "
        "give a path, or train one (combust train)"
    )


def load(name: str | Path) -> Model:
    """A model by name or path. Raises FileFormatError."""
    from combust.surrogates.model.model import Model

    return Model.load(find(name))
