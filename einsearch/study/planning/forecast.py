"""`Forecaster`: what training a candidate will take, in seconds and bytes, before it begins."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from einsearch.cost import Corrections, DeviceModel, Features, Prediction, features, predict
from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.folds import sizes
from einsearch.evaluate.memory import Pieces, fit
from einsearch.evaluate.searched import SettingFault, trained_as
from einsearch.primitives.program import Program
from einsearch.tasks.base import Task
from einsearch.trial import Trial

STEP_SECONDS: Final = "step_seconds"
"""Metric of a trial: the median of its training steps, measured."""

PEAK: Final = "peak_memory"
"""Metric of a trial: the most bytes that it took on top of what its worker held, measured."""

PREDICTED: Final = "predicted"
"""Metric of a trial: what was predicted of it, without corrections; so that a search that goes on
learns from the trials before."""


@dataclass(frozen=True)
class Forecast:
    """What a candidate will take.

    Attributes:
        start: seconds of building and checking it.
        epoch: seconds of an epoch, its validation included.
        step: seconds of a training step.
        peak: bytes on top of what a worker holds.
        pieces: in how small pieces it is trained and evaluated; None where it fits in none.
        raw: the prediction of a step that no measurement has corrected.
        steps: training steps of an epoch, of a candidate that says itself how it is trained; None
            where they are those of all.
    """

    start: float
    epoch: float
    step: float
    peak: float
    pieces: Pieces | None
    raw: Prediction
    steps: float | None = None

    def seconds(self, epochs: float) -> float:
        """Of building it and training it for so many epochs."""
        return self.start + epochs * self.epoch


class Forecaster:
    """Predicts candidates of one task on one device, better with each that was measured.

    Args:
        device: what the device at hand needs for each kind of work.
        task: whose examples are counted.
        training: of candidates.
        share: bytes that a worker may hold on top of what it needs to start; None for any number.
    """

    def __init__(
        self,
        device: DeviceModel,
        task: Task,
        training: TrainingConfig,
        share: int | None = None,
    ) -> None:
        self.device = device
        self.training = training
        self.share = share
        self._output = task.output
        self._examples, self._checked = sizes(task, training.folds)
        self._corrections = Corrections()

    @property
    def steps(self) -> float:
        """Training steps of an epoch, as a mean over all epochs."""
        return self._steps_of(self.training)

    def features_of(self, program: Program) -> Features:
        """What is known of a network with the head that the task needs."""
        return features(program, output=self._output)

    def of(self, program: Program) -> Forecast:
        """What training a network will take."""
        found, training = self.features_of(program), self._training_of(program)
        pieces = fit(found, training, self.share, self.device)
        batch = math.ceil(self._examples / training.batches(self._examples))
        micro = batch if pieces is None else min(batch, pieces.training)
        raw = self._predict(found, training, batch, micro)
        likely = self._corrections.apply(raw)
        size = min(self._checked, batch if pieces is None else pieces.evaluation)
        checked = self._predict(found, training, size, size)
        check = self._corrections.apply(checked).forward_seconds
        checks = math.ceil(self._checked / max(1, size))
        return Forecast(
            start=likely.build_seconds,
            epoch=self._steps_of(training) * likely.step_seconds + checks * check,
            step=likely.step_seconds,
            peak=likely.peak_bytes,
            pieces=pieces,
            raw=raw,
            steps=None if training is self.training else self._steps_of(training),
        )

    def learn(self, trial: Trial) -> None:
        """Takes in what was measured of a trial, if anything was."""
        said = trial.metrics.get(PREDICTED)
        step, peak = trial.metrics.get(STEP_SECONDS), trial.metrics.get(PEAK)
        if not isinstance(said, dict) or not isinstance(step, float) or not step > 0:
            return
        raw = Prediction(
            step_seconds=said["step"],
            forward_seconds=0.0,
            peak_bytes=said["peak"],
            build_seconds=0.0,
            shares=((said["kind"], said["step"]),),
        )
        measured = float(peak) if isinstance(peak, (int, float)) and peak > 0 else None
        self._corrections = self._corrections.observe(raw, step, measured)

    def learn_all(self, trials: Iterable[Trial]) -> None:
        """Takes in the trials of earlier sessions."""
        for trial in trials:
            self.learn(trial)

    def _steps_of(self, training: TrainingConfig) -> float:
        return training.all_steps(self._examples) / training.epochs

    def _training_of(self, program: Program) -> TrainingConfig:
        """How a network is trained; of settings that cannot be, as all are: it fails at once."""
        try:
            return trained_as(self.training, program.settings)
        except SettingFault:
            return self.training

    def _predict(
        self, found: Features, training: TrainingConfig, batch: int, micro: int
    ) -> Prediction:
        return predict(
            found,
            self.device,
            batch=batch,
            micro=micro,
            optimizer=training.optimizer,
            copies=training.copies,
        )


def as_metric(forecast: Forecast) -> dict[str, float | str]:
    """What a trial's record keeps of its forecast."""
    raw = forecast.raw
    own = {} if forecast.steps is None else {"steps": forecast.steps}
    return {"step": raw.step_seconds, "peak": raw.peak_bytes, "kind": raw.dominant, **own}
