"""Sphinx: the pages of this folder, and those that docs/builder makes of the code, of `combust` and of cases/."""

from __future__ import annotations

import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS), str(DOCS.parent)]

from builder import docstrings, pages, toctrees  # noqa: E402

import combust  # noqa: E402

project = "combust"
author = "the combust developers"
copyright = "the combust developers, BSD-3-Clause"
version = release = combust.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["build", "builder"]
html_theme = "furo"
html_title = f"combust {release}"
html_copy_source = False
smartquotes = False  # "--set" stays what one types
myst_heading_anchors = 3
myst_links_external_new_tab = False
autodoc_default_options = {"members": True, "ignore-module-all": True}
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
suppress_warnings = ["sphinx_autodoc_typehints", "ref.python"]  # one name in two modules: any of them will do


def setup(app) -> None:  # noqa: ANN001 (Sphinx is here only where pages are built)
    """Pages are made before Sphinx looks for them, texts changed as it reads them."""
    app.connect("config-inited", lambda app, config: pages.make(DOCS))
    app.connect("source-read", toctrees.add)
    app.connect("autodoc-process-docstring", docstrings.as_restructured_text)
    app.connect("autodoc-skip-member", docstrings.is_noise)
