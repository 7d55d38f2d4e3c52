"""`Pace`: how fast a training goes, and whether it will end in time.

One that will not is stopped after its first steps, and not when its time is up: what it would have
cost goes to other candidates.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final

from einsearch.evaluate.faults import CandidateFault
from einsearch.trial import FailureKind

_FIRST: Final = 3
"""Steps, after the first one, that a projection needs; the first warms caches and kernels up."""

_SECONDS: Final = 0.2
"""Seconds that they must have taken; shorter times say little."""

_TOLERANCE: Final = 1.1
"""A projected end may be past the deadline by so much of the time allowed."""


class Pace:
    """The clock of one training.

    Args:
        began: when the evaluation of the candidate began, by the clock.
        deadline: when it must have ended; infinite for never.
        steps: of training that are to be done.
        checks: validations that are to be done.
        clock: seconds.

    Attributes:
        done: steps so far.
        seconds: that they took.
    """

    def __init__(
        self,
        began: float,
        deadline: float,
        steps: int,
        checks: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.began = began
        self.deadline = deadline
        self.done = 0
        self.seconds = 0.0
        self._steps = steps
        self._checks = checks
        self._check_seconds = 0.0
        self._first = 0.0
        self._clock = clock

    @property
    def step_seconds(self) -> float:
        """Mean of the steps after the first; of that one while it is alone; 0 before it."""
        if self.done < 2:
            return self._first
        return (self.seconds - self._first) / (self.done - 1)

    @property
    def projected(self) -> float:
        """When the training will end, as far as is known."""
        steps = (self._steps - self.done) * self.step_seconds
        return self._clock() + steps + self._checks * self._check_seconds

    def is_late(self) -> bool:
        """Whether the time is up."""
        return self._clock() > self.deadline

    def note_step(self, seconds: float) -> None:
        """A training step has ended."""
        if self.done == 0:
            self._first = seconds
        self.done += 1
        self.seconds += seconds

    def note_check(self, seconds: float) -> None:
        """A validation has ended."""
        self._checks -= 1
        self._check_seconds = seconds

    def check(self, place: str) -> None:
        """Looks at the clock.

        Args:
            place: where training is, for the message.

        Raises:
            CandidateFault: the time is up, or it will be before the training ends.
        """
        if math.isinf(self.deadline):
            return
        now, allowed = self._clock(), max(0.0, self.deadline - self.began)
        if now > self.deadline:
            raise CandidateFault(
                FailureKind.TIME_LIMIT,
                f"{place}, after {now - self.began:.3g} s, allowed {allowed:.3g} s",
            )
        if self.done <= _FIRST or self.seconds - self._first < _SECONDS:
            return
        projected = self.projected - self.began
        if projected > _TOLERANCE * allowed:
            raise CandidateFault(
                FailureKind.TIME_LIMIT, f"projected {projected:.3g} s, allowed {allowed:.3g} s"
            )
