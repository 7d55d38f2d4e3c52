"""An architecture as a sequence of calls to be matched, and when two of them are the same."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

from einsearch.derivation.derivation import Architecture
from einsearch.derivation.state import Refs
from einsearch.primitives.arguments import Kind
from einsearch.primitives.base import resolve_axis
from einsearch.primitives.program import INPUT, Call, Program, Ref


class Token(NamedTuple):
    """One call to be matched; a clone that a text implies is one, too.

    Attributes:
        name: of the primitive.
        args: its arguments; of a clone the number of copies.
        inputs: tensors read, clones looked through.
        call: its number in the program, or of the next one for an implied clone.
    """

    name: str
    args: Any
    inputs: Refs
    call: int


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
        program: as read.
        tokens: its calls in order, and its implied clones.
        outputs: its outgoing tensors, clones looked through.
        freedom: what is looked through on both sides.
    """

    program: Program
    tokens: tuple[Token, ...]
    outputs: Refs
    freedom: Freedom


def target(read: Architecture, freedom: Freedom) -> Target:
    """What is to be matched."""
    calls = read.program.calls
    is_loose = freedom is not Freedom.NONE
    needed = _needed(read.program) if freedom is Freedom.UNREAD else None
    alias: dict[Ref, Ref] = {}
    tokens = []
    for event in read.events:
        if event[0] == "clone":
            refs = (alias.get(event[2], event[2]),)
            tokens.append(Token("clone", event[1], refs, event[2].call + 1))
        elif event[0] == "call" and (needed is None or event[1] in needed):
            number = event[1]
            call = calls[number]
            inputs = tuple(alias.get(ref, ref) for ref in call.inputs)
            name = call.primitive.name
            if name == "clone" or (is_loose and name == "identity"):
                for port in range(len(call.outputs)):
                    alias[Ref(number, port)] = inputs[0]
            if not (is_loose and name == "identity"):
                args = call.args.n if name == "clone" else resolved_arguments(call)
                tokens.append(Token(name, args, inputs, number))
    outputs = tuple(alias.get(ref, ref) for ref in read.program.outputs)
    return Target(read.program, tuple(tokens), outputs, freedom)


def _needed(program: Program) -> set[int]:
    """Calls that the outcome depends on."""
    needed: set[int] = set()
    pending = [ref.call for ref in program.outputs]
    while pending:
        number = pending.pop()
        if number != INPUT and number not in needed:
            needed.add(number)
            pending.extend(ref.call for ref in program.calls[number].inputs)
    return needed


def resolved_arguments(call: Call) -> tuple[Any, ...]:
    """Arguments with axes as numbers: `last` and `features` of tokens are the same axis."""
    return tuple(
        (int, resolve_axis(call.specs[0], value))
        if parameter.kind is Kind.AXIS
        else (type(value), value)
        for parameter, value in zip(
            call.primitive.parameters, call.args.values_in_order, strict=True
        )
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
        key = found.program.calls[token.call].weights
        inputs = tuple(map(move, token.inputs))
        rows.append((token.name, token.args, inputs, first.setdefault(key, i)))
    return tuple(rows), tuple(map(move, found.outputs))
