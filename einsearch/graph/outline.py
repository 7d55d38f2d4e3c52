"""What a drawing of a network shows: repeated blocks and equal branches once, with a number.

A simplified program is cut where exactly one tensor leads on. Runs of equal pieces in series
become one piece with a count; so do branches of a join that are copies of each other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from einsearch.graph.calls import is_trainable
from einsearch.graph.simplify import simplify
from einsearch.primitives.arguments import Symbol
from einsearch.primitives.program import INPUT, Call, Program, Ref

LONGEST_PERIOD: Final = 64
"""Repeated blocks of more pieces than this are drawn one by one."""
LONGEST_EXPRESSION: Final = 48
"""Characters of an expression among the arguments of a call."""


@dataclass(frozen=True, slots=True)
class Item:
    """A call that is drawn.

    Attributes:
        number: of the call in the simplified program.
        reads: tensors that lead to it in the drawing, all of calls that are drawn.
        passing: a tensor that leads to it through copies that are not drawn.
    """

    number: int
    reads: tuple[Ref, ...]
    passing: tuple[Ref, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """Calls that are drawn once and stand for several copies.

    Attributes:
        members: numbers of the calls drawn, in order.
        times: how many copies there are.
        in_series: whether the copies follow each other, or stand side by side.
        shared: whether the copies share weights.
    """

    members: tuple[int, ...]
    times: int
    in_series: bool
    shared: bool

    @property
    def caption(self) -> str:
        """`x 4`, `x 8 side by side`, and whether weights are shared."""
        side = "" if self.in_series else " side by side"
        return f"x {self.times}{side}{', sharing weights' if self.shared else ''}"


@dataclass(frozen=True)
class Outline:
    """A network as it is drawn.

    Attributes:
        program: the simplified program.
        items: the calls drawn, in order.
        outputs: the outgoing tensors, of calls that are drawn.
        groups: what stands for several copies; they nest, and never overlap otherwise.
    """

    program: Program
    items: tuple[Item, ...]
    outputs: tuple[Ref, ...]
    groups: tuple[Group, ...]


def outline(program: Program, *, fold: bool = True) -> Outline:
    """What to draw of a program; everything, where nothing is to be folded."""
    simple = simplify(program)
    return _Folder(simple).run() if fold else _whole(simple)


def caption(call: Call) -> str:
    """A call as a drawing shows it: `conv2d(16, 3, stride=2)`, long expressions shortened."""
    short = call.args
    for inner in call.inner:
        text = str(inner.program)
        if len(text) > LONGEST_EXPRESSION:
            short = short.replaced(inner.name, Symbol(f"{text[: LONGEST_EXPRESSION - 1]}…"))
    return replace(call, args=short).text if short is not call.args else call.text


def family(call: Call) -> str:
    """The file that a primitive stands in, which groups primitives of a kind."""
    return type(call.primitive).__module__.rpartition(".")[2]


def _whole(program: Program) -> Outline:
    items = tuple(Item(number, call.inputs) for number, call in enumerate(program.calls))
    return Outline(program, items, program.outputs, ())


class _Folder:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.hidden: set[int] = set()
        self.extra: dict[int, list[Ref]] = {}
        self.groups: list[Group] = []
        self.moved: dict[Ref, Ref] = {}
        self.readers: dict[int, set[int]] = {n: set() for n in range(-1, len(program.calls))}
        for number, call in enumerate(program.calls):
            for ref in call.inputs:
                self.readers[ref.call].add(number)

    def run(self) -> Outline:
        pieces = self._pieces()
        for piece in pieces:
            for number in reversed(piece):
                if len(self.program.calls[number].inputs) > 1 and number not in self.hidden:
                    self._fold_branches(number, piece)
        self._fold_series(pieces)
        items = []
        for number, call in enumerate(self.program.calls):
            if number not in self.hidden:
                kept = [r for r in call.inputs if r.call not in self.hidden or r in self.moved]
                items.append(Item(number, self._shown(kept), self._shown(self.extra.get(number))))
        outputs = self._shown(self.program.outputs)
        shown = tuple(g for g in self.groups if not self.hidden.intersection(g.members))
        return Outline(self.program, tuple(items), outputs, shown)

    def _shown(self, refs: Sequence[Ref] | None) -> tuple[Ref, ...]:
        return tuple(self.moved.get(ref, ref) for ref in refs or ())

    # --- branches of a join ---

    def _fold_branches(self, join: int, piece: range) -> None:
        """Hides all but the first of the branches that enter a join, if they are copies."""
        refs = self.program.calls[join].inputs
        if not self._may_be_copies(refs, join):
            return
        reached = [self._reach(ref.call, piece) for ref in refs]
        often = Counter(number for numbers in reached for number in numbers)
        branches = [sorted(n for n in numbers if often[n] == 1) for numbers in reached]
        if not all(branches):
            return
        if any(not self._is_closed(branch, join) for branch in branches):
            return
        if len({self._signature(branch, ports=False) for branch in branches}) > 1:
            return
        self.groups.append(self._group(branches, in_series=False))
        for branch in branches[1:]:
            self.hidden.update(branch)
        first = self._entries(branches[0])
        passing = [ref for ref in self._entries(branches[1]) if ref not in first] or first
        self.extra.setdefault(join, []).extend(passing[:1])

    def _may_be_copies(self, refs: Sequence[Ref], join: int) -> bool:
        """Whether the branches end in equal calls that nothing but the join reads."""
        ends = {ref.call for ref in refs}
        if INPUT in ends or len(ends) < len(refs):
            return False
        calls = [self.program.calls[number] for number in ends]
        return all(self.readers[number] == {join} for number in ends) and all(
            call.primitive.name == calls[0].primitive.name and call.args == calls[0].args
            for call in calls
        )

    def _reach(self, start: int, piece: range) -> set[int]:
        """Calls of a piece from which something leads to a call, that call included."""
        found: set[int] = set()
        stack = [start]
        while stack:
            number = stack.pop()
            if number in piece and number not in found:
                found.add(number)
                stack.extend(ref.call for ref in self.program.calls[number].inputs)
        return found

    def _is_closed(self, branch: list[int], join: int) -> bool:
        inside = {*branch, join}
        return all(self.readers[number] <= inside for number in branch) and not any(
            ref.call in branch for ref in self.program.outputs
        )

    def _entries(self, branch: list[int]) -> list[Ref]:
        """Tensors that a branch reads from outside of it."""
        inside = set(branch)
        refs = [ref for number in branch for ref in self.program.calls[number].inputs]
        return list(dict.fromkeys(ref for ref in refs if ref.call not in inside))

    # --- pieces in series ---

    def _pieces(self) -> list[range]:
        """Cuts the calls wherever nothing but the last call's one outcome is read later."""
        last = dict.fromkeys(range(-1, len(self.program.calls)), -1)
        for number, call in enumerate(self.program.calls):
            for ref in call.inputs:
                last[ref.call] = number
        for ref in self.program.outputs:
            last[ref.call] = len(self.program.calls)
        pieces, start, furthest = [], 0, last[INPUT]
        for number, call in enumerate(self.program.calls):
            if furthest <= number and len(call.outputs) == 1:
                pieces.append(range(start, number + 1))
                start = number + 1
            furthest = max(furthest, last[number])
        if start < len(self.program.calls):
            pieces.append(range(start, len(self.program.calls)))
        return pieces

    def _fold_series(self, pieces: list[range]) -> None:
        names = [self._signature(list(piece), ports=True) for piece in pieces]
        runs = _runs(names, [len(piece) for piece in pieces], 1)
        units = [(at, at + period * times) for at, period, times in runs]
        sizes = [pieces[last - 1].stop - pieces[first].start for first, last in units]
        outer = _runs([tuple(names[a:b]) for a, b in units], sizes, LONGEST_PERIOD)
        for at, period, times in runs:
            self._hide([pieces[at + period * k : at + period * (k + 1)] for k in range(times)])
        for at, period, times in outer:
            copies = [units[at + period * k : at + period * (k + 1)] for k in range(times)]
            self._hide([pieces[copy[0][0] : copy[-1][1]] for copy in copies])

    def _hide(self, copies: list[list[range]]) -> None:
        """Hides all but the first of several equal stretches of pieces."""
        if len(copies) == 1:
            return
        flat = [[number for piece in copy for number in piece] for copy in copies]
        self.groups.append(self._group(flat, in_series=True))
        leaving = Ref(flat[0][-1], 0)
        self.moved[Ref(flat[-1][-1], 0)] = self.moved.get(leaving, leaving)
        for copy in flat[1:]:
            self.hidden.update(copy)

    def _signature(self, numbers: list[int], *, ports: bool) -> Hashable:
        """Equal for stretches of calls that do the same to tensors of the same shapes."""
        place = {number: index for index, number in enumerate(numbers)}
        parts = []
        for number in numbers:
            call = self.program.calls[number]
            refs = [
                (place[ref.call], ref.port)
                if ref.call in place
                else (-1, ref.port if ports else ref.call)
                for ref in call.inputs
            ]
            shapes = tuple(spec.without_grid() for spec in (*call.specs, *call.outputs))
            parts.append((call.primitive.name, call.args, shapes, tuple(refs)))
        return tuple(parts)

    def _group(self, copies: list[list[int]], *, in_series: bool) -> Group:
        keys = [
            {self.program.calls[n].weights for n in copy if is_trainable(self.program.calls[n])}
            for copy in copies
        ]
        members = tuple(number for number in copies[0] if number not in self.hidden)
        return Group(members, len(copies), in_series, bool(keys[0] & keys[1]))


