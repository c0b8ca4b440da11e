"""Files changed at random, from a seed: trees (keys dropped, doubled, renamed, other values), texts and bytes."""

from __future__ import annotations

import copy
import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

DEEP = 3000  # lists within each other
VALUES: tuple[Any, ...] = (
    math.nan, math.inf, -math.inf, 1e300, -1e300, 1e-300, 0, 0.0, -1, -1.5, 10**12, 2**63, 10**30, 7, 0.5,
    "", "x", "nan", "\x1b[31mred\x07", "a\0b", "\u202etxt", "9" * 5000, "../../x", True, False, None,
    [], {}, [[]], [1, "a"], {"a": 1}, [math.nan], {"kind": "x"},
)  # fmt: skip
WORDS = (
    "nan", ".nan", "inf", "-inf", "1e300", "-1", "0", "1e999", "10000000000000", "9223372036854775808", "'", '"', "[",
    "{", "}", "\n", "\t", ",", ":", "#", "&a", "*a", "\x1b[2J", "\0", "<", "&x;", "true", "null", "[" * DEEP,
    "é", "\ufffe", "9" * 5000,
)  # fmt: skip
NUMBER = re.compile(r"[-+]?\d+\.?\d*(?:[eE][-+]?\d+)?")


def places(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of all nodes but the root."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from places(value, (*path, key))


def tree(rng: np.random.Generator, whole: Any, values: Sequence[Any] = VALUES) -> Any:
    """A copy with one to three changes."""
    made = copy.deepcopy(whole)
    for _ in range(rng.integers(1, 4)):
        paths = list(places(made))
        if not paths:
            return made
        *above, key = paths[rng.integers(len(paths))]
        node = made
        for name in above:
            node = node[name]
        change(rng, node, key, values)
    return made


def change(rng: np.random.Generator, node: Any, key: Any, values: Sequence[Any]) -> None:
    """One change of node[key]."""
    kind = rng.integers(6)
    if kind == 0:
        del node[key]
    elif kind == 1 and isinstance(node, list):
        node.insert(key, copy.deepcopy(node[key]))
    elif kind == 1:
        node[f"{key}x"] = node.pop(key)
    elif kind == 2:
        node[key] = [node[key]] if rng.integers(2) else str(node[key])
    elif kind == 3 and isinstance(node[key], int | float) and not isinstance(node[key], bool):
        node[key] = node[key] * [-1, 1e30, 1e-30, 2][rng.integers(4)]
    else:
        node[key] = copy.deepcopy(values[rng.integers(len(values))])


def text(rng: np.random.Generator, whole: str) -> str:
    """A copy with one to three changes of its characters."""
    for _ in range(rng.integers(1, 4)):
        kind, word = rng.integers(5), WORDS[rng.integers(len(WORDS))]
        a, b = sorted(rng.integers(0, len(whole) + 1, 2))
        b = min(b, a + 60)
        numbers = list(NUMBER.finditer(whole))
        if kind == 0:
            whole = whole[:a]
        elif kind == 1:
            whole = whole[:a] + whole[b:]
        elif kind == 2:
            whole = whole[:b] + whole[a:b] + whole[b:]
        elif kind == 3 and numbers:
            found = numbers[rng.integers(len(numbers))]
            whole = whole[: found.start()] + word + whole[found.end() :]
        else:
            whole = whole[:a] + word + whole[a:]
    return whole


def data(rng: np.random.Generator, whole: bytes) -> bytes:
    """A copy with one to three changes of its bytes."""
    for _ in range(rng.integers(1, 4)):
        kind = rng.integers(6)
        a = int(rng.integers(0, len(whole) + 1))
        b = min(len(whole), a + int(rng.integers(1, 64)))
        if kind == 0:
            whole = whole[:a]
        elif kind == 1:
            whole = whole[:a] + whole[b:]
        elif kind == 2:
            whole = whole[:a] + bytes([[0, 255][rng.integers(2)]] * (b - a)) + whole[b:]
        elif kind == 3:
            whole = whole[:a] + rng.bytes(b - a) + whole[b:]
        elif a < len(whole):
            whole = whole[:a] + bytes([whole[a] ^ (1 << int(rng.integers(8)))]) + whole[a + 1 :]
    return whole


def some_json(rng: np.random.Generator, whole: Any) -> str:
    """The text of a tree, changed as a tree or as a text."""
    return json.dumps(tree(rng, whole)) if rng.integers(3) else text(rng, json.dumps(whole, indent=1))


def toml(value: Any) -> str:
    """A value of a TOML file; what TOML lacks becomes something else."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(str(k))} = {toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, bool) or value is None:
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, str) else repr(value)


def some_toml(rng: np.random.Generator, whole: dict[str, Any], source: str) -> str:
    """The text of a table, changed as a tree, or its `source` changed as a text."""
    if not rng.integers(3):
        return text(rng, source)
    return "".join(f"{json.dumps(key)} = {toml(value)}\n" for key, value in tree(rng, whole).items())


Mutate = Callable[[np.random.Generator], bytes]
