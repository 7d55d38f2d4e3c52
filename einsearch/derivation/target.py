"""An architecture as a sequence of calls to be matched, and when two of them are the same.

The expression of a primitive stands in the sequence before its call, behind a token that opens it;
all calls are numbered through.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, NamedTuple

from einsearch.derivation.derivation import Architecture
from einsearch.derivation.state import Opening, Refs
from einsearch.grammar import expressions as e
from einsearch.primitives.arguments import Arguments, Kind
from einsearch.primitives.base import Primitive, resolve_axis
from einsearch.primitives.program import INPUT, Call, Ref
from einsearch.specs import Bundle, TensorSpec


class Token(NamedTuple):
    """One call to be matched; a clone that a text implies and the opening of an expression, too.

    Attributes:
        name: of the primitive; of an opening with "(" behind it.
        args: its arguments; of a clone the number of copies.
        inputs: tensors read, clones looked through; those that leave its expressions first.
        call: its number, or that of the next one for an implied clone.
        weights: key of its weights.
    """

    name: str
    args: Any
    inputs: Refs
    call: int
    weights: str = ""


class Freedom(Enum):
    """What an architecture and its derivation may differ in."""

    NONE = 0
    IDENTITY = 1
    """`identity` is the unit of `>>`."""
    UNREAD = 2
    """Also tensors of blocks that nothing needs."""


@dataclass(frozen=True)
class Target:
    """An architecture as a sequence to be matched.

    Attributes:
        input: specs of the incoming tensors.
        tokens: its calls in order, with implied clones and openings.
        outputs: its outgoing tensors, clones looked through.
        freedom: what is looked through on both sides.
        specs: what leaves each numbered call; of an opening what enters the expression.
        nodes: where each numbered call was written.
        literals: the numbers among the arguments.
        events: by token, the number of the event that it comes from.
    """

    input: Bundle
    tokens: tuple[Token, ...]
    outputs: Refs
    freedom: Freedom
    specs: tuple[Bundle, ...]
    nodes: tuple[e.PrimitiveCall, ...]
    literals: tuple[float, ...]
    events: tuple[int, ...]


def target(read: Architecture, freedom: Freedom) -> Target:
    """What is to be matched."""
    listing = _Listing(freedom is not Freedom.NONE)
    events: list[int] = []
    for number, event in enumerate(read.events):
        if event[0] == "clone":
            listing.add_clone(event[1], event[2])
        elif event[0] == "expression":
            listing.open(event[1])
        elif event[0] == "derived":
            listing.close(event[1])
        elif event[0] == "call":
            listing.add(event[5], event[2])
        events += [number] * (len(listing.tokens) - len(events))
    found = list(zip(listing.tokens, events, strict=True))
    if freedom is Freedom.UNREAD:
        needed = set(map(id, listing.needed(read.program.outputs)))
        found = [(token, event) for token, event in found if id(token) in needed]
    return Target(
        read.program.input,
        tuple(token for token, _ in found),
        listing.moved(read.program.outputs),
        freedom,
        tuple(listing.specs),
        tuple(listing.nodes),
        tuple(sorted(listing.literals)),
        tuple(event for _, event in found),
    )


class _Level:
    """Calls outside of all expressions, or inside one.

    Attributes:
        opening: number of what opened it; INPUT outside.
        numbers: of its calls.
        alias: its tensors as tokens read them, where that is not the outcome of the same call.
    """

    def __init__(self, opening: int) -> None:
        self.opening = opening
        self.numbers: list[int] = []
        self.alias: dict[Ref, Ref] = {}

    def own(self, ref: Ref) -> Ref:
        """A tensor by the number of the call that makes it."""
        return Ref(self.opening if ref.call == INPUT else self.numbers[ref.call], ref.port)

    def read(self, ref: Ref) -> Ref:
        """The same, clones looked through."""
        return self.alias.get(ref) or self.own(ref)


class _Listing:
    """Numbers calls through, and looks through clones."""

    def __init__(self, is_loose: bool) -> None:
        self.is_loose = is_loose
        self.tokens: list[Token] = []
        self.specs: list[Bundle] = []
        self.nodes: list[e.PrimitiveCall] = []
        self.literals: set[float] = set()
        self._levels = [_Level(INPUT)]
        self._reads: list[list[int]] = []
        self._left: list[tuple[Refs, list[int]]] = []

    def moved(self, refs: Iterable[Ref]) -> Refs:
        """Tensors of the level at hand as tokens read them."""
        return tuple(map(self._levels[-1].read, refs))

    def add_clone(self, number: int, ref: Ref) -> None:
        """A clone that the text implies."""
        self.tokens.append(Token("clone", number, self.moved((ref,)), len(self.specs)))

    def open(self, opening: Opening) -> None:
        """An expression begins."""
        name, given = opening_of(opening)
        self.tokens.append(Token(name, given, self.moved(opening.refs), len(self.specs)))
        entering = opening.node.primitive.within(opening.specs, opening.given)
        number = self._number(opening.refs, entering, opening.given, opening.node)
        self._levels.append(_Level(number))

    def close(self, refs: Refs) -> None:
        """An expression ends."""
        made = [self._levels[-1].own(ref).call for ref in refs]
        self._left.append((self.moved(refs), made))
        self._levels.pop()

    def add(self, call: Call, node: e.PrimitiveCall) -> None:
        """A call, its expressions just closed."""
        level, name, inputs = self._levels[-1], call.primitive.name, self.moved(call.inputs)
        number = self._number(call.inputs, call.outputs, call.args, node)
        skipped = self.is_loose and name == "identity"
        if skipped or name == "clone":
            here = len(level.numbers)
            level.alias |= {Ref(here, port): inputs[0] for port in range(len(call.outputs))}
        level.numbers.append(number)
        for refs, made in reversed(self._left[len(self._left) - len(call.inner) :]):
            self._left.pop()
            self._reads[number] += made
            inputs = (*refs, *inputs)
        if not skipped:
            args = call.args.n if name == "clone" else resolved_arguments(call)
            self.tokens.append(Token(name, args, inputs, number, f"{level.opening}.{call.weights}"))

    def _number(self, inputs: Refs, outputs: Bundle, args: Arguments, node: e.PrimitiveCall) -> int:
        self.specs.append(outputs)
        self.nodes.append(node)
        self.literals.update(v for v in args.values_in_order if type(v) in (int, float))
        self._reads.append([self._levels[-1].own(ref).call for ref in inputs])
        return len(self.specs) - 1

    def needed(self, outputs: Refs) -> list[Token]:
        """The calls that the outcome depends on, and implied clones."""
        needed: set[int] = set()
        pending = [self._levels[0].own(ref).call for ref in outputs]
        while pending:
            number = pending.pop()
            if number != INPUT and number not in needed:
                needed.add(number)
                pending += self._reads[number]
        return [t for t in self.tokens if t.call in needed or (t.name, t.weights) == _IMPLIED]


_IMPLIED: Final = ("clone", "")


def resolved_arguments(call: Call) -> tuple[Any, ...]:
    """Arguments with axes as numbers: `last` and `features` of tokens are the same axis.

    Expressions are left out: they are matched call by call.
    """
    return () if call.inner else _resolved(call.primitive, call.args, call.specs[0])


def opening_of(opening: Opening) -> tuple[str, tuple[Any, ...]]:
    """Name and arguments of the token that opens the expression of a call."""
    primitive = opening.node.primitive
    return f"{primitive.name}(", _resolved(primitive, opening.given, opening.specs[0])


def _resolved(primitive: Primitive, args: Arguments, spec: TensorSpec) -> tuple[Any, ...]:
    return tuple(
        (int, resolve_axis(spec, args[p.name]))
        if p.kind is Kind.AXIS
        else (type(args[p.name]), args[p.name])
        for p in primitive.parameters
        if p.kind is not Kind.EXPRESSION
    )


def same_architecture(
    left: Architecture, right: Architecture, freedom: Freedom = Freedom.NONE
) -> bool:
    """Whether two architectures are the same call by call, sharing of weights included."""
    return _comparable(target(left, freedom)) == _comparable(target(right, freedom))


def _comparable(found: Target) -> tuple[Any, ...]:
    made = [t for t in found.tokens if t.name != "clone"]
    position = {token.call: i for i, token in enumerate(made)}
    first: dict[str, int] = {}

    def move(ref: Ref) -> Ref:
        return ref if ref.call == INPUT else Ref(position[ref.call], ref.port)

    rows = []
    for i, token in enumerate(made):
        inputs = tuple(map(move, token.inputs))
        key = first.setdefault(token.weights, i) if token.weights else i
        rows.append((token.name, token.args, inputs, key))
    return tuple(rows), tuple(map(move, found.outputs))
