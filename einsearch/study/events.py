"""What a search is given to spend, how it ends, and `Callbacks`, who are told what happens."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from einsearch.trial import Trial


@dataclass(frozen=True)
class Budget:
    """What a search may spend. Without any limit it goes on until it is interrupted.

    Attributes:
        trials: how many candidates are evaluated, failed and rejected ones included; duplicates
            cost nothing. None for no limit.
        minutes: wall-clock time of everything over all sessions of the run: reading the data,
            calibration, search, full training and test. None for no limit.
    """

    trials: int | None = None
    minutes: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("trials", self.trials), ("minutes", self.minutes)):
            if value is not None and value < 0:
                raise ValueError(f"a budget of {value} {name}: expected 0 or more")

    @property
    def seconds(self) -> float:
        """The wall-clock time in seconds; infinite for no limit."""
        return math.inf if self.minutes is None else 60 * self.minutes


class StopReason(StrEnum):
    """Why a search ended."""

    TRIALS = "trials"
    TIME = "time"
    EXHAUSTED = "exhausted"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class StudyEnd:
    """How a search ended.

    Attributes:
        reason: why.
        message: the same for people, one line.
    """

    reason: StopReason
    message: str


class Callbacks:
    """Is told what happens in a search, in the driver's thread. A subclass overrides what it
    wants to hear; what it raises ends the search, and loses nothing."""

    def on_stage(self, stage: str) -> None:
        """What is done before the search begins, and may take a while: "starting Ray"."""

    def on_clock(self, elapsed: float) -> None:
        """Seconds that the clock of the search shows as it begins or goes on; comes before
        `on_start`. Not 0 where there were sessions before."""

    def on_start(
        self, trials: Sequence[Trial], directions: Mapping[str, str], budget: Budget
    ) -> None:
        """The search begins or goes on.

        Args:
            trials: those recorded before; running ones are about to run again.
            directions: objective name -> "maximize" or "minimize".
            budget: what may be spent, those trials included.
        """

    def on_note(self, message: str) -> None:
        """Something that people should know: one line."""

    def on_proposal(self, trial: Trial) -> None:
        """A trial is recorded as running, for the first time or again after a pause."""

    def on_report(self, number: int, epoch: int, metrics: Mapping[str, Any]) -> None:
        """A running trial has ended an epoch, counted from 1. It may begin again after a death
        of its worker."""

    def on_trial(self, trial: Trial) -> None:
        """A trial has finished and is recorded, or was paused: it may come again. A duplicate may
        come without `on_proposal`."""

    def on_spent(self, useful: float | None) -> None:
        """How much of the workers' time, from 0 to 1, went into steps of candidates that gave a
        score; None before there is any."""

    def on_end(self, end: StudyEnd) -> None:
        """The search has ended, an interruption included; an error raises instead."""


class Several(Callbacks):
    """Tells several callbacks, in order."""

    def __init__(self, *callbacks: Callbacks) -> None:
        self._callbacks = callbacks

    def on_stage(self, stage: str) -> None:
        for callback in self._callbacks:
            callback.on_stage(stage)

    def on_clock(self, elapsed: float) -> None:
        for callback in self._callbacks:
            callback.on_clock(elapsed)

    def on_start(
        self, trials: Sequence[Trial], directions: Mapping[str, str], budget: Budget
    ) -> None:
        for callback in self._callbacks:
            callback.on_start(trials, directions, budget)

    def on_note(self, message: str) -> None:
        for callback in self._callbacks:
            callback.on_note(message)

    def on_proposal(self, trial: Trial) -> None:
        for callback in self._callbacks:
            callback.on_proposal(trial)

    def on_report(self, number: int, epoch: int, metrics: Mapping[str, Any]) -> None:
        for callback in self._callbacks:
            callback.on_report(number, epoch, metrics)

    def on_trial(self, trial: Trial) -> None:
        for callback in self._callbacks:
            callback.on_trial(trial)

    def on_spent(self, useful: float | None) -> None:
        for callback in self._callbacks:
            callback.on_spent(useful)

    def on_end(self, end: StudyEnd) -> None:
        for callback in self._callbacks:
            callback.on_end(end)
