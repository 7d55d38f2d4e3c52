"""The last stage of a run: the best trials are trained in full, and tested.

Test data are read here and nowhere else in a run; nothing that the search does comes after.
"""

from __future__ import annotations

from einsearch.errors import TaskError
from einsearch.study.events import Callbacks
from einsearch.study.folder import RunFolder
from einsearch.study.fulltraining import FullTraining, Row
from einsearch.study.ranking import best_first
from einsearch.study.run import Run
from einsearch.study.spacefile import SpaceFile
from einsearch.tasks.base import Task


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
    training = FullTraining(
        folder,
        file,
        task,
        run.directions,
        file.final.epochs or file.full_training.epochs,
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

    for trial in chosen:
        if trial.number in done:
            rows[trial.number] = done[trial.number]
        else:
            training.train(trial, write)
    reasons = [row["untested"] for row in rows.values() if row.get("untested")]
    if reasons:
        raise TaskError(
            f"{reasons[0]}. The full training is done: its weights and validation scores are in "
            f"{folder.path}. Nothing was tested: mend the test data, then resume the run (with "
            "accepted changes, where training data are in the same file)"
        )
