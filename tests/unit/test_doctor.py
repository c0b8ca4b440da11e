"""`combust doctor` finds what is there and says how to get what is not."""

from combust import installation
from combust.__main__ import main


def test_all_required_is_here(capsys):
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    for name in (
        "python",
        "numpy",
        "torch",
        "cantera",
        "mpi4py",
        "petsc4py",
        "h5py",
        "msgspec",
        "matplotlib",
        "C++",
        "GPU",
    ):
        assert name in said


def test_missing_parts(capsys, monkeypatch):
    def absent():
        raise ImportError("no such library")

    parts = [installation.Part("thing", absent, True, "everything", "pip install thing")]
    monkeypatch.setattr(installation, "parts", lambda: parts)
    assert main(["doctor"]) == 2
    said = capsys.readouterr().out
    assert "thing       MISSING  missing (no such library)" in said and "get it: pip install thing" in said
    parts[:] = [installation.Part("thing", absent, False, "pictures", "pip install thing")]
    assert main(["doctor"]) == 0
