"""Readers of trajectories: what they find, and how they say what is wrong, with file and frame."""

import gzip
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from combust.errors import ConfigError, DependencyError, FileFormatError
from combust.kinetics.trajectories import bonds
from combust.kinetics.trajectories.formats import reading
from combust.kinetics.trajectories.formats.distances import Cell, pairs_within
from combust.kinetics.trajectories.formats.radii import RADII

FIXTURE = Path(__file__).parents[2] / "data" / "trajectories" / "h2_oh.reaxff.gz"
TABLE = gzip.decompress(FIXTURE.read_bytes()).decode()
FRAMES = ["# Timestep" + part for part in TABLE.split("# Timestep")[1:]]


def source(path, **more):
    given = reading.Given(**{"elements": ("H", "O"), "T": 2500.0, "step": 0.2e-15, "volume": 3.4e-27, **more})
    return reading.sources([path], [given])[0]


def read(path, **more):
    return list(source(path, **more).frames(1.45))


def test_a_table_of_bond_orders():
    found = read(FIXTURE)
    assert [f.step for f in found] == list(range(0, 41 * 25, 25))
    assert found[0].elements.count("H") == 56 and found[0].elements.count("O") == 8
    strong = found[0].pairs[found[0].strength > 0.6]
    kinds = sorted("".join(sorted((found[0].elements[p // 64], found[0].elements[p % 64]))) for p in strong)
    assert kinds.count("HH") == 24 and kinds.count("HO") == 8  # 24 H2 and 8 OH, as the box was made
    line = next(line for line in FRAMES[0].splitlines() if line.startswith(" 47 "))
    assert line.split()[3] == "48"
    assert found[0].strength[found[0].pairs == 46 * 64 + 47] == pytest.approx(float(line.split()[5]))


def test_rows_in_any_order_are_the_same(tmp_path):
    head, *rows = FRAMES[0].rstrip("# \n").split("\n ")
    mixed = tmp_path / "mixed"
    mixed.write_text("\n ".join([head, *rows[::-1]]) + "\n# \n" + FRAMES[1])
    a, b = read(mixed)[0], read(FIXTURE)[0]
    assert np.array_equal(a.pairs, b.pairs) and np.array_equal(a.strength, b.strength) and a.elements == b.elements


DUMP = """ITEM: TIMESTEP
{step}
ITEM: NUMBER OF ATOMS
3
ITEM: BOX BOUNDS pp pp pp
0.0 10.0
0.0 10.0
0.0 10.0
ITEM: ATOMS id element {columns}
2 H {second}
1 O {first}
3 H {third}
"""


def dump(step=0, columns="x y z", first="0.1 5 5", second="9.2 5 5", third="0.1 5.9 5"):
    return DUMP.format(step=step, columns=columns, first=first, second=second, third=third)


@pytest.mark.parametrize("columns, places", [
    ("x y z", ("0.1 5 5", "9.2 5 5", "0.1 5.9 5")),
    ("xu yu zu", ("0.1 5 5", "-0.8 5 5", "10.1 5.9 -5")),
    ("xs ys zs", ("0.01 0.5 0.5", "0.92 0.5 0.5", "0.01 0.59 0.5")),
])  # fmt: skip
def test_bonds_of_a_dump_reach_over_the_edge(tmp_path, columns, places):
    path = tmp_path / "water.dump"
    path.write_text(dump(0, columns, *places) + dump(10, columns, *places))
    first, second = read(path, elements=(), volume=None)
    assert first.elements == ("O", "H", "H") and (first.step, second.step) == (0, 10)
    assert first.volume == pytest.approx(1e-27)
    assert first.pairs.tolist() == [1, 2]
    assert -first.strength == pytest.approx(np.array([0.9, 0.9]) / (RADII["O"] + RADII["H"]))


def test_pairs_in_boxes_of_any_shape():
    """Against all images, one by one."""
    rng = np.random.default_rng(3)
    for vectors in (np.diag([4.0, 5.0, 6.0]), np.array([[4.0, 0, 0], [1.7, 4.5, 0], [-1.1, 0.8, 5.0]])):
        for periodic in (np.ones(3, bool), np.array([True, False, True]), np.zeros(3, bool)):
            elements = tuple(rng.choice(["H", "O", "C"], 12).tolist())
            places = rng.random((12, 3)) @ vectors
            codes, strength = pairs_within(elements, places, Cell(vectors, np.zeros(3), periodic), 1.45)
            radii = np.array([RADII[e] for e in elements])
            shifts = np.array(np.meshgrid(*[[-1, 0, 1] if p else [0] for p in periodic])).reshape(3, -1).T @ vectors
            apart = np.linalg.norm(places[:, None, None] - places[None, :, None] - shifts, axis=-1).min(-1)
            ratio = apart / (radii[:, None] + radii)
            wanted = [(i * 12 + j, ratio[i, j]) for i in range(12) for j in range(i + 1, 12) if ratio[i, j] <= 1.45]
            assert codes.tolist() == [code for code, _ in wanted]
            assert -strength == pytest.approx([r for _, r in wanted], rel=1e-12)


def test_a_tilted_box_of_lammps(tmp_path):
    path = tmp_path / "tilted.dump"
    box = "ITEM: BOX BOUNDS xy xz yz pp pp pp\n0.0 12.0 2.0\n0.0 10.0 0.0\n0.0 10.0 0.0\n"
    text = dump().replace("ITEM: BOX BOUNDS pp pp pp\n" + "0.0 10.0\n" * 3, box)
    path.write_text(text + text.replace("TIMESTEP\n0", "TIMESTEP\n5"))
    frame = read(path, elements=(), volume=None)[0]
    assert frame.volume == pytest.approx(1e-27)  # 10 x 10 x 10, the bound of 12 holds the tilt


XYZ = """3
Lattice="10 0 0 0 10 0 0 0 10" Properties=species:S:1:pos:R:3:forces:R:3 pbc="T T T"{more}
O 0.1 5.0 5.0 0 0 0
H 9.2 5.0 5.0 0 0 0
H 0.1 5.9 5.0 0 0 0
"""


def test_extended_xyz(tmp_path):
    path = tmp_path / "water.xyz"
    path.write_text(XYZ.format(more=" step=5") + XYZ.format(more=" step=10") + "\n")
    found = read(path, elements=(), volume=None)
    assert [f.step for f in found] == [5, 10] and found[0].pairs.tolist() == [1, 2]
    assert found[0].volume == pytest.approx(1e-27)
    plain = tmp_path / "plain.xyz"
    plain.write_text("2\n\nO 0 0 0\nH 0 0 0.97\n" * 2)
    frame = read(plain)[1]
    assert frame.step == 1 and frame.volume is None and frame.pairs.tolist() == [1]


def cut_table():
    return "".join(FRAMES[:3]) + FRAMES[3][: len(FRAMES[3]) // 2]


def other_atoms():
    return FRAMES[0] + FRAMES[1].replace("\n 1 1 ", "\n 1 2 ")


def fewer_atoms():
    lines = FRAMES[1].replace("particles 64", "particles 63").splitlines()
    return FRAMES[0] + "\n".join(line for line in lines if not line.startswith(" 64 ")) + "\n"


@pytest.mark.parametrize("text, said", [
    (cut_table, "frame 3: the file ends in the middle of it"),
    (lambda: FRAMES[0] + FRAMES[2] + FRAMES[1], "frame 2: time goes backwards: step 25 after step 50"),
    (lambda: FRAMES[0] * 2, "frame 1: time goes backwards: step 0 after step 0"),
    (other_atoms, "frame 1: atom 1 is O, it was H"),
    (fewer_atoms, "frame 1: has 63 atoms, the frames before have 64"),
    (lambda: FRAMES[0] + FRAMES[1].replace(" 0.9", " x.9") + FRAMES[2], "frame 1: is no table of 64 atoms"),
    (lambda: FRAMES[0] + FRAMES[1][: len(FRAMES[1]) // 2] + FRAMES[2], "frame 1: "),
    (lambda: dump() + dump(10)[:-30], "frame 1: the file ends in the middle of it"),
    (lambda: dump() + dump(10)[:100], "frame 1: the file ends in the middle of it"),
    (lambda: dump(5) + dump(4), "frame 1: time goes backwards: step 4 after step 5"),
    (lambda: dump() + dump(1).replace("\n2 H", "\n2 Xx"), "frame 1: unknown element Xx"),
    (lambda: dump().replace("pp\n0.0 10.0", "pp\n0.0 wide"), "frame 0: BOX BOUNDS are not"),
    (lambda: dump(first="0.1 5 nan"), "frame 0: x, y, z: not all are finite"),
    (lambda: dump().replace("id element", "id mass"), "frame 0: has neither a column element nor type"),
    (lambda: "ITEM: UNITS\nlj\n" + dump() + dump(1), "units lj"),
    (lambda: XYZ.format(more="") + "4\n" + XYZ.format(more="")[2:] + "H 1 1 1 0 0 0\n", "frame 1: has 4 atoms"),
    (lambda: XYZ.format(more="") + XYZ.format(more="")[:-60], "frame 1: the file ends in the middle of it"),
    (lambda: XYZ.format(more="") + XYZ.format(more="").replace("O 0.1", "Q 0.1"), "frame 1: unknown element Q"),
    (lambda: XYZ.format(more="").replace("10 0 0 0 10 0", "10 0 0 10 0"), "frame 0: Lattice="),
    (lambda: XYZ.format(more="") + "three\n", "frame 1: begins with 'three', not with the number of atoms"),
    (lambda: FRAMES[0] + FRAMES[1].replace("\n 47 1 1 48", "\n 47 1 -4 48"), "frame 1: "),
    (lambda: FRAMES[0] + FRAMES[1].replace("\n 47 1 1 48", "\n 47 1 nan 48"), "frame 1: "),
    (lambda: FRAMES[0] + FRAMES[1].replace("\n 47 1 1 48", "\n 47 1 1 99"), "frame 1: a bond leads to an atom that"),
    (lambda: dump().replace("\n2 H", "\ntwo H"), "frame 0: column id: not all are whole numbers"),
    (lambda: dump().replace("0.0 10.0", "10.0 10.0", 1), "frame 0: BOX BOUNDS span no volume"),
    (lambda: XYZ.format(more="").replace("T T T", "T T"), "frame 0: pbc='T T': must be three flags"),
    (lambda: XYZ.format(more="").replace("10 0 0 0 10", "1e-5 0 0 0 10"), "frame 0: the box is narrower than"),
    (lambda: dump().replace("0.0 10.0", "0.0 1e-5", 1), "frame 0: the box is narrower than"),
    (lambda: XYZ.format(more="").replace("3\n", "9999999\n", 1), "frame 0: the file ends in the middle of it"),
    (lambda: "no trajectory\n", "neither a table of bonds, nor a dump, nor XYZ"),
    (lambda: "", "neither a table of bonds, nor a dump, nor XYZ"),
])  # fmt: skip
def test_what_is_wrong_is_said_with_file_and_frame(tmp_path, text, said):
    path = tmp_path / "given"
    path.write_text(text())
    with pytest.raises(FileFormatError) as error:
        bonds.changes(source(path).frames(1.45), bonds.Hysteresis(0.6, 0.3), "given")
    assert said in str(error.value) and str(path) in str(error.value)


def test_a_last_frame_may_be_cut_on_request(tmp_path):
    path = tmp_path / "cut"
    path.write_text(cut_table())
    assert len(read(path, allow_cut=True)) == 3
    path.write_text(FRAMES[0] + FRAMES[1][: len(FRAMES[1]) // 2] + FRAMES[2])  # in the middle it may not
    with pytest.raises(FileFormatError, match="frame 1"):
        read(path, allow_cut=True)


def test_a_packed_file_that_is_cut(tmp_path):
    path = tmp_path / "cut.gz"
    path.write_bytes(FIXTURE.read_bytes()[:9000])
    with pytest.raises(FileFormatError, match="cut.gz"):
        read(path)


def test_what_the_user_must_say(tmp_path):
    with pytest.raises(ConfigError, match="--elements H,O in the order"):
        read(FIXTURE, elements=())
    with pytest.raises(ConfigError, match=r"has atoms of type 2, --elements names 1"):
        read(FIXTURE, elements=("H",))
    with pytest.raises(ConfigError, match="--step is missing"):
        read(FIXTURE, step=None)
    with pytest.raises(FileFormatError, match="unknown element Zz"):
        read(FIXTURE, elements=("H", "Zz"))
    with pytest.raises(ConfigError, match="no such file"):
        read(tmp_path / "none")
    with pytest.raises(ConfigError, match="no folder of `combust md`"):
        read(tmp_path)
    with pytest.raises(ConfigError, match="--format vasp: unknown"):
        read(FIXTURE, kind="vasp")


def test_memory_does_not_grow_with_frames(tmp_path):
    """Three times the frames without more changes of bonds take no more memory."""

    def peak(frames_):
        path = tmp_path / f"{frames_}"
        with path.open("w") as file:
            for step in range(frames_):
                file.write(FRAMES[0].replace("# Timestep 0", f"# Timestep {step}", 1))
        tracemalloc.start()
        found = bonds.changes(source(path).frames(1.45), bonds.Hysteresis(0.6, 0.3), "x")
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert found.frames == frames_ and not len(found.step)
        return used

    peak(3)
    assert peak(800) < 1.5 * peak(250) + 1e6 and 800 * len(FRAMES[0]) > 3.5e6


def test_what_dpdata_reads(tmp_path):
    """DeePMD's npy, written by dpdata: as the same frames in XYZ."""
    dpdata = pytest.importorskip("dpdata")
    rng = np.random.default_rng(1)
    places = np.array([[[0.1, 5, 5], [9.2, 5, 5], [0.1, 5.9, 5]]]) + 0.1 * rng.random((4, 3, 3))
    data = {
        "atom_names": ["O", "H"], "atom_numbs": [1, 2], "atom_types": np.array([0, 1, 1]), "orig": np.zeros(3),
        "cells": np.tile(10 * np.eye(3), (4, 1, 1)), "coords": places,
    }  # fmt: skip
    dpdata.System(data={**data}).to("deepmd/npy", str(tmp_path / "set"))
    found = read(tmp_path / "set", elements=(), volume=None, kind="dpdata:deepmd/npy")
    lines = [
        '3\nLattice="10 0 0 0 10 0 0 0 10"\n'
        + "".join(f"{e} {x:.12f} {y:.12f} {z:.12f}\n" for e, (x, y, z) in zip("OHH", frame, strict=True))
        for frame in places
    ]
    (tmp_path / "same.xyz").write_text("".join(lines))
    for a, b in zip(found, read(tmp_path / "same.xyz", elements=(), volume=None), strict=True):
        assert a.elements == b.elements and a.pairs.tolist() == b.pairs.tolist()
        assert a.strength == pytest.approx(b.strength, abs=1e-5) and a.volume == pytest.approx(1e-27)
    with pytest.raises(FileFormatError, match="dpdata cannot read it as deepmd/npy"):
        read(FIXTURE, kind="dpdata:deepmd/npy")


def test_without_dpdata_it_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "dpdata", None)
    with pytest.raises(DependencyError, match=r"pip install 'combust\[dpdata\]'"):
        read(FIXTURE, kind="dpdata:vasp/outcar")
