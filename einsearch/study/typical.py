"""What typical networks of a space cost, and how many of them a search will see."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from einsearch.derivation.derivation import Derivation
from einsearch.errors import EinsearchError
from einsearch.study.budgets import Rungs
from einsearch.study.earlier import texts_of
from einsearch.study.plan import Plan
from einsearch.study.planning.forecast import Forecast, Forecaster
from einsearch.trial import Trial, TrialState

MOST: Final = 40
"""Draws at most..."""

SECONDS: Final = 3.0
"""...and seconds that drawing them may take."""

QUANTILES: Final = (("cheapest tenth", 0.1), ("median", 0.5), ("dearest tenth", 0.9))


@dataclass(frozen=True)
class Typical:
    """One network of a space and what it will cost.

    Attributes:
        name: of the seed, or which draw it is.
        forecast: what it will take.
        objection: why it would be turned down; empty where it would not.
    """

    name: str
    forecast: Forecast
    objection: str


@dataclass(frozen=True)
class Rung:
    """How many candidates reach so many epochs."""

    epochs: int
    candidates: int


def typical(plan: Plan, seed: int = 0) -> tuple[list[Typical], list[Typical]]:
    """The seeds of a search, and draws by rising cost.

    Args:
        plan: with its outline.
        seed: of the draws.

    Raises:
        EinsearchError: the space gives no network at all.
    """
    names = texts_of(plan.file) if plan.file is not None else ()
    seeds = [_judged(plan, d, name) for d, name in zip(plan.space.seeds, names, strict=False)]
    draws = [_judged(plan, d, "draw") for d in _draw(plan, seed)]
    draws.sort(key=lambda one: one.forecast.epoch)
    return seeds, draws


def quantiles(draws: Sequence[Typical]) -> list[Typical]:
    """A few of many draws that stand for all, by cost."""
    if not draws:
        return []
    found = []
    for name, part in QUANTILES:
        one = draws[round(part * (len(draws) - 1))]
        found.append(Typical(f"draw, {name}", one.forecast, one.objection))
    return found


def rungs_reached(plan: Plan, draws: Sequence[Typical]) -> list[Rung]:
    """How many candidates the time of the search suffices for, by epochs; none without a time."""
    outline = plan.outline
    admitted = [one.forecast for one in draws if not one.objection]
    if outline is None or outline.times is None or not admitted:
        return []
    full = outline.gate.forecaster.training.total_epochs
    rungs: tuple[int, ...] = (full,)
    promote = 1
    if plan.epochs is not None:
        section = plan.epochs[0]
        rungs = Rungs.between(section.min, full, section.promote).epochs
        promote = section.promote
    start = sum(one.start for one in admitted) / len(admitted)
    epoch = sum(one.epoch for one in admitted) / len(admitted)
    cost, before = 0.0, 0
    for place, epochs in enumerate(rungs):
        cost += (start + (epochs - before) * epoch) / promote**place
        before = epochs
    began = outline.times.search * outline.shares.workers / cost
    return [Rung(n, max(1, int(began / promote**place))) for place, n in enumerate(rungs)]


def _draw(plan: Plan, seed: int) -> list[Derivation]:
    rng = np.random.default_rng(seed)
    began, found = time.monotonic(), list[Derivation]()
    while len(found) < MOST and (not found or time.monotonic() - began < SECONDS):
        found.append(plan.space.sample(rng))
    return found


def _judged(plan: Plan, derivation: Derivation, name: str) -> Typical:
    if plan.outline is None:
        raise EinsearchError("a plan that measured nothing cannot say what networks cost")
    gate, forecaster = plan.outline.gate, plan.outline.gate.forecaster
    trial = Trial(0, derivation.text, TrialState.RUNNING, budget=_first_budget(plan, forecaster))
    left = float("inf") if plan.outline.times is None else plan.outline.times.search
    forecast = forecaster.of(derivation.program)
    return Typical(name, forecast, gate.judge(trial, derivation.program, left).reason)


def _first_budget(plan: Plan, forecaster: Forecaster) -> float:
    if plan.epochs is None or plan.epochs[0].pruner != "asha":
        return float(forecaster.training.total_epochs)
    return float(plan.epochs[0].min)
