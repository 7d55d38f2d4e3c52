"""`Outline`: what fits into the budget of a search-space file, decided before anything runs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from einsearch.cost import DEFAULT, DeviceModel
from einsearch.evaluate.folds import sizes
from einsearch.evaluate.machine import Shares, free_memory, held, share_out
from einsearch.primitives.program import Program
from einsearch.recipe.decide import Recipe
from einsearch.study.planning.ceilings import Ceilings, ceilings
from einsearch.study.planning.deciding import decided
from einsearch.study.planning.forecast import Forecaster
from einsearch.study.planning.gate import ForecastGate, Gate
from einsearch.study.planning.times import FEWEST, FEWEST_IN_FULL, Times, divide
from einsearch.study.spacefile import ExecutorSection, SpaceFile, usable_cores
from einsearch.tasks.base import Task


@dataclass(frozen=True)
class Outline:
    """What is decided for one search.

    Attributes:
        file: the search-space file with the limits that were decided.
        device: what the device at hand needs for each kind of work.
        shares: of the machine's memory.
        room: bytes that a candidate may take; None for any number.
        times: how the minutes are divided; None without a budget of time.
        ceilings: limits, and why.
        gate: keeps candidates to all of that.
        seconds: that calibration took.
        recipe: what followed from the data; None where the file says it all.
    """

    file: SpaceFile
    device: DeviceModel
    shares: Shares
    room: int | None
    times: Times | None
    ceilings: Ceilings
    gate: ForecastGate
    seconds: float
    recipe: Recipe | None = None


def outline_file(
    file: SpaceFile,
    task: Task,
    programs: Callable[[], Sequence[Program]],
    *,
    measures: bool = True,
) -> Outline:
    """Calibrates the device at hand, and decides what fits.

    Args:
        file: what the user asks for.
        task: with its data.
        programs: gives networks that the search starts from, or may draw.
        measures: whether the device is measured; else it is taken for an ordinary one.
    """
    from einsearch.cost.calibrating import calibrate
    from einsearch.evaluate.data import find_device

    began = time.monotonic()
    device = DEFAULT
    if measures:
        device = calibrate(find_device(file.training.device).type, threads=1)
    seconds = time.monotonic() - began
    shares = shares_of(file.executor)
    recipe = None
    if file.follows_data:
        file, recipe = decided(file, task, programs(), device, shares.workers)
    room = None if shares.worker is None else max(0, shares.worker - held())
    times = times_of(file, shares.workers)
    training = file.full_training
    found = Ceilings(file.limits, {})
    if times is not None:
        examples = sizes(task, training.folds)
        found = ceilings(file.limits, device, training, examples, times.candidate, room)
    metric = task.metrics[0]
    directions: Mapping[str, str] = file.objectives or {metric.name: metric.direction}
    main = next(iter(directions))
    final = file.final
    gate = ForecastGate(
        Forecaster(device, task, training, room),
        main,
        directions[main],
        final_epochs=final.epochs or training.epochs,
        trainings=math.ceil(final.trainings(shares.workers) / shares.workers),
        look_epochs=math.ceil(final.looks / shares.workers) * training.total_epochs,
        times=times,
        seconds=file.trial.seconds,
    )
    limited = file.model_copy(update={"limits": found.limits})
    return Outline(limited, device, shares, room, times, found, gate, seconds, recipe)


def times_of(file: SpaceFile, workers: int) -> Times | None:
    """How the minutes of a file are divided; None where it gives none."""
    seconds = file.budget.whole.seconds
    if seconds == float("inf"):
        return None
    training, final = file.full_training, file.final
    trainings = 0 if file.objective is not None else final.trainings(workers)
    epochs = final.epochs or training.epochs
    total = training.total_epochs
    fewest = FEWEST if file.budget.epochs is None else FEWEST_IN_FULL
    return divide(seconds, workers, total, epochs, trainings, final.share, fewest)


def plain_gate(file: SpaceFile) -> Gate:
    """The gate of a file whose objective is the user's."""
    return Gate(times_of(file, file.executor.processes or 1), file.trial.seconds)


def shares_of(executor: ExecutorSection) -> Shares:
    """Who may use how much of this machine. On a cluster each node divides its own."""
    if executor.name == "ray":
        return Shares(None, executor.memory, executor.workers or usable_cores())
    return share_out(executor.processes or 1, free_memory())
