"""Records of structures: files that show edits, what geometries say, what does not fit together."""

import json

import msgspec
import numpy as np
import pytest

from combust.errors import ConfigError, FileFormatError
from combust.kinetics.quantum.molecule import rotor, symmetry
from combust.kinetics.quantum.record import Record, read, require_complete, write

WATER = Record(
    species="H2O", level="test/none", elements=("O", "H", "H"), energies={"test/none": -76.0},
    coordinates=((0, 0, 0.1173), (0, 0.7572, -0.4692), (0, -0.7572, -0.4692)), frequencies=(1595, 3657, 3756),
)  # fmt: skip
T = 1.09 / 3**0.5
A = np.linspace(0, 2 * np.pi, 7)[:-1]
RING = np.stack([np.cos(A), np.sin(A), 0 * A], 1)


def ethane(turn: float) -> np.ndarray:
    ends = [
        np.stack([np.cos(A[::2] + d), np.sin(A[::2] + d), z + 0 * A[::2]], 1) for d, z in ((0, 1.16), (turn, -1.16))
    ]
    return np.vstack([[(0, 0, 0.77), (0, 0, -0.77)], *ends])


GEOMETRIES = {  # rotation numbers and mirror images as textbooks have them
    "H": (["H"], [(0, 0, 0)], 1, 1, "K"),
    "H2": (["H", "H"], [(0, 0, 0), (0, 0, 0.74)], 2, 1, "D∞h"),
    "OH": (["O", "H"], [(0, 0, 0), (0, 0, 0.97)], 1, 1, "C∞v"),
    "CO2": (["C", "O", "O"], [(0, 0, 0), (0, 0, 1.16), (0, 0, -1.16)], 2, 1, "D∞h"),
    "H2O": (WATER.elements, WATER.coordinates, 2, 1, "C2v"),
    "NH3": (["N", "H", "H", "H"], np.vstack([(0, 0, 0.3), RING[::2]]), 3, 1, "C3v"),
    "CH3": (["C", "H", "H", "H"], np.vstack([(0, 0, 0), RING[::2]]), 6, 1, "D3h"),
    "CH4": (["C", *"HHHH"], [(0, 0, 0), (T, T, T), (-T, -T, T), (T, -T, -T), (-T, T, -T)], 12, 1, "Td"),
    "CHFClBr": (["C", "H", "F", "Cl", "Br"], [(0, 0, 0), (T, T, T), (-T, -T, T), (T, -T, -T), (-T, T, -T)], 1, 2, "C1"),
    "H2O2": (["O", "O", "H", "H"], [(0, 0.73, 0), (0, -0.73, 0), (0.8, 0.9, 0.5), (-0.8, -0.9, 0.5)], 2, 2, "C2"),
    "HOCl": (["O", "H", "Cl"], [(0, 0, 0), (0.9, 0.3, 0), (-0.5, 1.6, 0)], 1, 1, "Cs"),
    "C2H6 staggered": (["C", "C", *"HHHHHH"], ethane(np.pi / 3), 6, 1, "D3d"),
    "C2H6 eclipsed": (["C", "C", *"HHHHHH"], ethane(0), 6, 1, "D3h"),
    "C2H6 between": (["C", "C", *"HHHHHH"], ethane(0.3), 6, 2, "D3"),
    "C6H6": (["C"] * 6 + ["H"] * 6, np.vstack([1.4 * RING, 2.5 * RING]), 12, 1, "D6h"),
    "SF6": (["S"] + ["F"] * 6, np.vstack([np.zeros((1, 3)), 1.56 * np.eye(3), -1.56 * np.eye(3)]), 24, 1, "Oh"),
}


