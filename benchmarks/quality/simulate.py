"""Searches under a simulated clock: the study's own loop and record, in memory, with workers whose
jobs take random times that nobody waits for.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from quality.cases import DIRECTIONS, REPORTED, STEERS, Case

from einsearch.searchers.base import Searcher
from einsearch.study.events import Budget, Callbacks
from einsearch.study.executor import Finished, Job, Work
from einsearch.study.loop import run_study
from einsearch.study.objective import ObjectiveWork, derivation_payload
from einsearch.study.opening import drive
from einsearch.study.options import Options
from einsearch.trial import Trial, TrialState


class SimulatedExecutor:
    """Runs jobs at once, and hands results over in the order in which workers would end.

    Args:
        work: what is done with a job.
        workers: how many jobs are under way at a time.
        seed: of the durations, exponential with mean 1; one worker's are all 1.
    """

    def __init__(self, work: Work, workers: int, seed: int) -> None:
        self._work = work
        self._workers = workers
        self._seed = seed
        self._ends: list[tuple[float, int, Job]] = []
        self.now = 0.0

    @property
    def capacity(self) -> int:
        return self._workers

    def submit(self, job: Job) -> None:
        rng = np.random.default_rng((self._seed, job.number))
        duration = 1.0 if self._workers == 1 else rng.exponential()
        heapq.heappush(self._ends, (self.now + duration, job.number, job))

    def next_finished(self, timeout: float | None = None) -> Finished | None:
        if not self._ends:
            return None
        self.now, number, job = heapq.heappop(self._ends)
        return Finished(number, self._work(job, _go_on), None, False, 0.0)

    def cancel(self, number: int) -> None:
        self._ends = [end for end in self._ends if end[1] != number]
        heapq.heapify(self._ends)

    def close(self) -> None:
        self._ends.clear()


def _go_on(epoch: int, metrics: object) -> bool:
    return False


class _Curve(Callbacks):
    """What the best by the steering value reports, after every evaluated trial."""

    def __init__(self) -> None:
        self.reported: list[float] = []
        self._best = -np.inf

    def on_trial(self, trial: Trial) -> None:
        if trial.state is not TrialState.COMPLETE:
            return
        reported = self.reported[-1] if self.reported else 0.0
        if trial.values[STEERS] > self._best:
            self._best, reported = trial.values[STEERS], trial.metrics[REPORTED]
        self.reported.append(reported)


@dataclass(frozen=True)
class Outcome:
    """What one search found.

    Attributes:
        regret: the best value of the space minus the reported value of the best by the steering
            one, after 1, 2, ... trials; of length `trials`.
        seconds: CPU time of a trial, everything included.
        proposals: how many were made; those beyond the trials repeated earlier ones.
    """

    regret: list[float]
    seconds: float
    proposals: int


def simulate(
    case: Case, make: Callable[[int], Searcher], seed: int, workers: int, trials: int
) -> Outcome:
    """One search.

    Args:
        case: the space.
        make: gives the searcher for a seed.
        seed: of the search, its durations included.
        workers: how many evaluate at the same time.
        trials: calls of the objective. Duplicates cost nothing, as in any search.
    """
    curve = _Curve()
    work = ObjectiveWork(case.objective, case.space.recall, STEERS)
    options = Options(
        seed=seed, callbacks=curve, describe=case.describe, payload=derivation_payload
    )
    began = time.process_time()
    with drive(None, DIRECTIONS) as driving:
        executor = SimulatedExecutor(work, workers, seed)
        run_study(lambda: make(seed), executor, driving.record, Budget(trials), options)
        proposals = len(driving.record.entries)
    return Outcome(
        regret_curve(curve.reported, case.best, trials),
        (time.process_time() - began) / trials,
        proposals,
    )


def regret_curve(reported: list[float], best: float, trials: int) -> list[float]:
    """Regrets of exactly `trials` trials; a search that ended early keeps what it had."""
    held = reported[:trials] + reported[-1:] * (trials - len(reported))
    return [best - value for value in held]
