"""Small helpers that several tests share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from einsearch.primitives.base import get_primitive, infer
from einsearch.primitives.program import INPUT, Call, Program, Ref
from einsearch.specs import TensorSpec

Line = tuple[str, Sequence[Any], Sequence[Ref | int]]
"""Name of a primitive, its positional arguments, what it reads: refs, or numbers of calls."""


def program(
    spec: TensorSpec, lines: Sequence[Line], outputs: Sequence[Ref | int] | None = None
) -> Program:
    """A program written by hand; the last call's first outcome leaves it unless told otherwise."""
    calls: list[Call] = []

    def ref(item: Ref | int) -> Ref:
        return Ref(item, 0) if isinstance(item, int) else item

    def spec_of(item: Ref) -> TensorSpec:
        return spec if item.call == INPUT else calls[item.call].outputs[item.port]

    for number, (name, args, inputs) in enumerate(lines):
        primitive = get_primitive(name)
        bound = primitive.bind(*args)
        refs = tuple(map(ref, inputs))
        specs = tuple(map(spec_of, refs))
        outputs_of_call = infer(primitive, bound, specs)
        calls.append(Call(primitive, bound, refs, specs, outputs_of_call, f"w{number}"))
    leaving = [len(calls) - 1] if outputs is None else outputs
    return Program((spec,), tuple(calls), tuple(map(ref, leaving)))


def series(spec: TensorSpec, *steps: tuple[Any, ...]) -> Program:
    """A chain: `series(image(3, 8, 8), ("conv2d", 16, 3), ("relu",), ("global_avg_pool",))`."""
    return program(spec, [(step[0], step[1:], [i - 1]) for i, step in enumerate(steps)])
