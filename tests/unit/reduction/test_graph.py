"""Graph methods against coefficients, paths and weights written down by hand, and against each other."""

from pathlib import Path

import cantera as ct
import draws
import numpy as np
import pytest
from scipy import sparse
from scipy.sparse import csgraph

from combust.errors import ConfigError, MechanismError
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.reduction.cases.conditions import ReductionCase
from combust.reduction.cases.samples import Samples
from combust.reduction.select.graph import Graph
from combust.reduction.select.interaction import METHODS, Interaction
from combust.reduction.select.paths import label_setting, sweep
from combust.reduction.select.targets import HEAT, default_targets
from combust.reduction.submechanism import Parent

HAND = str(Path(__file__).parent / "hand_network.yaml")
CASE = ReductionCase("ignition", "CH4:1", "O2:1, N2:3.76", 1000.0, 1e5)

# Rates are rate constants times mass fractions, as all molar masses are equal; in units of p / (R T):
#   A=>B 1.2   A=>C 0.4   B=>C 0.6   B=>A 0.3   C=>D 0.2, P = (0.3, 1.2, 1.0, 0.2), C = (1.6, 0.9, 0.2, 0)
FIRST = (0.4, 0.3, 0.2, 0.1, 0.0)
#   A=>B 0.3   A=>C 0.1   B=>C 0.6   B=>A 0.3   C=>D 0.2
SECOND = (0.1, 0.3, 0.2, 0.4, 0.0)
DRG = {"AB": 1.5 / 1.9, "AC": 0.4 / 1.9, "BA": 1.5 / 2.1, "BC": 0.6 / 2.1, "CA": 0.4 / 1.2, "CB": 0.6 / 1.2,
       "CD": 0.2 / 1.2, "DC": 1.0, "EA": 1.0}  # fmt: skip
DRGEP = {"AB": 0.9 / 1.6, "AC": 0.4 / 1.6, "BA": 0.9 / 1.2, "BC": 0.6 / 1.2, "CA": 0.4, "CB": 0.6, "CD": 0.2,
         "DC": 1.0, "EA": 1.0}  # fmt: skip
# p_AB 3/16, p_BA 1, p_CA 0.4, p_CB 0.6, p_DC 1, p_EA 1; c_AB 0.75, c_AC 0.25, c_BA 0.25, c_BC 0.5, c_CD 0.2
PFA_SUM = {
    "AB": 3 / 16 + 0.75, "AC": 0.25 + 0.75 * 0.5, "AD": 0.25 * 0.2, "BA": 1.25, "BC": 0.5 + 0.25 * 0.25,
    "BD": 0.5 * 0.2, "CA": 0.4 + 0.6 * 1.0, "CB": 0.6 + 0.4 * 3 / 16, "CD": 0.2, "DC": 1.0, "DA": 0.4, "DB": 0.6,
    "EA": 1.0, "EB": 3 / 16,
}  # fmt: skip
PFA = {pair: r / (1 + r) for pair, r in PFA_SUM.items()}


def samples_of(gas, Y, T=1000.0, case=None):
    """Samples of given mass fractions (states, species)."""
    Y = np.array(Y, dtype=float)
    case = np.zeros(len(Y), dtype=int) if case is None else np.array(case)
    T = np.full(len(Y), T, dtype=float)
    cases = (CASE,) * (int(case.max()) + 1)
    position = np.arange(len(Y), dtype=float)
    return Samples(T, np.full(len(Y), 1e5), Y.T, case, position, cases, gas.species, gas.path, gas.sha256)


