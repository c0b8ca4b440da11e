"""The reference of the command line, from its own parsers."""

from __future__ import annotations

import argparse
import re

INTRODUCTION = "`combust VERB`, or `python -m combust VERB`; every verb says the same with `--help`."


def page() -> str:
    """Markdown of all verbs: what they do, how they are called, what every option means."""
    from combust.__main__ import parser

    top = parser()
    verbs = next(a for a in top._actions if isinstance(a, argparse._SubParsersAction))
    lines = ["# Command line", "", INTRODUCTION, "", "| verb | |", "|---|---|"]
    lines += [f"| [{a.dest}](#{a.dest}) | {cell(a.help)} |" for a in verbs._choices_actions]
    lines += ["", "```text", (top.epilog or "").strip(), "```"]
    for name, made in verbs.choices.items():
        lines += ["", f"## {name}", "", sentence(made.description), "", *usage(made), "", *options(made)]
        lines += ["", sentence(made.epilog)] if made.epilog else []
    return "\n".join(lines) + "\n"


def usage(made: argparse.ArgumentParser) -> list[str]:
    """The call as argparse shows it, at one width whatever the terminal."""
    made.formatter_class = lambda prog: argparse.HelpFormatter(prog, width=100)  # type: ignore[assignment]
    return ["```text", made.format_usage().removeprefix("usage: ").rstrip(), "```"]


def options(made: argparse.ArgumentParser) -> list[str]:
    """A table of arguments and options."""
    rows = ["| argument | meaning |", "|---|---|"]
    for action in made._actions:
        if action.help == argparse.SUPPRESS or isinstance(action, argparse._HelpAction):
            continue
        names = [f"`{n}`" for n in action.option_strings] or [f"`{action.metavar or action.dest}`"]
        value = "" if action.nargs == 0 or not action.option_strings else f" `{shown(action)}`".replace("|", "\\|")
        text = (action.help or "") % {**vars(action), "prog": made.prog}
        named = bool(action.choices and action.option_strings)
        allowed = f"one of {', '.join(map(str, action.choices or ()))}" if named else ""
        rows.append(f"| {', '.join(names)}{value} | {cell('; '.join(filter(None, (text, allowed))))} |")
    return rows if len(rows) > 2 else []


def shown(action: argparse.Action) -> str:
    """What stands for the value of an option."""
    return str(action.metavar or (action.dest.upper() if not action.choices else "NAME"))


def cell(text: str | None) -> str:
    """Text within a table."""
    return re.sub(r"([*<])", r"\\\1", " ".join((text or "").replace("%%", "%").split()).replace("|", "\\|"))


def sentence(text: str | None) -> str:
    """With a capital and a stop."""
    words = " ".join((text or "").replace("%%", "%").split())
    return re.sub(r"([*<])", r"\\\1", words[:1].upper() + words[1:]) + ("" if words.endswith(".") else ".")
