"""Adaptive choice among a few ways to go on, by what the best of each gained of late: Fialho, Da
Costa, Schoenauer and Sebag, 2008, "Extreme Value Based Adaptive Operator Selection".

`Credit` chooses; `Ranks` turns merits into gains between 0 and 1, which no rescaling of the
objective changes.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Collection, Sequence
from typing import Final

import numpy as np

from einsearch.searchers.base import Merit

WINDOW: Final = 15
"""Gains of an arm that are remembered."""
BEST: Final = 3
"""The largest of them, whose mean is the arm's quality: rare large gains count, not many small."""
FIRST: Final = 0.2
"""What every arm is taken to have gained before it was tried."""


class Credit:
    """Arms, drawn in proportion to their quality (probability matching).

    Args:
        arms: names.
        floor: probability that an arm is drawn uniformly, whatever is known of it.
    """

    def __init__(self, arms: Sequence[str], floor: float) -> None:
        self._floor = floor
        self._gains = {arm: deque([FIRST], WINDOW) for arm in arms}

    @property
    def probabilities(self) -> dict[str, float]:
        """Of every arm; they sum to 1."""
        return self._among(list(self._gains))

    def draw(self, rng: np.random.Generator, without: Collection[str] = ()) -> str | None:
        """One of the arms that are not ruled out; None where all are."""
        weights = self._among([arm for arm in self._gains if arm not in without])
        if not weights:
            return None
        return list(weights)[int(rng.choice(len(weights), p=list(weights.values())))]

    def reward(self, arm: str, gain: float) -> None:
        """Takes in what an arm gained, from 0 to 1; names that are no arms are passed over."""
        if arm in self._gains:
            self._gains[arm].append(gain)

    def _among(self, arms: Sequence[str]) -> dict[str, float]:
        quality = {arm: sum(sorted(self._gains[arm])[-BEST:]) for arm in arms}
        total = sum(quality.values())
        if total <= 0:
            return dict.fromkeys(arms, 1 / len(arms)) if arms else {}
        rest = 1 - self._floor
        return {arm: self._floor / len(arms) + rest * quality[arm] / total for arm in arms}


class Ranks:
    """The last merits, and how many of them a merit beats.

    Args:
        window: how many are kept.
    """

    def __init__(self, window: int) -> None:
        self._recent: deque[Merit] = deque()
        self._sorted: list[Merit] = []
        self._window = window

    def add(self, merit: Merit) -> None:
        """Takes in a merit; the oldest leaves."""
        if len(self._recent) == self._window:
            self._sorted.pop(bisect_left(self._sorted, self._recent.popleft()))
        self._recent.append(merit)
        insort(self._sorted, merit)

    def rank(self, merit: Merit) -> float:
        """Fraction of the kept merits that a merit beats."""
        return bisect_left(self._sorted, merit) / max(1, len(self._sorted))

    def gain(self, merit: Merit, before: Merit) -> float:
        """By how much the rank of a merit is above that of an earlier one; 0 where it is not."""
        return max(0.0, self.rank(merit) - self.rank(before))
