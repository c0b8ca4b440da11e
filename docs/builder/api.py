"""Pages of the Python API: one for each package of combust, with every module in it, from the docstrings."""

from __future__ import annotations

import ast
from pathlib import Path

INTRODUCTION = """# Python API

One page for each package, made of its docstrings: shapes stand in round brackets after a name,
`(species, ...cells)`, units in square ones; everything is SI with kmol. [Conventions](../../conventions.md)
says what shapes and names mean, [kinetics](../../kinetics.md) shows the calls that a script begins with, and
[design](../../design.md) which package may use which.

"""
ORDER = ("", "kinetics", "cfd", "io", "reduction", "surrogates", "experiments", "case", "run", "check", "settings")


def pages(package: Path) -> dict[str, str]:
    """File name -> text, for every folder with an `__init__.py` and the contents of them all."""
    folders = sorted((path.parent for path in package.rglob("__init__.py")), key=lambda path: rank(package, path))
    made = {f"{dotted(package, folder)}.rst": page(package, folder) for folder in folders}
    rows = [f"| [{name.removesuffix('.rst')}]({name}) | {purpose(f)} |" for name, f in zip(made, folders, strict=True)]
    entries = "\n".join(name.removesuffix(".rst") for name in made)
    contents = f"\n\n```{{toctree}}\n:hidden:\n\n{entries}\n```\n"
    return {"index.md": INTRODUCTION + "\n".join(["| package | |", "|---|---|", *rows]) + contents, **made}


def page(package: Path, folder: Path) -> str:
    """reStructuredText, since autodoc writes that."""
    name = dotted(package, folder)
    lines = [name, "=" * len(name), "", f".. automodule:: {name}", "   :no-members:", ""]
    for module in sorted(folder.glob("*.py")):
        if module.stem in ("__init__", "__main__"):
            continue
        full = f"{name}.{module.stem}"
        lines += [full, "-" * len(full), "", f".. automodule:: {full}", ""]
    return "\n".join(lines)


def dotted(package: Path, folder: Path) -> str:
    return ".".join((package.name, *folder.relative_to(package).parts))


def purpose(folder: Path) -> str:
    """First line of a package's docstring."""
    text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))) or ""
    return text.split("\n\n")[0].replace("\n", " ").replace("|", "\\|")


def rank(package: Path, folder: Path) -> tuple[int, str]:
    """Rooms in the order a reader wants them, each with its folders behind it."""
    parts = folder.relative_to(package).parts or ("",)
    return (ORDER.index(parts[0]) if parts[0] in ORDER else len(ORDER), "/".join(parts))
