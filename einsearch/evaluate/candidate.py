"""`evaluate_candidate`: one architecture is built, checked, trained and scored.

A `Job` and an `Outcome` are plain data that pickle, so that any executor can carry them. Whatever
is wrong with the candidate is a value in the outcome.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, cast

import torch

from einsearch.compile.check import check_shapes
from einsearch.compile.head import Network
from einsearch.compile.module import Backbone
from einsearch.cost import features
from einsearch.evaluate.certainty import standard_errors
from einsearch.evaluate.checkpoint import CheckpointError, pack_state, unpack_state
from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.crossvalidation import (
    Answers,
    FoldsState,
    cross_validate,
    validation_answers,
)
from einsearch.evaluate.data import find_device, on_device
from einsearch.evaluate.faults import (
    CandidateFault,
    Fault,
    describe_fault,
    find_culprit,
    is_out_of_memory,
)
from einsearch.evaluate.folds import fold_tasks, whole_task
from einsearch.evaluate.latency import measure_latency
from einsearch.evaluate.machine import Peak
from einsearch.evaluate.memory import UNLIMITED, Allowance, Pieces, free_memory, keep_to, pieces
from einsearch.evaluate.network import Weights, build_network, read_program
from einsearch.evaluate.searched import trained_as
from einsearch.evaluate.suiting import check_training
from einsearch.evaluate.training import Report, train
from einsearch.primitives.program import Program
from einsearch.tasks.base import Task
from einsearch.traces import user_trace
from einsearch.trial import FailureKind, TrialState

_PROBE: Final = 8
"""Examples that look for the primitive at fault."""


@dataclass(frozen=True)
class Job:
    """One candidate to evaluate.

    Attributes:
        architecture: the program, or the text of an architecture.
        training: how it is trained, but for what the architecture says of it itself.
        seed: of its initial weights and of training.
        seconds: time that building and training may take; None for no limit. It is looked at
            between steps, so whoever runs the job must stop a step that hangs.
        halts: whether training ends in time with what it has learned, in place of failing.
        keep_weights: whether the outcome carries the weights.
        until: epoch to halt after, counted over all folds, though `training` has more; None for
            all of them. The outcome then carries a checkpoint.
        checkpoint: of an earlier outcome of this candidate, to go on from. A damaged one is as
            none: training begins anew, and gives the same.
        measures_latency: whether `metrics` have `latency`, in ms for one example.
        allowance: what it may use of the memory of the machine and its GPU.
        is_whole: whether it is trained on all examples, those of validation too; `metrics` are
            empty then, since nothing is left to be scored on.
        fold_seed: of how examples are dealt out to folds, where there are some.
    """

    architecture: Program | str
    training: TrainingConfig
    seed: int = 0
    seconds: float | None = None
    halts: bool = False
    keep_weights: bool = True
    until: int | None = None
    checkpoint: bytes | None = None
    measures_latency: bool = False
    allowance: Allowance = UNLIMITED
    is_whole: bool = False
    fold_seed: int = 0


@dataclass(frozen=True)
class Outcome:
    """What came of a job.

    Attributes:
        state: COMPLETE (it did what was asked), PRUNED (the report stopped it) or FAILED.
        reason: of a failure: its `FailureKind`, a colon, the message.
        metrics: on validation data after the last epoch, and `train_loss`; empty if none ended.
            With `latency`, where that was asked for.
        history: the same for every epoch that ended, failed candidates' too.
        seconds: wall-clock time of everything.
        timings: seconds by phase: build, train, validate.
        costs: `step_seconds`, the mean of the training steps, and `peak_memory`, bytes on top of
            what the process held before, as measured here.
        weights: those that gave `metrics`; None after a failure, or if they are not kept.
        start: epochs that were trained before, as the checkpoint had them.
        checkpoint: what training goes on from; None unless it halted on the way.
        traceback: of what a failed one raised, as `user_trace` gives it.
        answers: to the examples that gave `metrics`; None after a failure, or where there are none.
        errors: standard errors of some metrics, by name.
    """

    state: TrialState
    reason: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    history: tuple[Mapping[str, float], ...] = ()
    seconds: float = 0.0
    timings: Mapping[str, float] = field(default_factory=dict)
    costs: Mapping[str, float] = field(default_factory=dict)
    weights: Weights | None = None
    start: int = 0
    checkpoint: bytes | None = None
    traceback: str = ""
    answers: Answers | None = None
    errors: Mapping[str, float] = field(default_factory=dict)

    @property
    def epochs(self) -> int:
        """How many epochs ended, those before `start` included."""
        return len(self.history)


def evaluate_candidate(job: Job, task: Task, report: Report | None = None) -> Outcome:
    """Builds, checks, trains and scores one candidate.

    Args:
        job: what to evaluate, and how.
        task: what it learns.
        report: is told every epoch's metrics; True stops the training, and the state is PRUNED.

    Raises:
        TaskError: the configuration does not suit the task or the machine, whatever the
            candidate. Nothing that is the candidate's fault raises.
    """
    check_training(task, job.training)
    return _Candidate(job, task, report).evaluate()


@dataclass(frozen=True, eq=False)
class _Found:
    """What one training, or one for each fold, gave; fields as of `Outcome`."""

    metrics: Mapping[str, float]
    history: tuple[Mapping[str, float], ...]
    timings: Mapping[str, float]
    weights: Weights
    step_seconds: float
    stopped: bool
    answers: Answers
    checkpoint: bytes | None


class _Candidate:
    """One evaluation under way. What it has reached is kept for the report of a failure."""

    def __init__(self, job: Job, task: Task, report: Report | None) -> None:
        self.job = job
        self.task = task
        self.report = report
        self.began = time.monotonic()
        self.timings: dict[str, float] = {}
        self.start = 0
        self.measured: dict[str, float] = {}
        self.costs: dict[str, float] = {}
        self.history: list[Mapping[str, float]] = []
        self.peak = Peak()
        self.program: Program | None = None
        self.network: Network | None = None

    def evaluate(self) -> Outcome:
        try:
            return self._build_and_train()
        except Exception as error:  # any of them is the candidate's: it becomes a value
            fault, trace = self._describe(error), user_trace(error)
        # Outside of the handler, whose exception holds on to the memory that ran out.
        self.network = None
        release_memory()
        return Outcome(
            state=TrialState.FAILED,
            reason=fault.reason,
            metrics=self.history[-1] if self.history else {},
            history=tuple(self.history),
            seconds=time.monotonic() - self.began,
            timings=self.timings,
            start=self.start,
            traceback=trace,
        )

    def _build_and_train(self) -> Outcome:
        self.program = read_program(self.job.architecture, self.task)
        own = trained_as(self.job.training, self.program.settings)
        self.job = replace(self.job, training=own)
        self.network = build_network(self.program, self.task, self.job.seed)
        mismatch = check_shapes(cast(Backbone, self.network.backbone), self.program)
        if mismatch is not None:
            raise CandidateFault(FailureKind.SHAPE_MISMATCH, mismatch)
        self.timings["build"] = time.monotonic() - self.began
        if self.job.measures_latency:
            self._measure()
        found = self._train_in_memory(self._pieces())
        self._note_cost(found.step_seconds)
        answers = None if self.job.is_whole else found.answers
        return Outcome(
            state=TrialState.PRUNED if found.stopped else TrialState.COMPLETE,
            metrics=self.measured if self.job.is_whole else {**found.metrics, **self.measured},
            history=found.history,
            seconds=time.monotonic() - self.began,
            timings={**self.timings, **found.timings},
            costs=self.costs,
            weights=found.weights if self.job.keep_weights else None,
            start=self.start,
            checkpoint=found.checkpoint,
            answers=answers.thinned() if answers is not None and self.job.keep_weights else None,
            errors={} if answers is None else standard_errors(self.task, answers),
        )

    def _pieces(self) -> Pieces:
        assert self.program is not None
        device = find_device(self.job.training.device)
        keep_to(self.job.allowance, device)
        available = free_memory(device, self.job.allowance)
        found = features(self.program, output=self.task.output)
        return pieces(found, self.job.training, available)

    def _train_in_memory(self, size: Pieces) -> _Found:
        """Trains in smaller pieces from the start again where memory ran out all the same."""
        while True:
            try:
                return self._train_anyway(size)
            except Exception as error:
                if size == Pieces(1, 1) or not is_out_of_memory(error):
                    raise
            size = Pieces((size.training + 1) // 2, (size.evaluation + 1) // 2)
            self._rebuild()

    def _train_anyway(self, size: Pieces) -> _Found:
        """Trains from the checkpoint, or anew where that is damaged."""
        if size.training < self.job.training.batch:
            self.measured["micro_batch"] = size.training
        train = self._cross_validate if self.job.training.folds > 1 else self._train
        try:
            return train(self.job.checkpoint, size)
        except CheckpointError:
            self._rebuild()
            return train(None, size)

    def _rebuild(self) -> None:
        self._build(self.job.seed)

    @property
    def _deadline(self) -> float:
        return self.began + (math.inf if self.job.seconds is None else self.job.seconds)

    def _train(self, checkpoint: bytes | None, size: Pieces) -> _Found:
        assert self.network is not None
        start = None if checkpoint is None else unpack_state(checkpoint)
        self.history = [] if start is None else list(start.history)
        self.start = len(self.history)
        task = whole_task(self.task) if self.job.is_whole else self.task
        evaluation = train(
            self.network,
            task,
            self.job.training,
            self.job.seed,
            report=self._note,
            began=self.began,
            deadline=self._deadline,
            halts=self.job.halts,
            until=self.job.until,
            start=start,
            pieces=size,
        )
        answers = validation_answers(self.network, task.valid, self.job.training, size.evaluation)
        best = {"best_epoch": evaluation.best_epoch} if self.job.training.keep == "best" else {}
        # A training that had enough early stands for all of its epochs.
        missing = self.job.training.epochs - evaluation.epochs if evaluation.is_settled else 0
        return _Found(
            metrics={**evaluation.metrics, **best},
            history=(*evaluation.history, *[evaluation.history[-1]] * missing),
            timings=evaluation.timings,
            weights=evaluation.weights,
            step_seconds=evaluation.step_seconds,
            stopped=evaluation.stopped,
            answers=answers,
            checkpoint=None if evaluation.state is None else pack_state(evaluation.state),
        )

    def _cross_validate(self, checkpoint: bytes | None, size: Pieces) -> _Found:
        training = self.job.training
        folds = fold_tasks(self.task, training.folds, self.job.fold_seed)
        start = None if checkpoint is None else FoldsState.unpacked(checkpoint, folds)
        self.history = [] if start is None else list(start.history)
        self.start = len(self.history)
        found = cross_validate(
            self._build,
            self.task,
            training,
            self.job.seed,
            report=self._note,
            began=self.began,
            deadline=self._deadline,
            until=self.job.until,
            start=start,
            pieces=size,
            fold_seed=self.job.fold_seed,
        )
        return _Found(
            metrics=found.metrics,
            history=found.history,
            timings=found.timings,
            weights=found.weights,
            step_seconds=found.step_seconds,
            stopped=found.stopped,
            answers=found.answers,
            checkpoint=None if found.state is None else found.state.packed(),
        )

    def _build(self, seed: int) -> Network:
        """The network anew; the one before is let go of first."""
        assert self.program is not None
        self.network = None
        release_memory()
        self.network = build_network(self.program, self.task, seed)
        return self.network

    def _note_cost(self, step_seconds: float) -> None:
        """Keeps what training took, by which predictions are corrected."""
        device = find_device(self.job.training.device)
        peak = peak_of(device, self.peak)
        if step_seconds > 0:
            self.costs["step_seconds"] = step_seconds
        if peak is not None:
            self.costs["peak_memory"] = float(peak)

    def _measure(self) -> None:
        assert self.network is not None
        began = time.monotonic()
        device = find_device(self.job.training.device)
        x = on_device(self.task.train, device).x[:1]
        self.measured["latency"] = measure_latency(self.network.to(device), x)
        self.timings["measure"] = time.monotonic() - began

    def _note(self, epoch: int, metrics: Mapping[str, float]) -> bool:
        self.history.append(metrics)
        return self.report is not None and self.report(epoch, metrics)

    def _describe(self, error: Exception) -> Fault:
        """Kind and reason, with the primitive at fault where it can be found."""
        fault = describe_fault(error)
        if self.network is None or self.program is None or not fault.has_place:
            return fault
        x = on_device(self.task.train, find_device(self.job.training.device)).x[:_PROBE]
        return fault.at(find_culprit(self.network, self.program, x))


def peak_of(device: torch.device, peak: Peak) -> int | None:
    """Bytes that a candidate took on a device at most; None where that is not known."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    return peak.growth()


def release_memory() -> None:
    """Gives a GPU's unused memory back to others."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
