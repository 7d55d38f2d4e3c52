"""`Order`: one training that is no trial, of the last stage of a run; and how orders are carried
out, by the run's own workers or in the calling process.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from einsearch.study.executor import Executor, Finished, Job, Report
from einsearch.study.result import Result, result_of
from einsearch.trial import Trial, TrialState

if TYPE_CHECKING:
    from einsearch.evaluate.config import TrainingConfig
    from einsearch.tasks.base import Task

_GRACE: Final = 5.0
"""Seconds past its time after which a worker that does not come back is killed."""

OnReport = Callable[[int, int, Mapping[str, float]], None]
"""Is told the number of the trial, the epoch and its metrics."""


@dataclass(frozen=True, eq=False)
class Order:
    """One training.

    Attributes:
        trial: whose network it is.
        seed: of weights and training.
        training: how.
        is_whole: whether it learns from the validation examples too.
        fold_seed: of how examples are dealt out to folds, where the training has some.
        seconds: that it may take; infinite for any number. It ends in time with what it has
            learned, unless it is on folds.
        until: epoch to halt after; None for the last one.
    """

    trial: Trial
    seed: int
    training: TrainingConfig
    is_whole: bool = False
    fold_seed: int = 0
    seconds: float = math.inf
    until: int | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """As fields of `evaluate.candidate.Job`."""
        is_timed = math.isfinite(self.seconds)
        return {
            "training": self.training,
            "seconds": self.seconds if is_timed else None,
            "halts": is_timed and self.training.folds == 1,
            "keep_weights": True,
            "is_whole": self.is_whole,
            "fold_seed": self.fold_seed,
            "until": self.until,
            "checkpoint": None,
        }

    def job(self, number: int) -> Job:
        """As an executor takes it, under a number of its own."""
        limit = self.seconds + _GRACE if math.isfinite(self.seconds) else None
        payload = {"full": self.settings}
        return Job(number, self.trial.text, self.seed, None, payload, seconds=limit)


Carry = Callable[[Sequence[Order], OnReport], Iterator[tuple[Order, Result]]]
"""Carries out orders and gives each back with what came of it, in the order in which they end."""


def by_executor(executor: Executor) -> Carry:
    """Orders go to the workers of a run, as many at a time as there are."""

    def carry(orders: Sequence[Order], on_report: OnReport) -> Iterator[tuple[Order, Result]]:
        executor.judge = None
        waiting = dict(enumerate(orders))
        for number, order in waiting.items():
            executor.submit(order.job(number))
        while waiting:
            event = executor.next_finished(None)
            if event is None:
                return
            if isinstance(event, Report) and event.number in waiting:
                trial = waiting[event.number].trial
                on_report(trial.number, event.epoch, event.metrics)
            elif isinstance(event, Finished) and event.number in waiting:
                yield waiting.pop(event.number), result_of(event)

    return carry


def in_process(task: Task) -> Carry:
    """Orders are carried out one after the other, by the process that calls."""
    from einsearch.evaluate.candidate import Job as Candidate
    from einsearch.evaluate.candidate import evaluate_candidate
    from einsearch.study.result import from_outcome

    def carry(orders: Sequence[Order], on_report: OnReport) -> Iterator[tuple[Order, Result]]:
        for order in orders:
            number = order.trial.number

            def tell(epoch: int, metrics: Mapping[str, float], number: int = number) -> bool:
                on_report(number, epoch, metrics)
                return False

            settings = {**order.settings, "seed": order.seed}
            candidate = Candidate(order.trial.text, **settings)
            yield order, from_outcome(evaluate_candidate(candidate, task, tell))

    return carry


def seconds_each(until: float, orders: int, workers: int) -> float:
    """Time of each of so many orders, so that all end by `until`, a `time.monotonic()`."""
    rounds = math.ceil(orders / max(1, workers)) if orders else 1
    return max(1.0, (until - time.monotonic()) / rounds)


def is_complete(result: Result) -> bool:
    """Whether a training came to its end with weights."""
    return result.state is TrialState.COMPLETE and result.weights is not None
