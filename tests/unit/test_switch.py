"""`--set X.kind=...`: what the new kind has no use for is left out and said, what is given is never."""

from pathlib import Path

import pytest

from combust.case import names
from combust.case.config import Config
from combust.case.load import load
from combust.cfd.boundaries.settings import Outflow
from combust.cfd.closures.settings import NoTurbulence
from combust.cfd.initial.settings import TaylorGreenInitial
from combust.errors import ConfigError
from combust.kinetics.mechanism.settings import ConstantTransport, MixtureAveraged
from combust.kinetics.providers.settings import CvodeChemistry, DirectChemistry, NoChemistry
from combust.surrogates.provider.settings import LearnedChemistry

CASES = Path(__file__).resolve().parents[2] / "cases"


def switched(case, *changes):
    return load(CASES / f"{case}.toml", changes)


@pytest.mark.parametrize("kind, table", [
    ("direct", DirectChemistry), ("cvode", CvodeChemistry), ("none", NoChemistry),
])  # fmt: skip
def test_exact_chemistry_is_one_switch_away(kind, table, capsys):
    learned = switched("flame_learned")
    config = switched("flame_learned", f"chemistry.kind={kind}")
    said = capsys.readouterr().err
    assert config.chemistry == table()
    assert set(learned.output.fields.names) - set(config.output.fields.names) == {"route", "route_error"}
    gone = {"slow_share", "network_share", "exact_share"}
    assert set(learned.output.series.quantities) - set(config.output.series.quantities) == gone
    assert said.count("\n") == 1 and said.startswith(f"note: chemistry.kind={kind} has no use for chemistry.model")
    assert all(name in said for name in ("chemistry.fallback", "route_error", *gone))


def test_the_way_back_needs_a_model(capsys):
    with pytest.raises(ConfigError, match=r"chemistry.model is missing.*add --set chemistry.model=\.\.\."):
        switched("flame", "chemistry.kind=learned")
    for changes in (
        ["chemistry.kind=learned", "chemistry.model=h2_air"],
        ["chemistry.model=h2_air", "chemistry.kind=learned"],
    ):
        assert switched("flame", *changes).chemistry == LearnedChemistry(model="h2_air")
    assert capsys.readouterr().err == ""


def test_keys_that_both_kinds_know_stay_and_given_ones_are_never_dropped(capsys):
    config = switched("flame_learned", "chemistry.rtol=1e-6", "chemistry.kind=direct")
    assert config.chemistry == DirectChemistry(rtol=1e-6)
    with pytest.raises(ConfigError, match="chemistry.model: unknown key"):
        switched("flame_learned", "chemistry.kind=direct", "chemistry.model=h2_air")
    asked = switched("flame_learned", "chemistry.kind=direct", 'output.fields.names=["route"]')
    assert asked.output.fields.names == ("route",)  # a name that was asked for is refused when the flow is built
    capsys.readouterr()
    unchanged = switched("flame_learned", "chemistry.kind=learned")
    assert unchanged == switched("flame_learned") and capsys.readouterr().err == ""
    with pytest.raises(ConfigError, match='chemistry.kind = "lerned": allowed "direct".*Did you mean "learned"'):
        switched("flame_learned", "chemistry.kind=lerned")


def test_other_tables_with_kinds(capsys):
    """Sides, transport, initial fields, meshes, turbulence: the same rule."""
    config = switched("flame", "boundary.x_low.kind=outflow")
    assert config.boundary.x_low == Outflow()
    assert "no use for boundary.x_low.velocity: left out" in capsys.readouterr().err
    assert switched("flame", "turbulence.kind=none").turbulence == NoTurbulence()
    with pytest.raises(ConfigError, match="initial.hot_temperature is missing.*add --set initial.hot_temperature"):
        switched("flame", "initial.kind=kernel")
    with pytest.raises(ConfigError, match="mesh.x is missing.*add --set mesh.x="):
        switched("flame", "mesh.kind=stretched")
    capsys.readouterr()
    config = switched("kernel", "initial.kind=taylor-green", 'initial.composition="N2:1"', "initial.velocity=1.0")
    assert config.initial == TaylorGreenInitial(composition="N2:1", velocity=1.0)
    assert "initial.hot_temperature" in capsys.readouterr().err
    config = switched(
        "flame",
        "initial.kind=taylor-green",
        'initial.composition="N2:1"',
        "initial.velocity=1.0",
        "boundary.x_low.velocity=1.0",
    )
    gone = {"flame_speed", "front"}
    assert not gone & set(config.output.series.quantities) and "front" in capsys.readouterr().err


def test_transport_has_a_shorthand():
    config = switched("mms", "gas.transport.kind=unity-Lewis")
    assert config.gas.transport == "unity-Lewis"
    config = switched("flame", "gas.transport.soret=true")
    assert config.gas.transport == MixtureAveraged(soret=True)
    config = switched("flame", "gas.transport.kind=constant", "gas.transport.viscosity=1e-5")
    assert config.gas.transport == ConstantTransport(viscosity=1e-5)


def test_what_a_name_needs():
    assert names.need_of("max(route)") == names.need_of("network_share") == 'chemistry.kind = "learned"'
    assert names.need_of("front") == names.FRESH and names.need_of("T") == names.need_of("Y_H2") == ""
    config: Config = switched("flame")
    assert names.has(config, names.FRESH) and not names.has(config, 'chemistry.kind = "learned"')
    assert not names.has(config, names.BURNER) and names.has(config, "")


def test_eddies_of_inflows_go_with_the_closure(tmp_path, capsys):
    """In parts of sides, too; what the command line gives is refused."""
    case, side = tmp_path / "case.toml", "{ kind = 'inflow', velocity = 1.0, turbulence = { k = 1.0 }"
    case.write_text(f"""
        mesh = {{ kind = "uniform", cells = [8, 8], lower = [0, 0], upper = [0.01, 0.01] }}
        gas = {{ mechanism = "h2o2.yaml" }}
        turbulence = {{ kind = "k-equation" }}
        initial = {{ kind = "uniform", composition = "N2:1", temperature = 300 }}
        stop = {{ steps = 1 }}
        [boundary]
        x_low = {side} }}
        x_high = {{ kind = "outflow" }}
        y_low = [{side}, where = {{ x = [0.002, 0.004] }} }}, {{ kind = "wall", where = {{ x = [0.004, 0.01] }} }}]
        y_high = {{ kind = "wall" }}
    """)
    assert load(case, ["turbulence.kind=k-equation"]).boundary.x_low.turbulence.k == 1.0
    assert capsys.readouterr().err == ""
    for kind in ("wale", "none"):
        boundary = load(case, [f"turbulence.kind={kind}"]).boundary
        assert boundary.x_low.turbulence is None and boundary.y_low[0].turbulence is None
        said = (
            f"turbulence.kind={kind} has no use for boundary.x_low.turbulence; boundary.y_low[0].turbulence: left out"
        )
        assert said in capsys.readouterr().err
    for change in ("turbulence={kind='wale'}", "boundary.x_low.turbulence.k=2.0"):
        with pytest.raises(ConfigError, match='boundary.x_low.turbulence: turbulence.kind = "wale" has no use for it'):
            load(case, [change, "turbulence.kind=wale"] if "k=" in change else [change])
