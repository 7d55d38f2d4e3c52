"""`decided`: a search-space file with everything filled in that follows from the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from einsearch.cost import DeviceModel, features, predict
from einsearch.evaluate.config import TrainingConfig
from einsearch.primitives.program import Program
from einsearch.recipe.decide import Machine, Recipe, decide
from einsearch.recipe.facts import facts_of
from einsearch.study.spacefile import SpaceFile
from einsearch.tasks.base import METRICS, Loss, Task

_TYPICAL: Final = 0.4
"""Of the networks that a search starts from, the one at this place by cost is typical."""

_STEERING: Final = {
    Loss.CROSS_ENTROPY: "cross_entropy",
    Loss.BINARY_CROSS_ENTROPY: "cross_entropy",
}
"""Proper scores (Gneiting and Raftery, 2007) that tell candidates apart where the main metric
cannot: the share of right answers of 50 examples has 51 values."""


def decided(
    file: SpaceFile,
    task: Task,
    programs: Sequence[Program],
    device: DeviceModel,
    workers: int,
) -> tuple[SpaceFile, Recipe]:
    """Fills in training, rungs, full training and objective; what the file gives stays.

    Args:
        file: that leaves the training to the data.
        task: with its data.
        programs: networks that the search starts from, or may draw; at least one.
        device: that candidates are trained on.
        workers: candidates that are trained at the same time.
    """
    found = [features(program, output=task.output) for program in programs]

    def step_seconds(batch: int) -> float:
        seconds = [predict(one, device, batch=batch).step_seconds for one in found]
        return float(np.quantile(seconds, _TYPICAL))

    seconds = file.budget.whole.seconds
    machine = Machine(step_seconds, workers, None if seconds == float("inf") else seconds)
    recipe = decide(facts_of(task), machine)
    return filled(file, task, recipe), recipe


def filled(file: SpaceFile, task: Task, recipe: Recipe) -> SpaceFile:
    """The file with a recipe where it says nothing itself."""
    training = TrainingConfig(**{**recipe.training, **_given(file.training)})
    final = {
        "epochs": recipe.final_passes,
        "ensemble": recipe.ensemble,
        "looks": recipe.second_looks,
        "share": recipe.final_share,
        "data": "all" if training.folds > 1 else "train",
        **_given(file.final),
    }
    sections: dict[str, Any] = {
        "training": training.model_dump(exclude=set(file.searched)),
        "final": final,
        "budget": {**_given(file.budget), "epochs": _rungs(file, training, recipe)},
    }
    if file.objectives is None:
        steering = _STEERING.get(task.loss, task.metrics[0].name)
        direction = next(m.direction for m in METRICS[task.loss] if m.name == steering)
        sections["objectives"] = {steering: direction}
    # What is decided of a setting that the search decides is its usual value.
    return file.changed(**sections).model_copy(update={"training": training})


def _rungs(file: SpaceFile, training: TrainingConfig, recipe: Recipe) -> Mapping[str, Any] | None:
    """How epochs are dealt out: as the file says, or by asha."""
    given = file.budget.epochs
    if "epochs" in file.budget.model_fields_set and given is None:
        return None
    said = {} if given is None else _given(given)
    if recipe.rungs is None and not said:
        return None
    least, promote = recipe.rungs or (1, 3)
    least = training.epochs if training.folds > 1 else least
    if least >= training.total_epochs:
        return None
    return {"pruner": "asha", "min": least, "promote": promote, **said}


def _given(section: Any) -> dict[str, Any]:
    found: dict[str, Any] = section.model_dump(exclude_unset=True)
    return found