@pytest.mark.parametrize("name", GEOMETRIES)
def test_symmetry(name):
    elements, places, number, mirrors, group = GEOMETRIES[name]
    draws = np.random.default_rng(len(name))
    turn = np.linalg.qr(draws.normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    moved = np.array(places, dtype=float) @ turn.T + draws.normal(size=3)
    order = draws.permutation(len(elements))
    found = symmetry([elements[i] for i in order], moved[order] + draws.uniform(-5e-4, 5e-4, size=moved.shape))
    assert (found.number, found.mirrors, found.group) == (number, mirrors, group)


def test_operations_that_turn_the_path_round_do_not_count():
    """H + H2: two paths, one to each end, though the saddle is symmetric (doi:10.1021/ja00477a009)."""
    places, mode = (
        np.array([(0, 0, -0.93), (0, 0, 0), (0, 0, 0.93)]),
        np.array([(0, 0, -0.4), (0, 0, 0.8), (0, 0, -0.4)]),
    )
    assert symmetry("HHH", places, mode).number == 1
    assert symmetry("HHH", places, np.array([(0, 0, 1.0), (0, 0, 0), (0, 0, -1.0)])).number == 2
    bent = np.array(WATER.coordinates)
    assert symmetry(WATER.elements, bent, np.array([(0, 0, 0), (0, 0, 1.0), (0, 0, -1.0)])).number == 1
    assert symmetry(WATER.elements, bent, np.array([(0, 0, -1.0), (0, 0, 1.0), (0, 0, 1.0)])).number == 2


def test_symmetry_ends_at_the_tolerance():
    places = WATER.places.copy()
    places[1] *= 1.1
    assert symmetry(WATER.elements, places).number == 1


def test_rotational_constants():
    # H2O: 27.88, 14.51, 9.285 cm-1 in its ground state, of this r_e geometry within 3 %
    assert np.allclose(WATER.rotor.constants, (27.88, 14.51, 9.285), rtol=0.03)
    # CO at r_e = 1.128323 angstrom: B_e = 1.931281 cm-1, both of Huber and Herzberg
    assert rotor(["C", "O"], np.array([(0, 0, 0), (0, 0, 1.128323)])).constants == pytest.approx((1.931281,), rel=2e-5)


def test_files_come_back_and_show_edits(tmp_path):
    path = tmp_path / "H2O.json"
    write(path, WATER)
    assert read(path) == WATER
    assert read(path).digest == WATER.digest
    raw = json.loads(path.read_text())
    path.write_text(json.dumps(raw))  # another layout, the same content
    assert read(path) == WATER
    raw["energies"]["test/none"] = -76.001
    path.write_text(json.dumps(raw))
    with pytest.raises(FileFormatError, match=r"H2O\.json: was edited"):
        read(path)
    path.write_text("{}")
    with pytest.raises(FileFormatError, match="is no record of a structure"):
        read(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"elements": ("Q", "H", "H")}, "element 'Q': is unknown here"),
        ({"multiplicity": 2}, "10 electrons .charge 0. cannot have multiplicity 2: it must be odd"),
        ({"charge": 1}, "must be even"),
        ({"coordinates": ((0, 0, 0),)}, "1 places for 3 atoms"),
        ({"coordinates": ((0, 0, 0), (0, 0, 0.96), (0, 0, 0.96))}, "atoms 2 and 3 are 0 angstrom from each other"),
        ({"frequencies": (1595.0,)}, "1 modes; a nonlinear molecule of 3 atoms has 3"),
        ({"electronic": ((2, 1.0),)}, "lowest first and at 0"),
    ],
)
def test_what_does_not_fit_is_refused(change, said):
    with pytest.raises(ValueError, match=said):
        msgspec.structs.replace(WATER, **change)


def test_spin_orbit_coupling_is_whole_or_not_there():
    oh = Record(species="OH", level="x", elements=("O", "H"), coordinates=((0, 0, 0), (0, 0, 0.97)), multiplicity=2,
                energies={"x": -75.7}, frequencies=(3735,), electronic=((4, 0.0),))  # fmt: skip
    require_complete(oh)
    split = msgspec.structs.replace(oh, electronic=((2, 0.0), (2, 139.7)), spin_orbit=-69.85)
    require_complete(split)
    assert (split.energy() - oh.energy()) * 219474.6 == pytest.approx(-69.85, rel=1e-6)
    for half in ({"spin_orbit": 0.0}, {"electronic": ((4, 0.0),)}):
        with pytest.raises(ConfigError, match="OH: spin-orbit coupling is half there"):
            require_complete(msgspec.structs.replace(split, **half))
    oxygen = Record(species="O", level="x", elements=("O",), coordinates=((0, 0, 0),), multiplicity=3,
                    energies={"x": -75.0}, electronic=((5, 0.0), (3, 158.3), (1, 227.0)), spin_orbit=-78.0)  # fmt: skip
    require_complete(oxygen)


def test_energies_by_level():
    assert WATER.energy() == pytest.approx(-76 + (1595 + 3657 + 3756) / 2 / 219474.63, abs=1e-9)
    with pytest.raises(ConfigError, match="H2O: has no energy of other; it has test/none"):
        WATER.energy("other")
