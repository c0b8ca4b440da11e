"""Imports: no circles among modules, and one direction between packages, by the order of LAYERS.

Imports within functions and under TYPE_CHECKING count like all others: what a module needs to be understood is what it
names, wherever it names it.
"""

import ast
import functools
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# From the bottom up: a module imports from its own package and from those that stand before it here. The longest prefix
# of its name is its package.
# The same table is in docs/design.md, "Layers".
LAYERS = (
    ("base", ("combust",)),
    ("settings", ("combust.settings",)),
    ("kinetics", (
        "combust.kinetics.rates", "combust.kinetics.transport", "combust.kinetics.gas",
        "combust.kinetics.integrate", "combust.kinetics.mechanism", "combust.kinetics",
        "combust.kinetics.providers", "combust.kinetics.reactors", "combust.kinetics.flames",
    )),
    ("cfd", (
        "combust.cfd.mesh", "combust.cfd.synthetic", "combust.cfd.operators", "combust.cfd.boundaries",
        "combust.cfd.closures", "combust.cfd.sources", "combust.cfd.diagnostics", "combust.cfd.pressure",
        "combust.cfd.initial", "combust.cfd.interaction", "combust.cfd.model", "combust.cfd.lowmach",
        "combust.cfd.concerns",
    )),
    ("io", ("combust.io",)),
    ("report", ("combust.report",)),
    ("molecules", (
        "combust.kinetics.dynamics", "combust.kinetics.trajectories.formats", "combust.kinetics.trajectories",
        "combust.kinetics.quantum", "combust.kinetics.quantum.thermochemistry", "combust.kinetics.constants",
        "combust.kinetics.falloff", "combust.kinetics.uncertainty",
    )),
    ("experiments", ("combust.experiments.formats", "combust.experiments")),
    ("reduction", ("combust.reduction",)),
    ("surrogates", (
        "combust.surrogates.settings", "combust.surrogates.origin", "combust.surrogates.model",
        "combust.surrogates.library", "combust.surrogates.trust", "combust.surrogates.provider", "combust.surrogates",
        "combust.surrogates.data", "combust.surrogates.training",
    )),
    ("case", ("combust.case",)),
    ("run", ("combust.run",)),
    ("judge", ("combust.surrogates.judge", "combust.surrogates.rounds")),
    ("check", ("combust.check", "combust.profiling")),
    ("chain", ("combust.chain",)),
    ("cli", ("combust.cli", "combust.api", "combust.__main__", "combust.run.__main__")),
)  # fmt: skip
ORDER = [prefix for _, prefixes in LAYERS for prefix in prefixes]

# What still points upwards, (module, package): each must be real, and goes from here when it is mended.
UPWARD: set[tuple[str, str]] = set()
# Circles among modules that are still there: the same.
CIRCLES: set[frozenset[str]] = set()


def modules() -> dict[str, Path]:
    """Name -> file."""
    found = {}
    for path in sorted((ROOT / "combust").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@functools.cache
def nodes(text: str) -> list[ast.AST]:
    """Classes and imports of a module, wherever they are in it."""
    return [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.ClassDef | ast.Import | ast.ImportFrom)]


def imported(name: str, path: Path, known: dict[str, Path]) -> set[str]:
    """Modules of combust that a file imports, anywhere in it."""
    found = set()
    for node in nodes(path.read_text()):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
                base = ".".join([*package[: len(package) - node.level + 1], *([base] if base else [])])
            names = {f"{base}.{alias.name}" for alias in node.names}
            found |= {one if one in known else base for one in names}
    return {one for one in found if one in known and one != name}


@functools.cache
def graph() -> dict[str, set[str]]:
    known = modules()
    return {name: imported(name, path, known) for name, path in known.items()}


def place(name: str) -> int:
    """Of a module in ORDER; modules straight in combust/ are the first layer's."""
    fits = [prefix for prefix in ORDER if name == prefix or name.startswith(prefix + ".")]
    best = max(fits, key=len)
    return -1 if best == "combust" and name.count(".") > 1 else ORDER.index(best)


def circles(edges: dict[str, set[str]]) -> set[frozenset[str]]:
    """Groups of modules each of which can be reached from each other (Tarjan's strongly connected components)."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = set()

    def visit(name: str) -> None:
        number[name] = low[name] = len(number)
        stack.append(name)
        for other in edges[name]:
            if other not in number:
                visit(other)
            if other in stack:
                low[name] = min(low[name], low[other])
        if low[name] == number[name]:
            group = set()
            while name not in group:
                group.add(stack.pop())
            if len(group) > 1:
                found.add(frozenset(group))

    for name in edges:
        if name not in number:
            visit(name)
    return found


def test_no_circles_among_modules():
    found = circles(graph())
    new, mended = found - CIRCLES, CIRCLES - found
    assert not new, f"modules import each other: {[sorted(group) for group in new]}"
    assert not mended, f"no circles any more, take them from CIRCLES: {[sorted(group) for group in mended]}"


def test_a_circle_is_found():
    edges = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}
    assert circles(edges) == {frozenset({"b", "c"})}
    known = {"combust.x": Path(), "combust.x.y": Path(), "combust.z": Path()}
    text = "if TYPE_CHECKING:\n    from combust import z\n\n\ndef f():\n    from . import y\n"
    assert imported_of(text, "combust.x", known) == {"combust.z", "combust.x.y"}


def imported_of(text: str, name: str, known: dict[str, Path]) -> set[str]:
    class Package:
        name = "__init__.py"

        def read_text(self) -> str:
            return text

    return imported(name, Package(), known)  # type: ignore[arg-type]


def test_every_module_has_a_layer():
    lost = [name for name in modules() if place(name) < 0]
    assert not lost, f"name their packages in LAYERS, and in docs/design.md: {lost}"
    unused = [prefix for prefix in ORDER if prefix not in modules()]
    assert not unused, unused


def test_imports_point_one_way():
    found = set()
    for name, others in graph().items():
        for other in others:
            if place(other) > place(name):
                found.add((name, ORDER[place(other)]))
    new, mended = found - UPWARD, UPWARD - found
    assert not new, f"imports that point upwards: {sorted(new)}"
    assert not mended, f"no longer there, take them from UPWARD: {sorted(mended)}"


def test_the_design_has_the_same_layers():
    page = (ROOT / "docs" / "design.md").read_text()
    rows = re.findall(r"^\| (\w+) \| (`combust[^|]*) \|", page.partition("## Layers")[2], re.MULTILINE)
    assert [(layer, tuple(re.findall(r"`([^`]+)`", names))) for layer, names in rows] == list(LAYERS)


# Names of seams: what one reads in a message, a signature or the reference is then one thing.
ONE_THING = {
    "Case", "Chemistry", "Closure", "Columns", "Fields", "Flow", "Frozen", "Grid", "Kernel", "Layer", "Mechanism",
    "Network", "Numerics", "Place", "Plane", "Reconstruction", "Stream", "Trajectory", "View",
}  # fmt: skip


def test_names_of_seams_stand_for_one_class_each():
    classes = [
        node.name
        for path in modules().values()
        for node in nodes(path.read_text(encoding="utf-8"))
        if isinstance(node, ast.ClassDef)
    ]
    assert {name: classes.count(name) for name in ONE_THING} == dict.fromkeys(ONE_THING, 1)
