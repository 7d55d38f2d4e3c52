"""Which networks of a search are trained in full, and how often each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from einsearch.errors import RunError
from einsearch.evaluate.crossvalidation import Answers
from einsearch.evaluate.ensembling import chosen
from einsearch.evaluate.folds import pool_of
from einsearch.study.folder import WEIGHTS, RunFolder
from einsearch.study.weights import answers_name, read_weights_file
from einsearch.tasks.base import Split, Task
from einsearch.trial import Trial


def kept_answers(
    folder: RunFolder, task: Task, trials: Sequence[Trial], folds: int
) -> dict[int, Answers]:
    """What trials answered to the examples that they were scored on, by number, as far as it was
    kept.

    Args:
        folder: of the run.
        task: with its data.
        trials: those that are asked for.
        folds: of their training.
    """
    split = task.valid if folds == 1 else pool_of(task)
    found = {}
    for trial in trials:
        answers = _read(folder, trial.number, split)
        if answers is not None:
            found[trial.number] = answers
    return found


def _read(folder: RunFolder, number: int, split: Split) -> Answers | None:
    """None where there is no such file, or it is not of these examples."""
    try:
        arrays = read_weights_file(folder, f"{WEIGHTS}/{answers_name(number)}")
    except RunError:
        return None
    rows, outputs = arrays.get("rows"), arrays.get("outputs")
    if rows is None or outputs is None or rows.dtype != np.int64 or outputs.dtype != np.float32:
        return None
    is_sound = rows.ndim == 1 and len(rows) == len(outputs) > 0 and (np.diff(rows) > 0).all()
    if not is_sound or rows[0] < 0 or rows[-1] >= len(split):
        return None
    weights = None if split.weights is None else split.weights[rows]
    return Answers(rows, outputs, split.y[rows], weights)


def members(
    task: Task, best: Sequence[Trial], answers: Mapping[int, Answers], most: int
) -> dict[int, int]:
    """Numbers of trials whose networks answer best together -> how often each is trained.

    Args:
        task: whose proper score decides.
        best: complete trials, the best first; at least one.
        answers: of trials, by number.
        most: trainings in all.
    """
    known = {trial.number: answers[trial.number] for trial in best if trial.number in answers}
    first = next(iter(known.values()), None)
    known = {
        number: one
        for number, one in known.items()
        if first is not None and np.array_equal(one.rows, first.rows)
    }
    counts = chosen(task, known, most) if known else {best[0].number: 1}
    # What is left of the trainings goes round: averages of more seeds are steadier.
    names = list(counts)
    for place in range(most - sum(counts.values())):
        counts[names[place % len(names)]] += 1
    return counts
