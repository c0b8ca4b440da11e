"""`combust doctor` finds what is there and says how to get what is not."""

from combust.cli import doctor


def test_all_required_is_here(capsys):
    assert doctor.doctor() == 0
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

    parts = [doctor.Part("thing", absent, True, "everything", "pip install thing")]
    monkeypatch.setattr(doctor, "parts", lambda: parts)
    assert doctor.doctor() == 2
    said = capsys.readouterr().out
    assert "thing       MISSING  missing (no such library)" in said and "get it: pip install thing" in said
    parts[:] = [doctor.Part("thing", absent, False, "pictures", "pip install thing")]
    assert doctor.doctor() == 0
