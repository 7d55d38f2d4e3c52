"""The last stage of a run: the best trials are trained in full, and tested.

Test data are read here and nowhere else in a run; nothing that the search does comes after.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Final

from einsearch.errors import TaskError
from einsearch.study.events import Callbacks
from einsearch.study.folder import RunFolder
from einsearch.study.fulltraining import FullTraining, Row
from einsearch.study.planning.gate import START, seconds_of_epoch
from einsearch.study.ranking import best_first
from einsearch.study.run import Run
from einsearch.study.spacefile import SpaceFile
from einsearch.tasks.base import Task
from einsearch.trial import Trial

_MARGIN: Final = 1.1
"""An epoch of the full training may take so many times what one took in the search."""


def finish_run(
    run: Run,
    file: SpaceFile,
    task: Task,
    folder: RunFolder,
    callbacks: Callbacks,
    until: float = math.inf,
) -> None:
    """Trains the best trials in full and writes final.json and their weights.

    What was trained already, by an earlier session with the same settings and data, is kept.

    Args:
        run: finished.
        file: says how many trials, epochs and seeds.
        task: whose test data are read.
        folder: of the run.
        callbacks: are told of every training, as notes and reports.
        until: `time.monotonic()` by which all of it must have ended. Where the epochs asked for
            do not fit, there are fewer.

    Raises:
        RunError: the folder cannot be written.
        TaskError: the test data cannot be used. Weights and validation scores are in the folder
            then, and a later session tests without training.
    """
    chosen = best_first(run.trials, run.directions)[: file.final.top]
    epochs = file.final.epochs or file.full_training.epochs
    training = FullTraining(
        folder,
        file,
        task,
        run.directions,
        epochs,
        epochs,
        file.final.seeds,
        callbacks.on_report,
        callbacks.on_note,
    )
    before = () if not chosen else (folder.read_final() or {}).get("networks", ())
    done = {row["number"]: row for row in before if training.is_done(row)}
    rows: dict[int, Row] = {}

    def write(row: Row) -> None:
        rows[row["number"]] = row
        folder.write_final({"networks": list(rows.values())})

    for place, trial in enumerate(chosen):
        if trial.number in done:
            rows[trial.number] = done[trial.number]
        else:
            seconds = (until - time.monotonic()) / (file.final.seeds * (len(chosen) - place))
            fitting = fitting_epochs(trial, training.asked, seconds)
            replace(training, epochs=fitting, seconds=seconds).train(trial, write)
    reasons = [row["untested"] for row in rows.values() if row.get("untested")]
    if reasons:
        raise TaskError(
            f"{reasons[0]}. The full training is done: its weights and validation scores are in "
            f"{folder.path}. Nothing was tested: mend the test data, then resume the run (with "
            "accepted changes, where training data are in the same file)"
        )


def fitting_epochs(trial: Trial, epochs: int, seconds: float) -> int:
    """How many epochs of a trial's training fit into so many seconds, at least 1 and at most what
    is asked for."""
    one = seconds_of_epoch(trial)
    if not math.isfinite(seconds) or one <= 0:
        return epochs
    return max(1, min(epochs, int((seconds - START) / (_MARGIN * one))))
