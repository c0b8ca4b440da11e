"""What a model was made of, from the rate constants on: the digest of each stage's input."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

from combust.kinetics.mechanism.mechanism import Mechanism
from combust.surrogates.settings import Surrogate, to_toml

LARGEST = 200_000  # characters of what a mechanism says of its own origin
ORIGIN = re.compile(
    r"^combust:\n((?:[ \t]+.*\n|\n)+)", re.MULTILINE
)  # as combust writes it into mechanisms that it makes
PARENT = re.compile(r"\bparent:\s*\{?[^}]*?\bsha256:\s*['\"]?([0-9a-f]{64})", re.DOTALL)
FILE = re.compile(r"\bparent:\s*\{?[^}]*?\bfile:\s*['\"]?([^\s,'\"}]+)", re.DOTALL)
COMMAND = re.compile(r"^\s+command:\s*(.+)$", re.MULTILINE)


def provenance(gas: Mechanism, settings: Surrogate, identity: dict[str, Any]) -> dict[str, Any]:
    """Of a training that is known by `identity` (`combust.surrogates.training.job.identity_of`): digests (SHA-256) of
    the mechanism and of what that was made from, of the settings, the samples and the network to start from.
    """
    return {
        "mechanism": {"file": Path(gas.path).name, "sha256": gas.sha256} | origin(Path(gas.path)),
        "settings": hashlib.sha256(to_toml(settings).encode()).hexdigest(),
        "samples": [*str(identity["samples"]).split(), *str(identity.get("also", "")).split()],
        "network": identity.get("init"),
    }


def origin(path: Path) -> dict[str, Any]:
    """What a mechanism says of the one that it was made from: "parent", and the "command"; empty if it says nothing."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}  # one that Cantera finds among its own
    found = ORIGIN.search(text)
    if found is None:
        return {}
    own = found[1][:LARGEST]
    parent, file, command = PARENT.search(own), FILE.search(own), COMMAND.search(own)
    made = {} if command is None else {"command": command[1].strip().strip("'\"")}
    if parent is None:
        return made
    return {"parent": {"file": file[1] if file else "", "sha256": parent[1]}} | made
