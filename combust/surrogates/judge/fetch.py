"""Models from elsewhere: both files of one, from a path or an address, checked as a whole before they are kept.

Nothing of them is ever run: a card is JSON, weights are safetensors, a mechanism is YAML that Cantera reads.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from combust.atomic import replace_bytes
from combust.errors import ConfigError, FileFormatError, OutputError
from combust.files import MEGA, MOST
from combust.report.meter import SILENT, Reporter
from combust.surrogates import library
from combust.surrogates.judge.models import ORIGIN, Entry, examine, mechanism_problems
from combust.surrogates.model.model import LARGEST, Model, files_of, read_card
from combust.surrogates.origin import now

SCHEMES = ("http", "https", "file")
TIMEOUT = 60.0  # s without an answer
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
CHUNK = MEGA


class Redirects(urllib.request.HTTPRedirectHandler):
    """Followed to http and https only."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if urllib.parse.urlsplit(newurl).scheme not in ("http", "https"):
            raise FileFormatError(f"{req.full_url}: leads to {newurl}, which is neither http nor https: not followed")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def fetch(
    source: str | Path,
    name: str | None = None,
    sha256: str | None = None,
    force: bool = False,
    reporter: Reporter = SILENT,
) -> Entry:
    """Adds a model to the user's own ($COMBUST_MODELS, or ~/.cache/combust/models), after which its name finds it.

    source : path or address (http, https, file) of its card, NAME.json; the weights lie beside it
    name : to keep it by; that of the file if omitted.  sha256 : of the weights, as the giver states it
    force : replace a fetched model of this name

    The mechanism is taken from beside the card where it is not found here. Raises ConfigError for a name or address
    that cannot be, FileFormatError for what cannot be had or does not verify: nothing is kept then.
    """
    address = address_of(source)
    kept = name or Path(urllib.parse.unquote(urllib.parse.urlsplit(address).path)).stem
    folder = place_of(kept, force)
    with tempfile.TemporaryDirectory() as passing:
        stem = Path(passing) / kept
        card = got(address, stem.with_name(f"{kept}.json"), MOST, reporter)
        known = read_card(files_of(stem)[0])
        if sha256 and sha256.lower() != known["weights"]["sha256"]:
            raise FileFormatError(
                f"{address}: its card names weights {known['weights']['sha256']}, not {sha256.lower()} as was asked "
                "for: it is another model"
            )
        most = min(int(known["weights"]["bytes"]), LARGEST)
        weights = stem.with_name(str(known["weights"]["file"]))
        got(beside(address, weights.name), weights, most, reporter)
        Model.load(stem)  # checksum, shapes, numbers
        extra(address, stem, known, reporter)
        about = {"source": address, "card": card, "weights": known["weights"]["sha256"], "fetched": now()}
        stem.with_name(kept + ORIGIN).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        moved(Path(passing), folder, known["weights"]["file"], kept)
    return examine(folder / kept)


def address_of(source: str | Path) -> str:
    """The address of a card. Raises ConfigError for another scheme than those that are known."""
    text = str(source)
    parts = urllib.parse.urlsplit(text)
    if "://" not in text:
        path = files_of(Path(text))[0].resolve()
        return path.as_uri()
    if parts.scheme not in SCHEMES:
        raise ConfigError(f"--fetch {text}: {parts.scheme} is not known; allowed are {', '.join(SCHEMES)}, or a path")
    ended = re.sub(r"\.safetensors$", ".json", parts.path)
    return urllib.parse.urlunsplit(parts._replace(path=ended if ended.endswith(".json") else ended + ".json"))


def place_of(name: str, force: bool) -> Path:
    """The folder of fetched models. Raises ConfigError for a name that cannot be, or is taken."""
    folder = library.own_folder()
    if folder is None:
        raise ConfigError(f"--fetch: this user has no home to keep models in; set {library.PLACE} to a folder")
    if not NAME.fullmatch(name):
        raise ConfigError(f"--name {name}: letters, digits, '_', '.' and '-' only, 64 at most, none of '_.-' first")
    if name in library.names():
        raise ConfigError(f"--name {name}: a model that comes with combust has this name; choose another with --name")
    if files_of(folder / name)[0].exists() and not force:
        raise ConfigError(f"{files_of(folder / name)[0]} exists: choose another --name, or --force to replace it")
    return folder


def beside(address: str, name: str) -> str:
    """The address of a file in the same folder."""
    parts = urllib.parse.urlsplit(address)
    return urllib.parse.urlunsplit(parts._replace(path=parts.path.rpartition("/")[0] + "/" + urllib.parse.quote(name)))


def got(address: str, path: Path, most: int, reporter: Reporter) -> str:
    """SHA-256 of a file that was fetched to `path`. Raises FileFormatError where it cannot be, or is larger than `most`
    bytes.
    """
    digest, size, of = hashlib.sha256(), 0, reporter.of(f"kB of {path.name}")
    try:
        opener = urllib.request.build_opener(Redirects)
        with opener.open(address, timeout=TIMEOUT) as answer, path.open("wb") as file:
            while chunk := answer.read(CHUNK):
                size += len(chunk)
                if size > most:
                    raise FileFormatError(f"{address}: is larger than the {most} bytes that it may have: not kept")
                digest.update(chunk)
                file.write(chunk)
                of.reach(size // 1000, max(most // 1000, 1))
    except (OSError, ValueError, urllib.error.URLError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise FileFormatError(f"{address}: cannot be fetched: {reason}") from error
    finally:
        of.clear()
    return digest.hexdigest()


def extra(address: str, stem: Path, card: dict[str, Any], reporter: Reporter) -> None:
    """Its report, and its mechanism where that is not found here; without them a model is whole as well."""
    optional(lambda: got(beside(address, f"{given_name(address)}.report.json"),
                         stem.with_name(f"{stem.name}.report.json"), MOST, reporter))  # fmt: skip
    if not mechanism_problems(card, stem.parent):
        return
    name = Path(str(card["mechanism"]["path"])).name
    file = stem.with_name(name)
    if optional(lambda: got(beside(address, name), file, LARGEST, reporter)) == card["mechanism"]["sha256"]:
        return
    file.unlink(missing_ok=True)


def optional(get: Callable[[], str]) -> str:
    """What it gives, or nothing."""
    with suppress(FileFormatError):
        return get()
    return ""


def given_name(address: str) -> str:
    return Path(urllib.parse.unquote(urllib.parse.urlsplit(address).path)).stem


def moved(passing: Path, folder: Path, weights: str, name: str) -> None:
    """All files into the folder, the weights under the model's name, the card last. Raises OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.json").unlink(missing_ok=True)
        for file in sorted(passing.iterdir(), key=lambda file: file.name == f"{name}.json"):
            target = folder / (f"{name}.safetensors" if file.name == weights else file.name)
            if file.name == f"{name}.json" and weights != f"{name}.safetensors":
                card = json.loads(file.read_text(encoding="utf-8"))
                card["weights"]["file"], card["name"] = f"{name}.safetensors", name
                replace_bytes(target, (json.dumps(card, indent=1, ensure_ascii=False) + "\n").encode())
                continue
            shutil.copyfile(file, part := target.with_name(target.name + ".part"))
            os.replace(part, target)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written: {error.strerror or error}") from error
