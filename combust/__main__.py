"""The command line: `combust <verb>`; `combust --help` lists the verbs."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from collections.abc import Sequence

from combust import __version__
from combust.cli import models, reduce, sample, train, verify
from combust.cli.configs import phase_keys
from combust.errors import CombustError
from combust.parallel import Communicator, all_or_none, report, world
from combust.settings import FILES
from combust.settings.ranges import HELP, PRESSURE_HELP, number
from combust.terminal import shown, told
from combust.warned import in_words

EXIT_CODES = """exit codes:
  0 done   1 failed (disk full, bug)   2 bad input   3 diverged
  4 stopped by a signal or the wall limit: continue with --restart auto (run) or --resume (reduce)"""

MODULES = {  # of verbs that are a function of the same name, which takes the arguments
    "ignite": "combust.cli.ignite", "flamespeed": "combust.cli.flamespeed", "extinction": "combust.cli.extinction",
    "validate": "combust.experiments.validate",
}  # fmt: skip

VERBS = {  # files of verbs that hold their arguments, too
    "reduce": (reduce, "make a small mechanism of a large one that meets error tolerances"),
    "sample": (sample, "states and exact end states for learned chemistry"),
    "train": (train, "train a learned chemistry on sampled states"),
    "verify": (verify, "report card of a learned chemistry: reactors and flames beside exact chemistry"),
    "models": (models, "the models that come with combust: list, verify the files, explain one"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one verb; returns the exit code."""
    with shown(), in_words():
        return told(lambda: run_verb(parser().parse_args(argv)))


def run_verb(args: argparse.Namespace) -> int:
    """Runs what the command line asks for, on all ranks; errors become messages and exit codes."""
    comm = Communicator()
    try:
        if args.verb in ("run", "check"):
            comm = world()
        with all_or_none(comm):
            try:
                return dispatch(args, comm)
            except CombustError:
                # What all ranks find, the root says: it ends the others while they wait here.
                time.sleep(1.0 if comm.rank else 0.0)
                raise
    except (Exception, KeyboardInterrupt) as error:
        return report(error, comm)


def dispatch(args: argparse.Namespace, comm: Communicator) -> int:
    """Calls the verb; what it needs is loaded only now."""
    if args.verb == "run":
        from combust.run.run import run

        return run(args.case, comm, overrides(args), args.restart, args.force, args.change)
    if args.verb == "doctor":
        from combust.cli.doctor import doctor

        return doctor()
    if args.verb == "plot":
        from combust.run.picture import plot

        print(plot(args.folder, args.fields.split(",") if args.fields else None, args.out, args.time))
        return 0
    if args.verb in VERBS:
        return VERBS[args.verb][0].call(args, comm)
    if args.verb in MODULES:
        return int(getattr(importlib.import_module(MODULES[args.verb]), args.verb)(args))
    if args.verb == "check":
        from combust.check.command import check

        return check(args.case, comm, overrides(args), args.ranks, args.trial)
    from combust.cli import look as commands

    if args.verb == "info":
        return commands.info(args.file, args.phase)
    if args.verb == "schema":
        return commands.schema(args.markdown, args.file)
    return commands.kinds(args.section)


def overrides(args: argparse.Namespace) -> list[str]:
    """--set, and the options that are short for it."""
    extra = [f"output.directory={json.dumps(args.out)}"] if args.out else []
    return [*args.set, *extra, *([f"stop.steps={args.steps}"] if args.steps is not None else [])]


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        "combust",
        description="Multiscale combustion: from rate constants to flames.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"combust {__version__}")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="verb")
    run = case_verb(verbs, "run", "simulate a case")
    run.add_argument("--restart", metavar="auto|FILE", help="continue from the newest checkpoint, if any, or from FILE")
    run.add_argument("--force", action="store_true", help="remove combust's files from a folder that is not empty")
    run.add_argument("--change", action="store_true", help="continue though the physics of the case were changed")
    check = case_verb(verbs, "check", "build a case and say what a run would do: memory, first step, what is doubtful")
    check.add_argument("--ranks", type=int, metavar="N", help="count the memory for N ranks")
    check.add_argument("--trial", action="store_true", help="take a step: routes, seconds, peak memory; writes nothing")
    info = verb(verbs, "info", "what is in a checkpoint, .vtr, .pvd, mechanism or failed cell")
    info.add_argument("file")
    info.add_argument("--phase", metavar="NAME", help="a phase of a mechanism; the one that combust reads if omitted")
    schema = verb(verbs, "schema", "JSON Schema of the files that combust takes, for editors")
    schema.add_argument(
        "--for", dest="file", default="case", choices=FILES, help="which file: a case (default), or that of a verb"
    )
    schema.add_argument("--markdown", action="store_true", help="reference tables instead")
    plot_arguments(verbs)
    ignite_arguments(verbs)
    flamespeed_arguments(verbs)
    extinction_arguments(verbs)
    validate_arguments(verbs)
    for name, (file, text) in VERBS.items():
        file.arguments(verb(verbs, name, text))
    verb(verbs, "doctor", "versions of all that combust needs, and how to get what is missing")
    listing = verb(verbs, "list", "kinds that a case file may name")
    listing.add_argument("section", nargs="?", help="one table: mesh, chemistry, initial, boundary, ...")
    return top


