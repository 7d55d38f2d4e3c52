"""The last stage of a run: the best trials are scored again, trained in full, and tested.

Test data are read here and nowhere else in a run; nothing that the search does comes after.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from einsearch.errors import TaskError
from einsearch.study.ensemble import averaged
from einsearch.study.events import Callbacks
from einsearch.study.folder import RunFolder
from einsearch.study.fulltraining import FullTraining, Row, Trained, has_file, name_of_data
from einsearch.study.looks import Look, by_second_look, second_looks
from einsearch.study.members import kept_answers, members
from einsearch.study.orders import Carry, seconds_each
from einsearch.study.planning.gate import START, seconds_of_epoch
from einsearch.study.ranking import best_first
from einsearch.study.run import Run
from einsearch.study.spacefile import SpaceFile
from einsearch.study.weights import KEPT
from einsearch.tasks.base import Task
from einsearch.trial import Trial

_MARGIN: Final = 1.1
"""An epoch of the full training may take so many times what one took in the search."""

_LOOKS: Final = 0.6
"""Of the time that is left, at most, for scoring the best again."""


@dataclass(frozen=True, eq=False)
class Finish:
    """Everything that the last stage needs.

    Attributes:
        run: finished.
        file: says how many trials, epochs and seeds.
        task: whose test data are read.
        folder: of the run.
        callbacks: are told of every training, as notes and reports.
        carry: how trainings are carried out; by the calling process where None.
        workers: how many run at the same time.
        until: `time.monotonic()` by which all of it must have ended. Where the epochs asked for
            do not fit, there are fewer.
    """

    run: Run
    file: SpaceFile
    task: Task
    folder: RunFolder
    callbacks: Callbacks
    carry: Carry | None = None
    workers: int = 1
    until: float = math.inf

    def finish(self) -> None:
        """Trains the best trials in full and writes final.json and their weights.

        What was trained already, by an earlier session with the same settings and data, is kept.

        Raises:
            RunError: the folder cannot be written.
            TaskError: the test data cannot be used. Weights and validation scores are in the
                folder then, and a later session tests without training.
        """
        best = best_first(self.run.trials, self.run.directions)
        if not best or not self.file.final.top:
            self.folder.write_final({"networks": []})
            return
        before = self._before()
        best, looks = self._looked_at(best, before)
        written: dict[str, Any] = {"looks": [look.as_json() for look in looks]} if looks else {}
        wanted = self._wanted(best)
        training = self._training(wanted)
        rows = {
            row["number"]: row
            for row in before.get("networks", ())
            for trial, seeds in wanted
            if row["number"] == trial.number and training.is_done(row, seeds)
        }
        if len(rows) == len(wanted) and self._has_average(before, rows):
            return
        training = training.begun(wanted)
        trained = training.train(wanted)
        self._test(training, wanted, trained, rows, written)

    def _before(self) -> Mapping[str, Any]:
        """What an earlier session found with the same data; nothing where they were others."""
        before = self.folder.read_final() or {}
        data = name_of_data(self.task, self.file)
        is_same = all(row.get("data", data) == data for row in before.get("networks", ()))
        return before if is_same else {}

    def _has_average(self, before: Mapping[str, Any], rows: Mapping[int, Row]) -> bool:
        """Whether the average that is wanted is there, of these trainings, with all its files."""
        if self.file.final.ensemble == 1:
            return True
        members = (before.get("ensemble") or {}).get("members", ())
        return bool(members) and all(
            member["number"] in rows and has_file(self.folder, member["weights"])
            for member in members
        )

    def _looked_at(
        self, best: list[Trial], before: Mapping[str, Any]
    ) -> tuple[list[Trial], list[Look]]:
        """The trials in the order that a second score gives them. Those of an earlier session keep
        theirs."""
        count, main = min(self.file.final.looks, len(best)), next(iter(self.run.directions))
        if count < 2:
            return best, []
        earlier = {look["number"]: Look.of_json(look) for look in before.get("looks", ())}
        known = [
            earlier[trial.number]
            for trial in best
            if trial.number in earlier and earlier[trial.number].first == trial.values[main]
        ]
        numbers = {look.number for look in known}
        new = [trial for trial in best[:count] if trial.number not in numbers]
        left = self.until - time.monotonic()
        until = time.monotonic() + _LOOKS * left if math.isfinite(left) else math.inf
        new = self._fitting(new, until)
        if new:
            few = "the best trial is" if len(new) == 1 else f"the best {len(new)} trials are"
            self.callbacks.on_note(f"{few} scored again")
            known += second_looks(self, new, until)
        return by_second_look(best, known, self.run.directions), known

    def _fitting(self, trials: Sequence[Trial], until: float) -> list[Trial]:
        """The first trials, as many as can be scored again by `until`: half a score is none."""
        left = until - time.monotonic()
        if not math.isfinite(left):
            return list(trials)
        epochs = self.file.training.total_epochs
        for count in range(len(trials), 0, -1):
            slowest = max(seconds_of_epoch(trial) for trial in trials[:count])
            rounds = math.ceil(count / self.workers)
            if rounds * (START + _MARGIN * epochs * slowest) <= left:
                return list(trials[:count])
        return []

    def _training(self, wanted: Sequence[tuple[Trial, int]]) -> FullTraining:
        """With as many epochs as fit."""
        file = self.file
        asked = file.final.epochs or file.full_training.epochs
        count = sum(seeds for _, seeds in wanted)
        slowest = max((trial for trial, _ in wanted), key=seconds_of_epoch)
        until = self.until - self._seconds_of_test(slowest, count)
        seconds = seconds_each(until, count, self.workers)
        return FullTraining(
            self.folder,
            file,
            self.task,
            self.run.directions,
            asked,
            fitting_epochs(slowest, asked, seconds),
            self.callbacks.on_report,
            self.callbacks.on_note,
            seconds,
            self.carry,
        )

    def _wanted(self, best: Sequence[Trial]) -> list[tuple[Trial, int]]:
        """Which trials are trained, and with how many seeds each."""
        final = self.file.final
        if final.ensemble == 1:
            return [(trial, final.seeds) for trial in best[: final.top]]
        known = {trial.number: trial for trial in best[:KEPT]}
        answers = kept_answers(self.folder, self.task, best[:KEPT], self.file.training.folds)
        counts = members(self.task, best, answers, final.trainings(self.workers))
        return [(known[number], count) for number, count in counts.items()]

    def _seconds_of_test(self, trial: Trial, count: int) -> float:
        """What testing so many networks will take, as far as is known."""
        tests = self.task.reading.tests or 0
        checked = max(1, len(self.task.valid))
        one = trial.timings.get("validate", 0.0) / max(1, _epochs_of(trial))
        needed = 1.5 * count * one * tests / checked
        return min(0.2 * max(0.0, self.until - time.monotonic()), needed)

    def _test(
        self,
        training: FullTraining,
        wanted: Sequence[tuple[Trial, int]],
        trained: Trained,
        rows: dict[int, Row],
        written: dict[str, Any],
    ) -> None:
        def write(row: Row) -> None:
            rows[row["number"]] = row
            ordered = [rows[trial.number] for trial, _ in wanted if trial.number in rows]
            self.folder.write_final({"networks": ordered, **written})

        results = {}
        for trial, _ in wanted:
            _, results[trial.number] = training.tested(trial, trained[trial.number], write)
        if self.file.final.ensemble > 1:
            made = averaged(self, training, [trial for trial, _ in wanted], results)
            if made is not None:
                written["ensemble"] = made.as_json()
                write(rows[wanted[0][0].number])
        reasons = [row["untested"] for row in rows.values() if row.get("untested")]
        if reasons:
            raise TaskError(
                f"{reasons[0]}. The full training is done: its weights and validation scores are "
                f"in {self.folder.path}. Nothing was tested: mend the test data, then resume the "
                "run (with accepted changes, where training data are in the same file)"
            )


def finish_run(
    run: Run,
    file: SpaceFile,
    task: Task,
    folder: RunFolder,
    callbacks: Callbacks,
    until: float = math.inf,
    carry: Carry | None = None,
    workers: int = 1,
) -> None:
    """The last stage; see `Finish`."""
    Finish(run, file, task, folder, callbacks, carry, workers, until).finish()


def fitting_epochs(trial: Trial, epochs: int, seconds: float) -> int:
    """How many epochs of a trial's training fit into so many seconds, at least 1 and at most what
    is asked for."""
    one = seconds_of_epoch(trial)
    if not math.isfinite(seconds) or one <= 0:
        return epochs
    return max(1, min(epochs, int((seconds - START) / (_MARGIN * one))))


def _epochs_of(trial: Trial) -> int:
    return sum(last - first for first, last in trial.spans)