def random_samples(gas, states=12, seed=0):
    rng = draws.rng(seed)
    Y = rng.dirichlet(np.full(len(gas.species), 0.3), states)
    return samples_of(gas, Y, rng.uniform(900, 2500, states), np.arange(states) // 4)


def by_pair(graph, state=None):
    r = graph.coefficients(state).tocoo()
    names = graph.gas.species
    return {names[a] + names[b]: x for a, b, x in zip(r.row, r.col, r.data, strict=True) if x > 1e-6}


def named(graph, values):
    return dict(zip(graph.gas.species, values, strict=True))


@pytest.fixture(scope="module")
def hand():
    return Mechanism.load(HAND)


@pytest.fixture(scope="module")
def gri():
    return Mechanism.load("gri30.yaml")


@pytest.mark.parametrize("method, expected", [("drg", DRG), ("drgep", DRGEP), ("pfa", PFA)])
def test_coefficients(hand, method, expected):
    assert by_pair(Graph(hand, samples_of(hand, [FIRST]), method)) == pytest.approx(expected, abs=1e-8)


def test_greatest_coefficients_of_several_states(hand):
    # in the second state C_B 0.9 exceeds P_B 0.3, and A=>B and B=>A cancel
    graph = Graph(hand, samples_of(hand, [FIRST, SECOND]))
    assert by_pair(graph, 1)["BC"] == pytest.approx(0.6 / 0.9) and "AB" not in by_pair(graph, 1)
    both = by_pair(graph)
    assert both["BC"] == pytest.approx(0.6 / 0.9) and both["AB"] == pytest.approx(0.9 / 1.6)


def test_importance_by_hand(hand):
    samples = samples_of(hand, [FIRST])
    found = named(g := Graph(hand, samples), g.importance({"A": 1.0}))
    c = 0.9 / 1.6 * 0.5  # by way of B, more than the direct 0.25
    assert found == pytest.approx({"A": 1, "B": 0.9 / 1.6, "C": c, "D": 0.2 * c, "E": 0}, abs=1e-8)
    half = named(g, g.importance({"A": 0.5, "D": 1e-3}))
    assert half == pytest.approx({"A": 1, "B": 0.45 / 1.6, "C": c / 2, "D": 1, "E": 0}, abs=1e-8)
    drg = named(g := Graph(hand, samples, "drg"), g.importance({"A": 1.0}))
    assert drg == pytest.approx({"A": 1, "B": 1.5 / 1.9, "C": 0.6 / 2.1, "D": 0.2 / 1.2, "E": 0}, abs=1e-8)
    pfa = named(g := Graph(hand, samples, "pfa"), g.importance({"A": 1.0}))
    assert pfa["C"] == pytest.approx(PFA["AC"]) and pfa["D"] == pytest.approx(PFA["CD"], abs=1e-8)


def test_heat_release_by_hand(hand):
    # |w dH| of the five reactions: 2.4, 1.6, 1.2, 0.6, 0.2
    graph = Graph(hand, samples_of(hand, [FIRST]))
    found = named(graph, graph.importance({HEAT: 1.0}))
    shares = {"A": 4.6 / 6, "B": 4.2 / 6, "C": 3.0 / 6, "D": max(0.2 / 6, 0.2 * 0.5), "E": 0}
    assert found == pytest.approx(shares, abs=1e-8)


def test_scaling_by_hand(hand):
    # net: A -1.3, B 0.3, C 0.8, D 0.2; then A -0.1, B -0.6, C 0.5, D 0.2; heat 4.8, then 1.8
    together = Graph(hand, samples_of(hand, [FIRST, SECOND]))
    rows = {"A": 0, "D": 3, HEAT: None}
    found = together._factors(rows, True)
    assert found == pytest.approx(np.array([[1.0, 1 / 7], [7 / 13, 1.0], [1.0, 1.8 / 4.8]]), rel=1e-7)
    apart = Graph(hand, samples_of(hand, [FIRST, SECOND], case=[0, 1]))
    assert apart._factors(rows, True) == pytest.approx(np.ones((3, 2)))


def test_scaling_weighs_importance(hand):
    graph = Graph(hand, samples_of(hand, [FIRST, SECOND]))
    plain, scaled = (named(graph, graph.importance({"D": 1.0}, on))["A"] for on in (False, True))
    # A from D: the first state has max(0.4, 0.6 0.75), the second max(0.1/0.7, 0)
    assert plain == pytest.approx(0.45) and scaled == pytest.approx(0.45 * 7 / 13)


def test_group_by_hand(hand):
    samples = samples_of(hand, [FIRST])
    for method, AC, CA, CD in (("drgep", 1.3 / 1.6, 1.0, 0.4), ("drg", 1.0, 1.0 / 1.2, 0.8 / 1.2)):
        graph = Graph(hand, samples, method)
        found = named(graph, graph.importance({"A": 1.0}, removed=[1]))
        D = AC * CD if method == "drgep" else min(AC, CD)
        base = 0.9 / 1.6 if method == "drgep" else 1.5 / 1.9  # lost with B already
        assert found == pytest.approx({"A": 1, "B": 0, "C": AC, "D": D, "E": base}, abs=1e-8)
        assert named(graph, graph.importance({"C": 1.0}, removed=[1]))["A"] == pytest.approx(CA)


def test_ranking_finds_the_planted_species(hand, gri):
    graph = Graph(hand, samples_of(hand, [FIRST, SECOND]))
    assert [hand.species[k] for k in graph.ranking({"A": 1.0}).species] == ["A", "B", "C", "D", "E"]
    assert [hand.species[k] for k in graph.ranking({"A": 1.0}, retained=[3]).species] == ["A", "D", "B", "C", "E"]
    targets = {"CH4": 1.0, HEAT: 1.0}
    for method in METHODS:
        graph = Graph(gri, random_samples(gri, 4), method)
        ranking = graph.ranking(targets, retained=[gri.index("N2")])
        assert sorted(ranking.species) == list(range(53)) and len(ranking.values) == 53
        assert {gri.species[k] for k in ranking.species[:2]} == {"CH4", "N2"}
        plain = graph.ranking(targets, group=False)
        assert list(plain.values) == sorted(plain.values, reverse=True)
        assert plain.values == pytest.approx(graph.importance(targets)[list(plain.species)])


@pytest.mark.parametrize("method", METHODS)
def test_targets_together_or_one_by_one(gri, method):
    targets, removed = {"CH4": 1.0, "O2": 1.0, HEAT: 1.0}, [gri.index("C3H8"), gri.index("HCO")]
    graph = Graph(gri, random_samples(gri), method)
    for gone in ((), removed):
        single = [graph.importance({name: 1.0}, removed=gone) for name in targets]
        assert graph.importance(targets, removed=gone) == pytest.approx(np.max(single, axis=0), rel=1e-12)


def by_dijkstra(A, B, r, start):
    """Best products by SciPy, on -ln r."""
    n, targets, states = start.shape
    sources = n + np.arange(targets)
    found = np.empty_like(start)
    for s in range(states):
        first, source = np.nonzero(start[:, :, s])
        rows, columns = np.concatenate([A, source + n]), np.concatenate([B, first])
        value = np.concatenate([r[:, s], start[first, source, s]])
        on = value > 0
        graph = sparse.csr_array((-np.log(value[on]), (rows[on], columns[on])), shape=(n + targets, n + targets))
        found[:, :, s] = np.exp(-csgraph.dijkstra(graph, indices=sources)[:, :n]).T
    return found


@pytest.mark.parametrize("method", METHODS)
def test_all_searches_agree(gri, method):
    graph = Graph(gri, random_samples(gri), method)
    states = slice(0, len(graph.samples))
    rows = {"CH4": gri.index("CH4"), "O2": gri.index("O2"), HEAT: None}
    start = graph._start(rows, states, np.zeros(53, dtype=bool))
    edges = graph.interaction.A, graph.interaction.B, graph._edges(states), start
    assert by_dijkstra(*edges) == pytest.approx(sweep(*edges, "product"), rel=1e-9)
    for combine in ("product", "weakest"):
        assert label_setting(*edges, combine) == pytest.approx(sweep(*edges, combine), rel=1e-12)


@pytest.mark.parametrize("method", ["drg", "pfa"])
def test_the_weakest_link_is_the_threshold_of_reachability(gri, method):
    graph = Graph(gri, random_samples(gri, 3), method)
    found = graph.importance({"CH4": 1.0})
    for threshold in (0.02, 0.1, 0.3, 0.9):
        reached = np.zeros(53, dtype=bool)
        for state in range(3):
            r = (graph.coefficients(state) >= threshold).astype(float)
            mine = np.zeros(53)
            mine[gri.index("CH4")] = 1
            for _ in range(53):
                mine = ((mine + mine @ r) > 0).astype(float)
            reached |= mine > 0
        assert np.array_equal(reached, found >= threshold)
    assert reached.sum() < 53


@pytest.mark.parametrize("method", METHODS)
def test_blocks_change_nothing(gri, method, monkeypatch):
    samples, targets = random_samples(gri), {"CH4": 1.0, HEAT: 0.7}
    whole = Graph(gri, samples, method).importance(targets)
    monkeypatch.setattr("combust.reduction.select.graph.BLOCK", 1)
    monkeypatch.setattr("combust.reduction.select.graph.KEPT", 0)
    assert Graph(gri, samples, method).importance(targets) == pytest.approx(whole, rel=1e-12)


def test_order_of_species_does_not_matter(gri, tmp_path):
    solution, samples = gri.cantera(), random_samples(gri)
    turned = ct.Solution(thermo="ideal-gas", kinetics="gas", species=solution.species()[::-1],
                         reactions=solution.reactions())  # fmt: skip
    turned.write_yaml(tmp_path / "turned.yaml", precision=17)
    other = Mechanism.load(tmp_path / "turned.yaml")
    reordered = samples_of(other, samples.Y[::-1].T, samples.T, samples.case)
    for method in METHODS:
        a, b = Graph(gri, samples, method), Graph(other, reordered, method)
        targets = {"CH4": 1.0, "OH": 0.5, HEAT: 1.0}
        assert named(a, a.importance(targets)) == pytest.approx(named(b, b.importance(targets)), rel=1e-6, abs=1e-12)


def test_colliders():
    gas = Mechanism.load("h2o2.yaml")
    parent = Parent(gas)
    off, on = (Interaction(parent, "drgep", e).part.todense() for e in (None, 2.0))
    # 2 O + M, efficiencies H2 2.4, H2O 15.4, AR 0.83; H + O2 + AR names its only collider
    H2, H2O, AR, O = (gas.index(name) for name in ("H2", "H2O", "AR", "O"))
    named_one = next(i for i, r in enumerate(parent.reactions) if r.third_body and r.third_body.name == "AR")
    assert (off[H2, 0], off[H2O, 0]) == (0, 0) and (on[H2, 0], on[H2O, 0]) == pytest.approx((1 - 1 / 2.4, 1 - 1 / 15.4))
    assert on[AR, 0] == 0 and on[O, 0] == 1 and off[AR, named_one] == on[AR, named_one] == 1
    samples = random_samples(gas)
    least = [Graph(gas, samples, "drg", e).importance({"O": 1.0})[H2O] for e in (None, 20.0, 2.0)]
    assert least[0] == least[1] <= least[2]
    direct = [Graph(gas, samples, "drg", e).coefficients()[O, H2O] for e in (None, 2.0)]
    assert direct[1] > direct[0]


def test_default_targets(gri):
    case = ReductionCase("flame", "CH4:1, N2:1, CO2:0.1", "O2:1, N2:3, AR:0.1, H2O:0.1", 300.0, 1e5)
    assert list(default_targets(gri, [case])) == ["CH4", "O2", HEAT, "H", "OH"]
    assert list(default_targets(gri, [case], ["NO", "H"]))[-2:] == ["OH", "NO"]
    assert "O" not in default_targets(gri, [case]) and set(default_targets(gri, [case]).values()) == {1.0}


def test_what_is_refused(hand, gri):
    samples = samples_of(hand, [FIRST])
    graph = Graph(hand, samples)
    with pytest.raises(MechanismError, match="no species 'A2'.*nearest: A"):
        graph.importance({"A2": 1.0})
    bad = ({}, "at least one target"), ({"A": 0.0}, "weight 0.0"), ({"B": 1.0}, "target B is among")
    for targets, message in bad:
        with pytest.raises(ConfigError, match=message):
            graph.importance(targets, removed=[1])
    with pytest.raises(ConfigError, match="known: drgep, drg, pfa"):
        Graph(hand, samples, "epdrg")
    with pytest.raises(ConfigError, match="must be above 1"):
        Graph(hand, samples, colliders=1.0)
    with pytest.raises(ConfigError, match="another mechanism"):
        Graph(gri, samples)
    with pytest.raises(ConfigError, match="batch"):
        graph.ranking({"A": 1.0}, batch=0.0)