def verb(verbs: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str) -> argparse.ArgumentParser:
    return verbs.add_parser(name, help=text, description=text)


def case_verb(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str
) -> argparse.ArgumentParser:
    """A verb that takes a case file and changes to it."""
    made = verb(verbs, name, text)
    made.add_argument("case", help="case file (TOML)")
    made.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a key: numerics.cfl=0.3")
    phase_keys(made, "gas.")
    made.add_argument("--out", metavar="DIR", help="output folder")
    made.add_argument("--steps", type=int, metavar="N", help="end after step N of the case")
    return made


def mechanism_arguments(made: argparse.ArgumentParser, text: str) -> None:
    made.add_argument("mechanism", help=text)
    made.add_argument("--phase", metavar="NAME", help="phase of that file; default: the first that combust covers")
    made.add_argument("--ions", choices=["neutral"], help="let ions of an ionized-gas phase diffuse like neutrals")


def mixture_arguments(made: argparse.ArgumentParser, temperature: str) -> None:
    made.add_argument("--fuel", required=True, metavar="X", help="a species, or mole fractions: CH4:0.8,H2:0.2")
    made.add_argument("--oxidizer", default="O2:1, N2:3.76", metavar="X", help="default: %(default)s")
    made.add_argument("--phi", default="1", metavar="RANGE", help="equivalence ratios; default: %(default)s")
    made.add_argument(
        "--T",
        default=temperature,
        metavar="RANGE",
        help="temperatures in K, or with a unit: 500:900:5degC; default: %(default)s",
    )
    made.add_argument("--p", default="1", metavar="RANGE", help=f"pressures: {PRESSURE_HELP}")


