"""Where the file of a mechanism lies; loads Cantera, but not torch."""

from __future__ import annotations

from pathlib import Path

import cantera as ct

from combust.errors import MechanismError
from combust.explain import shortened
from combust.files import is_file

LIBRARY = Path(__file__).parents[2] / "reduction" / "library"  # mechanisms that come with combust


def find(path: str | Path) -> Path:
    """The file that Cantera would read, or one that comes with combust."""
    given = Path(path).expanduser()
    if "\0" in str(given):
        raise MechanismError(f"mechanism file {str(given)!r}: its name holds a NUL character")
    folders = [Path(".")] if given.is_absolute() else [Path("."), *map(Path, ct.get_data_directories()), LIBRARY]
    for folder in folders:
        if is_file(folder / given):
            return folder / given
    looked = dict.fromkeys("the working directory" if folder == Path(".") else str(folder) for folder in folders)
    where = "" if given.is_absolute() else f"; looked in {', '.join(looked)}"
    raise MechanismError(f"mechanism file '{shortened(str(path))}' not found{where}")
