"""What a model was made of, from the rate constants on: the digest of each stage's input."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

from combust.kinetics.constants.merge import KEY, entry_of
from combust.kinetics.mechanism import phases, places
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.surrogates.settings import Surrogate, to_toml

MADE_OF = ("records", "trajectories")  # of structures, of molecular dynamics
LARGEST = 200_000  # characters of what a mechanism says of its own origin
ORIGIN = re.compile(  # as combust writes it into mechanisms that it makes; Cantera puts it into the phase, indented
    r"^([ \t]*)combust:\n((?:\1[ \t]+.*\n|\n)+)", re.MULTILINE
)
PARENT = re.compile(r"\bparent:\s*\{?[^}]*?\bsha256:\s*['\"]?([0-9a-f]{64})", re.DOTALL)
FILE = re.compile(r"\bparent:\s*\{?[^}]*?\bfile:\s*['\"]?([^\s,'\"}]+)", re.DOTALL)
COMMAND = re.compile(r"^\s+command:\s*(.+)$", re.MULTILINE)


def provenance(gas: Mechanism, settings: Surrogate, identity: dict[str, Any]) -> dict[str, Any]:
    """Of a training that is known by `identity` (`combust.surrogates.training.job.identity_of`): digests (SHA-256) of
    the mechanism and of what that was made from, of the settings, the samples and the network to start from.
    """
    return {
        "mechanism": {"file": Path(gas.path).name, "sha256": gas.sha256} | origin(Path(gas.path)) | rates(gas),
        "settings": hashlib.sha256(to_toml(settings).encode()).hexdigest(),
        "samples": [*str(identity["samples"]).split(), *str(identity.get("also", "")).split()],
        "network": identity.get("init"),
    }


def rates(gas: Mechanism) -> dict[str, Any]:
    """Where rate constants are from that say so, as `combust merge` writes them: "rates", each with the digests of the
    records or trajectories that it was made of; empty if none says so.
    """
    path, found = places.find(gas.path), []
    if KEY not in path.read_text(encoding="utf-8", errors="replace"):
        return {}
    for reaction in phases.solution(path, gas.name, transport=False).reactions():
        about = entry_of(reaction)
        digests = [str(one) for kind in MADE_OF for one in about.get(kind, ())]
        if digests:
            found.append({"equation": reaction.equation, "source": about.get("source", ""), "digests": digests})
    return {"rates": found} if found else {}


def origin(path: Path) -> dict[str, Any]:
    """What a mechanism says of the one that it was made from: "parent", and the "command"; empty if it says nothing."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}  # one that Cantera finds among its own
    found = ORIGIN.search(text)
    if found is None:
        return {}
    own = found[2][:LARGEST]
    parent, file, command = PARENT.search(own), FILE.search(own), COMMAND.search(own)
    made = {} if command is None else {"command": command[1].strip().strip("'\"")}
    if parent is None:
        return made
    return {"parent": {"file": file[1] if file else "", "sha256": parent[1]}} | made
