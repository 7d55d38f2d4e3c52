"""`train_final`: a chosen architecture is trained in full with several seeds.

This is the only place of einsearch that reads test data, and it does so after all training.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from einsearch.evaluate.candidate import Job, Outcome, evaluate_candidate
from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.network import Weights, build_network, load_weights, read_program
from einsearch.evaluate.training import split_metrics
from einsearch.primitives.program import Program
from einsearch.tasks.base import Split, Task
from einsearch.trial import TrialState

SeedReport = Callable[[int, int, Mapping[str, float]], None]
"""Is told the seed, the number of the epoch from 1, and its metrics."""


@dataclass(frozen=True)
class FinalRun:
    """One full training.

    Attributes:
        seed: of weights and training.
        outcome: validation metrics, or the failure.
        test: metrics on test data; empty after a failure, or where the task has no test data.
    """

    seed: int
    outcome: Outcome
    test: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        return self.outcome.state is TrialState.COMPLETE


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation (of a sample; 0 for one value) over seeds."""

    mean: float
    deviation: float


@dataclass(frozen=True)
class FinalResult:
    """What full training with several seeds gave.

    Attributes:
        runs: one for each seed, in order; failed ones too.
        valid, test: spread of every metric over the complete runs.
        best: the complete run that is best by the main metric on validation data, or None.
    """

    runs: tuple[FinalRun, ...]
    valid: Mapping[str, Spread]
    test: Mapping[str, Spread]
    best: FinalRun | None

    @property
    def weights(self) -> Weights | None:
        """Weights of the best run."""
        return None if self.best is None else self.best.outcome.weights


def train_final(
    architecture: Program | str,
    task: Task,
    training: TrainingConfig,
    seeds: Sequence[int],
    report: SeedReport | None = None,
) -> FinalResult:
    """Trains once for each seed, then tests every trained network.

    Args:
        architecture: the program, or its text.
        task: what it learns; its test data are read once all training is over.
        training: in full: with the epochs of the final training.
        seeds: at least one.
        report: is told of every epoch.

    Raises:
        TaskError: the configuration or the test data cannot be used.
    """
    if not seeds:
        raise ValueError("full training needs at least one seed")
    outcomes = [_train(architecture, task, training, seed, report) for seed in seeds]
    is_any_complete = any(outcome.state is TrialState.COMPLETE for outcome in outcomes)
    test = task.test() if task.has_test and is_any_complete else None
    runs = tuple(
        FinalRun(seed, outcome, _test(architecture, task, training, outcome, test))
        for seed, outcome in zip(seeds, outcomes, strict=True)
    )
    complete = [run for run in runs if run.is_complete]
    return FinalResult(
        runs=runs,
        valid=_spreads([run.outcome.metrics for run in complete]),
        test=_spreads([run.test for run in complete]),
        best=_best(complete, task),
    )


def _train(
    architecture: Program | str,
    task: Task,
    training: TrainingConfig,
    seed: int,
    report: SeedReport | None,
) -> Outcome:
    def tell(epoch: int, metrics: Mapping[str, float]) -> bool:
        if report is not None:
            report(seed, epoch, metrics)
        return False

    return evaluate_candidate(Job(architecture, training, seed), task, tell)


def _test(
    architecture: Program | str,
    task: Task,
    training: TrainingConfig,
    outcome: Outcome,
    test: Split | None,
) -> Mapping[str, float]:
    if test is None or outcome.weights is None:
        return {}
    network = build_network(read_program(architecture, task), task, seed=0)
    load_weights(network, outcome.weights)
    return split_metrics(network, task, test, training)


def _best(runs: Sequence[FinalRun], task: Task) -> FinalRun | None:
    main = task.metrics[0]
    sign = 1.0 if main.direction == "maximize" else -1.0
    return max(runs, key=lambda run: sign * run.outcome.metrics[main.name], default=None)


def _spreads(metrics: Sequence[Mapping[str, float]]) -> dict[str, Spread]:
    names = metrics[0] if metrics else ()
    values = {name: [run[name] for run in metrics] for name in names}
    return {
        name: Spread(math.fsum(seen) / len(seen), statistics.stdev(seen) if len(seen) > 1 else 0.0)
        for name, seen in values.items()
    }
