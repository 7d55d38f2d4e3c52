"""From what a user says of epochs to the scheduler that deals them out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from einsearch.compile.given import wrong
from einsearch.errors import EinsearchError
from einsearch.files import user_path
from einsearch.study.budgets import Rungs
from einsearch.study.checkpoints import CheckpointStore
from einsearch.study.places import check_place
from einsearch.study.scheduling import Scheduler
from einsearch.study.spacefile import EpochsSection


def pruner_given(pruner: str | Mapping[str, Any]) -> dict[str, Any]:
    """A pruner and its options. Raises SettingError."""
    if isinstance(pruner, str):
        return {"pruner": pruner}
    if not isinstance(pruner, Mapping):
        raise wrong("pruner", pruner, 'a name, or {"pruner": "asha", "min": 1, "max": 9}')
    return dict(pruner)


def epochs_section(pruner: str | Mapping[str, Any] | None) -> EpochsSection | None:
    """How epochs are dealt out, as a caller from Python says it.

    Args:
        pruner: a name, or {"pruner": name, "min": 1, "max": 9, "promote": 3}; None for none.

    Raises:
        EinsearchError: there is no such pruner or option, or `max` is missing.
    """
    if pruner is None:
        return None
    given = pruner_given(pruner)
    try:
        section = EpochsSection.model_validate(given)
    except ValidationError as error:
        found = error.errors()[0]
        place = ".".join(map(str, found["loc"]))
        raise EinsearchError(f"pruner: {place}: {found['msg']}; found {found['input']!r}") from None
    if section.max is None or section.min >= section.max:
        raise EinsearchError(
            f"pruner: epochs from {section.min} to {section.max}: say how many a candidate has in "
            f'full, such as {{"pruner": "{section.pruner}", "min": 1, "max": 9}}'
        )
    if section.checkpoints is None:
        return section
    check_place(section.checkpoints)
    if "://" in section.checkpoints:
        return section
    return section.model_copy(update={"checkpoints": str(user_path(section.checkpoints))})


def make_scheduler(
    epochs: EpochsSection | None,
    full: int,
    directions: Mapping[str, str],
    store: CheckpointStore,
) -> Scheduler:
    """The scheduler that a user asks for.

    Args:
        epochs: which, and how; None for one that trains every candidate in full.
        full: epochs of training in full.
        directions: objective name -> "maximize" or "minimize".
        store: of checkpoints.
    """
    if epochs is None:
        return Scheduler()
    from optuna.pruners import HyperbandPruner, MedianPruner, SuccessiveHalvingPruner

    from einsearch.study.promoting import PromotingScheduler
    from einsearch.study.stopping import StoppingScheduler

    rungs = Rungs.between(epochs.min, full, epochs.promote)
    match epochs.pruner:
        case "asha":
            return PromotingScheduler(rungs, directions, store)
        case "successive-halving":
            halving = SuccessiveHalvingPruner(epochs.min, epochs.promote)
            return StoppingScheduler(halving, directions, full, rungs)
        case "hyperband":
            hyperband = HyperbandPruner(epochs.min, full, epochs.promote)
            return StoppingScheduler(hyperband, directions, full, rungs)
        case "median":
            median = MedianPruner(n_warmup_steps=epochs.min)
            return StoppingScheduler(median, directions, full)
