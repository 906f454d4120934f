"""What is computed with lanes."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from llvmlite import ir
from numba import njit, types

from learners.lanes.kinds import INT, count_of, kind_of, number_of, operation, shuffled
from learners.lanes.moving import fill


@operation
def less(typing: Any, a: Any, b: Any, then: Any, other: Any) -> Any:
    """Lane by lane `then` where a < b, else `other` (also where either is no number)."""

    def made(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered("<", *args[:2]), *args[2:])

    return then(a, b, then, other), made


def _instruction(name: str, arguments: int) -> Any:
    """An operation of the processor that LLVM knows by that name."""

    def made(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kind = args[0].type
        vector = isinstance(kind, ir.VectorType)
        one = kind.element if vector else kind
        bits = "f32" if one == ir.FloatType() else "f64"
        full = f"llvm.{name}.{f'v{kind.count}' if vector else ''}{bits}"
        known = builder.module.globals.get(full)
        signature = ir.FunctionType(kind, [kind] * arguments)
        return builder.call(known or ir.Function(builder.module, signature, full), args)

    if arguments == 1:
        return operation(lambda typing, x: (x(x), made))
    return operation(lambda typing, x, y, z: (x(x, y, z), made) if x == y == z else None)


sqrt = _instruction("sqrt", 1)
size = _instruction("fabs", 1)
fma = _instruction("fma", 3)  # x y + z, rounded once


def _converted(name: str, to: Any) -> Any:
    @operation
    def convert(typing: Any, x: Any) -> Any:
        kind = kind_of(count_of(x), to)

        def made(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return getattr(builder, name)(args[0], context.get_value_type(kind))

        return kind(x), made

    return convert


double = _converted("fpext", types.float64)
single = _converted("fptrunc", types.float32)


def _whole(kind: Any, value: int | None = None) -> Any:
    """The LLVM type of as many whole numbers as there are lanes, or that value in each."""
    made = INT if count_of(kind) == 1 else ir.VectorType(INT, count_of(kind))
    if value is None:
        return made
    return ir.Constant(made, value if count_of(kind) == 1 else [value] * count_of(kind))


@operation
def power_of_two(typing: Any, k: Any) -> Any:
    """2**k of whole float32 numbers k from -126 to 127, exactly."""

    def made(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        n = builder.add(builder.fptosi(args[0], _whole(k)), _whole(k, 127))
        return builder.bitcast(builder.shl(n, _whole(k, 23)), args[0].type)

    return k(k), made


@operation
def bits(typing: Any, x: Any) -> Any:
    """The bits of float32 numbers, read as whole numbers: about 2**23 (127 + log2 x)."""

    def made(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.sitofp(builder.bitcast(args[0], _whole(x)), args[0].type)

    return x(x), made


@operation
def total(typing: Any, x: Any) -> Any:
    """The sum of all lanes: halves added to halves, and what has no half by itself."""

    def made(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        value, n, rest = args[0], count_of(x), []
        while n > 1:
            if n % 2:
                rest.append(builder.extract_element(value, ir.Constant(INT, n - 1)))
            low, high = ([*range(i, i + n // 2)] for i in (0, n // 2))
            n //= 2
            if n == 1:
                value = builder.fadd(
                    *(builder.extract_element(value, ir.Constant(INT, i)) for i in (0, 1))
                )
            else:
                value = builder.fadd(
                    *(shuffled(builder, value, value, half) for half in (low, high))
                )
        for one in rest:
            value = builder.fadd(value, one)
        return value

    return number_of(x)(x), made


def _summed(builder: Any, x: Any, groups: list[range]) -> Any:
    """For each of several groups of lanes their sum, from first to last; of one, a number."""
    nothing = ir.Constant(x.type, None)
    value = None
    for i in range(max(map(len, groups))):
        order = [group[i] if i < len(group) else x.type.count for group in groups]
        if len(order) == 1:
            turn = builder.extract_element(x, ir.Constant(INT, order[0]))
        else:
            turn = shuffled(builder, x, nothing, order)
        value = turn if value is None else builder.fadd(value, turn)
    return value


@operation
def folded(typing: Any, x: Any, groups: Any) -> Any:
    """The sums of so many groups of neighbours, each from its first to its last."""
    if not isinstance(groups, types.IntegerLiteral):
        return None
    count = max(groups.literal_value, 1)
    each = count_of(x) // count

    def made(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        if each == 1:
            return args[0]
        return _summed(builder, args[0], [range(i, i + each) for i in range(0, count_of(x), each)])

    return kind_of(count, number_of(x))(x, groups), made


def _groups(x: Any, begins: Any) -> list[range]:
    """The lanes of each group: one begins wherever the literal's bit of that lane is set."""
    first = [i for i in range(count_of(x)) if begins.literal_value >> i & 1]
    return [range(i, j) for i, j in pairwise([*first, count_of(x)])]


