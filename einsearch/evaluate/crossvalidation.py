"""`cross_validate`: a candidate is trained once for each fold; its score is that of all examples
which a network answered that had not seen them.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from torch import nn

from einsearch.evaluate.checkpoint import CheckpointError
from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.folds import Fold, fold_tasks
from einsearch.evaluate.memory import Pieces
from einsearch.evaluate.metrics import score
from einsearch.evaluate.network import Weights
from einsearch.evaluate.scoring import outputs_of
from einsearch.evaluate.training import Report, train
from einsearch.tasks.base import Split, Task

MOST_BYTES: Final = 16_000_000
"""Of outputs that go from a worker to the driver, and into the run folder."""

Build = Callable[[int], nn.Module]
"""Makes the network of a candidate, freshly initialised by a seed."""


@dataclass(frozen=True, eq=False)
class Answers:
    """What networks answered to examples that they had not been trained on.

    Attributes:
        rows: (n,) numbers of these examples, among all of training and validation where there are
            folds, and else among those of validation.
        outputs: (n, *output shape) float32.
        y: (n, ...) the right answers, as a `Split` has them.
        weights: (n,) how much each counts; None where all count the same.
    """

    rows: NDArray[np.intp]
    outputs: NDArray[np.float32]
    y: NDArray[Any]
    weights: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def thinned(self, most: int = MOST_BYTES) -> Answers:
        """Every so many of them, so that their outputs take no more bytes than `most`."""
        every = -(-self.outputs.nbytes // most)
        if every <= 1:
            return self
        weights = None if self.weights is None else self.weights[::every]
        return Answers(self.rows[::every], self.outputs[::every], self.y[::every], weights)


def joined(parts: Sequence[Answers]) -> Answers:
    """Answers to the examples of several folds as one, by rising row."""
    rows = np.concatenate([part.rows for part in parts])
    order = np.argsort(rows, kind="stable")
    weights = [part.weights for part in parts if part.weights is not None]
    return Answers(
        rows[order],
        np.concatenate([part.outputs for part in parts])[order],
        np.concatenate([part.y for part in parts])[order],
        np.concatenate(weights)[order] if len(weights) == len(parts) else None,
    )


@dataclass(frozen=True, eq=False)
class FoldsState:
    """Where a candidate stands between two folds.

    Attributes:
        answers: of the folds that are done.
        best: the epoch of each whose network answered.
        history: metrics of every epoch of these folds.
    """

    answers: tuple[Answers, ...] = ()
    best: tuple[int, ...] = ()
    history: tuple[Mapping[str, float], ...] = ()

    def packed(self) -> bytes:
        """As a file of safetensors, which holds numbers alone."""
        from safetensors.numpy import save

        arrays: dict[str, NDArray[Any]] = {}
        for fold, part in enumerate(self.answers):
            arrays[f"rows-{fold}"] = part.rows.astype(np.int64)
            arrays[f"outputs-{fold}"] = part.outputs
        header = {"best": list(self.best), "history": [dict(epoch) for epoch in self.history]}
        return save(arrays, {"folds": json.dumps(header)})

    @classmethod
    def unpacked(cls, content: bytes, folds: Sequence[Fold]) -> FoldsState:
        """Raises CheckpointError where the bytes are damaged or of other folds."""
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            size = int.from_bytes(content[:8], "little")
            header = json.loads(content[8 : 8 + size])["__metadata__"]
            said, arrays = json.loads(header["folds"]), load(content)
            best = tuple(int(epoch) for epoch in said["best"])
            parts = tuple(
                _answers(folds[fold], arrays[f"outputs-{fold}"]) for fold in range(len(best))
            )
            is_same = all(
                np.array_equal(part.rows, arrays[f"rows-{fold}"]) for fold, part in enumerate(parts)
            )
            history = tuple(dict(epoch) for epoch in said["history"])
        except (SafetensorError, KeyError, IndexError, TypeError, ValueError) as error:
            raise CheckpointError(f"this checkpoint is damaged: {type(error).__name__}") from None
        if not is_same:
            raise CheckpointError("this checkpoint belongs to other folds")
        return cls(parts, best, history)


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """What training on folds gave.

    Attributes:
        metrics: of all answers together; `train_loss`, and `best_epoch`, the mean over the folds of
            the epoch whose weights were taken.
        history: of every epoch of every fold, one after the other.
        timings: seconds of `train` and `validate`, of this call alone.
        weights: of the last fold's network.
        state: what further folds go on from; None after the last one.
        step_seconds: mean of the training steps of this call.
        answers: of all folds so far.
        stopped: whether `report` ended it.
    """

    metrics: Mapping[str, float]
    history: tuple[Mapping[str, float], ...]
    timings: Mapping[str, float]
    weights: Weights
    state: FoldsState | None
    step_seconds: float
    answers: Answers
    stopped: bool = False


def cross_validate(
    build: Build,
    task: Task,
    config: TrainingConfig,
    seed: int,
    *,
    report: Report | None = None,
    began: float | None = None,
    deadline: float = math.inf,
    until: int | None = None,
    start: FoldsState | None = None,
    pieces: Pieces | None = None,
    fold_seed: int = 0,
) -> CrossValidation:
    """Trains a candidate on one fold after the other.

    Args:
        build: gives its network.
        task: what it learns.
        config: says how many folds, and how each is trained.
        seed: of weights and training; every fold has its own, which follow from it.
        report: is told every epoch's metrics, epochs counted on over the folds.
        began: `time.monotonic()` when the evaluation began.
        deadline: `time.monotonic()` by which it must have ended.
        until: number of epochs, over all folds, to halt after; a multiple of those of a fold.
        start: goes on from there.
        pieces: examples that are computed at a time; None for whole batches.
        fold_seed: of how examples are dealt out to the folds.

    Raises:
        CandidateFault, TaskError: as of `train`.
    """
    folds = fold_tasks(task, config.folds, fold_seed)
    last = len(folds) if until is None else min(len(folds), max(1, round(until / config.epochs)))
    run = _Folds(build, config, seed, began or time.monotonic(), report, pieces)
    run.state = start or FoldsState()
    for number in range(len(run.state.best), last):
        left = (deadline - time.monotonic()) / (last - number)
        run.train(folds[number], number, time.monotonic() + left)
        if run.stopped:
            break
    return run.result(task, is_over=len(run.state.best) == len(folds) or run.stopped)


@dataclass(eq=False)
class _Folds:
    """One cross-validation under way."""

    build: Build
    config: TrainingConfig
    seed: int
    began: float
    report: Report | None
    pieces: Pieces | None
    state: FoldsState = field(default_factory=FoldsState)
    timings: dict[str, float] = field(default_factory=lambda: {"train": 0.0, "validate": 0.0})
    steps: list[float] = field(default_factory=list)
    weights: Weights = field(default_factory=dict)
    stopped: bool = False

    def train(self, fold: Fold, number: int, deadline: float) -> None:
        """One fold; its answers are added to the state."""
        config = self.config.model_copy(update={"folds": 1})
        seed = fold_seed_of(self.seed, number)
        network = self.build(seed)

        def tell(epoch: int, metrics: Mapping[str, float]) -> bool:
            if self.report is None:
                return False
            self.stopped = self.report(number * self.config.epochs + epoch, metrics)
            return self.stopped

        found = train(
            network,
            fold.task,
            config,
            seed,
            report=tell,
            began=self.began,
            deadline=deadline,
            pieces=self.pieces,
        )
        began = time.monotonic()
        size = None if self.pieces is None else self.pieces.evaluation
        outputs = outputs_of(network, fold.task.valid, config, size)
        for name, seconds in found.timings.items():
            self.timings[name] += seconds
        self.timings["validate"] += time.monotonic() - began
        self.steps.append(found.step_seconds)
        self.weights = found.weights
        history = [dict(epoch) for epoch in found.history]
        # A training that had enough early stands for all of its epochs.
        history += [history[-1]] * (self.config.epochs - len(history))
        self.state = replace(
            self.state,
            answers=(*self.state.answers, _answers(fold, outputs)),
            best=(*self.state.best, found.best_epoch),
            history=(*self.state.history, *history),
        )

    def result(self, task: Task, *, is_over: bool) -> CrossValidation:
        answers = joined(self.state.answers)
        done = len(self.state.best)
        ends = self.state.history[self.config.epochs - 1 :: self.config.epochs]
        metrics = {
            **score(task, answers.outputs, answers.y, answers.weights),
            "train_loss": sum(end["train_loss"] for end in ends) / done,
            "best_epoch": sum(self.state.best) / done,
        }
        return CrossValidation(
            metrics=metrics,
            history=self.state.history,
            timings=dict(self.timings),
            weights=self.weights,
            state=None if is_over else self.state,
            step_seconds=sum(self.steps) / max(1, len(self.steps)),
            answers=answers,
            stopped=self.stopped,
        )


def fold_seed_of(seed: int, fold: int) -> int:
    """Seed of weights and training on a fold."""
    return int(np.random.SeedSequence([seed, fold]).generate_state(1)[0])


def validation_answers(
    network: nn.Module, valid: Split, config: TrainingConfig, size: int | None
) -> Answers:
    """What a trained network answers to a validation split."""
    outputs = outputs_of(network, valid, config, size)
    return Answers(np.arange(len(valid)), outputs, valid.y, valid.weights)


def _answers(fold: Fold, outputs: NDArray[np.float32]) -> Answers:
    valid = fold.task.valid
    if len(outputs) != len(valid):
        raise ValueError("answers of another number of examples")
    return Answers(fold.rows, outputs, valid.y, valid.weights)
