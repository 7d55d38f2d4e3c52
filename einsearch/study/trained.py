"""Trained networks of a run: built from its record and weights, or trained again."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from einsearch.errors import EinsearchError, RunError
from einsearch.evaluate.machine import held_to, share_alone
from einsearch.specs import TensorSpec
from einsearch.study.folder import SPACE, TRAINED, WEIGHTS, RunFolder
from einsearch.study.fulltraining import FullTraining, Row
from einsearch.study.handing import HandedOver, Member, handed_over
from einsearch.study.pluginsource import plugin_fingerprint
from einsearch.study.run import Run
from einsearch.study.spacefile import SpaceFile, load_space_file
from einsearch.study.taskfile import check_unchanged, located, recorded_input, recorded_task
from einsearch.study.weights import (
    again_name,
    again_numbers,
    packed,
    read_weights,
    read_weights_file,
    stored_numbers,
)
from einsearch.tasks.base import METRICS, Task
from einsearch.tasks.fingerprint import data_fingerprint
from einsearch.tasks.registry import make_task
from einsearch.trial import Trial, TrialState

if TYPE_CHECKING:
    from einsearch.compile.blending import Blend
    from einsearch.compile.head import Network
    from einsearch.evaluate.candidate import Outcome
    from einsearch.primitives.program import Program


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A network of a run with its weights.

    Attributes:
        trial: it was found as.
        program: of the backbone.
        network: with its head, in evaluation mode.
        described: what it was trained for, without its data.
        full: results of the full training that its weights are of; None where they are those of
            the search, or of training again as the search did.
        folder: of the run.
    """

    trial: Trial
    program: Program
    network: Network
    described: Task
    full: Row | None
    folder: RunFolder | None = None

    @cached_property
    def task(self) -> Task:
        """The same with its data, where they are at hand and those of the search."""
        return self.described if self.folder is None else task_of(self.folder)

    @property
    def is_final(self) -> bool:
        """Whether the weights are those of a full training."""
        return self.full is not None

    def examples(self, count: int) -> NDArray[np.float32] | None:
        """The first validation examples (n, *input shape); None where the data of the run are not
        at hand, or are not those of the search."""
        found = None if self.folder is None else _unchanged_task(self.folder)
        return None if found is None else found.valid.x[:count]


@dataclass(frozen=True, eq=False)
class TrainedAverage:
    """The average of several networks of a run, as the run hands it over.

    Attributes:
        members: in the order of `handed`.
        handed: their shares, and what they score together.
        network: of all of them, in evaluation mode.
    """

    members: tuple[TrainedNetwork, ...]
    handed: HandedOver
    network: Blend


def load_trained(run: Run, trial: Trial | None = None) -> TrainedNetwork:
    """A network of a run: weights of the full training where there was one; of several the best
    on validation data.

    Args:
        run: of a search-space file, in a folder.
        trial: the best one where None.

    Raises:
        RunError: the run has no folder, no such trial, or did not keep its weights.
    """
    folder = folder_of(run)
    trial = trial or run.best
    return _built(folder, trial, lambda: _weights(run, folder, trial))


def load_handed_over(run: Run) -> TrainedNetwork | TrainedAverage:
    """The model that a run ended with: the average of several networks, or one; the best network
    of a run that trained none in full.

    Raises:
        RunError: as of `load_trained`; a file of a member is missing, or final.json is damaged.
    """
    from einsearch.compile.blending import Blend
    from einsearch.evaluate.ensembling import kind_of_answers

    found = handed_over(run)
    if found is None:
        return load_trained(run)
    members = tuple(_member(run, member) for member in found.members)
    if len(members) == 1:
        return members[0]
    kind = kind_of_answers(members[0].described.loss)
    shares = [member.share for member in found.members]
    average = Blend([member.network for member in members], shares, kind)
    return TrainedAverage(members, found, average.eval())


def _member(run: Run, member: Member) -> TrainedNetwork:
    """The network of a member. Raises RunError where its weights are not there."""
    folder = folder_of(run)
    rows = (run.final or {}).get("networks", ())
    row = next((row for row in rows if row["number"] == member.number), None)

    def weights() -> tuple[Mapping[str, Any], Row | None]:
        if not folder.inside(member.weights).is_file():
            place = shlex.quote(str(folder.path))
            raise RunError(
                f"{folder.path} lacks {member.weights}, the weights of trial {member.number}, "
                f"which is part of the model that the run ended with: put the file back, or "
                f"train it again with `einsearch resume {place}`"
            )
        return read_weights_file(folder, member.weights), row

    return _built(folder, run.trials[member.number], weights)


