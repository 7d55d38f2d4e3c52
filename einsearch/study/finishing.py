"""The last stage of a run: the best trials are trained in full, and tested.

Test data are read here and nowhere else in a run; nothing that the search does comes after. What
is trained is written before that, one file for each seed: bad test data cost no training, and a
session that was cut off goes on with the seed that is missing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from einsearch.errors import TaskError
from einsearch.study.events import Callbacks
from einsearch.study.folder import RunFolder
from einsearch.study.ranking import best_first
from einsearch.study.run import Run
from einsearch.study.seedfiles import SeedFiles, TrainedOn
from einsearch.study.spacefile import SpaceFile
from einsearch.tasks.base import Task
from einsearch.tasks.fingerprint import data_fingerprint
from einsearch.trial import Trial

if TYPE_CHECKING:
    from einsearch.evaluate.final import FinalResult


def finish_run(
    run: Run, file: SpaceFile, task: Task, folder: RunFolder, callbacks: Callbacks
) -> None:
    """Trains the best trials in full and writes final.json and their weights.

    What was trained already, by an earlier session with the same settings and data, is kept.

    Args:
        run: finished.
        file: says how many trials, epochs and seeds.
        task: whose test data are read.
        folder: of the run.
        callbacks: are told of every training, as notes and reports.

    Raises:
        RunError: the folder cannot be written.
        TaskError: the test data cannot be used. Weights and validation scores are in the folder
            then, and a later session tests without training.
    """
    chosen = best_first(run.trials, run.directions)[: file.final.top]
    if not chosen:
        return
    work = _Work(run, file, task, folder, callbacks)
    done = {
        row["number"]: row
        for row in (folder.read_final() or {}).get("networks", ())
        if work.is_done(row)
    }
    rows: list[Mapping[str, Any]] = []
    for trial in chosen:
        rows.append(done.get(trial.number) or work.train(trial, rows))
        folder.write_final({"networks": rows})
    reasons = [row["untested"] for row in rows if row.get("untested")]
    if reasons:
        raise TaskError(
            f"{reasons[0]}. The full training is done, its weights and validation scores are in "
            f"{folder.path}, and nothing was tested: mend the test data, then resume the run"
        )


@dataclass(frozen=True, eq=False)
class _Work:
    """What the trainings of one session share."""

    run: Run
    file: SpaceFile
    task: Task
    folder: RunFolder
    callbacks: Callbacks

    @property
    def epochs(self) -> int:
        return self.file.final.epochs or self.file.full_training.epochs

    @property
    def data(self) -> str:
        """A short name of all data, test data included; scores hold for them alone."""
        parts = data_fingerprint(self.task, self.file.task, self.file.base)
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]

    def is_done(self, row: Mapping[str, Any]) -> bool:
        """Whether an earlier session trained and tested as this one would."""
        same = (row["epochs"], row["seeds"]) == (self.epochs, self.file.final.seeds)
        return same and not row.get("untested") and row.get("data", self.data) == self.data

    def train(self, trial: Trial, before: list[Mapping[str, Any]]) -> Mapping[str, Any]:
        """The row of a trial in final.json; the untested one is written before test data are
        read, beside the rows `before`."""
        from einsearch.evaluate.final import test_final, train_seeds

        config = self.file.training.with_epochs(self.epochs)
        seeds = [trial.seed + i for i in range(self.file.final.seeds)]
        files = SeedFiles(self.folder, trial, TrainedOn.by(config, self.task))
        done = files.read(seeds)
        self._say(trial, len(done))
        trained = train_seeds(
            trial.text,
            self.task,
            config,
            seeds,
            lambda _, epoch, metrics: self.callbacks.on_report(trial.number, epoch, metrics),
            directions=self.run.directions,
            keep=files.keep,
            done=done,
        )
        untested = self._row(trial, trained, files) | {"untested": "it was cut off before the test"}
        self.folder.write_final({"networks": [*before, untested]})
        return self._row(trial, test_final(trial.text, self.task, config, trained), files)

    def _say(self, trial: Trial, done: int) -> None:
        epochs, seeds = self.epochs, self.file.final.seeds
        known = f", {done} of them trained before" if done else ""
        self.callbacks.on_note(
            f"training trial {trial.number} in full: {epochs} epoch{'s' if epochs > 1 else ''}, "
            f"{seeds} seed{'s' if seeds > 1 else ''}{known}"
        )

    def _row(self, trial: Trial, result: FinalResult, files: SeedFiles) -> dict[str, Any]:
        row = {
            "number": trial.number,
            "text": trial.text,
            "epochs": self.epochs,
            "seeds": self.file.final.seeds,
            "data": self.data,
            "valid": spreads(result.valid),
            "test": spreads(result.test),
            "failures": [run.outcome.reason for run in result.runs if not run.is_complete],
            "weights": None if result.best is None else files.name(result.best.seed),
        }
        return row | ({"untested": result.untested} if result.untested else {})


def spreads(found: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Spreads of metrics over seeds as JSON."""
    return {name: {"mean": s.mean, "deviation": s.deviation} for name, s in found.items()}
