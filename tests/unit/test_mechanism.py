"""Loading mechanisms, compositions, and the messages for bad input."""

import hashlib
from pathlib import Path

import cantera as ct
import numpy as np
import pytest
import torch

from combust.errors import MechanismError, StateError
from combust.kinetics.mechanism import reactions
from combust.kinetics.mechanism.mechanism import Mechanism

UNCOVERED = """
phases:
- name: gas
  thermo: ideal-gas
  species: [{h2o2.yaml/species: [H2, H, O, O2, OH, H2O]}, {species: [N, N2]}]
  kinetics: bulk
  reactions: all
species:
- name: N
  composition: {N: 1}
  thermo: {model: piecewise-Gibbs, h0: 0 cal/mol, dimensionless: true, data: {298.15: -28.5, 500: -20.0}}
- name: N2
  composition: {N: 2}
  thermo:
    model: Shomate
    temperature-ranges: [298, 1400, 6000]
    data:
    - [26.092, 8.218801, -1.976141, 0.159274, 0.044434, -7.98923, 221.02]
    - [35.51872, 1.128728, -0.196103, 0.014662, -4.55376, -18.97091, 224.981]
reactions:
- equation: O + H2 <=> H + OH
  rate-constant: {A: 3.87e+01, b: 2.7, Ea: 6260.0 cal/mol}
- equation: H + O2 => O + OH
  type: two-temperature-plasma
  rate-constant: {A: 1.5e+10, b: -1.0, Ea-gas: 100 K, Ea-electron: 700 K}
- equation: H2 + OH => H + H2O
  type: two-temperature-plasma
  rate-constant: {A: 1.5e+10, b: -1.0, Ea-gas: 100 K, Ea-electron: 700 K}
"""


@pytest.fixture(scope="module")
def gas():
    return Mechanism.load("h2o2.yaml")


def test_what_a_mechanism_knows(gas):
    reference = gas.cantera()
    file = next(Path(d) / "h2o2.yaml" for d in ct.get_data_directories() if (Path(d) / "h2o2.yaml").is_file())
    assert gas.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert gas.species == tuple(reference.species_names) and gas.elements == tuple(reference.element_names)
    assert np.array_equal(gas.molar_mass.numpy(), reference.molecular_weights)
    assert gas.element_matrix[gas.elements.index("H"), gas.index("H2O")] == 2
    assert repr(gas) == "Mechanism('h2o2.yaml', phase 'ohmech', 10 species, 29 reactions, cpu)"


def test_loads_without_transport_data():
    """n-dodecane has no transport data; kinetics must not mind."""
    gas = Mechanism.load("nDodecane_Reitz.yaml", phase="nDodecane_IG")
    assert len(gas.species) == 100 and gas.rates.products.shape[0] == 268


def test_composition_and_mixture(gas):
    reference = gas.cantera()
    reference.X = "H2:1, N2:2"
    assert np.allclose(gas.composition("H2:1, N2:2"), reference.Y, rtol=1e-14, atol=0)
    assert torch.equal(gas.composition({"H2": 1.0, "N2": 2.0}), gas.composition("H2:1, N2:2"))
    reference.set_equivalence_ratio(0.5, "H2", "O2:1, N2:3.76")
    Y = gas.mixture("H2:1", "O2:1, N2:3.76", 0.5)
    assert Y.dtype == torch.float64 and np.allclose(Y, reference.Y, rtol=1e-13, atol=0)
    X = torch.tensor(reference.X)
    assert torch.allclose(gas.mole_fractions(Y), X, rtol=1e-13) and torch.allclose(gas.mass_fractions(X), Y)
    assert float(gas.mean_molar_mass(Y)) == pytest.approx(reference.mean_molecular_weight, rel=1e-14)
    reference.TP = 800.0, 2e5
    assert float(gas.density(800.0, 2e5, Y)) == pytest.approx(reference.density, rel=1e-13)


@pytest.mark.parametrize(
    "text, message",
    [
        ("H3:1", "no species 'H3'.*nearest: .*H2"),
        ("H2", "not of the form NAME:AMOUNT"),
        ("H2:one", "not of the form NAME:AMOUNT"),
        ("H2:-1, O2:2", "must be finite, >= 0 and not all zero"),
        ("H2:0", "not all zero"),
        ("H2:nan", "must be finite"),
    ],
)
def test_bad_compositions(gas, text, message):
    with pytest.raises(MechanismError, match=message):
        gas.composition(text)


