"""A straight-line program of primitive calls: what a derivation denotes and a graph is built from.

It is plain data without torch: call i reads tensors of calls before it, or of the input. The
expression that a primitive takes is a program of its own, among the arguments of its call.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, Final, NamedTuple

from einsearch.primitives.arguments import Arguments, show_value
from einsearch.primitives.base import Cost, Primitive, Signal, cost, expressions_of, infer
from einsearch.primitives.signals import shared
from einsearch.specs import Bundle, TensorSpec

INPUT: Final = -1
"""The "call" that yields the tensors entering the program."""

MOST_LEVELS: Final = 32
"""Expressions of primitives inside each other: networks of PyTorch nest as deep."""


class Ref(NamedTuple):
    """A tensor: the `port`-th outcome of call number `call` (INPUT for an incoming tensor)."""

    call: int
    port: int


@lru_cache(maxsize=16_384)
def leaving(call: int, ports: int) -> tuple[Ref, ...]:
    """The tensors that leave a call."""
    return tuple([Ref(call, port) for port in range(ports)])


class Inner(NamedTuple):
    """The expression of a call.

    Attributes:
        name: of the parameter.
        program: what it denotes. Its weights keys are its own: nothing is shared with calls
            outside.
        copies: how many there are, each with its own weights.
    """

    name: str
    program: Program
    copies: int


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

    def signals(self, incoming: tuple[Signal, ...]) -> tuple[Signal, ...]:
        """Distributions of the outgoing tensors at initialisation."""
        made = self.primitive.signal(self.specs, self.args, incoming)
        return tuple([shared(signal, incoming) for signal in made])

    @property
    def inner(self) -> tuple[Inner, ...]:
        """The expressions that it takes; most calls take none."""
        parameters = expressions_of(type(self.primitive))
        return tuple(
            Inner(p.name, self.args[p.name], self.args[p.copies] if p.copies else 1)
            for p in parameters
        )

    @property
    def text(self) -> str:
        """As the language writes it: `conv2d(16, 3, stride=2)`, defaults left out."""
        shown = []
        for parameter, value in zip(
            self.primitive.parameters, self.args.values_in_order, strict=True
        ):
            if parameter.is_required:
                shown.append(show_value(value))
            elif value != parameter.default:
                shown.append(f"{parameter.name}={show_value(value)}")
        return f"{self.primitive.name}({', '.join(shown)})" if shown else self.primitive.name


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
        costs = [cost(call.primitive, call.args, call.specs) for call in self.calls]
        keys = [call.weights for call in self.calls]
        first = dict(zip(reversed(keys), reversed(costs), strict=True))
        return Cost(
            sum([one.parameters for one in first.values()]),
            sum([one.flops for one in costs]),
            sum([one.memory for one in costs]),
        )

    @cached_property
    def nodes(self) -> int:
        """Number of calls as built: an expression counts for each of its copies. What only says how
        the network is trained is no part of it."""
        built = [call for call in self.calls if not call.primitive.is_setting]
        inner = (i for call in built for i in call.inner)
        return len(built) + sum(i.copies * i.program.nodes for i in inner)

    @cached_property
    def settings(self) -> Mapping[str, Any]:
        """How it asks to be trained, by name; of two calls that say the same the later counts."""
        found: dict[str, Any] = {}
        for call in self.calls:
            if expressions_of(type(call.primitive)):
                for inner in call.inner:
                    found |= inner.program.settings
            if call.primitive.is_setting:
                found |= call.primitive.settings(call.args)
        return found

    @cached_property
    def levels(self) -> int:
        """How deep expressions of primitives stand inside each other; 0 where there are none."""
        inner = (i.program.levels for call in self.calls for i in call.inner)
        return 1 + max(inner, default=-1)

    def signals(self, incoming: tuple[Signal, ...]) -> tuple[Signal, ...]:
        """Moments of the outgoing tensors at initialisation, given those of the incoming ones."""
        made: list[tuple[Signal, ...]] = []

        def signal(ref: Ref) -> Signal:
            return incoming[ref.port] if ref.call == INPUT else made[ref.call][ref.port]

        for call in self.calls:
            known = tuple(map(signal, call.inputs))
            made.append(call.signals(known))
        return tuple(map(signal, self.outputs))

    def on(self, incoming: Bundle) -> Program:
        """The same calls with the same arguments on other tensors.

        Raises:
            ShapeError: a primitive cannot take what would reach it.
        """
        calls: list[Call] = []

        def spec(ref: Ref) -> TensorSpec:
            return incoming[ref.port] if ref.call == INPUT else calls[ref.call].outputs[ref.port]

        for call in self.calls:
            specs = tuple(map(spec, call.inputs))
            args = call.args
            for inner in call.inner:
                entering = call.primitive.within(specs, args)
                args = args.replaced(inner.name, inner.program.on(entering))
            outputs = infer(call.primitive, args, specs)
            calls.append(replace(call, args=args, specs=specs, outputs=outputs))
        return Program(incoming, tuple(calls), self.outputs)

    def with_own_keys(self) -> Program:
        """The same network, its weights keys counted from 0 in the order of use."""
        if all(call.weights == str(number) for number, call in enumerate(self.calls)):
            return self
        first: dict[str, str] = {}
        calls = tuple(
            replace(call, weights=first.setdefault(call.weights, str(number)))
            for number, call in enumerate(self.calls)
        )
        return Program(self.input, calls, self.outputs)

    def __str__(self) -> str:
        """As an expression of the language; it does not say which weights are shared."""
        return " >> ".join(c.text for c in self.calls) if self._is_series() else self._as_block()

    def _is_series(self) -> bool:
        left = tuple(Ref(INPUT, port) for port in range(len(self.input)))
        for number, call in enumerate(self.calls):
            if call.inputs != left or call.primitive.is_source:
                return False
            left = tuple(Ref(number, port) for port in range(len(call.outputs)))
        return left == self.outputs and bool(self.calls)

    def _as_block(self) -> str:
        names: dict[Ref, str] = {Ref(INPUT, 0): "in"}
        lines: list[str] = []
        if len(self.input) > 1:
            names = {Ref(INPUT, port): f"in_{port}" for port in range(len(self.input))}
            lines.append(f"{_bundle(names.values())} = in")
        for number, call in enumerate(self.calls):
            ports = range(len(call.outputs))
            own = [f"x{number}_{port}" if len(ports) > 1 else f"x{number}" for port in ports]
            names |= {Ref(number, port): own[port] for port in ports}
            head = "" if call.primitive.is_source else f"{_read(call.inputs, names)} >> "
            lines.append(f"{_bundle(own)} = {head}{call.text}")
        lines.append(f"out = {_read(self.outputs, names)}")
        return f"{{ {'  '.join(lines)} }}"


def _read(refs: tuple[Ref, ...], names: dict[Ref, str]) -> str:
    return _bundle(names[ref] for ref in refs)


def _bundle(names: Iterable[str]) -> str:
    listed = list(names)
    return listed[0] if len(listed) == 1 else f"({', '.join(listed)})"
