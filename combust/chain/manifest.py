"""manifest.json of a stage's folder: what it was made of, by what, and the digest of each file that it left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from combust.atomic import replace_bytes
from combust.chain.digests import Digests, of_text
from combust.chain.stage import Stage
from combust.errors import FileFormatError
from combust.files import UnreadableError, fit, read_json
from combust.settings.trees import of_today

NAME = "manifest.json"
Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Output(Struct, frozen=True):
    """A file that a stage left."""

    sha256: Digest
    bytes: int


class Manifest(Struct, frozen=True, kw_only=True):
    """What a stage was made of and what it made.

    key : digest of settings, files and inputs: that of the stage as it is wanted, or the stage is stale
    inputs : stage -> product -> what tells its content;  products : the same of this stage
    starts : how often it was begun; all but the last were ended by something;  ranks : of MPI that it ended on
    """

    format: Literal[1] = 1
    stage: str
    key: Digest
    settings: dict[str, Any]
    files: dict[str, Digest]
    inputs: dict[str, dict[str, Digest]]
    outputs: dict[str, Output]
    products: dict[str, Digest]
    command: str
    seed: int | None
    version: str
    started: str
    wall_seconds: float
    cpu_seconds: float
    cores: int
    starts: int = 1
    ranks: int = 1

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(output.bytes for output in self.outputs.values())


class Wanted(Struct, frozen=True):
    """What a stage would be made of now."""

    settings: dict[str, Any]
    files: dict[str, str]
    inputs: dict[str, dict[str, str]]

    @property
    def key(self) -> str:
        """Files count by their content and order, not by where they lie."""
        return of_text([self.settings, list(self.files.values()), self.inputs])


def read(folder: Path) -> Manifest:
    """Raises FileFormatError for one that is not there, or that no chain wrote so."""
    return fit(read_json(folder / NAME), Manifest, folder / NAME)


def write(folder: Path, manifest: Manifest) -> None:
    """Whole or not at all. Raises OSError."""
    text = json.dumps(msgspec.to_builtins(manifest), indent=1, ensure_ascii=False)
    replace_bytes(folder / NAME, (text + "\n").encode())


def differences(before: Manifest, now: Wanted, settings: dict[str, Any]) -> list[str]:
    """Why a stage is stale, in words; empty if it is not.

    settings : the stage's own, which know the defaults of keys that there were not yet
    """
    then = of_today(before.settings, settings)
    if now.key in (before.key, Wanted(then, before.files, before.inputs).key):
        return []
    found = [f"setting {name} was {short(old)} and is {short(new)}" for name, old, new in changed(then, now)]
    for (name, digest), old in zip(now.files.items(), [*before.files.values(), *len(now.files) * [""]], strict=False):
        if digest != old:
            found.append(f"{name} has another content")
    for stage, products in now.inputs.items():
        for product, digest in products.items():
            if before.inputs.get(stage, {}).get(product) != digest:
                found.append(f"{stage} made another {product}")
    return found or ["it was made of other files or stages"]


def changed(before: dict[str, Any], now: Wanted) -> list[tuple[str, Any, Any]]:
    """(setting, then, now) of those that differ."""
    old, new = leaves(before), leaves(now.settings)
    names = [*old, *(name for name in new if name not in old)]
    return [(name, old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)]


def leaves(tree: Any, name: str = "") -> dict[str, Any]:
    """Setting by dotted name -> value."""
    if not isinstance(tree, dict | list) or not tree:
        return {name: tree}
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    found: dict[str, Any] = {}
    for key, inner in items:
        found |= leaves(inner, f"{name}.{key}" if name else str(key))
    return found


def short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:36]} ..."


def wanted(stage: Stage, digests: Digests, made: dict[str, Manifest]) -> Wanted:
    """What the stage would be made of, given the manifests of those before it. Raises UnreadableError."""
    from combust.chain.digests import of_input

    settings = json.loads(json.dumps(stage.settings))
    files = {name: of_input(Path(name), digests) for name in stage.files}
    return Wanted(settings, files, {name: dict(made[name].products) for name in stage.after})


def wounds(folder: Path, manifest: Manifest, digests: Digests) -> list[str]:
    """Outputs that are not as the manifest says, each with what is wrong."""
    found = []
    for name, output in manifest.outputs.items():
        path = folder / name
        try:
            if path.stat().st_size != output.bytes or digests.of(path) != output.sha256:
                found.append(f"{path} is not as the stage {manifest.stage} wrote it")
        except FileNotFoundError:
            found.append(f"{path} is missing")
        except (OSError, UnreadableError) as error:
            found.append(f"{path} cannot be read: {error}")
    return found


def strangers(folder: Path, manifest: Manifest | None) -> list[Path]:
    """Files in a stage's folder that it did not leave there."""
    known = {NAME, *(manifest.outputs if manifest else ())}
    return [file for file in sorted(folder.rglob("*")) if file.is_file() and str(file.relative_to(folder)) not in known]


__all__ = ("FileFormatError", "Manifest", "Output", "Wanted", "differences", "read", "strangers", "wanted", "wounds",
           "write")  # fmt: skip
