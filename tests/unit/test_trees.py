"""Settings that were kept, read as those of today."""

import json
from typing import Annotated

import msgspec
import pytest

from combust.settings.base import Settings
from combust.settings.trees import Table, of_today, tree


class Point(Settings, frozen=True):
    T: float = 300.0
    p: float = 1e5


class Box(Settings, frozen=True, tag="box", tag_field="kind"):
    size: tuple[float, ...] = (1.0, 2.0)


class Ball(Settings, frozen=True, tag="ball", tag_field="kind"):
    radius: float = 1.0


class All(Settings, frozen=True, rename={"name": "its-name"}):
    name: str
    shape: Box | Ball = Box()
    points: tuple[Point, ...] = ()
    by_name: Annotated[dict[str, Point], msgspec.Meta()] = {}
    one: Point | None = None
    many: list[int] = msgspec.field(default_factory=list)


FULL = All(name="x", points=(Point(), Point(T=400.0)), by_name={"a": Point()}, one=Point(p=2e5))


def kept(value):
    return json.loads(json.dumps(value))


def test_trees_are_what_msgspec_makes():
    for value in (FULL, All(name="y", shape=Ball()), Point()):
        assert tree(value) == json.loads(msgspec.json.encode(value)) and isinstance(tree(value), Table)
    assert kept(tree(FULL).only("its-name", "one").beside({"more": 1})) == {
        "its-name": "x", "one": {"T": 300.0, "p": 2e5}, "more": 1,
    }  # fmt: skip


@pytest.mark.parametrize("path", [["many"], ["one", "T"], ["points", 0, "p"], ["by_name", "a", "T"], ["shape", "size"]])
def test_a_key_that_was_not_there_had_its_default(path):
    now, before = tree(FULL), kept(tree(FULL))
    place = before
    for key in path[:-1]:
        place = place[key]
    del place[path[-1]]
    assert before != now and of_today(before, now) == now


@pytest.mark.parametrize("now", [
    All(name="x", one=Point()),  # a table where there was none
    All(name="x", points=(Point(),)),  # one more, all of defaults
    All(name="x", by_name={"b": Point()}),
    All(name="x", shape=Ball()),
    All(name="x", shape=Box((1.0, 2.5))),
    All(name="z"),
])  # fmt: skip
def test_what_differs_stays_different(now):
    before = kept(tree(All(name="x")))
    assert of_today(before, tree(now)) != tree(now) and of_today(before, tree(All(name="x"))) == before


def test_keys_that_are_left_out_or_gone():
    now = tree(FULL).without("many")
    assert "many" not in of_today({"its-name": "x"}, now)
    assert of_today({**kept(now), "gone": 1}, now) == {**now, "gone": 1}
    assert of_today({"a": {"T": 1.0}}, {"a": tree(Point()), "b": 2}) == {"a": {"T": 1.0, "p": 1e5}}
