"""`Times`: how the minutes of a search are divided.

What a user gives is wall-clock time of everything. The end is kept free for the full training of
the best, which takes what it needs and at most its part. The search gets the rest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

FINAL_PART: Final = 0.25
"""Of all the time at most, for the full training and the test, where nothing else is said."""

FEWEST: Final = 16
"""Candidates that a search should at least be able to train as far as it trains any of them. With
fewer there is nothing to compare."""

FEWEST_IN_FULL: Final = 6
"""The same where most candidates are compared long before that."""

_CLOSING_PART: Final = 0.02
_CLOSING: Final = (1.5, 6.0)
"""Seconds, at least and at most, for writing the last files and showing what was found."""

_FITTING: Final = 0.8
"""A candidate may be as slow as lets its full training fill so much of its part."""


@dataclass(frozen=True)
class Times:
    """The division, in seconds.

    Attributes:
        total: of everything.
        final: at most for the full training and its test; 0 where there is none.
        closing: for the last files and the summary.
        candidate: that one candidate may take when it is trained as far as the search trains any.
    """

    total: float
    final: float
    closing: float
    candidate: float

    @property
    def search(self) -> float:
        """From the start to the moment at which the search must have ended."""
        return self.total - self.final - self.closing

    def search_end(self, needed: float | None = None) -> float:
        """When the search ends, in seconds from the start.

        Args:
            needed: seconds that the full training will take, where that is known. What it leaves
                of its part goes to the search.
        """
        final = self.final if needed is None else min(self.final, needed)
        return self.total - self.closing - final


def divide(
    seconds: float,
    workers: int,
    epochs: int,
    final_epochs: int,
    trainings: int,
    share: float | None = None,
    fewest: int = FEWEST,
) -> Times:
    """Divides the time of a search.

    Args:
        seconds: of everything.
        workers: candidates that are trained at the same time.
        epochs: of a candidate in the search.
        final_epochs: of a full training.
        trainings: full trainings; 0 for none. As many run at the same time as there are workers.
        share: of all the time, for the full training; `FINAL_PART` where it is None.
        fewest: candidates that can be trained in full at least.
    """
    closing = min(max(_CLOSING[0], _CLOSING_PART * seconds), _CLOSING[1], 0.2 * seconds)
    part = FINAL_PART if share is None else share
    final = part * seconds if trainings else 0.0
    search = seconds - final - closing
    candidate = min(search * workers / fewest, search / 2)
    if trainings:
        rounds = math.ceil(trainings / workers)
        candidate = min(candidate, _FITTING * final * epochs / (final_epochs * rounds))
    return Times(seconds, final, closing, candidate)
