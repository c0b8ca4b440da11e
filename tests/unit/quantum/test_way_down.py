"""The way down from a saddle: on a surface whose way is known, and by combust tst from a record and from atoms."""

import json

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from combust.__main__ import main
from combust.errors import ConfigError
from combust.interrupts import Stopped
from combust.kinetics.quantum import record as records
from combust.kinetics.quantum.command import tst
from combust.kinetics.quantum.engines.connect import groups, separate
from combust.kinetics.quantum.engines.follow import follow, reaches
from combust.kinetics.quantum.engines.structure import Pieces, Structure
from combust.kinetics.quantum.path import Point
from combust.kinetics.quantum.rates.variational import variational
from combust.kinetics.quantum.record import Record
from combust.kinetics.quantum.vibrations import modes
from tests.unit.quantum import surface
from tests.unit.quantum.structures import other
from tests.unit.quantum.surface import LEVEL, Surface

T = np.array([300.0, 500.0, 1000.0, 2500.0])


def followed(folder, engine, step=0.1, count=3):
    return follow(engine, surface.saddle(engine), step, count, Pieces(folder), "saddle")


def test_a_straight_way_is_the_closed_form(tmp_path):
    found = followed(tmp_path, Surface())
    assert len(found.path) == 6 and found.notes == ()
    for one in found.path:
        assert one.energy == pytest.approx(surface.hill(one.s), abs=1e-10)
        assert one.frequencies == pytest.approx(surface.exact(one.s)[0], rel=1e-6)
    assert [one.s for one in found.path] == pytest.approx([-0.3, -0.2, -0.1, 0.1, 0.2, 0.3], abs=1e-6)


def test_energies_count_from_that_of_the_record(tmp_path):
    """Another program's, a millihartree off."""
    engine = Surface()
    plain, saddle = followed(tmp_path, engine), surface.saddle(engine)
    moved = other(saddle, energies={LEVEL: saddle.energies[LEVEL] + 1e-3})
    found = follow(engine, moved, 0.1, 3, Pieces(tmp_path), "saddle")
    assert [b.energy - a.energy for a, b in zip(plain.path, found.path, strict=True)] == pytest.approx(6 * [1e-3])
    assert variational(found, T).factor == pytest.approx(variational(plain, T).factor, rel=1e-6)
    none = other(saddle, energies={})
    with pytest.raises(ConfigError, match="has no energy of hf/model"):
        follow(engine, none, 0.1, 3, Pieces(tmp_path), "saddle")
    with pytest.raises(ConfigError, match="has no energy of hf/model"):
        variational(other(plain, energies={}), T)


def reference(bend, sign):
    """u and w over the length of the way, by integration of steepest descent to 1e-10."""

    def value(u, w):
        return surface.hill(u) + surface.falls(surface.STRETCH, u) * (w - bend * u**2) ** 2 / 2

    def way(s, q):
        slope = np.array([value(q[0] + 1e-30j, q[1]).imag, value(q[0], q[1] + 1e-30j).imag])
        return -slope / np.linalg.norm(slope)

    begin = [sign * 1e-4, bend * 1e-8]
    return solve_ivp(way, (1e-4, 0.35), begin, method="Radau", rtol=1e-10, atol=1e-13, dense_output=True).sol


def test_a_bent_way_is_that_of_small_steps(tmp_path):
    """Curvature 1.2 at the saddle: a point straight on is 0.006 off, where the slope is off by 15 degrees."""
    engine, ways = Surface(-0.8), {sign: reference(-0.8, sign) for sign in (1, -1)}
    found = followed(tmp_path, engine)
    for one in found.path:
        wanted = surface.at(*ways[int(np.sign(one.s))](abs(one.s)))
        apart = lambda x: np.sort([np.linalg.norm(x[i] - x[j]) for i in range(3) for j in range(i)])  # noqa: E731
        assert apart(one.places) == pytest.approx(apart(wanted), abs=2e-4)
    points = []
    for s in np.round(np.arange(-0.3, 0.31, 0.02), 9):
        if s != 0:
            way = ways[int(np.sign(s))]
            here, ahead = (surface.at(*way(abs(s) + step)) for step in (0.0, 1e-5))
            structure = Structure("", surface.ELEMENTS, ()).at(here)
            across = modes(surface.ELEMENTS, here, engine.hessian(structure, LEVEL)[1], ahead - here)
            points.append(Point(s=float(s), coordinates=structure.coordinates, frequencies=across.frequencies,
                                energy=engine.energy(structure, LEVEL).value))  # fmt: skip
    wanted = variational(other(surface.saddle(engine), path=tuple(points)), T)
    assert variational(found, T).factor == pytest.approx(wanted.factor, abs=3e-3)
    assert wanted.factor.min() < 0.92


class Elsewhere(Surface):
    """Another surface than that of the record."""

    def hessian(self, structure, level):
        energy, second = super().hessian(structure, level)
        return energy, 1.1 * second


class Split(Surface):
    """Bends give way ahead."""

    def value(self, q):
        whole = super().value(q)
        u = surface.turned(*self.jacobi(q))[0]
        return whole - 0.4 * u * (1 + self.cosine(q)) if u.real > 0.12 else whole


def test_a_way_that_splits_ends_there(tmp_path):
    found = followed(tmp_path, Split())
    assert len(found.path) == 4 and max(one.s for one in found.path) == pytest.approx(0.1, abs=1e-4)
    assert found.notes[0].startswith("the way down ends before s = 0.2, where a mode across it is imaginary")
    assert reaches(found, 0.1, 3)  # there is no more of it
    with pytest.raises(ConfigError, match="the record has 1 along its mode and 3 against it"):
        variational(found, T)


