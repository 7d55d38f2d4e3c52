"""How many tensors leave a primitive: asked of its declaration, else found by trying its shapes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import product
from typing import Any, Final

from einsearch.primitives.arguments import Kind, Parameter, Symbol
from einsearch.primitives.base import Primitive, expressions_of
from einsearch.specs import Bundle, image, tokens, vector

_SPECS: Final = (
    image(8, 8, 8),
    tokens(64, 64, grid=(8, 8)),
    vector(64),
    image(1, 8, 8),
    tokens(16, 1),
    vector(1),
)
_NUMBERS: Final = (2, 3, 4, 1)
"""Integers that are tried; 8 and 64 are divided by three of them."""


@lru_cache(maxsize=4096)
def outputs_of(primitive: Primitive) -> int | str | None:
    """How many tensors leave: a number, the name of the argument that says it, or None where it
    depends on something else.

    What declares nothing is tried on a few tensors. One that takes none of them, or an expression,
    is taken for one that makes one tensor.
    """
    if primitive.outputs is not None:
        return primitive.outputs
    if expressions_of(type(primitive)):
        return 1
    found = [(args, number) for args in _arguments(primitive) for number in _made(primitive, args)]
    numbers = {number for _, number in found}
    if len(numbers) <= 1:
        return numbers.pop() if numbers else 1
    for parameter in primitive.parameters:
        if all(args.get(parameter.name) == number for args, number in found):
            return parameter.name
    return None


def outputs_value(primitive: Primitive, written: Mapping[str, Any]) -> Any:
    """The same as a number, what is written as the argument that says it, its default as a
    number, or None."""
    outputs = outputs_of(primitive)
    if not isinstance(outputs, str):
        return outputs
    if outputs in written:
        return written[outputs]
    return next(p.default for p in primitive.parameters if p.name == outputs)


def _made(primitive: Primitive, args: Mapping[str, Any]) -> set[int]:
    """How many tensors leave with these arguments, of as many as may enter; empty where none of
    those that are tried are taken."""
    fewest, most = primitive.arity
    found = set()
    for number in range(max(1, fewest), min(most, fewest + 2) + 1):
        for spec in _SPECS:
            bundle: Bundle = (spec,) * number
            try:
                found.add(len(primitive.infer(bundle, primitive.bind(**args))))
            except Exception:  # It may be anybody's code, tried on anything.
                continue
            break
    return found


def _arguments(primitive: Primitive) -> Iterator[dict[str, Any]]:
    """Arguments to try: every one of its numbers varied, the others as they are."""
    written = {p.name: list(_values(p)) for p in primitive.parameters if p.is_required}
    numbers = [p for p in primitive.parameters if p.kind is Kind.INT]
    for values in product(*(options[:1] for options in written.values())):
        base = dict(zip(written, values, strict=True))
        yield base
        for parameter in numbers:
            for value in _values(parameter):
                yield base | {parameter.name: value}


def _values(parameter: Parameter) -> Iterator[Any]:
    kind = parameter.kind
    if kind is Kind.INT:
        yield from (n for n in _NUMBERS if parameter.minimum <= n <= parameter.maximum)
    elif kind is Kind.NUMBER:
        low, high = max(parameter.minimum, 0.0), min(parameter.maximum, 1.0)
        yield (low + high) / 2
    elif kind is Kind.BOOL:
        yield False
    elif kind is Kind.AXIS:
        yield 0
    elif kind is Kind.SYMBOL:
        yield from map(Symbol, parameter.symbols)
    else:
        yield from parameter.examples
