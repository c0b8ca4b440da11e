"""A mechanism is read as Cantera means it: rates against Cantera for ways of writing one."""

from dataclasses import replace
from pathlib import Path

import draws
import mechanism_members
import numpy as np
import pytest
import torch

from combust.__main__ import main, parser
from combust.errors import MechanismError
from combust.kinetics.gas.names import Names
from combust.kinetics.mechanism import phases
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.mechanism.transport_models import lewis_numbers
from combust.kinetics.rates import jacobian
from combust.kinetics.rates import production as rates
from combust.kinetics.rates.thermo import GAS_CONSTANT
from combust.reduction.submechanism import Parent
from validation import agreement

INPUTS = Path(__file__).parents[1] / "faults" / "inputs"
FAULTS = ("tsang_B0_two", "case_efficiency", "case_collider", "case_reactant", "null_net")
TOLERANCE = 1e-10


def rate_error(gas, count=200, seed=0):
    """Largest departure from Cantera at random states."""
    rng = draws.rng(seed)
    T, p = rng.uniform(300, 3000, count), 101325.0 * 10 ** rng.uniform(-2, 2, count)
    return agreement.rate_error(gas, T, p, rng.dirichlet(np.full(len(gas.species), 0.5), count).T)


def jacobian_error(gas, seed=0):
    """Largest departure of the Jacobian from forward-mode differentiation, over the largest entry of its row."""
    rng = draws.rng(seed)
    T = torch.tensor([900.0, 1700.0], dtype=torch.float64)
    C = torch.tensor(rng.dirichlet(np.full(len(gas.species), 3.0), 2).T) * 3e5 / (GAS_CONSTANT * T)
    ours = jacobian.rate_derivatives(gas.kinetics, T, C)[2]
    W = gas.molar_mass
    error = 0.0
    for i in range(2):
        exact = torch.func.jacfwd(lambda c, i=i: rates.production_rates(gas.kinetics, T[i : i + 1], c[:, None])[:, 0])(
            C[:, i]
        )
        exact = exact * W[:, None] / W
        size = exact.abs().amax(1, keepdim=True) + 1e-250
        error = max(error, float(((ours[..., i] - exact).abs() / size).max()))
    return error


@pytest.mark.parametrize("name", FAULTS)
def test_faults(name):
    assert rate_error(Mechanism.load(INPUTS / f"{name}.yaml")) <= TOLERANCE


WAYS = [name for name in mechanism_members.members() if "quasi-steady" not in name]


@pytest.mark.parametrize("name", WAYS)
def test_ways_to_write(name, tmp_path):
    gas = Mechanism.load(mechanism_members.write(name, tmp_path))
    assert rate_error(gas) <= TOLERANCE
    assert jacobian_error(gas) <= 1e-9


def test_no_net_change():
    gas = Mechanism.load(INPUTS / "null_net.yaml")
    Y = gas.composition("H:1, O:1, H2:1")
    assert not gas.net_production_rates(1500.0, 1e5, Y).any()
    end = gas.integrate(1500.0, 1e5, Y, 1e-3)
    assert torch.equal(end.Y, Y) and float(end.T) == 1500.0


# --- names that users give ------------------------------------------------------------------------------------------


def test_species_are_found_without_regard_to_case():
    gas = Mechanism.load("nDodecane_Reitz.yaml", "nDodecane_IG")  # its names are in lower case
    assert gas.index("O2") == gas.index("o2") and gas.species[gas.index("C12H26")] == "c12h26"
    assert torch.equal(gas.composition("O2:1, N2:3.76"), gas.composition("o2:1, n2:3.76"))
    with pytest.raises(MechanismError, match="no species 'O9'"):
        gas.index("O9")


def test_names_that_differ_in_case_alone():
    names = Names(["CO", "Co", "AR"])
    assert (names.row("CO"), names.row("Co"), names.row("co"), names.row("ar")) == (0, 1, None, 2)
    assert Names(["AR"], case_sensitive=True).row("ar") is None
    assert names.amounts({"AR": 1.0, "ar": 2.0}) == {2: 3.0} and names.values({"AR": 1.0, "ar": 2.0}) == {2: 2.0}


def test_lewis_numbers_by_names_in_another_case():
    gas = Mechanism.load("h2o2.yaml")
    upper, lower = (lewis_numbers(gas, {name: 0.3}, 1.0) for name in ("H2", "h2"))
    assert torch.equal(upper, lower) and float(upper[gas.index("H2")]) == 0.3


# --- what is made of such a mechanism -------------------------------------------------------------------------------


def test_quasi_steady_species_in_another_case(tmp_path):
    states = (1400.0, 2e5, np.full(9, 1 / 9))
    found = []
    for name in ("HO2", "ho2"):
        path = mechanism_members.write("species in quasi-steady state, in lower case", tmp_path)
        path.write_text(path.read_text().replace("ho2]", f"{name}]"))
        gas = Mechanism.load(path)
        assert gas.qss == ("HO2",)
        found.append(gas.net_production_rates(*states))
        solution = gas.cantera()
        solution.TPY = states
        assert np.allclose(solution.net_production_rates, found[-1].numpy(), rtol=1e-9)
    assert torch.equal(*found)


