"""`FullTraining`: networks of a run trained with several seeds, kept in its folder, then tested.

What is trained is written before test data are read, one file for each seed: bad test data cost no
training, and a session that was cut off goes on with the seed that is missing.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from einsearch.study.folder import RunFolder
from einsearch.study.orders import Carry, OnReport, Order, in_process, is_complete
from einsearch.study.seedfiles import SeedFiles, TrainedOn, epochs_begun
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
the file of the kept seed), kept (its metrics on validation data), interval (95 % intervals of its
test metrics), examples (how many the test data have), and `untested`, the reason, where there was
no test."""

CUT_OFF: Final = "it was cut off before the test"


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
        on_report: is told trial, epoch and metrics.
        on_note: is told what begins.
        seconds: that each training may take; infinite for any number. It ends in time with what it
            has learned.
        carry: how trainings are carried out; by the calling process where None.
    """

    folder: RunFolder
    file: SpaceFile
    task: Task
    directions: Mapping[str, str]
    asked: int
    epochs: int
    on_report: OnReport = field(default=lambda *_: None)
    on_note: Callable[[str], None] = field(default=lambda _: None)
    seconds: float = math.inf
    carry: Carry | None = None

    @property
    def is_whole(self) -> bool:
        """Whether networks learn from the validation examples too."""
        return self.file.final.data == "all"

    @property
    def config(self) -> TrainingConfig:
        """How each is trained. On all examples there is nothing to choose an epoch by."""
        changes: dict[str, Any] = {"folds": 1}
        if self.is_whole:
            changes |= {"keep": "last", "patience": None}
        return self.file.training.model_copy(update=changes).with_epochs(self.epochs)

    @cached_property
    def data(self) -> str:
        """A short name of all data, test data included: scores hold for them alone."""
        return name_of_data(self.task, self.file)

    @cached_property
    def trained_on(self) -> TrainedOn:
        """What the outcomes of all trainings hang on."""
        return TrainedOn.by(self.config, self.task, self.asked, is_whole=self.is_whole)

    def begun(self, wanted: Sequence[tuple[Trial, int]]) -> FullTraining:
        """The same with the epochs of an earlier session that was cut off, as far as files of its
        trainings are there; else the same."""
        for epochs in epochs_begun(self.folder, [trial for trial, _ in wanted], self.asked):
            found = replace(self, epochs=epochs)
            if any(found.files(trial).read(_seeds(trial, count)) for trial, count in wanted):
                return found
        return self

    def is_done(self, row: Row, seeds: int) -> bool:
        """Whether an earlier session trained and tested as this one would."""
        same = (row.get("asked", row["epochs"]), row["seeds"]) == (self.asked, seeds)
        is_tested = not row.get("untested") and row.get("data", self.data) == self.data
        return same and is_tested and has_file(self.folder, row["weights"])

    def files(self, trial: Trial) -> SeedFiles:
        """Where the weights of a trial's full trainings are."""
        return SeedFiles(self.folder, trial, self.trained_on)

    def train(self, wanted: Sequence[tuple[Trial, int]]) -> Trained:
        """Trains networks, and keeps each as soon as it is trained.

        Args:
            wanted: trials, and with how many seeds each.

        Raises:
            RunError: the folder cannot be written.
            TaskError: the configuration cannot be used.
        """
        from einsearch.evaluate.final import FinalRun

        runs: dict[int, dict[int, FinalRun]] = {}
        orders = []
        for trial, count in wanted:
            seeds = _seeds(trial, count)
            done = self.files(trial).read(seeds)
            runs[trial.number] = {seed: FinalRun(seed, outcome) for seed, outcome in done.items()}
            self._tell(trial, count, len(done))
            orders += [self._order(trial, seed) for seed in seeds if seed not in done]
        carry = self.carry or in_process(self.task)
        for order, result in carry(orders, self.on_report):
            outcome = result.outcome()
            runs[order.trial.number][order.seed] = FinalRun(order.seed, outcome)
            if is_complete(result):
                self.files(order.trial).keep(order.seed, outcome)
        return {number: [found[seed] for seed in sorted(found)] for number, found in runs.items()}

    def tested(
        self, trial: Trial, runs: Sequence[Any], write: Callable[[Row], object]
    ) -> tuple[Row, FinalResult]:
        """Tests trained networks of a trial.

        Args:
            trial: whose they are.
            runs: of `train`.
            write: is given the results before the test, and again after it.
        """
        from einsearch.evaluate.final import collected, test_final

        found = collected(runs, self.task, self.directions)
        if self.task.has_test and found.best is not None:
            write({**self._row(trial, found), "untested": CUT_OFF})
        result = test_final(trial.text, self.task, self.config, found)
        row = self._row(trial, result)
        write(row)
        return row, result

    def _order(self, trial: Trial, seed: int) -> Order:
        until = None
        best = trial.metrics.get("best_epoch")
        if self.is_whole and isinstance(best, (int, float)) and self.file.training.keep == "best":
            until = max(1, math.ceil(best * self.epochs / self.file.training.epochs))
        return Order(trial, seed, self.config, self.is_whole, 0, self.seconds, until)

    def _tell(self, trial: Trial, seeds: int, done: int) -> None:
        known = f", {done} of them trained before" if done else ""
        self.on_note(
            f"training trial {trial.number} in full: {self.epochs} "
            f"epoch{'s' if self.epochs > 1 else ''}, "
            f"{seeds} seed{'s' if seeds > 1 else ''}{known}"
            + ("" if self.epochs == self.asked else f"; {self.asked} do not fit into the time left")
        )

    def _row(self, trial: Trial, result: FinalResult) -> dict[str, Any]:
        from einsearch.evaluate.certainty import intervals

        best = result.best
        row = {
            "number": trial.number,
            "text": trial.text,
            "asked": self.asked,
            "epochs": self.epochs,
            "seeds": len(result.runs),
            "data": self.data,
            "valid": _spreads(result.valid),
            "test": _spreads(result.test),
            "failures": [run.outcome.reason for run in result.runs if not run.is_complete],
            "weights": None if best is None else self.files(trial).name(best.seed),
            "kept": {} if best is None else dict(best.outcome.metrics),
        }
        if best is not None and best.answers is not None:
            row["interval"] = {
                name: list(ends) for name, ends in intervals(self.task, best.answers).items()
            }
            row["examples"] = len(best.answers)
        return row | ({"untested": result.untested} if result.untested else {})


def name_of_data(task: Task, file: SpaceFile) -> str:
    """A short name of all data of a task, test data included."""
    parts = data_fingerprint(task, file.task, file.base)
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def has_file(folder: RunFolder, name: str | None) -> bool:
    """Whether a file of weights is where final.json says; None is that of no training."""
    return name is None or folder.inside(name).is_file()


def _seeds(trial: Trial, count: int) -> list[int]:
    return [trial.seed + i for i in range(count)]


Trained = dict[int, list[Any]]
"""`FinalRun`s by the number of their trial, in the order of their seeds."""


def _spreads(found: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    return {name: {"mean": s.mean, "deviation": s.deviation} for name, s in found.items()}
