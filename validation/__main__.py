"""Runs the validation studies, all of them or those named: `python -m validation [--list] [name ...]`."""

from __future__ import annotations

import argparse
import importlib
import inspect
import pkgutil
import sys
from types import ModuleType

import validation


def studies() -> dict[str, ModuleType]:
    """Modules of this package that have a TITLE and run(report), by name."""
    names = sorted(m.name for m in pkgutil.iter_modules(validation.__path__) if m.name != "__main__")
    modules = {name: importlib.import_module(f"validation.{name}") for name in names}
    return {name: module for name, module in modules.items() if hasattr(module, "TITLE") and hasattr(module, "run")}


def run(name: str, module: ModuleType, only: list[str], workers: int) -> list[str]:
    """Runs one study and writes its page; returns what missed its target."""
    from validation.report import Report

    report = Report(name, module.TITLE)
    report.progress(module.TITLE)
    options = {"only": only, "workers": workers}
    module.run(report, **{k: v for k, v in options.items() if k in inspect.signature(module.run).parameters})
    report.progress(f"written to {report.write()}")
    return report.missed


def main(arguments: list[str] | None = None) -> int:
    """Exit code: 0 all targets met, 1 some missed, 2 unknown study."""
    parser = argparse.ArgumentParser(prog="python -m validation", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help="studies to run; all if none is named")
    parser.add_argument("--list", action="store_true", help="list the studies and stop")
    parser.add_argument("--only", action="append", default=[], metavar="RUN",
                        help="of reduction, learned, trust: runs whose names begin so; the rest stays")  # fmt: skip
    parser.add_argument("--workers", type=int, default=0, help="of reduction: processes; 0: as many as cores")
    options = parser.parse_args(arguments)
    known = studies()
    if options.list:
        for name, module in known.items():
            print(f"{name:20} {module.TITLE}")
        return 0
    if unknown := [name for name in options.names if name not in known]:
        print(f"unknown study {', '.join(unknown)}; known: {', '.join(known)}", file=sys.stderr)
        return 2

    import torch

    torch.set_num_threads(1)
    missed = {name: run(name, known[name], options.only, options.workers) for name in options.names or known}
    for name, what in missed.items():
        print(f"{name:20} {'targets met' if not what else 'MISSED: ' + '; '.join(what)}")
    return 1 if any(missed.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