def test_bad_equivalence_ratio(gas):
    with pytest.raises(MechanismError, match="equivalence ratio -1"):
        gas.mixture("H2", "O2:1", -1)


def test_bad_files(tmp_path):
    with pytest.raises(MechanismError, match="'nowhere.yaml' not found; looked in"):
        Mechanism.load("nowhere.yaml")
    (tmp_path / "list.yaml").write_text("- just\n- a list\n")
    with pytest.raises(MechanismError, match="Cantera cannot read"):
        Mechanism.load(tmp_path / "list.yaml")
    with pytest.raises(MechanismError, match="ohmech2"):
        Mechanism.load("h2o2.yaml", phase="ohmech2")
    with pytest.raises(MechanismError, match="allowed: ideal-gas"):
        Mechanism.load("liquidvapor.yaml", phase="water")


def test_every_uncovered_feature_is_listed(tmp_path):
    (tmp_path / "mixed.yaml").write_text(UNCOVERED)
    with pytest.raises(MechanismError) as caught:
        Mechanism.load(tmp_path / "mixed.yaml")
    text = str(caught.value)
    assert "4 feature(s) not covered" in text and "reaction 1" not in text
    assert "species N: thermo model piecewise-Gibbs" in text and "species N2: thermo model Shomate" in text
    assert "reaction 2: H + O2 => O + OH: two-temperature-plasma" in text
    assert "reaction 3: H2 + OH => H + H2O: two-temperature-plasma" in text


@pytest.mark.parametrize(
    "path, phase, parts",
    [
        ("ptcombust.yaml", "Pt_surf", ("thermo model ideal-surface", "reaction 1: H2 + 2 PT(S) => 2 H(S)",
                                       "interface-Arrhenius", "reaction 24:", "sticking-Arrhenius")),
        ("example_data/methane-plasma-pavan-2023.yaml", None, ("thermo model plasma", "electron-collision-plasma",
                                                               "two-temperature-plasma")),
    ],
)  # fmt: skip
def test_surface_and_plasma_are_refused(path, phase, parts):
    with pytest.raises(MechanismError) as caught:
        Mechanism.load(path, phase)
    for part in parts:
        assert part in str(caught.value)


class OneData(ct.ExtensibleRateData):
    def update(self, gas):
        return True


@ct.extension(name="combust-test-rate", data=OneData)
class OneRate(ct.ExtensibleRate):
    def eval(self, data):
        return 1.0


def test_python_rates_are_refused():
    """Custom rates live in Python only; extensible ones may be named by a file."""
    reference = ct.Solution("h2o2.yaml")
    forms = [
        reference.reaction(2),
        ct.Reaction(equation="H + O2 <=> O + OH", rate=ct.CustomRate(lambda T: T)),
        ct.Reaction(equation="H2 + OH <=> H + H2O", rate=OneRate()),
    ]
    solution = ct.Solution(thermo="ideal-gas", kinetics="gas", species=reference.species(), reactions=forms)
    with pytest.raises(MechanismError) as caught:
        reactions.refuse_uncovered(solution)
    text = str(caught.value)
    assert "2 feature(s) not covered" in text and "reaction 1:" not in text
    assert "reaction 2: H + O2 <=> O + OH: custom-rate-function" in text
    assert "reaction 3: H2 + OH <=> H + H2O: combust-test-rate" in text


def test_bad_states(gas):
    T, p = np.full(4, 1000.0), np.full(4, 1e5)
    Y = np.tile(gas.composition("H2:2, O2:1").numpy()[:, None], 4)
    for bad, message in (
        (dict(T=np.array([1000, np.nan, 1000, 1000])), r"temperature nan in cell \(1,\)"),
        (dict(p=np.array([1e5, 1e5, -1.0, 1e5])), r"pressure -1.0 in cell \(2,\)"),
        (dict(Y=Y * np.array([1, 1, 1, 1.001])), r"sum of mass fractions 1.00\d+ in cell \(3,\): must be 1 within"),
        (dict(Y=Y[:5]), "first extent must be 10 species"),
    ):
        with pytest.raises(StateError, match=message):
            gas.net_production_rates(**{"T": T, "p": p, "Y": Y, **bad})
    with pytest.raises(StateError, match="allowed: 'hp'"):
        gas.jacobian(T, p, Y, hold="tv")
    near = gas.net_production_rates(T, p, Y * (1 + 5e-7))  # renormalised
    assert torch.allclose(near, gas.net_production_rates(T, p, Y), rtol=1e-12)
