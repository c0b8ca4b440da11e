"""Commands that documents and docstrings tell a user to type, and whether each would be understood."""

import argparse
import contextlib
import importlib
import io
import re
import shlex
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "docs").rglob("*.md") if "generated" not in p.parts),
]
SOURCES = sorted(
    str(p.relative_to(ROOT)) for name in ("combust", "benchmarks", "validation") for p in (ROOT / name).rglob("*.py")
)
CASES = sorted(str(p.relative_to(ROOT)) for name in ("cases", "combust") for p in (ROOT / name).rglob("*.toml"))
LAUNCHERS = {"mpirun", "scripts/mpirun.sh"}
PYTHONS = {"python", ".venv/bin/python"}
OTHERS = {"cp", "conda", "pip", "apt-get", "git", "for", "do", "done", "cd", ".", "head"}  # not ours
OURS = {"combust", "make", *LAUNCHERS, *PYTHONS}
SHELLS = {"sh", "bash", "console"}
BEGIN = re.compile(rf"^(?:[A-Z_]+=\S+ +)*(?:{'|'.join(map(re.escape, sorted(OURS)))})(?= |$)")


class Command(NamedTuple):
    """Where it stands, what it says, and whether it is all of a line (or a mention within a sentence)."""

    place: str
    text: str
    whole: bool


def commands() -> list[Command]:
    """All of them, each once a place."""
    found = [c for page in PAGES for c in in_page(page)]
    found += [c for source in SOURCES for c in in_lines(source, r"    ")]
    found += [c for case in CASES for c in in_lines(case, r"#.*?(?::|with) +|# +")]
    return list(dict.fromkeys(part for c in found for part in parts(c)))


def in_page(page: str) -> list[Command]:
    """Lines of shell blocks, and code spans that begin like a command."""
    language, block, prose, found = "", [], [], []
    for line in (ROOT / page).read_text(encoding="utf-8").splitlines():
        if line.startswith("```"):
            if language in SHELLS:
                text = "\n".join(block).replace("\\\n", " ")
                found += [Command(page, one, True) for one in map(uncommented, text.splitlines()) if one]
            language, block = ("" if language else line[3:].strip() or "text"), []
        elif language:
            block.append(line)
        else:
            prose.append(line)
    for span in re.findall(r"(?<!`)`([^`]+)`(?!`)", "\n".join(prose)):
        text = " ".join(span.replace("\\|", "|").split())
        text = re.sub(r" \[[^]]*\]", "", text)  # without what a usage has in brackets
        if BEGIN.match(text) and "..." not in text:
            found.append(Command(page, text, False))
    return found


def in_lines(path: str, before: str) -> list[Command]:
    """Lines that are a command behind what stands before one."""
    lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
    matches = [re.match(rf"(?:{before})(\S.*)$", line) for line in lines]
    texts = [uncommented(m[1]) for m in matches if m is not None]
    prose = re.compile(r"make (?![a-z-]+$)")
    return [Command(path, text, True) for text in texts if BEGIN.match(text) and not prose.match(text)]


def uncommented(line: str) -> str:
    """A line of shell without its comment."""
    return re.sub(r"(^|\s)#.*$", "", line).strip()


def parts(command: Command) -> list[Command]:
    """The commands of a line."""
    return [command._replace(text=text.strip()) for text in re.split(r"&&|\|\||[|;]", command.text) if text.strip()]


def wrong(command: Command) -> str:
    """What a user would be told who types it; nothing if it is understood."""
    words = shlex.split(command.text)
    while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
        words.pop(0)
    if words and words[0] in LAUNCHERS:
        words = launched(words)
    if not words or words[0] in OTHERS:
        return ""
    if missing := [w for w in words if ours(w) and not (ROOT / w).exists()]:
        return f"no {', '.join(missing)}"
    name, *rest = words
    if name == "make":
        targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
        return ", ".join(f"no target {w}" for w in rest if "=" not in w and w not in targets)
    if name == "combust":
        return by_verb(rest, command.whole)
    if name in PYTHONS:
        return by_python(rest)
    return f"what is {name}?"


def launched(words: list[str]) -> list[str]:
    """What a launcher of MPI runs."""
    rest = words[1:]
    while rest and rest[0].startswith("-"):
        rest = rest[2 if rest[0] in ("-n", "-np") else 1 :]
    return rest


def ours(word: str) -> bool:
    """Whether a word is a file of the repository that must be there: no pattern, nothing that a command makes."""
    first = word.split("/")[0]
    return (
        "/" in word
        and first in ("cases", "tests", "benchmarks", "validation", "scripts")
        and not re.search(r"\b[A-Z]{2,}\b|\*", word)
    )


def by_verb(words: list[str], whole: bool) -> str:
    """By the command line of combust; a mention may be a verb alone."""
    from combust.__main__ import parser
    from combust.cli.verbs import VERBS

    if "--" in words and words[0] in {verb.name for verb in VERBS if verb.passes}:
        words = words[: words.index("--")]  # the rest is another program's
    made = parser()
    verbs = next(a.choices for a in made._actions if isinstance(a, argparse._SubParsersAction))
    if not whole and (not words or words[0] in verbs and len(words) == 1):
        return ""
    return refused(made, words)


def by_python(words: list[str]) -> str:
    """By the module's or script's own parser."""
    if words[:1] != ["-m"]:
        path = Path(words[0]) if words else Path()
        if path.parent.name != "benchmarks" or path.stem == "page":
            return "" if not words or (ROOT / path).is_file() or words[0].startswith("-") else f"no {path}"
        return refused(benchmark(path.stem).arguments(), words[1:])
    module, rest = words[1], words[2:]
    if module == "combust.run":
        return by_verb(["run", *rest], True)
    if module == "combust":
        return by_verb(rest, True)
    if module == "validation":
        from validation.__main__ import arguments, studies

        names = [w for w in rest if not w.startswith("-") and w != "NAME" and w in studies()]
        return refused(arguments(), rest) if names or "NAME" in rest or "--list" in rest or not rest else f"no {rest}"
    return "" if module in ("pytest", "venv", "pip") else f"what is {module}?"


def benchmark(name: str):
    """A module of benchmarks/."""
    folder = str(ROOT / "benchmarks")
    sys.path.insert(0, folder)
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(folder)


def refused(parser: argparse.ArgumentParser, words: list[str]) -> str:
    """What a parser says against these words."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            parser.parse_args(words)
    except SystemExit as end:
        return said.getvalue().strip().splitlines()[-1] if end.code else ""
    return ""
