"""The model of many ranks: its messages are those that were counted; its terms grow as they should."""

import json

import pytest

from validation import scaling
from validation.report import ROOT

KEPT = json.loads((ROOT / "docs" / "validation" / "scaling.json").read_text())
FOUND = {ranks: scaling.read(tree) for ranks, tree in KEPT.items()}
KNOWN = {
    (kind, solver): scaling.law(
        [c for of in FOUND.values() for case, c in of.items() if case[:3] == kind and case.endswith(solver)], solver
    )
    for kind in scaling.EDGE
    for solver in scaling.SOLVERS
}


def test_the_law_is_that_of_the_counts():
    for of in FOUND.values():
        for case, c in of.items():
            if c.ranks > 1:
                kind, _, solver = case.split(", ")
                known = KNOWN[kind, solver]
                said = scaling.messages(known, c.blocks, c.shape)
                assert c.messages <= 1.02 * said and said <= 1.1 * c.messages, (case, c.ranks)
                assert c.reductions <= known.reductions and c.iterations <= known.iterations


def test_terms():
    on = scaling.Machine("toy", "torch", 1e-6, 1e9, 1e-5, 0.1, 1000)
    known = scaling.Law("torch", 10.0, 100.0, 5.0, 3.0, 20.0)
    alone = scaling.terms(on, known, (1, 1, 1), (10, 10, 10), 1e-9)
    assert alone["cells"] == pytest.approx(1e-2) and alone["host"] == 0.1
    assert sum(alone.values()) == pytest.approx(0.11, abs=1e-7)  # and lists of one rank
    many = scaling.terms(on, known, (10, 10, 10), (10, 10, 10), 1e-9)
    assert many["reductions"] == pytest.approx(20 * 10 * 1e-6)
    assert many["halo"] == pytest.approx(10 * 3 * 1e-6 + 100 * 300 / 1e9)
    assert many["iterations"] == pytest.approx(5 * 2 * (3e-6 + 8 * 300 / 1e9))
    # Lines of 10 cells on 10 ranks are too short for planes: all three directions are traded, the last one once.
    count, size = scaling.traded((10, 10, 10), (10, 10, 10))
    assert (count, size) == (9 * (4 + 4 + 2), pytest.approx(8000 * 0.9 * 10))
    assert many["pencils"] == pytest.approx((3 + 5) * (count * 1e-6 + size / 1e9))
    assert many["lists of ranks"] == pytest.approx(1000 * (1e-9 + 16e-9))


def test_messages_of_multigrid():
    """None on one rank; of two halves of a plane as many in both directions; more iterations, more messages."""
    assert scaling.cycled((1, 1, 1), (32, 32, 1)) == scaling.Cycles((0.0, 0.0), (0.0, 0.0))
    assert scaling.cycled((2, 1, 1), (16, 32, 1)).each == scaling.cycled((1, 2, 1), (32, 16, 1)).each
    few, more = (scaling.Law("multigrid", 0.0, 0.0, n, 0.0, 0.0) for n in (5.0, 10.0))
    blocks, shape = (4, 4, 4), (16, 16, 16)
    each = scaling.of_iterations(more, blocks, shape)[0] - scaling.of_iterations(few, blocks, shape)[0]
    assert each == pytest.approx(5 * scaling.cycled(blocks, shape).each[0]) and each >= 5 * 2 * 3


def test_sizes():
    blocks, shape = scaling.divided([1000] * 3, 1000)
    assert blocks[0] * blocks[1] * blocks[2] == 1000 and shape[0] * shape[1] * shape[2] == 10**6
    assert scaling.mesh("3-D", 8, True) == [20, 20, 20] and scaling.mesh("2-D", 2, True) == [48, 24]
    assert scaling.mesh("2-D", 8, False) == [48, 48]
