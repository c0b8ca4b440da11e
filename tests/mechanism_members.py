"""Small mechanisms in all the ways that Cantera reads: those of tests/faults/inputs/mechanism_members.yaml."""

import io
from functools import cache
from pathlib import Path

from ruamel.yaml import YAML

FILE = Path(__file__).parent / "faults" / "inputs" / "mechanism_members.yaml"
SPECIES = [{"h2o2.yaml/species": ["H2", "H", "O", "O2", "OH", "H2O", "HO2", "H2O2", "AR", "N2"]}]


@cache
def _content():
    return YAML(typ="safe").load(FILE.read_text(encoding="utf-8"))


def members():
    """Their names."""
    return list(_content())


def text(name):
    """The Cantera YAML file of one."""
    member = _content()[name]
    phase = {
        "name": "gas", "thermo": "ideal-gas", "elements": ["O", "H", "N", "Ar"], "species": SPECIES,
        "kinetics": "gas", "reactions": "all", "state": {"T": 300.0, "P": "1 atm"},
    }  # fmt: skip
    reactions = [{key: x for key, x in r.items() if x is not None} for r in member["reactions"]]
    units = {"length": "cm", "quantity": "mol", "activation-energy": "cal/mol"}
    whole = {"units": units, "phases": [phase | member.get("phase", {})], "reactions": reactions}
    out = io.StringIO()
    YAML(typ="safe").dump(whole, out)
    return out.getvalue()


def write(name, folder):
    """The file of one in a folder; its path."""
    path = folder / "mechanism.yaml"
    path.write_text(text(name), encoding="utf-8")
    return path
