"""Exports the trained network of a trial that a run folder holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from einsearch.errors import ExportError, RunError
from einsearch.evaluate.machine import held_to, share_alone
from einsearch.exporters.base import TrainedModel
from einsearch.exporters.registry import get_exporter
from einsearch.study.run import Run, open_run
from einsearch.study.trained import (
    TrainedAverage,
    TrainedNetwork,
    load_handed_over,
    load_trained,
)
from einsearch.trial import Trial

EXAMPLES = 256
"""Validation examples on which 8-bit formats calibrate."""


def trained_model(found: TrainedNetwork) -> TrainedModel:
    """A trained network of a run as exporters take it."""
    import torch

    metadata = {
        "architecture": found.trial.text,
        "task": found.described.describe(),
        "trial": found.trial.number,
        "hash": found.trial.hash,
        "parameters": found.trial.parameters,
        "flops": found.trial.flops,
        "activation_memory": found.trial.activation_memory,
    }
    if found.program.settings:
        metadata["training"] = dict(found.program.settings)
    found_examples = found.examples(EXAMPLES)
    examples = None if found_examples is None else torch.from_numpy(found_examples)
    return TrainedModel(found.program, found.described.output, found.network, metadata, examples)


def averaged_model(found: TrainedAverage) -> TrainedModel:
    """The average of several networks as exporters take it."""
    first = trained_model(found.members[0])
    trials = [member.trial for member in found.members]
    metadata = {
        "average": found.network.kind,
        "members": [
            {
                "architecture": trial.text,
                "trial": trial.number,
                "hash": trial.hash,
                "share": member.share,
                **({"training": dict(one.program.settings)} if one.program.settings else {}),
            }
            for one, trial, member in zip(found.members, trials, found.handed.members, strict=True)
        ],
        "task": first.metadata["task"],
        "parameters": sum(trial.parameters for trial in trials),
        "flops": sum(trial.flops for trial in trials),
        "activation_memory": sum(trial.activation_memory or 0 for trial in trials),
    }
    others = tuple(member.program for member in found.members[1:])
    return replace(first, module=found.network, metadata=metadata, others=others)


def export_trial(trial: Trial, format: str, to: Path, *, replace: bool = False) -> list[Path]:
    """Writes the trained network of a recorded trial; see `einsearch.api.export`."""
    if not trial.directory:
        raise RunError(
            "the trial belongs to no run folder, so its weights were not kept: give search a "
            "directory, and take the trial from the run"
        )
    run = open_run(Path(trial.directory))
    return export_from_run(run, trial, format, to, replace=replace)


def export_from_run(
    run: Run, trial: Trial | None, format: str, to: Path, *, replace: bool = False
) -> list[Path]:
    """Writes the trained network of a trial of a run; the files, in order of their names.

    Args:
        trial: None for the model that the run ended with.
    """
    exporter = get_exporter(format)
    try:
        with held_to(share_alone()):
            found = load_handed_over(run) if trial is None else load_trained(run, trial)
            if isinstance(found, TrainedAverage):
                return exporter.export(averaged_model(found), to, replace=replace)
            return exporter.export(trained_model(found), to, replace=replace)
    except MemoryError:
        raise ExportError(
            f"the format {format} needs more memory for this network than this machine has free"
        ) from None