def _built(
    folder: RunFolder, trial: Trial, weights: Callable[[], tuple[Mapping[str, Any], Row | None]]
) -> TrainedNetwork:
    """The network of a trial with the weights that it is given, and the results they are of."""
    from einsearch.evaluate.network import build_network, load_weights, read_program

    task = described_task(folder)
    program = read_program(trial.text, task)
    network = build_network(program, task, trial.seed)
    found, row = weights()
    load_weights(network, found)
    return TrainedNetwork(trial, program, network.eval(), task, row, folder)


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
        found = data_fingerprint(task, file.task, file.base)
        check_unchanged(folder, found | plugin_fingerprint([trial.text]))
    has_values = trial.budget is not None and trial.state is not TrialState.FAILED
    until = round(trial.budget or 0) if has_values else None
    job = Job(trial.text, file.full_training, trial.seed, file.trial.seconds, until=until)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with held_to(share_alone()):
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
) -> Row:
    """Trains a trial in full and tests it; results go to trained.json and weights beside those of
    the search. Where the test data cannot be used, the results say so.

    Args:
        epochs: those of the file's final training where None.
        seeds: how many trainings; at least one.
        data: where the data are now; see `resume`.
        accept_changes: trains though they are not those of the search.

    Raises:
        RunError: as `train_again`, or the folder cannot be written.
    """
    folder = folder_of(run)
    file = located(folder, space_of(folder), data)
    wanted = epochs or file.final.epochs or file.full_training.epochs
    task = make_task(file.task, file.base)
    if not accept_changes:
        found = data_fingerprint(task, file.task, file.base)
        check_unchanged(folder, found | plugin_fingerprint([trial.text]))
    training = FullTraining(folder, file, task, run.directions, wanted, wanted)

    def write(row: Row) -> None:
        others = [
            old
            for old in trained_rows(folder)
            if any(old.get(name) != row[name] for name in ("number", "epochs", "seeds", "data"))
        ]
        folder.write(TRAINED, (json.dumps({"networks": [*others, row]}, indent=2) + "\n").encode())

    with held_to(share_alone()):
        runs = training.train([(trial, seeds)])[trial.number]
        return training.tested(trial, runs, write)[0]


def keep_again(run: Run, trial: Trial, outcome: Outcome) -> str | None:
    """Keeps the weights of a trial that was trained again, where those of the search were not.

    Returns:
        Name of the file in the folder; None where nothing was to be kept.

    Raises:
        RunError: the folder cannot be written.
    """
    folder = folder_of(run)
    if outcome.weights is None or trial.number in stored_numbers(folder):
        return None
    name = f"{WEIGHTS}/{again_name(trial.number)}"
    header = {"text": trial.text, "hash": trial.hash, "trained": "again"}
    folder.add(name, packed(outcome.weights, header))
    return name


def has_weights(run: Run, trial: Trial) -> bool:
    """Whether the folder of a run has weights of a trial, of whatever training."""
    folder = folder_of(run)
    is_kept = trial.number in stored_numbers(folder) | again_numbers(folder)
    return is_kept or _full_row(run, folder, trial) is not None


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
    return space_of(folder).objective_input or described_task(folder).input


def task_of(folder: RunFolder) -> Task:
    """The task of a run with its data; where they are not at hand, or are others than those of the
    search, as the folder tells it, with empty splits. Raises RunError, TaskError."""
    recorded = recorded_task(folder)
    if recorded is None:
        return loaded_task(folder)
    return _unchanged_task(folder) or recorded


def described_task(folder: RunFolder) -> Task:
    """The task of a run as its folder tells it, whose data are read only where it does not.
    Raises RunError, TaskError."""
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


def trained_rows(folder: RunFolder) -> list[Row]:
    """Results of all that `train_in_full` made, the latest last. Raises RunError."""
    if not (folder.path / TRAINED).exists():
        return []
    rows: list[Row] = folder.read_json(TRAINED).get("networks", [])
    return rows


def _full_row(run: Run, folder: RunFolder, trial: Trial) -> Row | None:
    """The full training of a trial that is best on validation data by the main objective."""
    rows: list[Row] = [*(run.final or {}).get("networks", ()), *trained_rows(folder)]
    mine = [row for row in rows if row.get("number") == trial.number and row.get("weights")]
    scored = [row for row in mine if _kept(row)]
    if not scored:
        return mine[-1] if mine else None
    name, sign = _deciding(run, _kept(scored[-1]))
    return max(reversed(scored), key=lambda row: sign * _kept(row).get(name, -sign * math.inf))


def _kept(row: Row) -> dict[str, float]:
    """Validation metrics of the weights of a row; none in folders of earlier versions."""
    kept = row.get("kept")
    found = kept.items() if isinstance(kept, Mapping) else ()
    return {name: value for name, value in found if isinstance(value, int | float)}


def _deciding(run: Run, metrics: Mapping[str, float]) -> tuple[str, float]:
    """The first objective among metrics, or else their first; and 1 where more is better."""
    name = next((name for name in run.directions if name in metrics), next(iter(metrics)))
    directions = {m.name: m.direction for group in METRICS.values() for m in group}
    directions |= run.directions
    return name, 1.0 if directions.get(name) == "maximize" else -1.0


def _weights(run: Run, folder: RunFolder, trial: Trial) -> tuple[Mapping[str, Any], Row | None]:
    """Weights of a trial, and the full training that made them, if one did."""
    row = _full_row(run, folder, trial)
    if row is not None:
        return read_weights_file(folder, str(row["weights"])), row
    return read_weights(folder, trial.number), None


def _unchanged_task(folder: RunFolder) -> Task | None:
    """The task with its data; None where they are not at hand, or not those of the search."""
    try:
        file = located(folder, space_of(folder))
        task = make_task(file.task, file.base)
        check_unchanged(folder, data_fingerprint(task, file.task, file.base))
    except EinsearchError:
        return None
    return task
