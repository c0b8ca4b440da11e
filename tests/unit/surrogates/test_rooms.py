"""Rooms of learned chemistry import one way, and nothing of it imports the command line."""

import ast
from pathlib import Path

import pytest

import combust

ROOT = Path(combust.__file__).parent
ROOMS = {  # those that a room may import
    "model": {"model"},
    "data": {"model", "data"},
    "trust": {"model", "trust"},
    "provider": {"model", "trust", "provider"},
    "training": {"model", "data", "trust", "provider", "training"},
    "judge": {"model", "data", "trust", "provider", "training", "judge"},
}


def imports(folder):
    """(file, module) of all imports, those within functions too."""
    for path in sorted(folder.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                yield from ((path.name, f"{node.module}.{name.name}") for name in node.names)


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_one_way(room):
    wrong = []
    for file, module in imports(ROOT / "surrogates" / room):
        parts = module.split(".")
        above = {"cli", "check", "reduction", "experiments", *(() if room == "judge" else ("run",))}
        if parts[0] != "combust" or len(parts) < 3:
            continue
        if parts[1] in above or (parts[1] == "surrogates" and parts[2] in ROOMS.keys() - ROOMS[room]):
            wrong.append(f"{file}: {module}")
    assert not wrong


def test_nothing_prints():
    """What the verbs do is told by report objects and reporters."""
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for part in ("surrogates", "reduction")
        for path in sorted((ROOT / part).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"
    ]
    assert not found
