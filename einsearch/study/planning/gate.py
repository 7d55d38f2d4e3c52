"""`Gate`: which candidates may begin, how long each may take, and when a search has to end.

What cannot end in time, or does not fit into a worker's memory, is turned down with the predicted
figures as the reason. That costs nothing, and the searcher learns of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from einsearch.numbers import memory as readable
from einsearch.primitives.program import Program
from einsearch.study.planning.forecast import PREDICTED, Forecast, Forecaster, as_metric
from einsearch.study.planning.times import Times
from einsearch.trial import Trial, TrialState

SLACK: Final = 1.25
"""A prediction may be above what is allowed by so much, since it may be wrong. A candidate that is
slow indeed is stopped after its first steps."""

START: Final = 2.0
"""Seconds that a worker may take on top for building and checking a candidate."""

_PATIENCE: Final = 4.0
"""Where no time is given, a candidate may take so many times what was predicted..."""

_SCANT: Final = 0.3
"""Of the part of the full training, what is kept for it while no candidate has a score."""

_URGENT: Final = 0.7
"""Part of the time of a search that is left when candidates without a score become urgent."""

_LEAST: Final = 60.0
"""...and so many seconds more."""


TOO_SLOW: Final = "too slow"
"""Kind of a candidate that takes longer than any may."""

TOO_LATE: Final = "too late"
"""Kind of a candidate that cannot end before the search does."""

TOO_LARGE: Final = "too large"
"""Kind of a candidate that does not fit into memory."""


@dataclass(frozen=True)
class Verdict:
    """What is decided about a candidate.

    Attributes:
        reason: why it may not begin, the kind first, then the figures; empty where it may.
        metrics: what its record keeps of its forecast.
    """

    reason: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_late(self) -> bool:
        """Whether there was time for it before."""
        return self.reason.startswith(TOO_LATE)


class Gate:
    """Of an objective of the user's, whose cost nobody knows: all may begin, and end in time.

    Args:
        times: how the minutes are divided; None for no limit.
        seconds: that a candidate may take at most, as the user says; None for no such limit.
    """

    def __init__(self, times: Times | None = None, seconds: float | None = None) -> None:
        self.times = times
        self.seconds = seconds

    @property
    def search_end(self) -> float:
        """Seconds from the start at which the search must have ended; infinite for never."""
        return math.inf if self.times is None else self.times.search_end()

    def judge(self, trial: Trial, program: Program | None, left: float) -> Verdict:
        """Whether a candidate may begin.

        Args:
            trial: as proposed, with the budget that it begins with.
            program: of its network; None where there is none.
            left: seconds until the search ends.
        """
        return Verdict()

    def may_go_on(self, trial: Trial, budget: float, left: float) -> str:
        """Why a paused candidate may not go on to a larger budget; empty where it may."""
        return ""

    def allowed(self, trial: Trial, left: float) -> float | None:
        """Seconds that the evaluation of a candidate may take from now; None for any number."""
        bounds = [left, math.inf if self.seconds is None else self.seconds]
        return min(bounds) if math.isfinite(min(bounds)) else None

    def learn(self, trial: Trial) -> None:
        """Takes in a finished trial."""

    def learn_all(self, trials: Iterable[Trial]) -> None:
        """Takes in the finished trials of earlier sessions, in order."""
        for trial in trials:
            if trial.state.is_finished:
                self.learn(trial)


class ForecastGate(Gate):
    """Of candidates that are trained.

    Args:
        forecaster: predicts them.
        direction: of the main objective: "maximize" or "minimize".
        main: its name.
        final_epochs: of a full training.
        trainings: full trainings at the end, one after the other.
        look_epochs: epochs, one after the other, in which the best are scored again before that.
        times, seconds: as of `Gate`.
    """

    def __init__(
        self,
        forecaster: Forecaster,
        main: str,
        direction: str,
        final_epochs: int = 0,
        trainings: int = 0,
        times: Times | None = None,
        seconds: float | None = None,
        look_epochs: int = 0,
    ) -> None:
        super().__init__(times, seconds)
        self.forecaster = forecaster
        self._main = main
        self._sign = 1.0 if direction == "maximize" else -1.0
        self._final = final_epochs * trainings + look_epochs
        self._trainings = trainings
        self._best: Trial | None = None

    @property
    def search_end(self) -> float:
        if self.times is None:
            return math.inf
        if self._best is None:
            # Any network is better than none: the full training can do with less.
            return self.times.search_end(_SCANT * self.times.final)
        return self.times.search_end(self.final_seconds())

    def final_seconds(self) -> float | None:
        """Seconds that the full training of the best so far will take; None before there is one."""
        if self._best is None:
            return None
        return SLACK * self._final * seconds_of_epoch(self._best) + START * self._trainings

    def judge(self, trial: Trial, program: Program | None, left: float) -> Verdict:
        if program is None:
            return Verdict()
        forecast = self.forecaster.of(program)
        return Verdict(self._objection(trial, forecast, left), {PREDICTED: as_metric(forecast)})

    def may_go_on(self, trial: Trial, budget: float, left: float) -> str:
        more = budget - (trial.budget or 0)
        needed = more * seconds_of_epoch(trial)
        if needed <= left:
            return ""
        return f"predicted {needed:.3g} s for {more:g} more epochs, {max(0, left):.3g} s are left"

    def allowed(self, trial: Trial, left: float) -> float | None:
        full = self.forecaster.training.total_epochs
        part = (trial.budget or full) / full
        bounds = [left, math.inf if self.seconds is None else self.seconds]
        if self.times is not None and not self._is_urgent(left):
            bounds.append(START + SLACK * self.times.candidate * part)
        elif self.times is None and self.seconds is None:
            bounds.append(self._patience(trial))
        return min(bounds) if math.isfinite(min(bounds)) else None

    def learn(self, trial: Trial) -> None:
        self.forecaster.learn(trial)
        if trial.state in (TrialState.COMPLETE, TrialState.PRUNED) and self._main in trial.values:
            self._best = max(self._best or trial, trial, key=self._rank)

    def _objection(self, trial: Trial, forecast: Forecast, left: float) -> str:
        if forecast.pieces is None:
            share = readable(self.forecaster.share or 0)
            needed_bytes = readable(forecast.peak)
            return f"{TOO_LARGE}: predicted {needed_bytes} for one example, allowed {share}"
        full = self.forecaster.training.total_epochs
        bounds = [math.inf if self.seconds is None else self.seconds]
        if self.times is not None and not self._is_urgent(left):
            bounds.append(self.times.candidate)
        allowed = min(bounds)
        if (needed := forecast.seconds(full)) > SLACK * allowed:
            figures = f"predicted {needed:.3g} s for {_epochs(full)}, allowed {allowed:.3g} s"
            return f"{TOO_SLOW}: {figures}"
        first = trial.budget or full
        if (needed := forecast.seconds(first)) > left:
            figures = f"predicted {needed:.3g} s for {_epochs(first)}"
            return f"{TOO_LATE}: {figures}, {max(0, left):.3g} s are left"
        return ""

    def _is_urgent(self, left: float) -> bool:
        """Whether much of the time is gone and nothing has a score: one slow network is better than
        none, so that only the end of the search bounds a candidate."""
        if self.times is None or self._best is not None:
            return False
        return left < _URGENT * self.times.search

    def _patience(self, trial: Trial) -> float:
        said = trial.metrics.get(PREDICTED)
        if not isinstance(said, Mapping):
            return math.inf
        epochs = trial.budget or self.forecaster.training.total_epochs
        steps = float(said.get("steps", self.forecaster.steps))
        return _LEAST + _PATIENCE * epochs * steps * float(said["step"])

    def _rank(self, trial: Trial) -> tuple[bool, float, float, float]:
        """What makes a trial the one that will be trained in full."""
        is_complete = trial.state is TrialState.COMPLETE
        longest = 0.0 if is_complete else trial.budget or 0.0
        return is_complete, longest, -trial.violation, self._sign * trial.values[self._main]


def seconds_of_epoch(trial: Trial) -> float:
    """What an epoch of a trial took, its validation included, as measured; 0 where none ended."""
    spans = trial.metrics.get("trained", ())
    epochs = sum(last - first for first, last in spans)
    spent = sum(trial.timings.get(name, 0.0) for name in ("train", "validate"))
    return spent / epochs if epochs else 0.0


def _epochs(count: float) -> str:
    return "1 epoch" if count == 1 else f"{count:g} epochs"
