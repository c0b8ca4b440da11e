"""combust thermo: Cp, S and enthalpies of formation of computed structures, as NASA polynomials."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from combust.errors import ConfigError
from combust.parallel import Communicator

if TYPE_CHECKING:
    from combust.kinetics.quantum.thermochemistry.thermo import SpeciesFound, ThermoReport

KEYS = ("method", "enthalpy", "level", "anchors", "mechanism")
ROW = "{:<8} {:>9} {:>6} {:>8} {:>6} {:>8} {:>8} {:>8} {:>9}  {}"
STEP = 100.0  # K, of the table


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "Files: thermo.yaml (species of a Cantera file), thermo.csv, thermo.png. An enthalpy of formation is that "
        "of the isogyric reaction of the records whose bonds change least; its error is how far the next five differ."
    )
    parser.add_argument("records", nargs="+", help="records of structures (JSON), folders of them, or one TOML file")
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="species wanted; others are partners"
    )
    parser.add_argument("--mechanism", metavar="YAML", help="Cantera file whose thermo is shown beside")
    parser.add_argument("--method", choices=["auto", "rrho", "quasi", "rotor"], help="of low modes; default: auto")
    parser.add_argument("--enthalpy", choices=["isogyric", "anchor", "atomisation"], help="default: isogyric")
    parser.add_argument(
        "--level", metavar="NAME", help="of energies: ccsd(t)/cc-pvtz; default: the best in all records"
    )
    parser.add_argument(
        "--anchors", metavar="CSV", help="enthalpies of formation beside those shipped, or in their place"
    )
    parser.add_argument("--T", metavar="LOW:HIGH", help="of the fit [K]; default: 200:3000")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a key of the TOML file")
    parser.add_argument("--out", default=".", metavar="DIR", help="folder of the files; default: the current folder")
    parser.add_argument("--force", action="store_true", help="replace these files")


def call(args: argparse.Namespace, comm: Communicator) -> int:
    """Prints a row for each species and where it is from; writes thermo.yaml, thermo.csv, thermo.png."""
    from combust.kinetics.quantum.thermochemistry.cantera_file import mechanism_thermo, write_species
    from combust.kinetics.quantum.thermochemistry.thermo import thermo
    from combust.report.charts import picture
    from combust.report.tables import outputs, print_path, write_table

    found = thermo(args.records, changes=args.set, **asked(args))
    theirs = mechanism_thermo(found.asked.mechanism) if found.asked.mechanism else {}
    species, table, image = outputs(args.out, ("thermo.yaml", "thermo.csv", "thermo.png"), args.force)
    show(found)
    show_beside(found, theirs)
    for text in found.doubts:
        print(f"doubtful: {text}")
    for name, why in found.left_out:
        print(f"left out: {name}: {why.removeprefix(name + ': ')}")
    write_species(species, found)
    print_path("species", species)
    head = ("species", "temperature_K", "Cp_J_mol_K", "S_J_mol_K", "H_kJ_mol", "Cp_fit", "S_fit", "H_fit")
    write_table(table, head, (row for one in found.species for row in rows(one)))
    print_path("table", table)
    picture(image, lambda: draw(image, found, theirs))
    return 0


def asked(args: argparse.Namespace) -> dict[str, Any]:
    """Settings of the options that are given."""
    settings: dict[str, Any] = {key: value for key in KEYS if (value := getattr(args, key)) is not None}
    if args.only:
        settings["only"] = args.only
    if args.T is not None:
        low, colon, high = args.T.partition(":")
        try:
            settings |= {"T_low": float(low), "T_high": float(high)}
        except ValueError:
            raise ConfigError(f"--T {args.T}: must be LOW:HIGH in K, such as 200:3000") from None
    return settings


def show(found: ThermoReport) -> None:
    """The table, and how each enthalpy was found."""
    from combust.kinetics.quantum.thermochemistry.nasa7 import REFERENCE

    print(f"energies: {found.level}; H in kJ/mol, S and Cp in J/mol/K at {found.asked.pressure / 1e5:g} bar")
    print(ROW.format("species", "Hf 298", "+-", "S 298", "+-", "Cp 300", "Cp 1000", "Cp 2000", "fit [R]", "modes"))
    number = lambda value, digits: "-" if value is None else f"{value:.{digits}f}"  # noqa: E731
    for one in found.species:
        cp = [f"{one.at(T, 'heat'):.2f}" if T <= found.asked.T_high else "-" for T in (300.0, 1000.0, 2000.0)]
        print(ROW.format(one.name, f"{one.formed.H298:.2f}", number(one.formed.error, 1),
                         f"{one.at(REFERENCE, 'entropy'):.2f}", number(one.spread(REFERENCE, "entropy"), 2), *cp,
                         f"{one.fit.error:.1e}", one.chosen.name))  # fmt: skip
    for one in found.species:
        for text in origin(one):
            print(f"  {text}")


def origin(one: SpeciesFound) -> list[str]:
    """Where the enthalpy is from, what others say, which modes are low, what other treatments say."""
    from combust.kinetics.quantum.thermochemistry.nasa7 import REFERENCE

    formed = one.formed
    said = [
        f"{one.name}: Hf {formed.reaction or {'anchor': 'of the table of anchors', 'given': 'as given'}[formed.way]}"
    ]
    if formed.others:
        said.append("    others: " + "; ".join(f"{equation} {value:.1f}" for equation, value in formed.others[:3]))
    if one.low:
        said.append(f"    modes below 150 cm-1: {', '.join(f'{w:.0f}' for w in one.low)}")
    if one.chosen.name == "rotor":
        said.append(f"    {one.chosen.words}")
    for other in one.treated[1:]:
        said.append(f"    {other.name} instead: S298 {one.at(REFERENCE, 'entropy', other):.2f}, "
                    f"Cp {one.at(300.0, 'heat', other):.2f} at 300 K")  # fmt: skip
    return said


def show_beside(found: ThermoReport, theirs: dict[str, Any]) -> None:
    """Differences to a mechanism."""
    from combust.kinetics.quantum.thermochemistry.cantera_file import beside

    rows = [(one.name, beside(one, theirs[one.name.upper()])) for one in found.species if one.name.upper() in theirs]
    if not rows:
        return
    print(f"less {found.asked.mechanism}:")
    print(f"{'species':<8} {'Hf 298':>8} {'S 298':>8} {'Cp 300':>8} {'Cp 1000':>8}")
    for name, one in rows:
        print(f"{name:<8} {one.formation:8.2f} {one.entropy:8.2f} {one.heat_300:8.2f} {one.heat_1000:8.2f}")


def rows(one: SpeciesFound) -> list[tuple[object, ...]]:
    """Of thermo.csv."""
    from combust.kinetics.quantum.constants import GAS
    from combust.kinetics.quantum.thermochemistry.nasa7 import REFERENCE

    grid = [T for T in one.T if T == REFERENCE or not round(float(T), 6) % STEP]
    return [
        (one.name, float(T), one.at(T, "heat"), one.at(T, "entropy"), one.formed.H298 + one.at(T, "enthalpy") / 1e3,
         GAS * float(one.fit.cp(T)), GAS * float(one.fit.s(T)), GAS * T * float(one.fit.h(T)) / 1e3)
        for T in grid
    ]  # fmt: skip


def draw(path: Path, found: ThermoReport, theirs: dict[str, Any]) -> None:
    """Cp and S over T: the data, the other treatments, the fit, and a mechanism's."""
    from combust.kinetics.quantum.constants import GAS
    from combust.report.charts import drawing

    with drawing(path, (7.2, 1.0 + 2.0 * len(found.species))) as figure:
        grid = figure.subplots(len(found.species), 2, squeeze=False, sharex=True)
        for (left, right), one in zip(grid, found.species, strict=True):
            for axes, what, fitted, of in ((left, "heat", one.fit.cp, "cp"), (right, "entropy", one.fit.s, "s")):
                axes.plot(one.T, getattr(one.chosen.gas, what), lw=3, alpha=0.35, label=one.chosen.name)
                for other in one.treated[1:]:
                    axes.plot(one.T, getattr(other.gas, what), "--", lw=1, label=other.name)
                axes.plot(one.T, GAS * fitted(one.T), "k-", lw=0.8, label="fit")
                if (known := theirs.get(one.name.upper())) is not None:
                    inside = one.T[(one.T >= known.min_temp) & (one.T <= known.max_temp)]
                    axes.plot(inside, [getattr(known, of)(T) / 1e3 for T in inside], ":", lw=1.2, color="C3",
                              label=Path(str(found.asked.mechanism)).name)  # fmt: skip
            left.set(title=one.name, ylabel="Cp [J/mol/K]")
            low, high = left.get_ylim()
            if high - low < 1:  # of an atom: no scale of round-off
                left.set_ylim(low - 1, high + 1)
            right.set(title=f"Hf {one.formed.H298:.1f} kJ/mol", ylabel="S [J/mol/K]")
            if one is found.species[0] or one.treated[1:]:
                left.legend(frameon=False, fontsize=7)
        for axes in grid[-1]:
            axes.set_xlabel("T [K]")
