from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learners import topology
from learners.topology import Topology, find, second
from learners.types import F64

FORMS = ["complete", "star", "ring", "grid", "grid:3", "random:4", "erdos", "erdos:0.6"]
graphs = st.builds(
    lambda form, n, seed: find(form)([f"p{i}" for i in range(n)], seed=seed),
    st.sampled_from(FORMS),
    st.integers(5, 24),
    st.integers(0, 99),
)


def is_mixing(W: F64) -> None:
    np.testing.assert_array_equal(W, W.T)
    assert (W >= 0).all()
    np.testing.assert_allclose(W.sum(0), 1.0, rtol=0, atol=1e-12)


@given(graphs)
def test_weights_mix_and_keep_the_mean(graph: Topology) -> None:
    W = graph.weights()
    is_mixing(W)
    np.testing.assert_array_equal(W > 0, graph.joined | np.eye(len(W), dtype=bool) & (W > 0))
    x = np.random.default_rng(0).normal(size=(len(W), 3))
    apart = x - x.mean(0)
    mixed = W @ x
    np.testing.assert_allclose(mixed.mean(0), x.mean(0), rtol=0, atol=1e-12)
    rate = second(W)
    assert rate < 1 - 1e-9  # connected, and nobody swings
    shrunk = np.linalg.norm(mixed - x.mean(0))
    assert shrunk <= rate * np.linalg.norm(apart) + 1e-12


@given(graphs, st.data())
def test_who_drops_out_leaves_it_doubly_stochastic(graph: Topology, data: st.DataObject) -> None:
    absent = data.draw(st.sets(st.sampled_from(graph.places)))
    whole, W = graph.weights(), graph.weights(absent)
    is_mixing(W)
    for i, name in enumerate(graph.places):
        if name in absent:
            np.testing.assert_array_equal(W[i], np.eye(len(W))[i])
    there = [i for i, name in enumerate(graph.places) if name not in absent]
    off = ~np.eye(len(there), dtype=bool)
    np.testing.assert_array_equal(W[np.ix_(there, there)][off], whole[np.ix_(there, there)][off])


@given(graphs, st.data())
def test_those_present_mix_among_themselves(graph: Topology, data: st.DataObject) -> None:
    present = sorted(data.draw(st.sets(st.sampled_from(graph.places), min_size=1)))
    is_mixing(graph.mixing(present))


@given(graphs)
def test_a_graph_is_made_again_from_its_edges(graph: Topology) -> None:
    again = topology.from_edges(graph.places, [(b, a) for a, b in graph.edges])
    assert again.places == graph.places
    np.testing.assert_array_equal(again.joined, graph.joined)


@given(st.integers(1, 200))
def test_the_complete_graph_is_one_nth_everywhere(n: int) -> None:
    names = [f"p{i}" for i in range(n)]
    W = find("complete")(names).weights()
    np.testing.assert_array_equal(W, np.full((n, n), 1.0 / n))
    assert second(W) < 1e-9


def test_eigenvalues_of_a_ring_are_known() -> None:
    n = 12
    found = second(find("ring")([f"p{i:02}" for i in range(n)]).weights())
    assert found == pytest.approx((1 + 2 * np.cos(2 * np.pi / n)) / 3)


@pytest.mark.parametrize("n", [2, 5, 9, 16])
def test_shapes(n: int) -> None:
    names = [f"p{i:02}" for i in range(n)]
    degrees = {form: find(form)(names).joined.sum(1).tolist() for form in FORMS[:4]}
    assert degrees["complete"] == [n - 1] * n
    assert degrees["star"] == [n - 1, *[1] * (n - 1)]
    assert degrees["ring"] == [min(2, n - 1)] * n
    if n == 9:
        assert degrees["grid"] == [2, 3, 2, 3, 4, 3, 2, 3, 2]


@given(st.integers(2, 7), st.integers(8, 20), st.integers(0, 9))
def test_random_regular_graphs_are_regular_and_random(degree: int, n: int, seed: int) -> None:
    names = [f"p{i:02}" for i in range(n + n % 2)]
    make = find(f"random:{degree}")
    graph = make(names, seed=seed)
    assert graph.joined.sum(1).tolist() == [degree] * len(names)
    np.testing.assert_array_equal(graph.joined, make(names, seed=seed).joined)
    assert not graph.joined.diagonal().any()


def test_another_seed_is_another_graph() -> None:
    names = [f"p{i:02}" for i in range(16)]
    for form in ("random:4", "erdos:0.5"):
        assert find(form)(names, seed=1).edges != find(form)(names, seed=2).edges


def test_one_place_is_a_topology() -> None:
    for form in ("complete", "star", "ring", "grid", "erdos"):
        graph = find(form)(["alone"])
        assert graph.weights().tolist() == [[1.0]]
        assert graph.neighbours("alone") == ()


def test_edges_by_name() -> None:
    graph = find("edges:a-b,b-c")("abc")
    assert graph.neighbours("b") == ("a", "c")
    with pytest.raises(ValueError, match="'d', which is no place"):
        find("edges:a-b,b-d")("abc")
    with pytest.raises(ValueError, match="not connected"):
        find("edges:a-b")("abc")
    with pytest.raises(ValueError, match="no place 'z'"):
        graph.neighbours("z")


@pytest.mark.parametrize(
    "form", ["", "rings", "ring:3", "grid:0", "grid:x", "random", "random:-1", "erdos:x", "edges:",
             "edges:a", "edges:a-b-c"],
)  # fmt: skip
def test_what_there_is_not_is_told(form: str) -> None:
    with pytest.raises(ValueError, match="topology: .* is none of complete"):
        find(form)


@pytest.mark.parametrize(
    ("form", "why"),
    [("random:5", "cannot have 5"), ("random:3", "must be even"), ("erdos:0", "raise p"),
     ("erdos:2", "no probability"), ("random:1", "must be even")],
)  # fmt: skip
def test_what_cannot_be_is_told(form: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        find(form)("abcde")
