"""`Board`: the state of a search while it runs, told by callbacks; what a display shows."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from einsearch.numbers import PLAIN, Scores
from einsearch.report.history import kind_of_reason
from einsearch.report.measures import also_told, measured
from einsearch.study.duplicates import count_spent
from einsearch.study.events import Budget, Callbacks, StudyEnd
from einsearch.trial import Trial, TrialState

LAST = 8
"""How many finished trials a display shows."""


@dataclass
class Running:
    """A trial under way.

    Attributes:
        trial: as proposed.
        epoch: the last one that ended; 0 before the first.
        metrics: of that epoch.
    """

    trial: Trial
    epoch: int = 0
    metrics: Mapping[str, Any] = field(default_factory=dict)


class Board(Callbacks):
    """Counts what happens in a search.

    Attributes:
        scores: writes values for people.
        objective, direction: the main objective.
        beside: the metric that people ask for, where it is no objective; else empty.
        budget: of the search.
        spent: trials that used up budget, those of earlier sessions included.
        best: the best complete trial so far.
        stage: what is done before the search begins; empty from then on.
        timings: seconds that finished trials spent, by phase.
        states: number of finished trials by state.
        reasons: number of failed and rejected trials by reason.
        running: trials under way, by number.
        finishing: trained in full at the end; None before.
        last: the trials that finished last, the newest last.
        notes: what people should know, the newest last.
        end: how it ended; None while it runs.
        useful: part of the workers' time that went into candidates with a score; None before there
            is any.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, scores: Scores = PLAIN) -> None:
        self.scores = scores
        self._clock = clock
        self._began = clock()
        self._elapsed_before = 0.0
        self._spent_before = 0
        self.stage = "reading grammar and data"
        self.timings: Counter[str] = Counter()
        self.objective, self.direction = "", "maximize"
        self.beside = ""
        self._objectives: Sequence[str] = ()
        self.budget = Budget()
        self.spent = 0
        self.best: Trial | None = None
        self.states: Counter[TrialState] = Counter()
        self.reasons: Counter[str] = Counter()
        self.running: dict[int, Running] = {}
        self.finishing: Running | None = None
        self._trials: dict[int, Trial] = {}
        self.last: deque[Trial] = deque(maxlen=LAST)
        self.notes: deque[str] = deque(maxlen=3)
        self.end: StudyEnd | None = None
        self.useful: float | None = None

    @property
    def elapsed(self) -> float:
        """Seconds on the clock of the search, those of earlier sessions included."""
        return self._elapsed_before + self._session

    @property
    def _session(self) -> float:
        """Seconds since this session began."""
        return self._clock() - self._began

    @property
    def left(self) -> float | None:
        """Seconds that the search will about take; None while nothing can be told."""
        estimates = []
        done = self.spent - self._spent_before
        if self.budget.trials is not None and done > 0:
            estimates.append((self.budget.trials - self.spent) * self._session / done)
        if self.budget.minutes is not None:
            estimates.append(max(0.0, self.budget.seconds - self.elapsed))
        return min(estimates, default=None)

    def on_stage(self, stage: str) -> None:
        self.stage = stage

    def on_clock(self, elapsed: float) -> None:
        self._elapsed_before = elapsed

    def on_start(
        self, trials: Sequence[Trial], directions: Mapping[str, str], budget: Budget
    ) -> None:
        self.objective, self.direction = next(iter(directions.items()))
        self._objectives = list(directions)
        self.budget = budget
        for trial in trials:
            if trial.state.is_finished:
                self._count(trial)
            else:
                self.running[trial.number] = Running(trial)
        self._spent_before = self.spent
        self._began = self._clock()
        self.stage = ""

    def on_note(self, message: str) -> None:
        self.notes.append(message)

    def on_proposal(self, trial: Trial) -> None:
        self.running[trial.number] = Running(trial)

    def on_report(self, number: int, epoch: int, metrics: Mapping[str, Any]) -> None:
        running = self.running.get(number)
        if running is None and self.end is not None:
            self.finishing = running = Running(self._trials[number])
        if running is not None:
            running.epoch = epoch
            running.metrics = dict(metrics)

    def on_trial(self, trial: Trial) -> None:
        self.running.pop(trial.number, None)
        self._count(trial)
        self.last.append(trial)

    def on_spent(self, useful: float | None) -> None:
        self.useful = useful

    def on_end(self, end: StudyEnd) -> None:
        self.end = end

    def value(self, trial: Trial) -> float | None:
        """A trial's value of the main objective."""
        return trial.values.get(self.objective)

    def shown(self, trial: Trial) -> str:
        """The same for people; "" for none."""
        return self.scores(self.objective, self.value(trial))

    def shown_beside(self, trial: Trial) -> str:
        """Its value of the metric that people ask for, for people; "" for none."""
        return self.scores(self.beside, measured(trial, self.beside)) if self.beside else ""

    def _count(self, trial: Trial) -> None:
        self.beside = self.beside or next(iter(also_told([trial], self._objectives)), "")
        before = self._trials.get(trial.number)
        if before is not None:  # it was paused, and went on
            self.spent -= count_spent([before])
            self.states[before.state] -= 1
            self.states += Counter()
            self.timings.subtract(before.timings)
        self._trials[trial.number] = trial
        self.spent += count_spent([trial])
        self.states[trial.state] += 1
        self.timings.update(trial.timings)
        if trial.state in (TrialState.FAILED, TrialState.REJECTED):
            self.reasons[kind_of_reason(trial)] += 1
        if trial.state is TrialState.COMPLETE and self._is_better(trial):
            self.best = trial

    def _is_better(self, trial: Trial) -> bool:
        value = self.value(trial)
        best = None if self.best is None else self.value(self.best)
        if value is None or best is None:
            return value is not None
        if self.best is not None and self.best.violation != trial.violation:
            return trial.violation < self.best.violation
        return value > best if self.direction == "maximize" else value < best
