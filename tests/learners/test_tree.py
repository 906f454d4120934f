"""Trees of arrays: round trips, room, and bytes that are not what they seem."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn
from numpy.typing import NDArray

from learners import tree
from learners.types import F32, F64, I64, Shape, Tree


class Leafy(NamedTuple):
    w: Annotated[F32, "tdke"]
    g: Annotated[F32, "tdKe"]
    n: Annotated[I64, "t1"]


class Nested(NamedTuple):
    leafy: Leafy
    common: Annotated[F64, "d4"]
    rest: tuple[()] = ()


_SIZES = st.integers(1, 4), st.integers(1, 5), st.integers(0, 4)
SHAPES = st.builds(Shape, *_SIZES, slots=st.just(0))
IN_SLOTS = st.builds(Shape, *_SIZES, slots=st.integers(1, 6))
ARRAYS = hn.arrays(
    st.sampled_from([np.float32, np.float64, np.int64, np.uint8, np.uint32]),
    hn.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)
ABOUT = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


def made(shape: Shape, seed: int = 0, experts: int = 2) -> Nested:
    """A tree of that shape, full of numbers that tell places apart."""
    random = np.random.default_rng(seed)
    empty = Nested(tree.zeros(Leafy, shape, experts), np.zeros((shape.columns, 4)))
    return tree.map(  # type: ignore[no-any-return]
        lambda _, leaf: (100 * random.normal(size=leaf.shape)).astype(leaf.dtype), empty
    )


def alike(a: Tree, b: Tree) -> None:
    for (path, names, x), (other, axes, y) in zip(tree.leaves(a), tree.leaves(b), strict=True):
        assert (path, names, x.dtype) == (other, axes, y.dtype)
        np.testing.assert_array_equal(x, y, err_msg=path)


@given(st.lists(ARRAYS, max_size=5), ABOUT)
def test_packed_arrays_come_back(arrays: list[NDArray[Any]], about: object) -> None:
    again, told = tree.unpack(tree.pack(arrays, about))
    assert told == about
    for a, b in zip(arrays, again, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
        assert b.flags.writeable


GOOD = tree.pack([np.arange(6.0).reshape(2, 3), np.arange(3, dtype=np.uint8)], {"name": "x"})


@given(st.integers(0, len(GOOD) - 1))
def test_bytes_cut_short_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match="not packed arrays"):
        tree.unpack(GOOD[:size])


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_damaged_bytes_raise_nothing_but_value_errors(at: int, by: int) -> None:
    data = bytearray(GOOD)
    data[at] ^= by
    try:
        tree.unpack(bytes(data))
    except ValueError as error:
        assert "not packed arrays" in str(error)


@given(st.binary(max_size=64))
def test_any_bytes_raise_nothing_but_value_errors(data: bytes) -> None:
    with pytest.raises(ValueError, match="not packed arrays"):
        tree.unpack(data)


@pytest.mark.parametrize(
    "header",
    [
        b"[]", b"{}", b"null", b'{"arrays":[]}', b'{"arrays":[["<f8",[-1]]],"about":0}',
        b'{"arrays":[["|O",[1]]],"about":0}',
        b'{"arrays":[["<f8",[1e3]]],"about":0}', b'{"arrays":[["nonsense",[1]]],"about":0}',
        b'{"arrays":[["<f8",[4611686018427387904,4]]],"about":0}', b'{"arrays":0,"about":0}',
        b'{"arrays":[["<f8",[99999999]]],"about":0}', b'{"arrays":[["<f8"]],"about":0}',
        b'{"arrays":[["",[0]]],"about":0}', b'{"arrays":[["<V0",[5]]],"about":0}',
        b"\xff\xfe", b'{"arrays":[[{"a":1},[1]]],"about":0}', b'{"arrays":[["<f8",[true]]]}',
    ],
)  # fmt: skip
def test_headers_that_lie_are_refused(header: bytes) -> None:
    with pytest.raises(ValueError, match="not packed arrays"):
        tree.unpack(len(header).to_bytes(8, "little") + header)


@given(st.tuples(SHAPES, SHAPES) | st.tuples(IN_SLOTS, IN_SLOTS))
def test_growing_keeps_what_there_is(shapes: tuple[Shape, Shape]) -> None:
    shape, more = shapes
    one = made(shape)
    assert one.leafy.w.ndim == (3 if shape.slots else 4)
    larger = Shape(*(max(a, b) for a, b in zip(shape, more, strict=True)))
    grown = tree.grow(one, larger)
    tree.check(grown, larger)
    sizes = {"t": shape.tasks, "d": shape.columns, "p": shape.slots}
    at = {name: np.arange(size) for name, size in sizes.items()}
    kept = tree.take(grown, **at)
    if shape.margins > 1 or larger.margins == 1:
        k = shape.margins
        leafy = Leafy(kept.leafy.w[..., :k, :], kept.leafy.g[..., :k, :], kept.leafy.n)
        alike(kept._replace(leafy=leafy), one)
        assert not kept.leafy.w[..., k:, :].any()
    else:
        w = one.leafy.w
        unfolded = kept.leafy.w
        np.testing.assert_array_equal(unfolded[..., 1:2, :] - unfolded[..., 0:1, :], w)
        np.testing.assert_array_equal(unfolded[..., :1, :], -unfolded[..., 1:2, :])
        np.testing.assert_array_equal(kept.leafy.g[..., :2, :], np.repeat(one.leafy.g, 2, -2))
        assert not unfolded[..., 2:, :].any()
    total = sum(float(np.abs(leaf).sum()) for _, _, leaf in tree.leaves(kept))
    everything = sum(float(np.abs(leaf).sum()) for _, _, leaf in tree.leaves(grown))
    assert total == pytest.approx(everything)  # all else is 0


def test_unfolding_leaves_no_negative_zero() -> None:
    grown = tree.grow(Nested(tree.zeros(Leafy, Shape(2, 2, 2)), np.zeros((2, 4))), Shape(2, 2, 3))
    for path, _, leaf in tree.leaves(grown):
        assert not np.signbit(leaf).any(), path


@given(SHAPES, st.data())
def test_taken_and_spread_come_back(shape: Shape, data: st.DataObject) -> None:
    one = made(shape)
    rows, columns = (np.array(data.draw(st.permutations(range(n))), np.int64) for n in shape[:2])
    alike(tree.spread(tree.take(one, t=rows, d=columns), shape, t=rows, d=columns), one)
    half = rows[: len(rows) // 2]
    some = tree.spread(tree.take(one, t=half), shape, t=half)
    np.testing.assert_array_equal(some.leafy.w[half], one.leafy.w[half])
    assert not np.delete(some.leafy.w, half, 0).any()


@given(SHAPES)
def test_taking_copies(shape: Shape) -> None:
    one = made(shape)
    taken = tree.take(one, t=np.arange(shape.tasks))
    for (_, _, a), (_, _, b) in zip(tree.leaves(one), tree.leaves(taken), strict=True):
        assert not np.shares_memory(a, b)


@given(SHAPES)
def test_rows_put_replace_rows_whole(shape: Shape) -> None:
    into, other = made(shape), made(shape._replace(tasks=1, columns=1), seed=1)
    was = tree.take(into)
    tree.put(into, np.array([0]), other)
    np.testing.assert_array_equal(into.leafy.w[0, :1], other.leafy.w[0])
    assert not into.leafy.w[0, 1:].any()  # what the narrower row does not have is 0
    np.testing.assert_array_equal(into.leafy.w[1:], was.leafy.w[1:])
    np.testing.assert_array_equal(into.common, was.common)


def test_check_names_the_leaf() -> None:
    shape = Shape(2, 3, 3)
    good = made(shape)
    tree.check(good, shape)
    leafy = good.leafy
    for wrong in (
        good._replace(leafy=leafy._replace(w=leafy.w[:1])),
        good._replace(leafy=leafy._replace(w=leafy.w[..., 0])),
        good._replace(leafy=leafy._replace(w=leafy.w[:, :, :1])),
        good._replace(leafy=leafy._replace(w=leafy.w.astype(np.float64))),
    ):
        with pytest.raises(ValueError, match=r"leaf leafy\.w"):
            tree.check(wrong, shape)
    with pytest.raises(ValueError, match="leaf common"):
        tree.check(good._replace(common=good.common[:, :3]), shape)


def test_fill_checks_what_it_is_given() -> None:
    one = made(Shape(2, 3, 3))
    arrays = [leaf for _, _, leaf in tree.leaves(one)]
    alike(tree.fill(made(Shape(1, 1, 0)), arrays), one)
    with pytest.raises(ValueError, match="3 arrays for 4 leaves"):
        tree.fill(one, arrays[:3])
    with pytest.raises(ValueError, match=r"leaf leafy\.n"):
        tree.fill(one, [*arrays[:2], arrays[2].astype(np.int32), arrays[3]])
