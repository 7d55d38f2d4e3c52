"""`Spending`: how the time of a run was spent, for its table, its report and the next session."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from einsearch.study.record import Record
from einsearch.trial import Trial, TrialState

ATTRIBUTE: Final = "time"
"""Under which a record keeps it."""

_FIELDS: Final = ("start", "calibration", "search", "final", "workers")
"""What is recorded; the useful part follows from the trials."""

_USEFUL: Final = ("train", "validate")
"""Phases of a candidate that bring it nearer to a score."""


@dataclass(frozen=True)
class Spent:
    """Seconds by phase, over all sessions of a run.

    Attributes:
        start: reading data, calibration, starting workers.
        calibration: of that, measuring the device.
        search: from the first proposal to the end of the search.
        final: full training and test.
        workers: of all worker processes together, during the search.
        useful: of those, in steps of candidates that then gave a score.
    """

    start: float = 0.0
    calibration: float = 0.0
    search: float = 0.0
    final: float = 0.0
    workers: float = 0.0
    useful: float = 0.0

    @property
    def total(self) -> float:
        """Wall-clock seconds of everything."""
        return self.start + self.search + self.final

    @property
    def share(self) -> float | None:
        """Useful part of the workers' time; None before there is any."""
        return min(1.0, self.useful / self.workers) if self.workers > 0 else None


class Spending:
    """Adds up the time of workers while a search runs.

    Args:
        clock: seconds.

    Attributes:
        workers: seconds of all of them together.
        useful: of those, in steps of candidates that gave a score.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last = clock()
        self._counted: dict[int, float] = {}
        self.workers = 0.0

    @property
    def useful(self) -> float:
        return sum(self._counted.values())

    @property
    def share(self) -> float | None:
        """Useful part of the workers' time; None before there is any."""
        return min(1.0, self.useful / self.workers) if self.workers > 0 else None

    def tell(self, trial: Trial) -> None:
        """A trial has finished, or was paused."""
        self._counted[trial.number] = useful_seconds([trial])

    def add(self, capacity: int) -> None:
        """Counts the time since the last call, in which so many workers were there."""
        now = self._clock()
        self.workers += capacity * (now - self._last)
        self._last = now


def read_spent(record: Record) -> Spent:
    """What a record says of the time of its run."""
    said = record.read_attribute(ATTRIBUTE)
    said = said if isinstance(said, Mapping) else {}
    numbers = {name: _seconds(said.get(name)) for name in _FIELDS}
    return Spent(**numbers, useful=useful_seconds(record.trials))


def add_spent(record: Record, **seconds: float) -> None:
    """Adds seconds to phases of a run, by name."""
    before = read_spent(record)
    total = {name: getattr(before, name) + seconds.get(name, 0.0) for name in _FIELDS}
    record.write_attribute(ATTRIBUTE, total)


def useful_seconds(trials: Iterable[Trial]) -> float:
    """Seconds in steps of candidates that gave a score of their own."""
    scored = (TrialState.COMPLETE, TrialState.PRUNED)
    return sum(
        trial.timings.get(name, 0.0)
        for trial in trials
        if trial.state in scored and trial.values
        for name in _USEFUL
    )


def _seconds(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) and value >= 0 else 0.0
