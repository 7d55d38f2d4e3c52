"""Learned dead ends: states of a derivation that nothing valid follows from.

What can follow from a draw depends on the expressions still to come, on what their names mean, on
the specs of the tensors at hand and on what the limits leave; not on how the derivation got there.
A state is written down in that form, as far as the search that failed has looked: the frames below
the deepest one that it came back to do not matter. With it goes how much of each limit was
left, and how much more would have been needed, so that one failure speaks for all smaller rests.
(Nogoods: Stallman and Sussman, 1977; Dechter, 1990.)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from einsearch.derivation.copies import copy_next
from einsearch.derivation.decisions import Path
from einsearch.derivation.joins import awaited
from einsearch.derivation.state import (
    BlockState,
    Context,
    Cursor,
    Opening,
    Origin,
    Position,
)
from einsearch.derivation.steps import part_done
from einsearch.derivation.values import Shared
from einsearch.grammar import expressions as e
from einsearch.grammar.model import nodes_of
from einsearch.primitives.program import INPUT, Ref

if TYPE_CHECKING:
    from einsearch.derivation.systematic import SystematicDeriver

LIMITED: Final = ("nodes", "parameters", "flops", "activation_memory")
"""Limits on sums, in the order of a `Rest`."""

Rest = tuple[float, ...]
"""How much is left of each limit of `LIMITED`; 0 where there is no limit."""

UNCONDITIONAL: Final[Rest] = (math.inf,) * len(LIMITED)
"""What would have been needed, where no rest would have been enough."""

_DEEPEST_CLOSURE: Final = 40
_MOST_RESTS: Final = 8


class Habits(NamedTuple):
    """What the rules of a grammar do somewhere, so that states must tell it.

    Attributes:
        draws_names: `any`, `all`.
        asks_what_is_read: `any(unused)`, `all(unused)`.
        ties: `tied`.
    """

    draws_names: bool
    asks_what_is_read: bool
    ties: bool


def habits_of(rules: Mapping[str, e.Rule]) -> Habits:
    """Looks through all rules."""
    nodes = [node for rule in rules.values() for node in nodes_of(rule)]
    reading = [node for node in nodes if isinstance(node, (e.AnyTensor, e.AllUnused))]
    unused = any(isinstance(node, e.AllUnused) or node.unused for node in reading)
    return Habits(bool(reading), unused, any(isinstance(node, e.Tied) for node in nodes))


class Unkeyed(Exception):
    """A state that cannot be compared with others."""


class State(NamedTuple):
    """A state as far as `frames` frames below its draw.

    Attributes:
        key: equal for states that the same can follow from.
        depends: the draws that the state depends on, as a set of bits.
    """

    key: Any
    depends: int


class DeadEnds:
    """What was learned.

    Attributes:
        size: number of dead ends.
    """

    def __init__(self) -> None:
        self.size = 0
        self._frames: dict[Any, list[int]] = {}
        self._known: dict[Any, list[Rest]] = {}

    def find(
        self, machine: SystematicDeriver, site: tuple[Any, ...], rest: Rest
    ) -> tuple[Rest, int, int] | None:
        """A dead end that the machine stands at: (needed rest, frames, draws it depends on)."""
        wanted = self._frames.get(site[0])
        if wanted is None:
            return None
        try:
            for frames, state in _states(machine, site, wanted):
                for needed in self._known.get(state.key, ()):
                    if all(r < n for r, n in zip(rest, needed, strict=True)):
                        return needed, frames, state.depends
        except Unkeyed:
            pass
        return None

    def add(
        self, machine: SystematicDeriver, site: tuple[Any, ...], frames: int, needed: Rest
    ) -> None:
        """Learns that nothing follows from a state unless the rest is as large as needed."""
        try:
            _, state = next(_states(machine, site, [frames]))
        except Unkeyed:
            return
        known_frames = self._frames.setdefault(site[0], [])
        if frames not in known_frames:
            known_frames.append(frames)
            known_frames.sort()
        rests = self._known.setdefault(state.key, [])
        rests[:] = [r for r in rests if not all(a <= b for a, b in zip(r, needed, strict=True))]
        if len(rests) < _MOST_RESTS:
            rests.append(needed)
            self.size += 1


def _states(
    machine: SystematicDeriver, site: tuple[Any, ...], wanted: Sequence[int]
) -> Iterator[tuple[int, State]]:
    """The state at a draw down to each of the wanted numbers of frames, in rising order."""
    writer = _Writer(machine)
    writer.local(site)
    frame, done = machine.solid, 0
    for frames in wanted:
        while done < frames:
            if frame is None:
                if done + 1 < frames:
                    return
                writer.parts.append(_THE_END)
            else:
                writer.frame(frame)
                frame = next_solid(frame)
            done += 1
        yield frames, State(writer.key(), writer.depends)


def next_solid(frame: Any) -> Any:
    """The next frame below, accounts left out."""
    return None if frame.next is None else frame.next.solid


_THE_END: Final = "the end of the network"


class _Writer:
    """Writes a state down: tensors and shared expressions numbered as they come up."""

    def __init__(self, machine: SystematicDeriver) -> None:
        self.machine = machine
        self.parts: list[Any] = []
        self.depends = 0
        self._tensors: dict[Ref, int] = {}
        self._shared: dict[Shared, int] = {}
        self._ranges: list[tuple[int, int]] = []

    def local(self, site: tuple[Any, ...]) -> None:
        """What the draw itself depends on."""
        m = self.machine
        self.depends |= m.control | m.floor
        self.parts.append(self.write(site))
        self.parts.append(self.write(m.context))
        self.parts.append(self.write(m.refs))
        self.parts.append(self.write(m.block))

    def frame(self, frame: Any) -> None:
        self.depends |= frame.control
        self.parts.append(frame.step)
        self.parts.append(self.write(frame.context))
        if frame.step is part_done:
            self.parts.append(self._part(frame))
        elif frame.step is copy_next:
            self.parts.append(self._first_copy(*frame.data))
        else:
            self.parts.append(self.write(frame.data))

    def _part(self, frame: Any) -> Any:
        """Parallel expressions: those to come, and the tensors so far or what they will join to."""
        node, position, incoming, outcome = frame.data
        rest = self.write(incoming[position + 1 :])
        join = None if self.machine.habits.asks_what_is_read else awaited(next_solid(frame))
        if join is not None and outcome:
            joined = join.join(tuple(map(self.machine.spec, outcome)))
            if not isinstance(joined, str):
                for ref in outcome:
                    self._depends_on(ref)
                return node, position, rest, joined
        return node, position, rest, self.write(outcome)

    def _first_copy(
        self, node: Any, done: int, count: int, incoming: Any, outcome: Any, origin: Origin, _: Any
    ) -> Any:
        """Copies on tensors of one spec yield and cost what the first does; others repeat it."""
        m = self.machine
        tensors = self.write(incoming)
        is_plain = not (m.habits.draws_names or m.habits.ties)
        if incoming is None or not is_plain or len({m.spec(ref) for (ref,) in incoming}) > 1:
            return node, count, tensors, self.write(origin.position)
        self.depends |= m.everything()
        spent = (m.parameters, m.flops, m.memory)
        limited = zip(m.limited[1:], spent, origin[1:], strict=True)
        return node, count, tensors, tuple(now - then for is_kept, now, then in limited if is_kept)

    def key(self) -> Any:
        """All that was written, and the decisions that later copies will repeat."""
        if not self._ranges:
            return tuple(self.parts)
        covered = sorted({i for start, end in self._ranges for i in range(start, end)})
        index = {position: i for i, position in enumerate(covered)}
        decisions = self.machine.decisions
        values = tuple((type(decisions[i].value), decisions[i].value) for i in covered)
        ranges = tuple(
            (index.get(start, -1), end - start) if end > start else (-1, 0)
            for start, end in self._ranges
        )
        return (*self.parts, values, ranges)

    def write(self, item: Any) -> Any:
        kind = type(item)
        if kind is int or kind is str or item is None:
            return item
        if kind is tuple or kind is list:
            return tuple([self.write(part) for part in item])
        if kind is Ref:
            return self._tensor(item)
        writer = _WRITERS.get(kind)
        if writer is not None:
            return writer(self, item)
        if kind is bool or kind is float:
            return kind, item
        return item

    def _tensor(self, ref: Ref) -> Any:
        number = self._tensors.get(ref)
        if number is not None:
            return "tensor", number
        number = self._tensors[ref] = len(self._tensors)
        self._depends_on(ref)
        return "tensor", number, self.machine.spec(ref)

    def _depends_on(self, ref: Ref) -> None:
        if ref.call != INPUT:
            self.depends |= self.machine.births[ref.call]

    def _context(self, context: Context) -> Any:
        environment = tuple([self.write(slot) for slot in context.environment])
        m, tie = self.machine, context.tie
        if tie is None and not m.tied:
            return environment, context.depth, context.copies
        tied: tuple[Any, ...] = ()
        if context.copies != 1 or m.has_shared:
            tied = tuple(
                (weights, m.calls[first].specs, m.calls[first].args)
                for weights, first in sorted(m.tied.items())
                if first < len(m.calls) and m.calls[first].weights == weights
            )
            self.depends |= m.everything()
        within = tie and (tie.key, len(m.calls) - tie.first_call)
        return environment, context.depth, context.copies, within, tied

    def _shared_expression(self, shared: Shared) -> Any:
        # Whether it has been used yet is a matter of all that was drawn before.
        self.depends |= self.machine.everything()
        number = self._shared.get(shared)
        if number is not None:
            return "shared", number
        number = self._shared[shared] = len(self._shared)
        if number > _DEEPEST_CLOSURE:
            raise Unkeyed
        known = self.machine.shared.get(shared)
        if known is not None:
            self._ranges.append((known[0], known[1]))
        environment = self.write(shared.environment)
        prepaid = self.machine.prepaid.get(shared)
        return "shared", number, shared.body, environment, known is not None, prepaid

    def _block(self, block: BlockState) -> Any:
        incoming = tuple([self._tensor(ref) for ref in block.incoming])
        named = [(name, None if ref is None else self._tensor(ref)) for name, ref in block.names]
        if not self.machine.habits.asks_what_is_read:
            return incoming, tuple(named)
        tracked = (*block.incoming, *(ref for _, ref in block.names))
        return incoming, tuple(named), tuple([ref in block.read for ref in tracked])

    def _position(self, position: Position) -> Any:
        self.depends |= self.machine.everything()
        self._ranges.append((position, len(self.machine.decisions)))
        return "repeats from"

    def _unkeyed(self, item: Any) -> Any:
        raise Unkeyed

    def _nothing(self, item: Any) -> None:
        return None


_WRITERS: Final[dict[type, Any]] = {
    Context: _Writer._context,
    Shared: _Writer._shared_expression,
    BlockState: _Writer._block,
    Position: _Writer._position,
    Cursor: _Writer._unkeyed,
    Opening: _Writer._unkeyed,
    Path: _Writer._nothing,
}
