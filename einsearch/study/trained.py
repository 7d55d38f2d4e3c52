"""Trained networks of a run: built from its record and weights, or trained again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from einsearch.errors import EinsearchError, RunError
from einsearch.specs import TensorSpec
from einsearch.study.folder import SPACE, RunFolder
from einsearch.study.run import Run
from einsearch.study.spacefile import SpaceFile, load_space_file
from einsearch.study.taskfile import check_unchanged, located, recorded_input, recorded_task
from einsearch.study.weights import read_weights, read_weights_file
from einsearch.tasks.base import Task
from einsearch.tasks.fingerprint import data_fingerprint
from einsearch.tasks.registry import make_task
from einsearch.trial import Trial, TrialState

if TYPE_CHECKING:
    from einsearch.compile.head import Network
    from einsearch.evaluate.candidate import Outcome
    from einsearch.evaluate.final import FinalResult
    from einsearch.primitives.program import Program


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A network of a run with its weights.

    Attributes:
        trial: it was found as.
        program: of the backbone.
        network: with its head, in evaluation mode.
        task: what it was trained for, without its data.
        is_final: whether the weights are those of the full training.
        folder: of the run.
    """

    trial: Trial
    program: Program
    network: Network
    task: Task
    is_final: bool
    folder: RunFolder | None = None

    def examples(self, count: int) -> NDArray[np.float32] | None:
        """The first validation examples (n, *input shape); None where the data of the run are not
        at hand, or are not those of the search."""
        return None if self.folder is None else _examples(self.folder, count)


def load_trained(run: Run, trial: Trial | None = None) -> TrainedNetwork:
    """A network of a run: weights of the full training where there was one.

    Args:
        run: of a search-space file, in a folder.
        trial: the best one where None.

    Raises:
        RunError: the run has no folder, no such trial, or did not keep its weights.
    """
    from einsearch.evaluate.network import build_network, load_weights, read_program

    folder = folder_of(run)
    trial = trial or run.best
    if trial is None:
        raise RunError(f"no trial of {folder.path} is complete yet")
    task = task_of(folder)
    program = read_program(trial.text, task)
    network = build_network(program, task, trial.seed)
    final = _final_weights(run, folder, trial)
    load_weights(network, read_weights(folder, trial.number) if final is None else final)
    return TrainedNetwork(trial, program, network.eval(), task, final is not None, folder)


def train_again(
    run: Run, trial: Trial, data: str | Path | None = None, *, accept_changes: bool = False
) -> Outcome:
    """Trains a trial as the search did: the same score on the same machine.

    With one thread, as worker processes have: sums in another order give another network.

    Args:
        data: where the data are now; see `resume`.
        accept_changes: trains though they are not those of the search.

    Raises:
        RunError: the run has no folder with a search-space file, its data are not there, or have
            changed.
    """
    import torch

    from einsearch.evaluate.candidate import Job, evaluate_candidate

    folder = folder_of(run)
    file = located(folder, space_of(folder), data)
    task = make_task(file.task, file.base)
    if not accept_changes:
        check_unchanged(folder, data_fingerprint(task, file.task, file.base))
    has_values = trial.budget is not None and trial.state is not TrialState.FAILED
    until = round(trial.budget or 0) if has_values else None
    job = Job(trial.text, file.full_training, trial.seed, file.trial.seconds, until=until)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return evaluate_candidate(job, task)
    finally:
        torch.set_num_threads(threads)


def train_in_full(
    run: Run,
    trial: Trial,
    epochs: int | None,
    seeds: int,
    data: str | Path | None = None,
    *,
    accept_changes: bool = False,
) -> FinalResult:
    """Trains a trial in full and tests it; nothing is written.

    Args:
        epochs: those of the file's final training where None.
        seeds: how many trainings.
        data: where the data are now; see `resume`.
        accept_changes: trains though they are not those of the search.
    """
    from einsearch.evaluate.final import train_final

    folder = folder_of(run)
    file = located(folder, space_of(folder), data)
    wanted = epochs or file.final.epochs or file.full_training.epochs
    task = make_task(file.task, file.base)
    if not accept_changes:
        check_unchanged(folder, data_fingerprint(task, file.task, file.base))
    numbers = [trial.seed + i for i in range(seeds)]
    return train_final(trial.text, task, file.training.with_epochs(wanted), numbers)


def folder_of(run: Run) -> RunFolder:
    """The folder of a run. Raises RunError where it is in memory."""
    if run.folder is None:
        raise RunError("the run is in memory and kept no weights: give search a directory")
    return run.folder


def space_of(folder: RunFolder) -> SpaceFile:
    """The search-space file as used. Raises RunError where the run has none."""
    if not (folder.path / SPACE).exists():
        raise RunError(f"{folder.path} was searched with an objective: einsearch trained nothing")
    return load_space_file(folder.path / SPACE)


def input_of(folder: RunFolder) -> TensorSpec:
    """The tensor that enters every network of a run. Raises RunError, TaskError."""
    found = recorded_input(folder)
    if found is not None:
        return found
    return space_of(folder).objective_input or task_of(folder).input


def task_of(folder: RunFolder) -> Task:
    """The task of a run, as its folder tells it, without data. Raises RunError, TaskError."""
    recorded = recorded_task(folder)
    return loaded_task(folder) if recorded is None else recorded


def loaded_task(folder: RunFolder) -> Task:
    """The task of a run with its data. Raises RunError, TaskError."""
    file = space_of(folder)
    if file.objective is not None:
        raise RunError(
            f"{folder.path} was searched with an objective: einsearch trained nothing; "
            "`einsearch show RUN:TRIAL --format source` writes a network without weights"
        )
    file = located(folder, file)
    return make_task(file.task, file.base)


def _final_weights(run: Run, folder: RunFolder, trial: Trial) -> Mapping[str, Any] | None:
    for row in (run.final or {}).get("networks", ()):
        if row["number"] == trial.number and row["weights"]:
            return read_weights_file(folder, str(row["weights"]))
    return None


def _examples(folder: RunFolder, count: int) -> NDArray[np.float32] | None:
    try:
        file = located(folder, space_of(folder))
        task = make_task(file.task, file.base)
        check_unchanged(folder, data_fingerprint(task, file.task, file.base))
    except EinsearchError:
        return None
    return task.valid.x[:count]
