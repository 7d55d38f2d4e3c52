"""What a recipe decided, for people: each setting with its value and its reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from einsearch.evaluate.config import TrainingConfig
from einsearch.recipe.decide import Recipe


class Told(NamedTuple):
    """One decision: what, which value, and why."""

    name: str
    value: str
    reason: str


def told(recipe: Recipe, training: TrainingConfig) -> list[Told]:
    """Decisions about training, those that matter most first.

    Args:
        recipe: what was decided.
        training: as it is used, with what the user gave in place of that.
    """
    return [_told(name, value, recipe, training) for name, value in _values(training)]


def in_brief(training: TrainingConfig) -> str:
    """How a candidate is trained, in a few words."""
    length = f"{training.epochs} epochs" if training.steps is None else f"{training.steps} steps"
    each = f" on each of {training.folds} folds" if training.folds > 1 else ""
    return f"a candidate in full is {length} of {training.batch} examples{each}"


def _told(name: str, value: str, recipe: Recipe, training: TrainingConfig) -> Told:
    is_decided = recipe.training.get(name, getattr(training, name)) == getattr(training, name)
    if not is_decided:
        return Told(name, value, "as the file says")
    return Told(name, value, recipe.reasons.get(name, ""))


def _values(training: TrainingConfig) -> Iterator[tuple[str, str]]:
    defaults = TrainingConfig.model_fields
    first = ("folds", "steps", "epochs", "batch", "lr", "weight_decay")
    for name in (*first, *(name for name in defaults if name not in first)):
        value = getattr(training, name)
        is_plain = value == defaults[name].default
        if name in first or not is_plain:
            yield (
                name,
                "none" if value is None else f"{value:g}" if _is_number(value) else str(value),
            )


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
