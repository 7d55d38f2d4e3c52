"""What a user would have had without a search: simple models, scored beside the networks.

They are scored by the workers before the first candidate, and tested in the last stage. Whatever
goes wrong with one is a row with its reason; a search goes on as if it had not been asked for.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from einsearch.baselines.models import Model, models_for
from einsearch.baselines.scoring import pairs_of, score_on, score_on_test
from einsearch.errors import TaskError
from einsearch.numbers import Scores, duration
from einsearch.shown import shortened
from einsearch.study.events import Callbacks
from einsearch.study.executor import Executor, Finished, Job, describe_failure
from einsearch.study.folder import RunFolder
from einsearch.study.result import Result, failed, result_of
from einsearch.study.taskfile import recorded_fingerprint
from einsearch.tasks.base import SHARES, Split, Task
from einsearch.trial import TrialState

if TYPE_CHECKING:
    from einsearch.study.plan import Plan
    from einsearch.study.spacefile import SpaceFile

BASELINE: Final = "baseline"
"""Key of a job's payload that names a simple model."""

PART: Final = 0.03
"""Of the minutes of a search, at most, for scoring; and the same again for testing."""
SECONDS: Final = 20.0
"""At most, however many minutes there are."""
_LEAST: Final = 1.0
"""With fewer seconds there are no simple models: none would end in time."""
_SOFT: Final = 0.6
"""Part of the time after which a model that can end early does so."""

Row = Mapping[str, Any]
"""One simple model, as baselines.json has it."""


def seconds_for(file: SpaceFile) -> float:
    """Seconds that scoring may take; 0 where it is not wanted."""
    minutes = file.budget.whole.minutes
    if file.baselines is False or (file.baselines is None and minutes is None):
        return 0.0
    allowed = SECONDS if minutes is None else min(SECONDS, PART * 60 * minutes)
    return allowed if allowed >= _LEAST or file.baselines else 0.0


def score_baseline(task: Task, job: Job) -> Result:
    """The work of a worker: fits and scores the simple model that a job names."""
    asked = job.payload[BASELINE]
    model = next(one for one in models_for(task) if one.name == asked["name"])
    until = time.monotonic() + asked["seconds"]
    try:
        found = score_on(model, task, pairs_of(task, asked["folds"]), until, job.seed)
    except Exception as error:
        return failed(*describe_failure(error))
    told = {"errors": dict(found.errors), "notes": list(found.notes), "seconds": found.seconds}
    return Result(TrialState.COMPLETE, values=dict(found.metrics), metrics=told)


def score_baselines(
    plan: Plan, folder: RunFolder, executor: Executor, callbacks: Callbacks
) -> None:
    """Scores the simple models that suit a task, and keeps what came of it.

    What an earlier session scored on the same data and folds is kept.

    Args:
        plan: of the search; one without a task has no simple models.
        folder: of the run.
        executor: whose workers do it; nothing else is under way.
        callbacks: are told.

    Raises:
        RunError: the folder cannot be written.
    """
    file, task = plan.file, plan.task
    allowed = 0.0 if file is None else seconds_for(file)
    if file is None or task is None or not allowed:
        return
    folds, data = file.training.folds, _name_of_data(folder)
    before = folder.read_baselines()
    if before is None or (before["folds"], before["data"]) != (folds, data):
        callbacks.on_stage("scoring simple models")
        rows = _scored(task, folds, executor, allowed)
        folder.write_baselines({"folds": folds, "data": data, "baselines": rows})
        before = {"baselines": rows}
    told = _told(before["baselines"], task)
    if told:
        callbacks.on_note(told)


