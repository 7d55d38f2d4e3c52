"""`Outline`: what fits into the budget of a search-space file, decided before anything runs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from einsearch.cost import DeviceModel
from einsearch.evaluate.machine import Shares, free_memory, held, share_out
from einsearch.study.planning.ceilings import Ceilings, ceilings
from einsearch.study.planning.forecast import Forecaster
from einsearch.study.planning.gate import ForecastGate, Gate
from einsearch.study.planning.times import Times, divide
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
    """

    file: SpaceFile
    device: DeviceModel
    shares: Shares
    room: int | None
    times: Times | None
    ceilings: Ceilings
    gate: ForecastGate
    seconds: float


def outline_file(file: SpaceFile, task: Task) -> Outline:
    """Calibrates the device at hand, and decides what fits.

    Args:
        file: what the user asks for.
        task: with its data.
    """
    from einsearch.cost.calibrating import calibrate
    from einsearch.evaluate.data import find_device

    began = time.monotonic()
    device = calibrate(find_device(file.training.device).type, threads=1)
    seconds = time.monotonic() - began
    shares = shares_of(file.executor)
    room = None if shares.worker is None else max(0, shares.worker - held())
    times = times_of(file, shares.workers)
    training = file.full_training
    found = Ceilings(file.limits, {})
    if times is not None:
        sizes = (len(task.train), len(task.valid))
        found = ceilings(file.limits, device, training, sizes, times.candidate, room)
    metric = task.metrics[0]
    directions: Mapping[str, str] = file.objectives or {metric.name: metric.direction}
    main = next(iter(directions))
    final = file.final
    gate = ForecastGate(
        Forecaster(device, task, training, room),
        main,
        directions[main],
        final_epochs=final.epochs or training.epochs,
        trainings=final.top * final.seeds,
        times=times,
        seconds=file.trial.seconds,
    )
    decided = file.model_copy(update={"limits": found.limits})
    return Outline(decided, device, shares, room, times, found, gate, seconds)


def times_of(file: SpaceFile, workers: int) -> Times | None:
    """How the minutes of a file are divided; None where it gives none."""
    seconds = file.budget.whole.seconds
    if seconds == float("inf"):
        return None
    epochs, final = file.full_training.epochs, file.final
    trainings = 0 if file.objective is not None else final.top * final.seeds
    return divide(seconds, workers, epochs, final.epochs or epochs, trainings)


def plain_gate(file: SpaceFile) -> Gate:
    """The gate of a file whose objective is the user's."""
    return Gate(times_of(file, file.executor.processes or 1), file.trial.seconds)


def shares_of(executor: ExecutorSection) -> Shares:
    """Who may use how much of this machine. On a cluster each node divides its own."""
    if executor.name == "ray":
        return Shares(None, executor.memory, executor.workers or usable_cores())
    return share_out(executor.processes or 1, free_memory())
