"""Canonical hash of a network: equal for networks that are the same after simplification.

Every call gets a colour, a digest of what it computes: its primitive and arguments, the colours
of its operands in order (sorted where the primitive commutes). Where all colours differ, the
colours of the outgoing tensors say everything, together with which calls share weights.
Otherwise colours are refined by who reads a call's outcomes, and who shares its weights, until
no class splits any more (Weisfeiler and Leman, 1968), and the hash is that of all colours.

Equal networks have equal hashes, always. The converse has a limit, that of colour refinement:
two networks hash alike though they differ where at least six calls with weights of their own
do the same to the same tensor and commuting joins connect them in two different ways, for
example as a ring of six and as two rings of three.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from einsearch.graph.calls import is_trainable, label, reads_shape_only
from einsearch.graph.remembered import remembered
from einsearch.graph.simplify import simplify
from einsearch.primitives.arguments import Arguments
from einsearch.primitives.base import Primitive, expressions_of
from einsearch.primitives.program import INPUT, Call, Program, Ref
from einsearch.specs import Bundle

HASH_VERSION: Final = 3
"""Rises whenever the hash of any network changes; the first characters of every hash."""

_SIZE: Final = 16


def canonical_hash(program: Program) -> str:
    """Hash of what a program computes, as "3-" and 32 hexadecimal digits.

    It does not depend on names of tensors or weights, on the order of calls or of commuting
    operands, on `identity`, `clone`, or calls that nothing reads; it does depend on which
    calls share their weights. All that holds inside the expressions of primitives, too.
    """
    return simplified_hash(simplify(program))


@remembered
def simplified_hash(program: Program) -> str:
    """`canonical_hash` of a program that `simplify` returned."""
    labels = [_label(call) for call in program.calls]
    alive = _alive(program)
    colours = _operand_colours(program, labels)
    shared = _sharing(program, alive)
    classes = len({colours[number] for number in alive})
    if classes < len(alive):
        colours = _refined(program, colours, alive, shared)
        members = sorted(colours[number] for number in alive)
    else:
        members = sorted(_digest(sorted(colours[n] for n in group)) for group in shared.values())
    interface = [str(spec).encode() for spec in program.input]
    leaving = [_of(ref, colours) for ref in program.outputs]
    return f"{HASH_VERSION}-{_digest([*interface, b'>', *leaving, b';', *members]).hex()}"


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
        if call.primitive.commutative:
            operands.sort()
        refined.append(_digest((own, *operands)))
    return refined


def _sharing(program: Program, alive: list[int]) -> dict[str, list[int]]:
    """Calls by weights key, where two or more share them."""
    groups: dict[str, list[int]] = defaultdict(list)
    for number in alive:
        if is_trainable(program.calls[number]):
            groups[program.calls[number].weights].append(number)
    return {key: numbers for key, numbers in groups.items() if len(numbers) > 1}


def _refined(
    program: Program, colours: list[bytes], alive: list[int], shared: dict[str, list[int]]
) -> list[bytes]:
    """Colours that no further look at readers, sharers and operands can tell apart."""
    classes = len({colours[number] for number in alive})
    while True:
        colours = _sharer_colours(colours, shared)
        colours = _reader_colours(program, colours, alive)
        found = len({colours[number] for number in alive})
        if found == classes:
            return colours
        classes = found
        colours = _operand_colours(program, colours)


def _sharer_colours(colours: list[bytes], shared: dict[str, list[int]]) -> list[bytes]:
    """Colours refined by those of the calls that share the weights."""
    if not shared:
        return colours
    refined = list(colours)
    for numbers in shared.values():
        group = _digest(sorted(colours[number] for number in numbers))
        for number in numbers:
            refined[number] = _digest([colours[number], group])
    return refined


def _reader_colours(program: Program, colours: list[bytes], alive: list[int]) -> list[bytes]:
    """Colours refined by those of the calls that read a call, from the output to the input."""
    readers: list[list[bytes]] = [[] for _ in program.calls]
    for position, ref in enumerate(program.outputs):
        if ref.call != INPUT:
            readers[ref.call].append(b"out%d.%d" % (position, ref.port))
    refined = list(colours)
    for number in reversed(alive):
        refined[number] = _digest([colours[number], *sorted(readers[number])])
        call = program.calls[number]
        if not reads_shape_only(call.primitive):
            _tell_operands(call, refined[number], readers)
    return refined


def _tell_operands(call: Call, colour: bytes, readers: list[list[bytes]]) -> None:
    for position, ref in enumerate(call.inputs):
        if ref.call != INPUT:
            place = 0 if call.primitive.commutative else position
            readers[ref.call].append(b"%b%d.%d" % (colour, place, ref.port))
