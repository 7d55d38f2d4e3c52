"""`Guide`: one walk down a tree of decisions, as the chooser of a derivation.

The first value of every decision is the tree's choice. Where a derivation comes to a dead end and
returns to an earlier decision, that one draws again by the grammar. A value behind which everything
fails is closed.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final, NamedTuple

from einsearch.derivation.choosing import AtRandom
from einsearch.derivation.decisions import Draw, Options, Path
from einsearch.searchers.mcts_parts import Part, parts_of
from einsearch.searchers.mcts_tree import Branch, Context, Policy, Worth

MOST_LEVELS: Final = 64
"""Decisions of one proposal that the tree takes; those behind them are drawn by the grammar."""

Kind = tuple[str, str]
"""What a decision is about, wherever it is taken: label and domain."""


@dataclass(frozen=True)
class Tree:
    """What is walked down, and grows.

    Attributes:
        root: before the first decision.
        tables: worths by part, by what tells a context.
        policy: how parts are chosen.
        is_bisected: whether numbers are.
    """

    root: Branch
    tables: dict[Hashable, dict[Hashable, Worth]]
    policy: Policy
    is_bisected: bool

    def context(self, kind: Kind, before: Any, path: Path, label: str) -> Context:
        """The contexts of a decision.

        They are the same place in other networks (AMAF), a decision of the same kind after the
        same value of the last one (n-grams: Tak, Winands and Bjornsson, 2012, "N-Grams and the
        Last-Good-Reply Policy Applied in General Game Playing"), and any decision of that kind.
        """
        keys: tuple[Hashable, ...] = ((path.digest, label), (kind, before), kind)
        return Context(tuple([self.tables.setdefault(key, {}) for key in keys]))


class Guide:
    """Takes the decisions of one proposal.

    Args:
        tree: is walked down, and grows.
        random: the only source of randomness.
        given: the values to take, in order; None where the tree says.

    Attributes:
        path: the branches that the derivation took, the root first.
    """

    def __init__(self, tree: Tree, random: Random, given: Sequence[Any] | None = None) -> None:
        self._tree = tree
        self._random = random
        self._free = AtRandom(random)
        self._given = given
        self._taken: list[_Taken] = []
        self._inside = 0
        self._is_waiting = False
        self.path: list[Branch] = [tree.root]

    @property
    def is_inside(self) -> bool:
        """Whether the tree has all decisions that were taken."""
        return self._inside == len(self._taken)

    def candidates(self, draw: Draw, path: Path, label: str) -> Iterator[Any]:
        """Values to try, in order."""
        self._is_waiting = False
        place = len(self._taken)
        kind = (label, draw.domain) if isinstance(draw, Options) else None
        if self._given is not None:
            values = iter([draw.recorded(value) for value in self._given[place : place + 1]])
        else:
            values = self._free.candidates(draw, path, label)
        if not self.is_inside or place >= MOST_LEVELS:
            return self._behind_tree(place, kind, values)
        context = self._tree.context((label, draw.domain), self._before(kind), path, label)
        return self._in_tree(place, kind, parts_of(draw, self._tree.is_bisected), context, values)

    def fail(self) -> None:
        """Notes that the last value came to a dead end before anything else was decided."""
        if self._is_waiting and self.is_inside:
            self.path[-1].fail()
        self._is_waiting = False

    def close(self) -> None:
        """Notes that what was derived is not to be derived again."""
        if self.is_inside and self.path[-1].is_exact:
            self.path[-1].close()

    def _in_tree(
        self,
        place: int,
        kind: Kind | None,
        parts: Sequence[Part],
        context: Context,
        values: Iterator[Any],
    ) -> Iterator[Any]:
        self.path[-1].know(len(parts))
        start = len(self.path)
        tried: list[Any] = []
        if self._given is None:
            part = self._walk(parts, context, self._choose)
            if part is None:
                return
            tried.append(part.value(self._random))
            yield self._take(_Taken(start, kind, tried[0]), is_inside=True)
            self._return_to(place)
        for value in values:
            if value in tried:
                continue
            tried.append(value)
            part = self._walk(parts, context, _having(value))
            if part is not None or self._given is not None:
                yield self._take(_Taken(start, kind, value), is_inside=part is not None)
                self._return_to(place)

    def _behind_tree(self, place: int, kind: Kind | None, values: Iterator[Any]) -> Iterator[Any]:
        for value in values:
            yield self._take(_Taken(len(self.path), kind, value), is_inside=False)
            self._return_to(place)

    def _choose(self, branch: Branch, parts: Sequence[Part], context: Context) -> Part | None:
        return self._tree.policy.choose(branch, parts, context, self._random)

    def _walk(self, parts: Sequence[Part], context: Context, pick: _Pick) -> Part | None:
        """Goes down to one value; nowhere, with None, where what is picked is closed."""
        start = len(self.path)
        while True:
            part = pick(self.path[-1], parts, context)
            branch = None if part is None else self.path[-1].behind(part, context)
            if part is None or branch is None:
                del self.path[start:]
                return None
            self.path.append(branch)
            parts = part.split()
            if not parts:
                return part
            branch.know(len(parts))

    def _take(self, taken: _Taken, is_inside: bool) -> Any:
        self._taken.append(taken)
        if is_inside:
            self._inside = len(self._taken)
        self._is_waiting = True
        return taken.value

    def _return_to(self, place: int) -> None:
        """The machine is back at a decision: what came of its last value was a dead end."""
        self.fail()
        del self.path[self._taken[place].start :]
        del self._taken[place:]
        self._inside = min(self._inside, place)

    def _before(self, kind: Kind | None) -> Any:
        """The last value of a kind of decision."""
        if kind is None:
            return None
        return next((taken.value for taken in reversed(self._taken) if taken.kind == kind), None)


class _Taken(NamedTuple):
    """A decision that was taken.

    Attributes:
        start: length of the path before it.
        kind: None for ranges, whose values seldom come again.
        value: of the decision.
    """

    start: int
    kind: Kind | None
    value: Any


_Pick = Callable[[Branch, Sequence[Part], Context], Part | None]
"""Chooses among the parts of a decision."""


def _having(value: Any) -> _Pick:
    def pick(branch: Branch, parts: Sequence[Part], context: Context) -> Part | None:
        return next((part for part in parts if part.has(value)), None)

    return pick
