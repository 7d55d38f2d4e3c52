"""`FullTraining`: a network of a run trained with several seeds, kept in its folder, then tested.

What is trained is written before test data are read, one file for each seed: bad test data cost no
training, and a session that was cut off goes on with the seed that is missing.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from einsearch.study.folder import RunFolder
from einsearch.study.seedfiles import SeedFiles, TrainedOn
from einsearch.study.spacefile import SpaceFile
from einsearch.tasks.base import Task
from einsearch.tasks.fingerprint import data_fingerprint
from einsearch.trial import Trial

if TYPE_CHECKING:
    from einsearch.evaluate.config import TrainingConfig
    from einsearch.evaluate.final import FinalResult

Row = Mapping[str, Any]
"""Results of the full training of one trial, as final.json has them: number, text, epochs, seeds,
data (a name of all data), valid and test (mean and deviation by metric), failures, weights (name of
the file of the kept seed), kept (its metrics on validation data), and `untested`, the reason, where
there was no test."""

_CUT_OFF: Final = "it was cut off before the test"


@dataclass(frozen=True, eq=False)
class FullTraining:
    """Full training of networks of one run.

    Attributes:
        folder: of the run.
        file: its search-space file.
        task: with its data.
        directions: objectives of the run; of several seeds the one is kept that is best by the
            first of them that training measures.
        asked: epochs of each training, as the user wants them.
        epochs: of each training, as they fit into the time.
        seeds: how many trainings.
        on_report: is told trial, epoch and metrics.
        on_note: is told what begins.
        seconds: that each training may take; infinite for any number. It ends in time with what it
            has learned.
    """

    folder: RunFolder
    file: SpaceFile
    task: Task
    directions: Mapping[str, str]
    asked: int
    epochs: int
    seeds: int
    on_report: Callable[[int, int, Mapping[str, float]], None] = field(default=lambda *_: None)
    on_note: Callable[[str], None] = field(default=lambda _: None)
    seconds: float = math.inf

    @property
    def config(self) -> TrainingConfig:
        return self.file.training.with_epochs(self.epochs)

    @cached_property
    def data(self) -> str:
        """A short name of all data, test data included: scores hold for them alone."""
        parts = data_fingerprint(self.task, self.file.task, self.file.base)
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]

    @cached_property
    def trained_on(self) -> TrainedOn:
        """What the outcomes of all trainings hang on."""
        return TrainedOn.by(self.config, self.task)

    def is_done(self, row: Row) -> bool:
        """Whether an earlier session trained and tested as this one would."""
        same = (row.get("asked", row["epochs"]), row["seeds"]) == (self.asked, self.seeds)
        return same and not row.get("untested") and row.get("data", self.data) == self.data

    def train(self, trial: Trial, write: Callable[[Row], object]) -> Row:
        """Trains, keeps and tests a network.

        Args:
            trial: whose network it is.
            write: is given the results before the test, and again after it.

        Raises:
            RunError: the folder cannot be written.
            TaskError: the configuration cannot be used.
        """
        from einsearch.evaluate.final import test_final, train_seeds

        seeds = [trial.seed + i for i in range(self.seeds)]
        files = SeedFiles(self.folder, trial, self.trained_on)
        done = files.read(seeds)
        self._tell(trial, len(done))
        trained = train_seeds(
            trial.text,
            self.task,
            self.config,
            seeds,
            lambda _, epoch, metrics: self.on_report(trial.number, epoch, metrics),
            directions=self.directions,
            keep=files.keep,
            done=done,
            seconds=self.seconds if math.isfinite(self.seconds) else None,
        )
        if self.task.has_test and trained.best is not None:
            write({**self._row(trial, trained, files), "untested": _CUT_OFF})
        row = self._row(trial, test_final(trial.text, self.task, self.config, trained), files)
        write(row)
        return row

    def _tell(self, trial: Trial, done: int) -> None:
        known = f", {done} of them trained before" if done else ""
        self.on_note(
            f"training trial {trial.number} in full: {self.epochs} "
            f"epoch{'s' if self.epochs > 1 else ''}, "
            f"{self.seeds} seed{'s' if self.seeds > 1 else ''}{known}"
            + ("" if self.epochs == self.asked else f"; {self.asked} do not fit into the time left")
        )

    def _row(self, trial: Trial, result: FinalResult, files: SeedFiles) -> dict[str, Any]:
        best = result.best
        row = {
            "number": trial.number,
            "text": trial.text,
            "asked": self.asked,
            "epochs": self.epochs,
            "seeds": self.seeds,
            "data": self.data,
            "valid": _spreads(result.valid),
            "test": _spreads(result.test),
            "failures": [run.outcome.reason for run in result.runs if not run.is_complete],
            "weights": None if best is None else files.name(best.seed),
            "kept": {} if best is None else dict(best.outcome.metrics),
        }
        return row | ({"untested": result.untested} if result.untested else {})


def _spreads(found: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    return {name: {"mean": s.mean, "deviation": s.deviation} for name, s in found.items()}
