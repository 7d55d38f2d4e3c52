"""The last stage of a run: the best trials are trained in full, and tested.

Test data are read here and nowhere else in a run; nothing that the search does comes after.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from einsearch.study.events import Callbacks
from einsearch.study.folder import WEIGHTS, RunFolder
from einsearch.study.ranking import best_first
from einsearch.study.run import Run
from einsearch.study.spacefile import SpaceFile
from einsearch.tasks.base import Task
from einsearch.trial import Trial

if TYPE_CHECKING:
    from einsearch.evaluate.final import FinalResult


def finish_run(
    run: Run, file: SpaceFile, task: Task, folder: RunFolder, callbacks: Callbacks
) -> None:
    """Trains the best trials in full and writes final.json and their weights.

    What was trained already, by an earlier session with the same settings, is kept.

    Args:
        run: finished.
        file: says how many trials, epochs and seeds.
        task: whose test data are read.
        folder: of the run.
        callbacks: are told of every training, as notes and reports.

    Raises:
        RunError: the folder cannot be written.
        TaskError: the test data cannot be used.
    """
    chosen = best_first(run.trials, run.directions)[: file.final.top]
    epochs = file.final.epochs or file.full_training.epochs
    done = {
        row["number"]: row
        for row in (folder.read_final() or {}).get("networks", ())
        if (row["epochs"], row["seeds"]) == (epochs, file.final.seeds)
    }
    rows: list[Mapping[str, Any]] = []
    for trial in chosen:
        if trial.number in done:
            rows.append(done[trial.number])
            continue
        callbacks.on_note(
            f"training trial {trial.number} in full: {epochs} epoch{'s' if epochs > 1 else ''}, "
            f"{file.final.seeds} seed{'s' if file.final.seeds > 1 else ''}"
        )
        rows.append(_train(trial, file, task, folder, callbacks, epochs))
        folder.write_final({"networks": rows})


def _train(
    trial: Trial,
    file: SpaceFile,
    task: Task,
    folder: RunFolder,
    callbacks: Callbacks,
    epochs: int,
) -> Mapping[str, Any]:
    from einsearch.evaluate.final import train_final

    def report(seed: int, epoch: int, metrics: Mapping[str, float]) -> None:
        callbacks.on_report(trial.number, epoch, metrics)

    seeds = [trial.seed + i for i in range(file.final.seeds)]
    result = train_final(trial.text, task, file.training.with_epochs(epochs), seeds, report)
    return {
        "number": trial.number,
        "text": trial.text,
        "epochs": epochs,
        "seeds": file.final.seeds,
        "valid": _spreads(result.valid),
        "test": _spreads(result.test),
        "failures": [run.outcome.reason for run in result.runs if not run.is_complete],
        "weights": _keep(trial, result, folder),
    }


def _keep(trial: Trial, result: FinalResult, folder: RunFolder) -> str | None:
    """Writes the weights of the best training; their name in the folder."""
    if result.weights is None:
        return None
    from safetensors.numpy import save

    name = f"{WEIGHTS}/final-{trial.number}.safetensors"
    folder.add(name, save(dict(result.weights), {"text": trial.text, "hash": trial.hash}))
    return name


def _spreads(found: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    return {name: {"mean": s.mean, "deviation": s.deviation} for name, s in found.items()}
