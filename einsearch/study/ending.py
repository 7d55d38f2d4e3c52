"""Why a search ended, in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from einsearch.study.events import Budget, StopReason

TIME_UP: Final = "the time of the search was up"
"""Reason of a trial that was under way then."""


def explain_end(
    reason: StopReason,
    budget: Budget,
    running: int,
    exhausted: Callable[[], str],
) -> str:
    """One line for people.

    Args:
        reason: why it ended.
        budget: of the search.
        running: trials that were under way when it was interrupted.
        exhausted: says what is exhausted.
    """
    match reason:
        case StopReason.TRIALS:
            return f"the budget of {counted(budget.trials or 0)} is spent"
        case StopReason.TIME:
            return f"the search has used its part of {spoken_minutes(budget.minutes or 0)}"
        case StopReason.INTERRUPTED:
            return f"interrupted; under way and run again on resume: {counted(running)}"
        case StopReason.EXHAUSTED:
            return exhausted()


def spoken_minutes(minutes: float) -> str:
    """A time for people: "10 minutes", "1 minute", "90 s"."""
    if minutes < 2 and minutes != 1:
        return f"{60 * minutes:.3g} s"
    return f"{minutes:g} minute{'' if minutes == 1 else 's'}"


def counted(trials: int) -> str:
    """ "1 trial", "2 trials"."""
    return f"{trials} trial{'' if trials == 1 else 's'}"