def test_part_of_a_mechanism_with_names_in_another_case(tmp_path):
    """Species and efficiencies that stay, duplicates that lose their twin, and the file of the part."""
    path = mechanism_members.write("several reactions in lower case, two of them duplicates", tmp_path)
    parent = Parent(Mechanism.load(path))
    keep = [parent.gas.index(name) for name in ("H2", "H", "O", "O2", "OH", "H2O", "HO2", "N2")]
    part = parent.keep(keep)
    assert part.reactions == (0, 1, 3, 4)  # no AR: no reaction with it as the collider
    (tmp_path / "part.yaml").write_text(parent.yaml(part, {}))
    assert rate_error(Mechanism.load(tmp_path / "part.yaml")) <= TOLERANCE
    one = replace(part, reactions=(0, 1, 3))
    assert not parent.cantera(one).reaction(2).duplicate


# --- which phase ----------------------------------------------------------------------------------------------------


def test_the_first_phase_that_is_covered_is_read():
    """The first of this file is a Redlich-Kwong gas."""
    gas = Mechanism.load("nDodecane_Reitz.yaml")
    assert gas.name == "nDodecane_IG" and gas.cantera().thermo_model == "ideal-gas"
    with pytest.raises(MechanismError, match="thermo model Redlich-Kwong, allowed: ideal-gas"):
        Mechanism.load("nDodecane_Reitz.yaml", "nDodecane_RK")
    with pytest.raises(MechanismError, match="no phase 'gas'; its phases: nDodecane_RK, nDodecane_IG"):
        Mechanism.load("nDodecane_Reitz.yaml", "gas")


PHASES = """
species:
- {name: A, composition: {H: 2}, thermo: {model: constant-cp, h0: 0.0}}
phases:
- {name: solid, thermo: fixed-stoichiometry, species: [A]}
- name: hot
  thermo: ideal-gas
  species: [A]
  kinetics: gas
  reactions: [plasma]
# a comment in the first column

- &last {name: cold, thermo: ideal-gas, species: [A]}
plasma:
- {equation: A + A => A + A, type: two-temperature-plasma, rate-constant: {A: 1.0, b: 0.0, Ea-gas: 0, Ea-electron: 0}}
other: *last
"""


def test_phases_of_a_file(tmp_path):
    path = tmp_path / "several.yaml"
    path.write_text(PHASES)
    assert [entry["name"] for entry in phases.phases_of(path)] == ["solid", "hot", "cold"]
    assert Mechanism.load(path).name == "cold"
    path.write_text(PHASES.replace("thermo: ideal-gas", "thermo: Redlich-Kwong"))
    with pytest.raises(MechanismError) as caught:
        Mechanism.load(path)
    assert "several.yaml" in str(caught.value)


def test_phase_of_verbs(tmp_path, capsys):
    """--phase of every verb that reads a mechanism; those with a file of settings set its key."""
    arguments = ["nDodecane_Reitz.yaml", "--fuel", "c12h26", "--T", "1400", "--out", str(tmp_path)]
    assert main(["ignite", *arguments, "--phase", "nDodecane_RK"]) == 2
    assert "Redlich-Kwong" in capsys.readouterr().err
    assert main(["info", "nDodecane_Reitz.yaml"]) == 0
    said = capsys.readouterr().out
    assert "phases: nDodecane_RK, nDodecane_IG\nphase nDodecane_IG: 100 species" in said
    assert main(["info", "nDodecane_Reitz.yaml", "--phase", "nDodecane_RK"]) == 0
    assert "combust does not run it" in capsys.readouterr().out
    for verb, table in (("run", "gas."), ("check", "gas."), ("reduce", ""), ("sample", ""), ("train", "")):
        found = parser().parse_args([verb, "a.toml", "--set", "b=1", "--phase", "one", "--ions", "neutral"])
        assert found.set == ["b=1", f'{table}phase="one"', f'{table}ions="neutral"']
    for verb, more in (("ignite", ["--fuel", "H2"]), ("flamespeed", ["--fuel", "H2"]), ("validate", ["data"])):
        found = parser().parse_args([verb, "h2o2.yaml", *more, "--phase", "one"])
        assert (found.phase, found.ions) == ("one", None)


def test_ions_of_a_case_and_of_verbs(tmp_path, capsys):
    arguments = ["ignite", "gri30_ion.yaml", "--fuel", "CH4", "--T", "2000", "--out", str(tmp_path)]
    assert main(arguments) == 2
    assert "--ions neutral" in capsys.readouterr().err
    assert Mechanism.load("gri30_ion.yaml", ions="neutral").ions == "neutral"