def _runs(
    names: Sequence[Hashable], sizes: Sequence[int], longest: int
) -> list[tuple[int, int, int]]:
    """Cuts a sequence into (start, period, times); what does not repeat has period 1, times 1.

    Where a run could as well begin later, it begins with its largest piece.
    """
    index: dict[Hashable, int] = {}
    ids = [index.setdefault(name, len(index)) for name in names]
    runs: list[tuple[int, int, int]] = []
    at = 0
    while at < len(ids):
        period, times = _best_run(ids, at, longest)
        end = at + period * times
        turns = 0
        while turns < period - 1 and ids[end + turns : end + turns + 1] == [ids[at + turns]]:
            turns += 1
        skipped = max(range(turns + 1), key=lambda turn: (sizes[at + turn], -turn))
        runs += [(at + turn, 1, 1) for turn in range(skipped)]
        runs.append((at + skipped, period, times))
        at = end + skipped
    return runs


def _best_run(ids: list[int], at: int, longest: int) -> tuple[int, int]:
    """Period and times of the run from here that spares most pieces; the shortest period."""
    best = (0, -1, 1)
    for period in range(1, min(longest, (len(ids) - at) // 2) + 1):
        block = ids[at : at + period]
        times = 1
        while ids[at + period * times : at + period * (times + 1)] == block:
            times += 1
        best = max(best, ((times - 1) * period, -period, times))
    saved, period, times = best
    return (-period, times) if saved else (1, 1)