@operation
def grouped(typing: Any, x: Any, begins: Any) -> Any:
    """In each lane the sum of its group of neighbours, from first to last."""
    if not isinstance(begins, types.IntegerLiteral):
        return None

    def made(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        if count_of(x) == 1:
            return args[0]
        return _summed(builder, args[0], [group for group in _groups(x, begins) for _ in group])

    return x(x, begins), made


@operation
def firsts(typing: Any, x: Any, begins: Any) -> Any:
    """The first lane of each group of neighbours."""
    if not isinstance(begins, types.IntegerLiteral):
        return None
    groups = _groups(x, begins)

    def made(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        if count_of(x) == 1:
            return args[0]
        if len(groups) == 1:
            return builder.extract_element(args[0], ir.Constant(INT, 0))
        return shuffled(builder, args[0], args[0], [group[0] for group in groups])

    return kind_of(len(groups), number_of(x))(x, begins), made


LONG = ir.IntType(64)
_ROOT_HALF = 0x3FE6A09E667F3BCD  # the bits of sqrt(1/2) in float64


def _split(builder: Any, x: Any) -> tuple[Any, Any]:
    """The bits of float64 numbers m 2**n with m from sqrt(1/2) to sqrt(2), and n."""
    vector = isinstance(x.type, ir.VectorType)
    many = ir.VectorType(LONG, x.type.count) if vector else LONG

    def constant(value: int) -> Any:
        return ir.Constant(many, [value] * x.type.count if vector else value)

    whole = builder.bitcast(x, many)
    return whole, builder.ashr(builder.sub(whole, constant(_ROOT_HALF)), constant(52))


@operation
def exponent(typing: Any, x: Any) -> Any:
    """n of positive, normal float64 numbers m 2**n, with m from sqrt(1/2) to sqrt(2)."""

    def made(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.sitofp(_split(builder, args[0])[1], args[0].type)

    return x(x), made


@operation
def mantissa(typing: Any, x: Any) -> Any:
    """And m."""

    def made(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        whole, n = _split(builder, args[0])
        shift = ir.Constant(n.type, [52] * n.type.count if count_of(x) > 1 else 52)
        return builder.bitcast(builder.sub(whole, builder.shl(n, shift)), args[0].type)

    return x(x), made


@njit(inline="always", error_model="numpy")
def exp(x: Any) -> Any:
    """e to the x of float32 from -87 to 88, within 1e-7 of it relatively.

    Moshier, "Methods and programs for mathematical functions", 1989 (Cephes): x is k ln 2 + r, and
    e**r for |r| <= 0.35 a polynomial. By pairs (Estrin's scheme), lest each term wait for the last.
    """
    shift = fill(x, 12582912.0)  # 1.5 * 2**23: what is added to it is rounded to a whole number
    k = fma(x, fill(x, 1.44269504088896341), shift) - shift
    r = fma(k, fill(x, 2.12194440e-4), fma(k, fill(x, -0.693359375), x))
    square = r * r
    low = fma(fill(x, 1.6666665459e-1), r, fill(x, 5.0000001201e-1))
    middle = fma(fill(x, 8.3334519073e-3), r, fill(x, 4.1665795894e-2))
    high = fma(fill(x, 1.9875691500e-4), r, fill(x, 1.3981999507e-3))
    s = fma(fma(high, square, middle), square, low)
    return (fma(s, square, r) + fill(x, 1.0)) * power_of_two(k)
