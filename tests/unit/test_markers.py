"""Tests that compile kernels carry the marker `compile`, so that `-m "not compile"` needs no C++ compiler."""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
COMPILES = re.compile(r'setenv\("COMBUST_COMPILE", (?:"1"|mode)|torch\.compile\(|^switch$', re.MULTILINE)


def functions(path):
    """Tests and fixtures of a file: name, decorators, arguments one a line, body."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            decorators = " ".join(ast.unparse(d) for d in node.decorator_list)
            text = "\n".join([*(a.arg for a in node.args.args), *(ast.unparse(line) for line in node.body)])
            yield node.name, decorators, text.replace("'", '"')


def test_what_compiles_is_marked():
    found = [(path, *each) for path in TESTS.rglob("test_*.py") for each in functions(path) if path != Path(__file__)]
    compiles = [(path.name, name, marks) for path, name, marks, text in found
                if name.startswith("test_") and COMPILES.search(text)]  # fmt: skip
    assert len(compiles) > 8
    assert not [f"{file}: {name}" for file, name, marks in compiles if "mark.compile" not in marks]
