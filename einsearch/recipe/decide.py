"""`decide`: how candidates of a search are trained, from the data, the machine and the minutes.

Two shapes of search. Of few examples every candidate is trained on folds: its score rests on all
of them, and the final networks are trained on all of them. Of many, one split is enough, and time
is what is scarce: candidates get few steps, and about half of the time goes into the best.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from einsearch.recipe.facts import Facts
from einsearch.specs import Layout
from einsearch.tasks.base import DENSE, Loss

FEW: Final = 3000
"""Below so many examples candidates are trained on folds."""

_FOLDS: Final = ((1000, 5), (FEW, 3))
"""Below so many examples, so many folds."""

_STRETCHES: Final = 12
"""Validations of one training on a fold."""

_RUNG_STRETCHES: Final = 9
"""Validations of a training on one split: rungs are at 1, 3 and all of them."""

_PROMOTE: Final = 3

_IN_FULL: Final = 10
"""Typical candidates that the time of a search should suffice for in full. Of each three that are
started one goes on at each rung, so that about three times as many can be started."""

_STEPS_ON_FOLDS: Final = (100, 900)
"""Steps of one training on a fold, at least and at most."""

_ENOUGH: Final = 200
"""With fewer steps on each fold, fewer folds are better."""

_STEPS: Final = (120, 6000)
"""Steps of a candidate on one split, at least and at most."""

_PASSES: Final = 25
"""Passes over training in full, at most, on one split."""

_UNTIMED: Final = 400
"""Steps where nothing bounds the time."""

SECOND_LOOKS: Final = (3, 10)
"""Networks that are trained on fresh folds before one is called best, at least; and at most, as far
as a tenth of the time suffices."""

_LOOKING: Final = 0.1

ENSEMBLE: Final = 5
"""Networks at most whose outputs are averaged in the model that is handed over."""

_SMALLEST_SHARE, _LARGEST_SHARE = 0.12, 0.5
"""Of all the time, for the full training."""

_FOLDS_SHARE: Final = 0.35
"""The same on folds; what it does not need goes to the search, as soon as its best is known."""


@dataclass(frozen=True)
class Machine:
    """What the machine at hand can do.

    Attributes:
        step_seconds: of a training step of a typical network with so many examples.
        workers: candidates that are trained at the same time.
        seconds: of the whole budget; None where no time is given.
    """

    step_seconds: Callable[[int], float]
    workers: int = 1
    seconds: float | None = None


@dataclass(frozen=True)
class Recipe:
    """What was decided.

    Attributes:
        training: settings of `TrainingConfig` by name.
        rungs: epochs of the lowest rung, and of how many candidates one goes on; None where all
            are trained in full.
        final_passes: epochs of the full training, in those of `training`.
        final_share: of all the time, for the full training.
        ensemble: networks at most whose outputs the final model averages.
        second_looks: networks that are scored again before one is called best.
        reasons: setting -> why, for people.
    """

    training: Mapping[str, Any]
    rungs: tuple[int, int] | None
    final_passes: int
    final_share: float
    ensemble: int
    second_looks: int
    reasons: Mapping[str, str] = field(default_factory=dict)


def decide(facts: Facts, machine: Machine) -> Recipe:
    """The recipe for some data on a machine."""
    reasons: dict[str, str] = {}
    training: dict[str, Any] = {"optimizer": "adamw", "schedule": "cosine", "warmup": 0.1}
    training["batch"] = _batch(facts, reasons)
    training["lr"] = _rate(facts, reasons)
    training["weight_decay"] = _decay(facts, reasons)
    training |= _regularising(facts, reasons)
    folds = folds_for(facts)
    if folds > 1:
        return _on_folds(facts, machine, folds, training, reasons)
    return _on_one_split(facts, machine, training, reasons)


def folds_for(facts: Facts) -> int:
    """How many folds some data are trained on; 1 for the validation split alone."""
    if not facts.is_cut or facts.is_ordered or facts.loss is Loss.NEXT_TOKEN:
        return 1
    return next((folds for below, folds in _FOLDS if facts.examples < below), 1)


def _on_folds(
    facts: Facts,
    machine: Machine,
    folds: int,
    training: dict[str, Any],
    reasons: dict[str, str],
) -> Recipe:
    step = machine.step_seconds(training["batch"])
    least, most = _STEPS_ON_FOLDS
    steps = _UNTIMED
    if machine.seconds is not None:
        affordable = 0.7 * machine.seconds * machine.workers / (_IN_FULL * step)
        folds = max(2, min(folds, int(affordable / _ENOUGH)))
        steps = min(most, max(least, round(affordable / folds)))
        reasons["steps"] = (
            f"the time suffices for about {_IN_FULL} typical networks in full, and about "
            f"{3 * _IN_FULL} on their first fold"
            if least < steps < most
            else f"between {least} and {most} on a fold of few examples"
        )
    training |= {"folds": folds, "epochs": _STRETCHES, "steps": steps, "keep": "best"}
    training["patience"] = _STRETCHES // 2
    reasons["folds"] = (
        f"{facts.examples} examples are few: each is validated on once, in one of {folds} folds"
    )
    looks = SECOND_LOOKS[0]
    if machine.seconds is not None:
        affordable = _LOOKING * machine.seconds * machine.workers / (steps * folds * step)
        looks = min(SECOND_LOOKS[1], max(looks, int(affordable)))
    return Recipe(
        training,
        rungs=(_STRETCHES, _PROMOTE),
        final_passes=_STRETCHES,
        final_share=_FOLDS_SHARE,
        ensemble=ENSEMBLE,
        second_looks=looks,
        reasons=reasons,
    )


def _on_one_split(
    facts: Facts, machine: Machine, training: dict[str, Any], reasons: dict[str, str]
) -> Recipe:
    step = machine.step_seconds(training["batch"])
    a_pass = math.ceil(facts.train / training["batch"])
    least, most = _STEPS[0], min(_STEPS[1], max(_STEPS[0], _PASSES * a_pass // 2))
    whole = max(least, _PASSES * a_pass)
    steps = max(least, min(most, 4 * a_pass))
    final = whole
    share = _SMALLEST_SHARE
    if machine.seconds is not None:
        share = _share(1.3 * whole * step, machine.seconds)
        searching = (0.95 - share) * machine.seconds * machine.workers
        steps = min(most, max(least, round(searching / (_IN_FULL * step))))
        final = max(steps, min(whole, round(share * machine.seconds / (1.2 * step))))
    reasons["steps"] = (
        f"{steps / a_pass:.2g} passes over the data; the best are trained for {final / a_pass:.2g} "
        "passes in the end"
    )
    training |= {"folds": 1, "epochs": _RUNG_STRETCHES, "steps": steps, "keep": "best"}
    passes = max(_RUNG_STRETCHES, round(_RUNG_STRETCHES * final / steps))
    return Recipe(
        training,
        rungs=(1, _PROMOTE),
        final_passes=passes,
        final_share=share,
        ensemble=ENSEMBLE,
        second_looks=0,
        reasons=reasons,
    )


def _share(needed: float, seconds: float | None) -> float:
    if seconds is None:
        return _SMALLEST_SHARE
    return min(_LARGEST_SHARE, max(_SMALLEST_SHARE, 1.3 * needed / seconds))


def _batch(facts: Facts, reasons: dict[str, str]) -> int:
    sizes = ((400, 16), (4000, 32), (math.inf, 64))
    batch = next(size for below, size in sizes if facts.train < below)
    reasons["batch"] = f"of {facts.train} examples"
    return batch


def _rate(facts: Facts, reasons: dict[str, str]) -> float:
    reasons["lr"] = "of adamw, at these batches"
    return 0.003


def _decay(facts: Facts, reasons: dict[str, str]) -> float:
    return 0.01 if facts.layout is not Layout.VECTOR else 0.03


def _regularising(facts: Facts, reasons: dict[str, str]) -> dict[str, Any]:
    """Averages of weights, augmentation, class weights."""
    found: dict[str, Any] = {"average": 0.05}
    reasons["average"] = "weights averaged over the last twentieth of the steps score steadier"
    if facts.layout is Layout.IMAGE and facts.loss not in DENSE:
        found["augment"] = "shift"
        reasons["augment"] = "images may be moved; whether they may be mirrored is not known"
    if facts.classes and facts.loss is Loss.CROSS_ENTROPY and facts.largest > 10 * facts.smallest:
        reasons["class_weights"] = (
            f"the rarest class has {facts.smallest} examples, the most frequent {facts.largest}: "
            "class_weights: balanced counts them alike"
        )
    return found
