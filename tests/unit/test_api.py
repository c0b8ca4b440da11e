"""combust.api: every verb as a function that prints nothing; the code of docs/python.md runs."""

import ast
import inspect
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import ROOT, env

from combust import api
from combust.cli.verbs import VERBS
from combust.errors import CombustError, ConfigError, MechanismError

PAGE = (ROOT / "docs" / "python.md").read_text()
BLOCKS = re.findall(r"^```python( slow)?\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
CALLED = {"list": "kinds"}  # verbs whose function has another name
HERE = Path(__file__).parent


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory of the page, with the files that it names."""
    shutil.copy(HERE / "experiments" / "keromnes_2013.xml", tmp_path)
    (tmp_path / "h2.toml").write_text(re.search(r"^```toml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)[1])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COMBUST_CACHE", str(tmp_path / "cache"))


def run_page(slow):
    """Runs the blocks of the page one after the other, as a reader would; the slow ones too."""
    names = {}
    for mark, block in BLOCKS:
        if slow or not mark:
            exec(compile(block, "docs/python.md", "exec"), names)
    return names


def test_the_page_runs(folder, capsys):
    names = run_page(False)
    assert 0.9 < names["speeds"].rows[0].flame_speed_m_per_s / 2.33 < 1.1 and names["found"].compared == 1
    assert "m/s on" in capsys.readouterr().out


@pytest.mark.slow
def test_the_whole_page_runs(folder):
    names = run_page(True)
    assert names["strains"].failed == 0 and names["reduced"].mechanism.is_file()


def test_type_checkers_see_every_function():
    """The imports under TYPE_CHECKING are FUNCTIONS."""
    block = next(node for node in ast.parse(inspect.getsource(api)).body if isinstance(node, ast.If))
    seen = {name.asname: (node.module, name.name) for node in block.body for name in node.names}
    assert ast.unparse(block.test) == "TYPE_CHECKING" and seen == api.FUNCTIONS


def test_every_verb_is_a_function_and_on_the_page():
    for verb in VERBS:
        name = CALLED.get(verb.name, verb.name)
        function = getattr(api, name)
        assert callable(function) and f"api.{name}(" in PAGE and f"`{verb.name}`" in PAGE
        assert inspect.getdoc(function) and "args" not in inspect.signature(function).parameters
        assert inspect.signature(function, eval_str=False).return_annotation is not inspect.Signature.empty
    with pytest.raises(AttributeError, match="no attribute 'ignit'; it has"):
        _ = api.ignit
    assert set(api.FUNCTIONS) <= set(dir(api))


def test_nothing_is_loaded_before_it_is_asked_for():
    code = "import sys\nfrom combust import api\nassert not {'torch', 'numpy', 'cantera'} & set(sys.modules)\napi.info"
    done = subprocess.run([sys.executable, "-c", code], env=env(), capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("call, error, text", [
    (lambda: api.ignite("h2o2.yaml", "H2", time=0.0), ConfigError, "time 0: must be > 0 s"),
    (lambda: api.ignite("h2o2.yaml", "H2", phi=[]), ConfigError, "phi: give at least one value"),
    (lambda: api.ignite("h2o2.yaml", "CH4"), MechanismError, "fuel: .*no species 'CH4'"),
    (lambda: api.flamespeed("h2o2.yaml", "H2", T=[-300.0]), ConfigError, "T: -300 is not positive"),
    (lambda: api.flamespeed("h2o2.yaml", "H2", refine="fine"), ConfigError, 'refine = "fine" is unknown'),
    (lambda: api.flamespeed("h2o2.yaml", "H2", max_points=3), ConfigError, "max_points 3: must be at least 20"),
    (lambda: api.extinction("h2o2.yaml", "H2", strain=float("nan")), ConfigError, "strain nan: must be > 0"),
    (lambda: api.extinction("h2o2.yaml", "H2", p=[float("inf")]), ConfigError, "p: inf is not positive"),
    (lambda: api.check("none.toml"), ConfigError, "none.toml"),
    (lambda: api.check("none.toml", ranks=0), ConfigError, "ranks 0: must be at least 1"),
    (lambda: api.run("none.toml"), ConfigError, "none.toml"),
    (lambda: api.new("flam"), ConfigError, "did you mean flame"),
    (lambda: api.kinds("boundry"), ConfigError, "boundry"),
])  # fmt: skip
def test_a_wrong_call_names_the_argument(call, error, text, capsys):
    with pytest.raises(error, match=text):
        call()
    assert capsys.readouterr() == ("", "") and issubclass(error, CombustError)
