"""Canonical hash of a network: equal for networks that are the same after simplification.

Every call gets a colour, a digest of what it computes: its primitive and arguments, the colours
of its operands in order (sorted where the primitive commutes). Where all colours differ, the
colours of the outgoing tensors say everything, together with which calls share weights.
Calls that look alike are refined by who reads their outcomes, and who shares their weights, until
no class splits any more (Weisfeiler and Leman, 1968); their colours go into the hash, too.

Equal networks have equal hashes, always. The converse has a limit, that of colour refinement:
two networks hash alike though they differ where at least six calls with weights of their own
do the same to the same tensor and commuting joins connect them in two different ways, for
example as a ring of six and as two rings of three.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final

from einsearch.graph.calls import is_trainable, label, reads_shape_only
from einsearch.graph.remembered import remembered
from einsearch.graph.simplify import simplify
from einsearch.primitives.arguments import Arguments
from einsearch.primitives.base import Primitive, expressions_of
from einsearch.primitives.program import INPUT, Call, Program, Ref
from einsearch.specs import Bundle

HASH_VERSION: Final = 4
"""Rises whenever the hash of any network changes; the first characters of every hash."""

_SIZE: Final = 16


def canonical_hash(program: Program) -> str:
    """Hash of what a program computes, as "4-" and 32 hexadecimal digits.

    It does not depend on names of tensors or weights, on the order of calls or of commuting
    operands, on `identity`, `clone`, or calls that nothing reads; it does depend on which
    calls share their weights, and on how the program asks to be trained. All that holds inside the
    expressions of primitives, too.
    """
    return trained_hash(simplified_hash(simplify(program)), program.settings)


def trained_hash(network: str, settings: Mapping[str, Any]) -> str:
    """Hash of a network, given its own, together with how it asks to be trained."""
    if not settings:
        return network
    shown = [f"{name}={_plain(value)}".encode() for name, value in sorted(settings.items())]
    return f"{HASH_VERSION}-{_digest([network.encode(), *shown]).hex()}"


def _plain(value: Any) -> str:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return repr(float(value)) if is_number else str(value)


@remembered
def simplified_hash(program: Program) -> str:
    """`canonical_hash` of a program that `simplify` returned."""
    colours = _operand_colours(program, [_label(call) for call in program.calls])
    alive = _alive(program)
    shared = _sharing(program, alive)
    times = Counter([colours[number] for number in alive])
    alike = [number for number in alive if times[colours[number]] > 1]
    told = _told_apart(program, colours, alike, shared) if alike else colours
    interface = [str(spec).encode() for spec in program.input]
    leaving = [_of(ref, colours) for ref in program.outputs]
    members = sorted(told[number] for number in alike)
    groups = sorted(_digest(sorted(told[number] for number in group)) for group in shared.values())
    parts = [*interface, b">", *leaving, b";", *members, b";", *groups]
    return f"{HASH_VERSION}-{_digest(parts).hex()}"


def _label(call: Call) -> bytes:
    """What a call does; of the expressions that it takes the hashes."""
    args = call.args
    for inner in call.inner if expressions_of(type(call.primitive)) else ():
        args = args.replaced(inner.name, simplified_hash(inner.program))
    return _encoded(call.primitive, args, call.specs)


@lru_cache(maxsize=65_536)
def _encoded(primitive: Primitive, args: Arguments, specs: Bundle) -> bytes:
    return label(primitive, args, specs).encode()


def _digest(parts: Iterable[bytes]) -> bytes:
    """One digest of several byte strings; their lengths are kept apart."""
    text = b"".join([_LENGTHS[len(part)] + part for part in parts])
    return blake2b(text, digest_size=_SIZE).digest()


class _Lengths(dict[int, bytes]):
    """Four bytes for each length that comes up."""

    def __missing__(self, length: int) -> bytes:
        found = self[length] = length.to_bytes(4, "little")
        return found


_LENGTHS: Final = _Lengths()
_PORTS: Final = tuple(b"%d" % port for port in range(64))


def _of(ref: Ref, colours: list[bytes]) -> bytes:
    """Colour of one tensor: that of its call, and the port."""
    call, port = ref
    shown = _PORTS[port] if port < len(_PORTS) else b"%d" % port
    return b"input" + shown if call == INPUT else colours[call] + shown


def _alive(program: Program) -> list[int]:
    """Calls on whose values an outgoing tensor depends; a source's shape is in its label."""
    reached = bytearray(len(program.calls) + 1)
    for ref in program.outputs:
        reached[ref.call] = 1
    for number in range(len(program.calls) - 1, -1, -1):
        call = program.calls[number]
        if reached[number] and not reads_shape_only(call.primitive):
            for ref in call.inputs:
                reached[ref.call] = 1
    return [number for number in range(len(program.calls)) if reached[number]]