def plot_arguments(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    plot = verb(verbs, "plot", "draw fields and history of a run from its output folder")
    plot.add_argument("folder")
    plot.add_argument("--fields", metavar="A,B", help="fields to draw; T and a second one if omitted")
    plot.add_argument(
        "--time",
        type=number("time"),
        metavar="S",
        help="the output nearest to this time in s, or with a unit: 50us; default: the last",
    )
    plot.add_argument(
        "--out", metavar="PATH",
        help="picture (.png, .pdf or .svg), or a folder for flame.png; default: flame.png in the folder of the run",
    )  # fmt: skip


def ignite_arguments(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    made = verb(verbs, "ignite", "ignition delays over ranges of mixture, temperature and pressure")
    made.epilog = f"RANGE: {HELP}. Exit code 3 if nothing ignited, or a reactor failed: its row says why."
    mechanism_arguments(made, "mechanism file (Cantera YAML)")
    mixture_arguments(made, "1000:1800:9")
    made.add_argument("--hold", default="uv", choices=["uv", "hp"], help="what is constant: u, v (default) or h, p")
    made.add_argument(
        "--delay", "--criterion", action="append", metavar="TEXT",
        help='what the delay is: T, p or a species (OH* is found as OHEX, OHV, ... too), then "max slope", "max", '
        '"half max", "20%% max", "max slope extrapolated" or "min slope"; again: another column; default: T max slope',
    )  # fmt: skip
    made.add_argument(
        "--time",
        type=number("time"),
        default=10.0,
        metavar="S",
        help="longest delay in s, or with a unit: 50ms; default: %(default)s",
    )
    made.add_argument("--rtol", type=float, default=1e-6, help="default: %(default)s")
    made.add_argument("--atol", type=float, default=1e-15, help="of mass fractions; default: %(default)s")
    output_arguments(made, "ignite.csv and .png")


def flamespeed_arguments(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    made = verb(verbs, "flamespeed", "laminar flame speeds over ranges of mixture, temperature and pressure")
    made.epilog = (
        f"RANGE: {HELP}. A speed is extrapolated to zero spacing from grids that are each halved; beside it stand an "
        "estimate of its error and that of the finest grid's own speed. A flame that is not found is a row with the "
        "reason, and exit code 3."
    )
    mechanism_arguments(made, "mechanism file (Cantera YAML) with transport data")
    mixture_arguments(made, "300")
    flame_arguments(made)
    made.add_argument(
        "--refine", default="extrapolated", choices=["customary", "extrapolated", "converged"],
        help="extrapolated: halved until the speed stays within 0.3 %%; converged: within 0.05 %%, and the grid's own "
        "within 0.5 %%; customary: one grid of Cantera's, no estimate; default: %(default)s",
    )  # fmt: skip
    made.add_argument("--max-points", type=int, default=6000, metavar="N", help="of a grid; default: %(default)s")
    made.add_argument(
        "--width", type=number("length"), default=0.02, metavar="M",
        help="first domain in m (1e-6 to 100) or with a unit: 2cm, widened as flames need it; default: %(default)s",
    )  # fmt: skip
    output_arguments(made, "flamespeed.csv and .png")


def extinction_arguments(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    made = verb(verbs, "extinction", "strain rates at which counterflow diffusion flames go out")
    made.epilog = (
        f"RANGE: {HELP}. The branch of flames is followed past its turning point, at a fixed ratio of the jets' "
        "momentum fluxes, and the turning point extrapolated to zero spacing. One that is not found is a row with the "
        "reason, and exit code 3."
    )
    mechanism_arguments(made, "mechanism file (Cantera YAML) with transport data")
    made.add_argument("--fuel", required=True, metavar="X", help="a species, or mole fractions: CH4:0.8,N2:0.2")
    made.add_argument("--oxidizer", default="O2:1, N2:3.76", metavar="X", help="default: %(default)s")
    made.add_argument("--T-fuel", default="300", metavar="RANGE", help="of the fuel, in K or with a unit; %(default)s")
    made.add_argument("--T-oxidizer", default="300", metavar="RANGE", help="of the oxidizer; %(default)s")
    made.add_argument("--p", default="1", metavar="RANGE", help=f"pressures: {PRESSURE_HELP}")
    made.add_argument(
        "--width",
        type=number("length"),
        default=0.02,
        metavar="M",
        help="between the jets, in m or with a unit: 2cm; default: %(default)s",
    )
    made.add_argument(
        "--momentum-ratio", type=float, default=1.0, metavar="M",
        help="rho u^2 of the fuel over that of the oxidizer; default: %(default)s",
    )  # fmt: skip
    made.add_argument(
        "--strain", type=number("rate"), default=60.0, metavar="A",
        help="global strain rate of the first flame [1/s], a quarter to four times it are tried too; %(default)s",
    )  # fmt: skip
    flame_arguments(made)
    made.add_argument("--max-points", type=int, default=3000, metavar="N", help="of a grid; default: %(default)s")
    output_arguments(made, "extinction.csv, _curve.csv and .png")


def flame_arguments(made: argparse.ArgumentParser) -> None:
    """What is modelled of a flame."""
    made.add_argument("--transport", default="mixture-averaged", choices=["mixture-averaged", "unity-Lewis"])
    made.add_argument("--soret", action="store_true", help="with thermal diffusion")
    made.add_argument("--radiation", action="store_true", help="of H2O and CO2, optically thin, nothing else radiates")
    made.add_argument(
        "--emissivity", default="0,0", metavar="A,B",
        help="of the left and the right boundary, whose temperatures radiate back; default: %(default)s",
    )  # fmt: skip


def validate_arguments(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    made = verb(verbs, "validate", "compare a mechanism with published experiments")
    made.epilog = (
        "Ignition delays (shock tubes, compression machines): geometric mean of simulated / measured, mean |ln|, "
        "standard deviation of ln, E = mean (ln / sigma)^2. Burning velocities, and species of stirred and flow "
        "reactors and of flames on a burner: mean relative difference, its mean size, share within two sigma, "
        "E = mean (difference / sigma)^2. A file that cannot be used does not stop the others; exit code 2 if none "
        "can, 3 if a point of one cannot be simulated."
    )
    mechanism_arguments(made, "mechanism file (Cantera YAML)")
    made.add_argument("data", nargs="+", help="ChemKED (.yaml) or ReSpecTh (.xml) files, or folders of them")
    made.add_argument("--hold", default="uv", choices=["uv", "hp"],
                      help="what is constant in ignition: u, v (default) or h, p")  # fmt: skip
    made.add_argument("--transport", default="mixture-averaged", choices=["mixture-averaged", "unity-Lewis"],
                      help="of flames (%(default)s)")  # fmt: skip
    made.add_argument("--soret", action="store_true", help="thermal diffusion in flames")
    made.add_argument("--refine", default="extrapolated", choices=["customary", "extrapolated", "converged"],
                      help="grids of burning velocities, as of flamespeed (%(default)s)")  # fmt: skip
    made.add_argument("--alias", action="append", default=[], metavar="A=B", help="species A of the data is B here")
    made.add_argument(
        "--within", type=float, default=30.0, metavar="F", help="simulate F times the measured delay (%(default)s)"
    )
    made.add_argument("--points", action="store_true", help="print every point, not only every data set")
    folder_arguments(made, "validate.csv and .png")


def folder_arguments(made: argparse.ArgumentParser, files: str) -> None:
    made.add_argument("--out", default=".", metavar="DIR", help=f"folder of {files}; default: the current one")
    made.add_argument("--force", action="store_true", help="replace these files")


def output_arguments(made: argparse.ArgumentParser, files: str) -> None:
    made.add_argument(
        "--out", default=".", metavar="PATH",
        help=f"folder of {files}, or one file: .csv or .json for the table, .png, .pdf or .svg for the picture; "
        "default: the current folder",
    )  # fmt: skip
    made.add_argument("--force", action="store_true", help="replace these files")


if __name__ == "__main__":
    sys.exit(main())