def test_what_is_no_way_down_is_refused(tmp_path):
    saddle = surface.saddle(Surface())
    with pytest.raises(ConfigError, match="model at hf/model has imaginary modes of 1067i .* the record 1018i"):
        follow(Elsewhere(), saddle, 0.1, 2, Pieces(tmp_path / "elsewhere"), "saddle")
    upside = other(saddle, mode=surface.rounded(surface.at(0.0, 0.01) - surface.at(0.0, 0.0)))
    with pytest.raises(ConfigError, match=r"the way down rises by .* kJ/mol to s = 0.1 .*cvt.step"):
        follow(Surface(), upside, 0.1, 2, Pieces(tmp_path), "saddle")


def test_a_record_that_goes_far_enough_is_not_followed_again(tmp_path):
    found = followed(tmp_path, Surface(), count=2)
    assert reaches(found, 0.1, 2) and reaches(found, 0.2, 1)
    assert not reaches(found, 0.1, 3) and not reaches(found, 0.05, 2)
    assert not reaches(surface.saddle(Surface()), 0.1, 2)


CONFIG = f"""
reaction = "O + H2 <=> OH + H"
level = "{LEVEL}"
energy = "{LEVEL}"
error = 1.0
T = [300, 2000]
species.O.record = "O.json"
species.H2.record = "H2.json"
species.OH.record = "OH.json"
species.H.record = "H.json"
saddle.record = "saddle_of.json"
cvt = {{}}
"""


@pytest.fixture
def folder(tmp_path):
    two = ((0.0, 0.0, 0.0), (0.0, 0.0, 0.9))
    for one in (
        Record(species="O", level=LEVEL, elements=("O",), coordinates=two[:1], energies={LEVEL: -0.01}),
        Record(species="H2", level=LEVEL, elements=("H", "H"), coordinates=two, energies={LEVEL: 0.0},
               frequencies=(4400,)),
        Record(species="OH", level=LEVEL, elements=("O", "H"), coordinates=two, energies={LEVEL: -0.02}, multiplicity=2,
               frequencies=(3700,)),
        Record(species="H", level=LEVEL, elements=("H",), coordinates=two[:1], energies={LEVEL: 0.0}, multiplicity=2),
    ):  # fmt: skip
        records.write(tmp_path / f"{one.species}.json", one)
    records.write(tmp_path / "saddle_of.json", surface.saddle(Surface()))
    (tmp_path / "tst.toml").write_text(CONFIG)
    return tmp_path


class Killed(Surface):
    """Ends the run at a gradient."""

    def __init__(self, after):
        super().__init__()
        self.after = after

    def gradient(self, structure, level):
        if self.calls == self.after:
            raise KeyboardInterrupt
        return super().gradient(structure, level)


def test_tst_follows_a_record_and_goes_on_after_a_kill(folder, capsys):
    whole = Surface()
    found = tst(folder / "tst.toml", folder / "out", engine=whole)
    assert len(found.structures["saddle"].path) == 6 and whole.calls == 12  # two a point
    with pytest.raises(Stopped):
        tst(folder / "tst.toml", folder / "again", engine=Killed(7))
    rest = Surface()
    tst(folder / "tst.toml", folder / "again", engine=rest)
    assert rest.calls == 5
    for name in ("tst.json", "saddle.json"):
        assert (folder / "again" / name).read_bytes() == (folder / "out" / name).read_bytes()
    raw = json.loads((folder / "out" / "tst.json").read_text())
    factors = variational(found.structures["saddle"], [row["T"] for row in raw["at"]]).factor
    assert [row["cvt"] for row in raw["at"]] == pytest.approx(factors.tolist(), rel=1e-12)
    assert min(factors) < 0.93
    (folder / "tst.toml").write_text(CONFIG.replace("cvt = {}", ""))
    plain = tst(folder / "tst.toml", folder / "plain").record
    assert [row.k for row in found.record.at] == pytest.approx(
        [factor * row.k for factor, row in zip(factors, plain.at, strict=True)], rel=1e-12
    )


def test_the_record_alone_gives_the_same_factors(folder, capsys):
    first = tst(folder / "tst.toml", folder / "out", engine=Surface())
    (folder / "saddle_of.json").write_bytes((folder / "out" / "saddle.json").read_bytes())
    assert main(["tst", str(folder / "tst.toml"), "--out", str(folder / "records")]) == 0
    said = capsys.readouterr().out
    assert "CVT" in said
    again = json.loads((folder / "records" / "tst.json").read_text())
    assert [row["k"] for row in again["at"]] == [row.k for row in first.record.at]
    assert "canonical variational" in (folder / "records" / "rate.yaml").read_text()


def test_the_shipped_saddle_has_its_way_down(tmp_path):
    """OH + H2: by records alone, no engine is asked; k at most the conventional one, and not far from it."""
    found = tst("oh_h2.toml", tmp_path / "out", overrides=["cvt={}"], engine=object())
    plain = tst("oh_h2.toml", tmp_path / "plain", engine=object()).record
    assert sorted(found.structures["saddle"].connects) == ["H + H2O", "H2 + OH"]
    assert all(0.8 < one.cvt <= 1 for one in found.record.at) and not found.doubts
    assert [one.k / other.k for one, other in zip(found.record.at, plain.at, strict=True)] == pytest.approx(
        [one.cvt for one in found.record.at], rel=1e-12
    )


def test_molecules_that_are_apart():
    elements = ("O", "H", "H", "H")
    water = np.array([(0, 0, 0.117), (0, 0.757, -0.469), (0, -0.757, -0.469)])
    near, far = (np.vstack([water, (0, 0, z)]) for z in (1.5, 2.5))
    assert groups(elements, near) == groups(elements, far) == [[0, 1, 2], [3]]
    assert not separate(elements, near) and separate(elements, far)
    assert not separate(elements[:3], water)
