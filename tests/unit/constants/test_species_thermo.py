"""combust merge --thermo: data of species in the place of a mechanism's."""

import json

import cantera as ct
import pytest

from combust import api
from combust.__main__ import main
from combust.errors import ConfigError, MechanismError
from combust.kinetics.mechanism.mechanism import Mechanism

R = 8.31446261815324


@pytest.fixture
def other(tmp_path):
    """Writes species of h2o2.yaml whose enthalpies are moved by so many J/mol."""

    def make(name="thermo.yaml", rename=str, composition=None, pressure=None, **shifts):
        gas = ct.Solution("h2o2.yaml")
        species = []
        for one, shift in shifts.items():
            fields = gas.species(one).input_data
            fields["name"] = rename(one)
            fields["thermo"]["data"] = [[*a[:5], a[5] + shift / R, a[6]] for a in fields["thermo"]["data"]]
            fields["composition"] = composition or fields["composition"]
            fields["thermo"] |= {"reference-pressure": pressure} if pressure else {}
            del fields["transport"]
            species.append(ct.Species.from_dict(fields))
            species[-1].update_user_data({"note": "moved"})
        path = tmp_path / name
        ct.Solution(thermo="ideal-gas", species=species, name="moved").write_yaml(str(path))
        return path

    return make


def test_data_of_species_are_replaced(other, tmp_path, capsys):
    """Enthalpies move by what was asked for; transport, rates and all other species stay; reverse rates follow."""
    made = tmp_path / "made.yaml"
    assert main(["merge", "h2o2.yaml", "--thermo", str(other(OH=-2000.0, HO2=500.0)), "--out", str(made)]) == 0
    said = capsys.readouterr().out
    assert "OH" in said and "-2.00" in said and "0.50" in said
    gas, base = ct.Solution(str(made)), ct.Solution("h2o2.yaml")
    for gas_ in (gas, base):
        gas_.TPX = 1200.0, ct.one_atm, "H2:1, O2:1, OH:0.1, HO2:0.1"
    moved = dict(
        zip(gas.species_names, (gas.standard_enthalpies_RT - base.standard_enthalpies_RT) * R * 1200, strict=True)
    )
    assert moved == pytest.approx({name: {"OH": -2000.0, "HO2": 500.0}.get(name, 0.0) for name in moved}, abs=1e-6)
    assert gas.forward_rate_constants == pytest.approx(base.forward_rate_constants, rel=1e-12)
    assert gas.viscosity == pytest.approx(base.viscosity, rel=1e-12)
    assert gas.species("OH").input_data["note"] == "moved"
    change = gas.reverse_rate_constants / base.reverse_rate_constants
    index = next(i for i, r in enumerate(gas.reactions()) if r.equation == "H2 + OH <=> H + H2O")
    assert change[index] == pytest.approx(2.718281828 ** (2000 / (R * 1200)), rel=1e-6)


def test_with_rates_and_in_what_stays(other, tmp_path):
    """Names without case; the mechanism says what it was made of, and combust reads it."""
    path = other(rename=str.lower, H2O=100.0)
    found = api.merge("h2o2.yaml", [], tmp_path / "made.yaml", thermo=[path])
    assert [(one.species, one.source) for one in found.thermo] == [("H2O", str(path))] and found.changes == ()
    assert found.thermo[0].formation == pytest.approx(100.0, abs=1e-6) and found.thermo[0].entropy == 0
    gas = ct.Solution(str(tmp_path / "made.yaml"))
    assert gas.input_data["combust"]["changes"] == ["thermo: H2O"]
    assert Mechanism.load(tmp_path / "made.yaml").file_sha256 == found.sha256


def test_what_is_refused(other, tmp_path):
    out = tmp_path / "made.yaml"
    with pytest.raises(ConfigError, match="none of its species"):
        api.merge("h2o2.yaml", [], out, thermo=[other(rename=lambda name: "X" + name, OH=0.0)])
    with pytest.raises(ConfigError, match="has thermo of .* already"):
        api.merge("h2o2.yaml", [], out, thermo=[other(OH=1.0), other(name="b.yaml", OH=2.0)])
    with pytest.raises(ConfigError, match="OH is of"):
        api.merge("h2o2.yaml", [], out, thermo=[other(composition={"O": 1, "H": 2}, OH=1.0)])
    with pytest.raises(ConfigError, match="100000 Pa"):
        api.merge("h2o2.yaml", [], out, thermo=[other(pressure=1e5, OH=1.0)])
    (tmp_path / "none.yaml").write_text("a: 1\n")
    with pytest.raises(MechanismError, match="neither phases nor species"):
        api.merge("h2o2.yaml", [], out, thermo=[tmp_path / "none.yaml"])
    assert main(["merge", "h2o2.yaml", "--out", str(out)]) == 2 and not out.exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda thermo: thermo["data"][0].__setitem__(5, thermo["data"][0][5] + 5000), "H jumps by 5 R T at 1000 K"),
        (lambda thermo: thermo["temperature-ranges"].reverse(), "ranges must ascend: 3500, 1000, 200"),
    ],
)
def test_polynomials_that_do_not_join_are_refused(tmp_path, change, said):
    """Cantera only warns of the first, and fails on the second once transport is read."""
    fields = ct.Solution("h2o2.yaml").species("OH").input_data
    change(fields["thermo"])
    path = tmp_path / "thermo.yaml"
    path.write_text(json.dumps({"species": [fields]}))
    with pytest.raises(ConfigError, match=said):
        api.merge("h2o2.yaml", [], tmp_path / "made.yaml", thermo=[path])