def _operand_colours(program: Program, colours: list[bytes]) -> list[bytes]:
    """Colours refined by those of the operands, from the input to the output."""
    refined: list[bytes] = []
    for call, own in zip(program.calls, colours, strict=True):
        if reads_shape_only(call.primitive):
            refined.append(_digest((own,)))
            continue
        operands = [_of(ref, refined) for ref in call.inputs]
        refined.append(_digest((own, *_in_order(call, operands))))
    return refined


def _in_order(call: Call, operands: list[bytes]) -> list[bytes]:
    """Colours of operands, in an order of their own where the primitive commutes."""
    return sorted(operands) if call.primitive.commutative else operands


def _sharing(program: Program, alive: list[int]) -> dict[str, list[int]]:
    """Calls by weights key, where two or more share them."""
    groups: dict[str, list[int]] = defaultdict(list)
    for number in alive:
        if is_trainable(program.calls[number]):
            groups[program.calls[number].weights].append(number)
    return {key: numbers for key, numbers in groups.items() if len(numbers) > 1}


def _told_apart(
    program: Program, colours: list[bytes], alike: list[int], shared: dict[str, list[int]]
) -> list[bytes]:
    """Colours of which those of `alike` cannot be told further apart by readers, sharers and
    operands. The others are known by their operands, whoever reads them.
    """
    told = list(colours)
    readers = _readers(program, alike)
    classes = len({told[number] for number in alike})
    while True:
        _look_at_sharers(told, alike, shared)
        for number in reversed(alike):
            seen = [
                tag if reader == INPUT else told[reader] + tag for reader, tag in readers[number]
            ]
            told[number] = _digest([told[number], *sorted(seen)])
        found = len({told[number] for number in alike})
        if found == classes:
            return told
        classes = found
        for number in alike:
            call = program.calls[number]
            operands = (
                [] if reads_shape_only(call.primitive) else [_of(r, told) for r in call.inputs]
            )
            told[number] = _digest([told[number], *_in_order(call, operands)])


def _look_at_sharers(told: list[bytes], alike: list[int], shared: dict[str, list[int]]) -> None:
    """Refines colours by those of the calls that share the weights."""
    among = set(alike)
    for numbers in shared.values():
        group = _digest(sorted(told[number] for number in numbers))
        for number in among.intersection(numbers):
            told[number] = _digest([told[number], group])


def _readers(program: Program, alike: list[int]) -> dict[int, list[tuple[int, bytes]]]:
    """Which calls read some of them, and where; INPUT stands for the outside."""
    readers: dict[int, list[tuple[int, bytes]]] = {number: [] for number in alike}
    for position, ref in enumerate(program.outputs):
        if ref.call in readers:
            readers[ref.call].append((INPUT, b"out%d.%d" % (position, ref.port)))
    for number in _alive(program):
        call = program.calls[number]
        if reads_shape_only(call.primitive):
            continue
        for position, ref in enumerate(call.inputs):
            if ref.call in readers:
                place = 0 if call.primitive.commutative else position
                readers[ref.call].append((number, b"%d.%d" % (place, ref.port)))
    return readers
