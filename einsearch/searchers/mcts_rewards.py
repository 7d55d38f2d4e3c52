"""`Rewards`: ranks of trials, added up over the branches of a tree."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from typing import Final

from einsearch.searchers.base import Merit
from einsearch.searchers.mcts_tree import Branch

_GROWTH: Final = 1.2
"""All ranks are worked out anew whenever so many times as many trials were told."""


class Rewards:
    """Gives branches the rewards of trials: 1 for the best, 0 for failures.

    A reward is the fraction of trials that are not better (of its equals, half), to some power: a
    scale that no outlier and no monotone transformation of the objective changes. So the first
    trial, which is often a seed, is a good one until others are better. Every trial that is told
    moves the ranks of the others; their rewards follow from time to time, so that a trial costs
    about the same however many there were.

    Args:
        emphasis: power of the fraction.
    """

    def __init__(self, emphasis: float) -> None:
        self._emphasis = emphasis
        self._merits: list[Merit] = []
        self._told: dict[int, tuple[Merit | None, Sequence[Branch], float]] = {}
        self._next = 4

    def tell(self, number: int, merit: Merit | None, path: Sequence[Branch]) -> None:
        """Rewards the branches that a trial took.

        Args:
            number: of the trial.
            merit: more is better; None for a failure.
            path: branches.
        """
        _visit(path)
        self._reward(number, merit, path)

    def transpose(self, number: int, path: Sequence[Branch]) -> None:
        """Rewards the branches of another path to the network of a trial, now and whenever its
        reward changes.

        Args:
            number: of the trial, which was told.
            path: branches.
        """
        merit, before, reward = self._told[number]
        _visit(path)
        for branch in path:
            branch.transposed += 1
        self._told[number] = merit, (*before, *path), reward
        _add(reward, path)

    def change(self, number: int, merit: Merit) -> None:
        """Takes back what a trial was worth, and gives what it is worth after it went on."""
        before, path, reward = self._told.pop(number)
        if before is not None:
            del self._merits[bisect_left(self._merits, before)]
        _add(-reward, path)
        self._reward(number, merit, path)

    def __contains__(self, number: int) -> bool:
        """Whether a trial was told."""
        return number in self._told

    def _reward(self, number: int, merit: Merit | None, path: Sequence[Branch]) -> None:
        if merit is not None:
            insort(self._merits, merit)
        reward = self._of(merit)
        self._told[number] = merit, path, reward
        _add(reward, path)
        if len(self._told) >= self._next:
            self._next = int(len(self._told) * _GROWTH) + 1
            self.rank_all()

    def rank_all(self) -> None:
        """Works out all rewards anew, by the ranks that trials have by what was told since."""
        for _, path, _ in self._told.values():
            for branch in path:
                branch.total = 0.0
                for worth in branch.worths:
                    worth.total = 0.0
        for number, (merit, path, _) in self._told.items():
            reward = self._of(merit)
            self._told[number] = merit, path, reward
            _add(reward, path)

    def _of(self, merit: Merit | None) -> float:
        if merit is None:
            return 0.0
        twice = bisect_left(self._merits, merit) + bisect_right(self._merits, merit)
        return float(((twice + 1) / (2 * len(self._merits))) ** self._emphasis)


def _visit(path: Sequence[Branch]) -> None:
    for branch in path:
        branch.visits += 1
        for worth in branch.worths:
            worth.visits += 1


def _add(reward: float, path: Sequence[Branch]) -> None:
    for branch in path:
        branch.total += reward
        for worth in branch.worths:
            worth.total += reward
