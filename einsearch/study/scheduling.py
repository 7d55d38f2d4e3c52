"""`Scheduler`: how long candidates are trained, and which of them go on. This one trains each in
full, at once; `promoting.py` and `stopping.py` have others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from einsearch.study.encoding import Entry
from einsearch.study.executor import Report
from einsearch.trial import Trial


@dataclass(frozen=True)
class Promotion:
    """A paused candidate that goes on.

    Attributes:
        number: of its trial.
        budget: epochs that it is trained to.
    """

    number: int
    budget: float


class Scheduler:
    """Decides about budgets. It knows nothing that is not in the record: `restore` brings it to
    where it was.

    Attributes:
        first_budget: epochs that new candidates are trained to; None for all.
        judges: whether running jobs wait at each report for `judge`.
    """

    first_budget: float | None = None
    judges: bool = False

    def restore(self, entries: Sequence[Entry]) -> None:
        """Takes in what the record holds, before anything else."""

    def start(self, trial: Trial) -> Mapping[str, Any]:
        """A trial begins, or goes on, to the budget that it has; what its job carries for that."""
        return {}

    def judge(self, report: Report) -> bool:
        """Whether a running trial ends at an epoch that it has reported."""
        return False

    def conclude(self, trial: Trial, checkpoint: bytes | None) -> Trial:
        """A trial as it is recorded, with state and reason.

        Args:
            trial: finished, with its values; its budget is what it was trained to.
            checkpoint: what it could go on from.

        Raises:
            RunError: the checkpoint cannot be kept.
        """
        return trial

    def is_open(self, number: int) -> bool:
        """Whether a finished trial is only paused."""
        return False

    def promotion(self, *, is_last: bool) -> Promotion | None:
        """Who goes on next; None where nobody does.

        Args:
            is_last: whether the search ends otherwise.
        """
        return None

    def drop(self, number: int) -> None:
        """A paused or running trial does not go on, whatever the others do."""

    def close(self, left: float) -> Mapping[int, str]:
        """Gives up paused trials that cannot go on any more.

        Args:
            left: how many trials will be started yet; below 0 where the search is over, and all
                of them are given up.

        Returns:
            Number -> reason.

        Raises:
            RunError: their checkpoints cannot be removed.
        """
        return {}


def ordinal(place: int) -> str:
    """1 -> "1st"."""
    teens = 10 <= place % 100 <= 20
    return f"{place}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(place % 10, 'th')}"


def place_among(place: int, size: int, ahead: Sequence[int]) -> str:
    """Where a trial stands: "5th of 7, behind trials 3, 6, 2 and others".

    Args:
        place: from 1.
        size: how many are compared.
        ahead: numbers of those before it, the best first.
    """
    text = f"{ordinal(place)} of {size}"
    if ahead:
        more = " and others" if len(ahead) > 3 else ""
        text += f", behind trial{'s' if len(ahead) > 1 else ''} " + ", ".join(map(str, ahead[:3]))
        text += more
    return text