def _name_of_data(folder: RunFolder) -> str:
    """A short name of the data that a run has now."""
    parts = recorded_fingerprint(folder)
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _scored(task: Task, folds: int, executor: Executor, allowed: float) -> list[Row]:
    """A row for each simple model, those that did not end in time too."""
    names = [model.name for model in models_for(task)]
    until = time.monotonic() + allowed
    executor.judge = None
    for number, name in enumerate(names):
        payload = {BASELINE: {"name": name, "folds": folds, "seconds": _SOFT * allowed}}
        executor.submit(Job(number, f"baseline {name}", payload=payload))
    rows: dict[int, Row] = {}
    while len(rows) < len(names) and time.monotonic() < until:
        event = executor.next_finished(max(0.0, until - time.monotonic()))
        if event is None:
            break
        if isinstance(event, Finished) and event.number < len(names):
            rows[event.number] = _row(names[event.number], event)
    late = f"not scored in {duration(allowed)}"
    for number, name in enumerate(names):
        if number not in rows:
            executor.cancel(number)
            rows[number] = _failure(name, late, allowed)
    return [rows[number] for number in range(len(names))]


def _row(name: str, event: Finished) -> Row:
    result = result_of(event)
    if result.state is not TrialState.COMPLETE:
        return _failure(name, shortened(result.reason), event.seconds)
    return {
        "name": name,
        "valid": dict(result.values),
        "errors": result.metrics["errors"],
        "seconds": result.metrics["seconds"],
        "notes": result.metrics["notes"],
    }


def _failure(name: str, reason: str, seconds: float) -> Row:
    return {"name": name, "valid": {}, "seconds": seconds, "failure": reason}


def _told(rows: Sequence[Row], task: Task) -> str:
    """One line for people: the best first."""
    metric = task.metrics[0]
    known = [row for row in rows if metric.name in row["valid"]]
    sign = -1 if metric.direction == "maximize" else 1
    ranked = sorted(known, key=lambda row: sign * row["valid"][metric.name])
    scores = Scores(SHARES)
    shown = [f"{row['name']} {scores(metric.name, row['valid'][metric.name])}" for row in ranked]
    return f"without a search, {metric.name}: {', '.join(shown)}" if shown else ""


def seconds_of_tests(folder: RunFolder, task: Task) -> float:
    """Seconds that testing the simple models of a run will take; 0 where there are none."""
    found = folder.read_baselines()
    if found is None or not task.has_test:
        return 0.0
    rows = [row for row in found["baselines"] if not row.get("failure") and not row.get("test")]
    return min(SECONDS, 1.5 * float(sum(row["seconds"] for row in rows)))


def finish_baselines(folder: RunFolder, task: Task, until: float) -> None:
    """Tests the simple models of a run, fitted on training and validation data.

    Args:
        folder: of the run.
        task: whose test data are read, if there are any.
        until: `time.monotonic()` by which it must have ended; what does not fit is not tested.

    Raises:
        RunError: the folder cannot be written.
    """
    found = folder.read_baselines()
    if found is None or not task.has_test:
        return
    models = {model.name: model for model in models_for(task)}
    waiting = [
        row
        for row in found["baselines"]
        if row["name"] in models and not row.get("failure") and not row.get("test")
    ]
    if not waiting:
        return
    test = _test_of(task)
    for row in waiting:
        row.pop("untested", None)
        if isinstance(test, str):
            row["untested"] = test
        elif row["seconds"] > until - time.monotonic():
            row["untested"] = "no time was left"
        else:
            row |= _tested(models[row["name"]], task, test, until)
    folder.write_baselines(found)


def _test_of(task: Task) -> Split | str:
    """The test split; why there is none, where its source has changed for the worse."""
    try:
        return task.test()
    except TaskError as error:
        return shortened(str(error))


def _tested(model: Model, task: Task, test: Split, until: float) -> dict[str, Any]:
    """What a row gets: scores on the test, or why there are none."""
    now = time.monotonic()
    try:
        found = score_on_test(model, task, test, now + (until - now) / 2)
    except Exception as error:
        return {"untested": shortened(": ".join(map(str, describe_failure(error))))}
    return {"test": dict(found.metrics), "test_errors": dict(found.errors)}
