"""A straight-line program of primitive calls: what a derivation denotes and a graph is built from.

It is plain data without torch: call i reads tensors of calls before it, or of the input.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

from einsearch.primitives.arguments import Arguments
from einsearch.primitives.base import Cost, Primitive, cost
from einsearch.specs import Bundle, TensorSpec

INPUT: Final = -1
"""The "call" that yields the tensors entering the program."""


class Ref(NamedTuple):
    """A tensor: the `port`-th outcome of call number `call` (INPUT for an incoming tensor)."""

    call: int
    port: int


@dataclass(frozen=True, slots=True)
class Call:
    """One primitive applied to tensors.

    Attributes:
        primitive, args: what is computed.
        inputs: the tensors read, in order. A source reads the tensor that gives it its shape.
        specs: specs of `inputs`.
        outputs: specs of the outgoing tensors.
        weights: key of the weights. Calls with equal keys share them.
    """

    primitive: Primitive
    args: Arguments
    inputs: tuple[Ref, ...]
    specs: Bundle
    outputs: Bundle
    weights: str

    @property
    def cost(self) -> Cost:
        return cost(self.primitive, self.args, self.specs)


@dataclass(frozen=True)
class Program:
    """Calls in an order in which they can run.

    Attributes:
        input: specs of the incoming tensors.
        calls: the calls; each reads INPUT or calls before it.
        outputs: the outgoing tensors.
    """

    input: Bundle
    calls: tuple[Call, ...]
    outputs: tuple[Ref, ...]

    def spec(self, ref: Ref) -> TensorSpec:
        """Spec of a tensor."""
        return self.input[ref.port] if ref.call == INPUT else self.calls[ref.call].outputs[ref.port]

    @property
    def output(self) -> Bundle:
        """Specs of the outgoing tensors."""
        return tuple(self.spec(ref) for ref in self.outputs)

    @cached_property
    def cost(self) -> Cost:
        """Sum over the calls; parameters of shared weights are counted once."""
        total, seen = Cost(), set[str]()
        for call in self.calls:
            own = call.cost
            parameters = 0 if call.weights in seen else own.parameters
            seen.add(call.weights)
            total = total + Cost(parameters, own.flops, own.memory)
        return total
