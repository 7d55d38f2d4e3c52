"""`train`: a network with its head learns a task's training split, scored on validation data.

The data lie on the device as one tensor; which examples a step takes is in `course`. The loop
reads neither the clock nor the device more often than it must.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Final

import torch
from torch import nn

from einsearch.compile.selecting import (
    choose_bases,
    prune_chosen,
    selectable_layers,
    soft_epochs,
)
from einsearch.evaluate.augmenting.choice import augmentation
from einsearch.evaluate.augmenting.mixing import Batch, mixed
from einsearch.evaluate.averaging import Average
from einsearch.evaluate.checkpoint import Parts, TrainingState, capture, restore
from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.course import Course
from einsearch.evaluate.data import find_device, on_device
from einsearch.evaluate.faults import CandidateFault
from einsearch.evaluate.keeping import Kept, put
from einsearch.evaluate.losses import example_weights, training_loss
from einsearch.evaluate.memory import Pieces
from einsearch.evaluate.metrics import Scores, proper_score, score
from einsearch.evaluate.network import Weights, weights_of
from einsearch.evaluate.optimizing import clip_gradients, make_optimizer, rate_at
from einsearch.evaluate.pace import Pace
from einsearch.evaluate.scoring import outputs_of, precision, whole_batches
from einsearch.evaluate.scoring import predict as predict  # callers look for it beside `train`
from einsearch.evaluate.scoring import split_metrics as split_metrics  # the same
from einsearch.evaluate.suiting import check_training
from einsearch.tasks.base import Loss, Task
from einsearch.trial import FailureKind

Report = Callable[[int, Mapping[str, float]], bool]
"""Is told the number of an epoch, from 1, and its metrics; True stops the training there."""

_STEPS_BETWEEN_CHECKS: Final = {"cpu": 1, "cuda": 20}
"""Looking at a loss makes the host wait for a GPU."""

_CHOOSING: Final = 512
"""Examples, at most, on which bases are chosen."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What training gave.

    Attributes:
        metrics: on validation data after the epoch that is handed over, and `train_loss`.
        history: the same after each epoch, with its learning rate `lr` at the end.
        stopped: whether `report` ended it before the last epoch.
        is_cut: whether it ended early because the time was up.
        is_settled: whether it ended early because its patience was at an end.
        best_epoch: the epoch that is handed over, from 1: with `keep: best` that with the best loss
            on validation data, else the last one.
        step_seconds: mean of the training steps of this call; 0 where there was none.
        timings: seconds of `train` and `validate`, of this call alone.
        weights: those that gave `metrics`; of layers that chose a basis for every output, those of
            the chosen ones alone.
        state: what training goes on from; None after the last epoch of the configuration.
    """

    metrics: Mapping[str, float]
    history: tuple[Mapping[str, float], ...]
    stopped: bool
    timings: Mapping[str, float]
    weights: Weights
    state: TrainingState | None = None
    is_cut: bool = False
    step_seconds: float = 0.0
    is_settled: bool = False
    best_epoch: int = 0

    @property
    def epochs(self) -> int:
        """How many epochs were trained, those before `start` included."""
        return len(self.history)


def train(
    network: nn.Module,
    task: Task,
    config: TrainingConfig,
    seed: int,
    *,
    report: Report | None = None,
    began: float | None = None,
    deadline: float = math.inf,
    halts: bool = False,
    until: int | None = None,
    start: TrainingState | None = None,
    pieces: Pieces | None = None,
) -> Evaluation:
    """Trains a network in place; in the end it has the weights that are handed over.

    On one device and one thread the outcome depends on the network, the task, the configuration
    and the seed alone, however often training is cut off at `until` and gone on with. The global
    random state stays as it was. Layers with a basis to select choose after `soft_epochs`.

    Args:
        network: maps (batch, *input shape) to (batch, *output shape).
        task: what it learns.
        config: how. Its epochs are what the learning rate is scheduled over.
        seed: of the order of examples, augmentation, and layers that draw.
        report: is told every epoch's metrics, and may stop the training.
        began: `time.monotonic()` when the evaluation began, for messages; now where None.
        deadline: `time.monotonic()` by which it must have ended, looked at before every step. It
            gives up as soon as it is foreseen to end later.
        halts: whether it ends in time with what it has learned, in place of giving up. The first
            epoch is always trained.
        until: the epoch to halt after; None for the last one.
        start: goes on from there, with a network of the same architecture.
        pieces: examples that are computed at a time; None for whole batches.

    Raises:
        CandidateFault: the loss is not finite, or the deadline cannot be kept.
        TaskError: the configuration does not suit the task or the machine.
        CheckpointError: `start` is the state of another network.
    """
    check_training(task, config)
    device = find_device(config.device)
    last = config.epochs if until is None else min(until, config.epochs)
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        run = _Run(network.to(device), task, config, device, seed, pieces or whole_batches(config))
        if start is not None:
            run.go_on_from(start)
        run.start_clock(time.monotonic() if began is None else began, deadline, last, halts)
        stopped = is_cut = is_settled = False
        patience = config.patience if last == config.epochs else None
        for epoch in range(len(run.history) + 1, last + 1):
            if is_settled := run.kept.is_spent(patience, epoch - 1):
                break
            run.train_epoch(epoch)
            run.choose_bases(epoch)
            metrics = run.validate(epoch)
            if report is not None and report(epoch, metrics) and epoch < last:
                stopped = True
                break
            if is_cut := epoch < last and run.is_out_of_time(epoch):
                break
        is_over = len(run.history) >= config.epochs or stopped or is_cut or is_settled
        state = None if is_over else run.state()
        best = run.hand_over()
        return Evaluation(
            metrics=run.history[best - 1],
            history=tuple(run.history),
            stopped=stopped,
            timings=dict(run.timings),
            weights=weights_of(prune_chosen(network)),
            state=state,
            is_cut=is_cut,
            step_seconds=run.pace.step_seconds,
            is_settled=is_settled,
            best_epoch=best,
        )


@dataclass(eq=False)
class _Run:
    """One training under way."""

    network: nn.Module
    task: Task
    config: TrainingConfig
    device: torch.device
    seed: int
    pieces: Pieces
    history: list[Mapping[str, float]] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=lambda: {"train": 0.0, "validate": 0.0})

    def __post_init__(self) -> None:
        self.data = on_device(self.task.train, self.device)
        self.course = Course.of(self.config, len(self.data), self.seed)
        self.optimizer = make_optimizer(self.network, self.config)
        self.trained = [p for group in self.optimizer.param_groups for p in group["params"]]
        self.generator = torch.Generator().manual_seed(self.seed)
        self.augment = augmentation(self.task, self.config)
        self.weights = example_weights(self.task, self.config, self.data)
        window = self.config.average * self.course.steps
        self.average = Average(self.network, window) if self.config.average else None
        self.kept = Kept(self.config.keep == "best")
        self.train_loss = math.nan
        self.skipped = 0
        self.start_clock(time.monotonic(), math.inf, self.config.epochs, halts=False)

    def start_clock(self, began: float, deadline: float, last: int, halts: bool) -> None:
        """Training is to end with epoch `last` by the deadline; `halts` as of `train`."""
        done = len(self.history)
        steps = self.course.end(last) - self.course.end(done)
        self.pace = Pace(began, deadline, max(0, steps), max(0, last - done))
        self.halts = halts

    def is_out_of_time(self, epoch: int) -> bool:
        """Whether another epoch would end too late, where training is to halt then."""
        if not self.halts:
            return False
        spent = sum(self.timings.values()) / max(1, epoch - self.skipped)
        return time.monotonic() + spent > self.pace.deadline

    def parts(self) -> Parts:
        return Parts(
            self.network, self.optimizer, self.generator, self.average, self.kept, self.device
        )

    def go_on_from(self, start: TrainingState) -> None:
        restore(start, self.parts())
        self.history.extend(start.history)
        self.skipped = len(self.history)
        if len(self.history) >= soft_epochs(self.config.epochs):
            choose_bases(self.network)

    def state(self) -> TrainingState:
        return capture(self.parts(), tuple(self.history))

    def hand_over(self) -> int:
        """Gives the network the weights that are handed over; the number of their epoch."""
        if self.kept.weights is not None:
            put(self.network, self.kept.weights)
            return self.kept.epoch
        if self.average is not None:
            with self.average.in_place():
                weights = self.network.state_dict()
            put(self.network, weights)
        return len(self.history)

    def train_epoch(self, epoch: int) -> None:
        began = time.monotonic()
        self.network.train()
        check_every = _STEPS_BETWEEN_CHECKS[self.device.type]
        total, seen = torch.zeros((), device=self.device), 0
        first = self.course.end(epoch - 1)
        batches = self.course.rows(first, self.course.end(epoch))
        for step, numbers in enumerate(batches, start=1):
            if self._is_cut_at(epoch, step):
                break
            started = time.monotonic()
            rows = torch.from_numpy(numbers).to(self.device)
            loss = self._step(rows, first + step - 1)
            self.pace.note_step(time.monotonic() - started)
            seen += len(rows)
            total += loss * len(rows)
            if step % check_every == 0 and not math.isfinite(loss.item()):
                self._raise_not_finite(loss.item(), f"step {step} of epoch {epoch}")
        self.train_loss = total.item() / max(1, seen)
        if not math.isfinite(self.train_loss):
            self._raise_not_finite(self.train_loss, f"epoch {epoch}")
        self.timings["train"] += time.monotonic() - began

    def choose_bases(self, epoch: int) -> None:
        """Ends the soft stage of layers with a basis to select."""
        if epoch == soft_epochs(self.config.epochs) and selectable_layers(self.network):
            every = math.ceil(len(self.data) / min(_CHOOSING, self.pieces.evaluation))
            choose_bases(self.network, self.data.x[::every])
            self.kept.forget()
            if self.average is not None:
                self.average.restart()

    def validate(self, epoch: int) -> Mapping[str, float]:
        """Metrics of the epoch, added to the history."""
        if not self.halts:
            self.pace.check(self._place(epoch))
        began = time.monotonic()
        with nullcontext() if self.average is None else self.average.in_place():
            metrics = self._scores(epoch)
        if not all(map(math.isfinite, metrics.values())):
            raise CandidateFault(
                FailureKind.NOT_FINITE, f"the outputs are not finite in validation of epoch {epoch}"
            )
        rate = self.optimizer.param_groups[0]["lr"]
        self.history.append({**metrics, "train_loss": self.train_loss, "lr": rate})
        self.pace.note_check(time.monotonic() - began)
        self.timings["validate"] += time.monotonic() - began
        return self.history[-1]

    def _scores(self, epoch: int) -> Scores:
        """Metrics of the network as it is, which is kept where it is the best one."""
        valid = self.task.valid
        outputs = outputs_of(self.network, valid, self.config, self.pieces.evaluation)
        loss = proper_score(self.task, outputs, valid.y, valid.weights)
        self.kept.note(epoch, loss, self.network)
        return score(self.task, outputs, valid.y, valid.weights)

    def _batch(self, rows: torch.Tensor) -> Batch:
        """The examples of a step, as they are seen this time."""
        x, y = self.data.x.index_select(0, rows), self.data.y.index_select(0, rows)
        weights = None if self.weights is None else self.weights.index_select(0, rows)
        batch = Batch(x if self.augment is None else self.augment(x, self.generator), y, weights)
        if not self.config.mixup:
            return batch
        are_classes = self.task.loss is Loss.CROSS_ENTROPY
        classes = self.task.output.features if are_classes else None
        return mixed(batch, self.config.mixup, classes, self.generator)

    def _step(self, rows: torch.Tensor, step: int) -> torch.Tensor:
        """One update; the loss before it, detached."""
        batch = self._batch(rows)
        rate = rate_at(self.config, step, self.course.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        for parameter in self.trained:
            parameter.grad = None
        loss = self._accumulate(batch)
        if self.config.clip is not None:
            clip_gradients(self.trained, self.config.clip)
        self.optimizer.step()
        if self.average is not None:
            self.average.update()
        return loss

    def _accumulate(self, batch: Batch) -> torch.Tensor:
        """Adds a batch's gradients, in micro-batches where it has to; the loss, detached."""
        n, size = len(batch.x), self.pieces.training
        if n <= size:
            return self._gradients(batch)
        parts = [batch.part(at, at + size) for at in range(0, n, size)]
        return torch.stack([self._gradients(part, len(part.x) / n) for part in parts]).sum()

    def _gradients(self, batch: Batch, share: float = 1.0) -> torch.Tensor:
        """Adds those of a share of a step; the share of the loss, detached."""
        with precision(self.config, self.device):
            outputs = self.network(batch.x)
            smoothing = self.config.label_smoothing
            loss = training_loss(self.task, smoothing, outputs, batch.y, batch.weights)
        if share != 1.0:
            loss = loss * share
        torch.autograd.backward(loss)
        return loss.detach()

    def _is_cut_at(self, epoch: int, step: int) -> bool:
        """Whether the time is up, where training is to halt then. Raises CandidateFault where it
        is to give up."""
        if not self.halts:
            self.pace.check(self._place(epoch))
            return False
        return step > 1 and epoch > 1 and self.pace.is_late()

    def _place(self, epoch: int) -> str:
        return f"in epoch {epoch} of {self.config.epochs}"

    def _raise_not_finite(self, loss: float, place: str) -> None:
        raise CandidateFault(FailureKind.NOT_FINITE, f"the loss is {loss} in {place}")
