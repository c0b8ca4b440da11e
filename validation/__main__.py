"""Runs the validation studies, all of them or those named: `python -m validation [--list] [--smoke] [name ...]`."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import inspect
import pkgutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

import validation
from validation.report import ROOT, Report, UnknownRun


def studies() -> dict[str, ModuleType]:
    """Modules of this package that have a TITLE and run(report), by name."""
    names = sorted(m.name for m in pkgutil.iter_modules(validation.__path__) if m.name != "__main__")
    modules = {name: importlib.import_module(f"validation.{name}") for name in names}
    return {name: module for name, module in modules.items() if hasattr(module, "TITLE") and hasattr(module, "run")}


def run(name: str, module: ModuleType, only: list[str], workers: int, root: Path = ROOT) -> Report:
    """Runs one study and writes its page below `root`."""
    report = Report(name, module.TITLE, root)
    report.progress(module.TITLE)
    options = {"only": only, "workers": workers}
    module.run(report, **{k: v for k, v in options.items() if k in inspect.signature(module.run).parameters})
    report.progress(f"written to {report.write()}")
    return report


def smoke(name: str, module: ModuleType, only: list[str]) -> Report:
    """Runs one study on the sizes of its SMOKE, seconds in all, and writes nothing that stays."""
    with tempfile.TemporaryDirectory() as folder, small(module):
        return run(name, module, only, 1, Path(folder))


@contextlib.contextmanager
def small(module: ModuleType) -> Iterator[None]:
    """Puts SMOKE, names of a module's globals and other values for them, in their place; of its kinds' too."""
    with contextlib.ExitStack() as stack:
        for each in (module, *getattr(module, "kinds", dict)().values()):
            if each.SMOKE:
                stack.enter_context(patch.multiple(each, **each.SMOKE))
        yield


def arguments() -> argparse.ArgumentParser:
    """Of the command line."""
    parser = argparse.ArgumentParser(prog="python -m validation", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help="studies to run; all if none is named")
    parser.add_argument("--list", action="store_true", help="list the studies and stop")
    parser.add_argument("--only", action="append", default=[], metavar="RUN",
                        help="of reduction, learned, rounds, transfer, family, trust, trust_across_scales, "
                             "ignition_ends: runs whose names begin so; the rest stays")  # fmt: skip
    parser.add_argument("--workers", type=int, default=0, help="of reduction: processes; 0: as many as cores")
    parser.add_argument("--smoke", action="store_true",
                        help="tiny sizes, in seconds: shows that a study runs; its verdicts mean nothing, it writes "
                             "nothing")  # fmt: skip
    return parser


def main(argv: list[str] | None = None) -> int:
    """Exit code: 0 all targets met (or --smoke), 1 some missed, 2 unknown study or run."""
    options = arguments().parse_args(argv)
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
    if options.smoke:
        for name in options.names or known:
            print(f"{name:20} {len(smoke(name, known[name], options.only).targets)} verdicts, of tiny sizes")
        return 0
    try:
        missed = {name: run(name, known[name], options.only, options.workers).missed for name in options.names or known}
    except UnknownRun as error:
        print(error, file=sys.stderr)
        return 2
    for name, what in missed.items():
        print(f"{name:20} {'targets met' if not what else 'MISSED: ' + '; '.join(what)}")
    return 1 if any(missed.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
