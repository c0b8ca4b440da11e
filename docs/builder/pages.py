"""Makes docs/generated: the reference from what combust says of itself, the API from its packages, the gallery."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from builder import api, cli, gallery
from builder.toctrees import OUTSIDE


def make(docs: Path) -> None:
    """Writes all of them; a page whose text has not changed keeps its time, so that Sphinx does not read it again."""
    root = docs.parent
    texts = {f"{copy}.md": (root / file).read_text(encoding="utf-8") for file, copy in OUTSIDE.items()}
    texts = {
        name: text.replace("](docs/", "](../").replace("](cases/", "](../../cases/") for name, text in texts.items()
    }
    texts["keys_case.md"] = said("schema", "--markdown")
    texts["cli.md"] = cli.page()
    texts["gallery.md"] = gallery.page(root)
    texts |= {f"api/{name}": text for name, text in api.pages(root / "combust").items()}
    target = docs / "generated"
    for name, text in texts.items():
        path = target / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for path in target.rglob("*"):
        if path.is_file() and str(path.relative_to(target)) not in texts:
            path.unlink()


def said(*words: str) -> str:
    """What a command of combust prints."""
    return subprocess.run([sys.executable, "-m", "combust", *words], capture_output=True, text=True, check=True).stdout
