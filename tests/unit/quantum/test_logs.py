"""Logs of other programs: what cclib gives as a record, and what is refused with the file."""

from types import SimpleNamespace

import numpy as np
import pytest

from combust.errors import FileFormatError
from combust.kinetics.quantum.engines import cclib_reader
from combust.kinetics.quantum.engines.cclib_reader import read_log

EV = 27.21138505  # in a hartree, as cclib 1.8 has it; that of CODATA 2018 is off by 0.1 J/mol in each


def water(**changes):
    """What cclib gives of a log, as its documentation names it."""
    data = {"metadata": {"package": "ORCA", "package_version": "5.0", "methods": ["DFT", "CCSD(T)"],
                         "functional": "B3LYP",
                         "basis_set": "cc-pVTZ", "success": True},
            "atomcoords": np.array([[(0, 0, 1.0)] * 3, [(0, 0, 0.1173), (0, 0.7572, -0.4692), (0, -0.7572, -0.4692)]]),
            "scfenergies": np.array([-70.0, -76.4]) * EV, "ccenergies": np.array([-76.33]) * EV, "optdone": True,
            "atomnos": np.array([8, 1, 1]), "charge": 0, "mult": 1,
            "vibfreqs": np.array([1600.0, 3700.0, 3800.0])}  # fmt: skip
    kept = {key: value for key, value in {**data, **changes}.items() if value is not None}
    return SimpleNamespace(**kept)


@pytest.fixture
def reads(tmp_path, monkeypatch):
    """A log whose content cclib is said to be `data`."""
    place = tmp_path / "water.log"
    place.write_text("")

    def read(**changes):
        found = water(**changes)
        parts = {
            "cclib.io": SimpleNamespace(ccread=lambda *_, **__: found),
            "cclib.parser.utils": SimpleNamespace(convertor=lambda value, old, new: {"eV": value / EV}[old]),
        }
        monkeypatch.setattr(cclib_reader, "need", parts.__getitem__)
        return read_log(place, "H2O", 0.97)

    return read


def test_a_log_becomes_a_record(reads):
    found = reads()
    assert found.level == "b3lyp/cc-pvtz" and found.engine == "ORCA 5.0" and found.scale == 0.97
    assert found.energies == pytest.approx({"b3lyp/cc-pvtz": -76.4, "ccsd(t)/cc-pvtz": -76.33}, rel=1e-12)
    assert found.frequencies == (1600, 3700, 3800) and found.geometric.group == "C2v"
    saddle = reads(vibfreqs=np.array([-1200.0, 3700.0, 3800.0]), vibdisps=np.ones((3, 3, 3)))
    assert saddle.imaginary == (1200,) and np.linalg.norm(saddle.mode) == pytest.approx(1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"optdone": False}, "the optimisation did not converge"),
        ({"vibfreqs": None}, "has no frequencies"),
        ({"scfenergies": None}, "has no geometry with an energy"),
        ({"atomnos": np.array([8, 1, 110])}, "atomic number 110: is unknown here"),
        ({"mult": 2}, "cannot have multiplicity 2"),
        ({"metadata": {"success": False}}, "the program did not end well"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_file(reads, change, said):
    with pytest.raises(FileFormatError, match=rf"water\.log: .*{said}"):
        reads(**change)


def test_what_is_no_log_is_refused(tmp_path, monkeypatch):
    with pytest.raises(FileFormatError, match=r"none\.log: cannot be read: there is no such file"):
        read_log(tmp_path / "none.log", "H2O")
    pytest.importorskip("cclib")
    (tmp_path / "a.log").write_text("nothing of interest\n")
    with pytest.raises(FileFormatError, match=r"a\.log"):
        read_log(tmp_path / "a.log", "H2O")
