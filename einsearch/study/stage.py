"""`Stage`: what an objective with epochs is told of its budget, and tells of its course."""

from __future__ import annotations

import json
import math
import numbers
from collections.abc import Mapping, Sequence
from typing import Any, Final

from einsearch.study.executor import Job, ReportBack

_LENGTH: Final = 8
"""Bytes in front of a packed checkpoint that say how long its history is."""


class Stage:
    """The second argument of `objective(derivation, stage)`.

        def objective(derivation, stage):
            model, done = restored(stage.checkpoint) if stage.checkpoint else (new(derivation), 0)
            for epoch in range(done + 1, stage.epochs + 1):
                accuracy = train_one_epoch(model)
                if stage.report(epoch, accuracy):
                    break
            stage.checkpoint = packed(model, epoch)
            return accuracy

    Attributes:
        epochs: to train to; None for as many as there are.
        checkpoint: bytes that this candidate left at an earlier stage, or None. What stands here
            at the end is kept for the next one.
        is_stopped: whether `report` has said that it ends.
        history: what was reported, epoch by epoch.
    """

    def __init__(self, job: Job, report: ReportBack, main: str) -> None:
        """For one job; `main` names the objective that a plain number stands for."""
        self.epochs = None if job.budget is None else round(job.budget)
        self.checkpoint: bytes | None = None
        self.is_stopped = False
        self.history: list[Mapping[str, float]] = []
        if (packed := job.payload.get("checkpoint")) is not None:
            self.history, self.checkpoint = _unpack(packed)
        self._before = len(self.history)
        self._first: int | None = None
        self._epoch = 0
        self._report = report
        self._main = main

    def report(self, epoch: int, values: float | Mapping[str, float]) -> bool:
        """Tells of an epoch.

        Args:
            epoch: counted from 1, over all stages.
            values: the main objective, or name -> value.

        Returns:
            Whether to end here, because others do better, or the budget is used up.

        Raises:
            ValueError: an epoch was left out, or comes again.
            TypeError: a value is no number.
        """
        last = self._epoch if self._first is not None else min(epoch - 1, self._before)
        if epoch != last + 1:
            raise ValueError(f"epoch {epoch} is reported after epoch {last}")
        named = values if isinstance(values, Mapping) else {self._main: values}
        metrics = {}
        for name, value in named.items():
            number = as_number(value)
            if number is None:
                raise TypeError(f"{name} is reported as {type(value).__name__}: expected a number")
            metrics[str(name)] = number
        if self._first is None:
            self._first = epoch
            del self.history[epoch - 1 :]
        self._epoch = epoch
        self.history.append(metrics)
        self.is_stopped = self._report(epoch, metrics) or self.is_stopped
        return self.is_stopped or epoch >= (self.epochs or math.inf)

    @property
    def reached(self) -> float | None:
        """The last epoch reported, at earlier stages too; None where there was none."""
        return float(len(self.history)) or None

    @property
    def trained(self) -> tuple[int, int] | None:
        """Before the first and at the last epoch reported; None where there was never one."""
        if not self.history:
            return None
        return self._before if self._first is None else self._first - 1, len(self.history)

    def seen(self) -> dict[str, Any]:
        """Further metrics of the trial."""
        return {"history": self.history} if self.history else {}

    def packed(self) -> bytes | None:
        """The checkpoint with the history before it; None where there is none."""
        return None if self.checkpoint is None else _pack(self.history, self.checkpoint)


def _pack(history: Sequence[Mapping[str, float]], content: bytes) -> bytes:
    head = json.dumps([dict(epoch) for epoch in history]).encode()
    return len(head).to_bytes(_LENGTH, "big") + head + content


def _unpack(packed: bytes) -> tuple[list[Mapping[str, float]], bytes]:
    end = _LENGTH + int.from_bytes(packed[:_LENGTH], "big")
    return json.loads(packed[_LENGTH:end]), packed[end:]


def as_number(value: Any) -> float | None:
    """A number of Python, or the one in an array or tensor of one element; None for all else."""
    if hasattr(value, "item") and getattr(value, "size", None) != 0:
        try:
            value = value.item()
        except (TypeError, ValueError, RuntimeError):
            return None
    if not isinstance(value, numbers.Real):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf
