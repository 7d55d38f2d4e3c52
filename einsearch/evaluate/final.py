"""`train_final`: a chosen architecture is trained in full with several seeds, then tested.

This is the only place of einsearch that reads test data, and it does so after all training. What
was trained is handed out before that, so that bad test data cost no training.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from einsearch.errors import EinsearchError
from einsearch.evaluate.candidate import Job, Outcome, evaluate_candidate
from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.crossvalidation import Answers, validation_answers
from einsearch.evaluate.faults import describe_fault
from einsearch.evaluate.metrics import score
from einsearch.evaluate.network import Weights, build_network, load_weights, read_program
from einsearch.primitives.program import Program
from einsearch.tasks.base import Split, Task
from einsearch.trial import TrialState

SeedReport = Callable[[int, int, Mapping[str, float]], None]
"""Is told the seed, the number of the epoch from 1, and its metrics."""

Keep = Callable[[int, Outcome], None]
"""Is given the seed and the outcome of every training that is complete, as soon as it is."""


@dataclass(frozen=True)
class FinalRun:
    """One full training.

    Attributes:
        seed: of weights and training.
        outcome: validation metrics, or the failure.
        test: metrics on test data; empty after a failure, or where the task has no test data.
        answers: to the test data; None where `test` is empty.
    """

    seed: int
    outcome: Outcome
    test: Mapping[str, float] = field(default_factory=dict)
    answers: Answers | None = None

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
        best: the complete run that is best on validation data by the main objective, or None.
        untested: why the networks could not be tested; empty where they were, or where the task
            has no test data.
    """

    runs: tuple[FinalRun, ...]
    best: FinalRun | None
    untested: str = ""

    @property
    def valid(self) -> dict[str, Spread]:
        """Spread of every metric on validation data, over the complete runs."""
        return _spreads([run.outcome.metrics for run in self.runs if run.is_complete])

    @property
    def test(self) -> dict[str, Spread]:
        """The same on test data; empty where nothing was tested."""
        return _spreads([run.test for run in self.runs if run.is_complete])

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
    *,
    directions: Mapping[str, str] | None = None,
    keep: Keep | None = None,
    seconds: float | None = None,
) -> FinalResult:
    """Trains once for each seed, then tests every trained network.

    Args:
        architecture: the program, or its text.
        task: what it learns; its test data are read once all training is over. Where they cannot
            be used, the result says so and has everything else.
        training: in full: with the epochs of the final training.
        seeds: at least one.
        report: is told of every epoch.
        directions: objectives of the run, the main one first; see `main_metric`.
        keep: is given every network before test data are read.
        seconds: that each training may take. It ends in time with what it has learned.

    Raises:
        TaskError: the configuration cannot be used.
    """
    trained = train_seeds(
        architecture,
        task,
        training,
        seeds,
        report,
        directions=directions,
        keep=keep,
        seconds=seconds,
    )
    return test_final(architecture, task, training, trained)


def train_seeds(
    architecture: Program | str,
    task: Task,
    training: TrainingConfig,
    seeds: Sequence[int],
    report: SeedReport | None = None,
    *,
    directions: Mapping[str, str] | None = None,
    keep: Keep | None = None,
    done: Mapping[int, Outcome] | None = None,
    seconds: float | None = None,
) -> FinalResult:
    """The trainings alone; arguments as of `train_final`.

    Args:
        done: outcomes by seed of an earlier session, which are taken as they are.
    """
    if not seeds:
        raise ValueError("full training needs at least one seed")
    known = done or {}
    runs = []
    for seed in seeds:
        outcome = known.get(seed) or _train(architecture, task, training, seed, report, seconds)
        runs.append(FinalRun(seed, outcome))
        if keep is not None and seed not in known and runs[-1].is_complete:
            keep(seed, outcome)
    return collected(runs, task, directions or {})


def collected(runs: Sequence[FinalRun], task: Task, directions: Mapping[str, str]) -> FinalResult:
    """The result of trainings of one network that were made anywhere."""
    return FinalResult(tuple(runs), _best(runs, task, directions))


def test_final(
    architecture: Program | str, task: Task, training: TrainingConfig, trained: FinalResult
) -> FinalResult:
    """The same result with scores on test data, where the task has some; or with the reason why
    there are none."""
    if not task.has_test or trained.best is None:
        return trained
    try:
        split = task.test()
        runs = [_tested(architecture, task, training, run, split) for run in trained.runs]
    except EinsearchError as error:
        return replace(trained, untested=str(error))
    except Exception as error:  # whatever it is, the training is worth more than the test
        return replace(trained, untested=describe_fault(error).reason)
    best = next(run for run in runs if run.seed == trained.best.seed)
    return FinalResult(tuple(runs), best)


def main_metric(metrics: Mapping[str, float], task: Task, directions: Mapping[str, str]) -> str:
    """What decides between trainings of one network: the first objective of the run that training
    measures; the task's main metric where it measures none, as for parameters."""
    return next((name for name in directions if name in metrics), task.metrics[0].name)


def _train(
    architecture: Program | str,
    task: Task,
    training: TrainingConfig,
    seed: int,
    report: SeedReport | None,
    seconds: float | None,
) -> Outcome:
    def tell(epoch: int, metrics: Mapping[str, float]) -> bool:
        if report is not None:
            report(seed, epoch, metrics)
        return False

    job = Job(architecture, training, seed, seconds, halts=seconds is not None)
    return evaluate_candidate(job, task, tell)


def answers_of(
    architecture: Program | str,
    task: Task,
    training: TrainingConfig,
    weights: Weights,
    split: Split,
) -> Answers:
    """What a trained network answers to a split."""
    network = build_network(read_program(architecture, task), task, seed=0)
    load_weights(network, weights)
    return validation_answers(network, split, training, None)


def _tested(
    architecture: Program | str,
    task: Task,
    training: TrainingConfig,
    run: FinalRun,
    test: Split,
) -> FinalRun:
    if run.outcome.weights is None:
        return run
    answers = answers_of(architecture, task, training, run.outcome.weights, test)
    return replace(
        run, test=score(task, answers.outputs, answers.y, answers.weights), answers=answers
    )


def _best(runs: Sequence[FinalRun], task: Task, directions: Mapping[str, str]) -> FinalRun | None:
    complete = [run for run in runs if run.is_complete]
    if not complete:
        return None
    name = main_metric(complete[0].outcome.metrics, task, directions)
    if name not in complete[0].outcome.metrics:
        # Trained on everything, they have no scores that could tell them apart.
        return complete[0]
    known = {metric.name: metric.direction for metric in task.metrics} | dict(directions)
    sign = 1.0 if known[name] == "maximize" else -1.0
    return max(complete, key=lambda run: sign * run.outcome.metrics[name])


def _spreads(metrics: Sequence[Mapping[str, float]]) -> dict[str, Spread]:
    names = metrics[0] if metrics else ()
    values = {name: [run[name] for run in metrics] for name in names}
    return {
        name: Spread(math.fsum(seen) / len(seen), statistics.stdev(seen) if len(seen) > 1 else 0.0)
        for name, seen in values.items()
    }
