"""`also_told`: the metric that people ask for, where candidates were steered by others.

A search may be steered by cross-entropy since accuracy is too coarse to tell candidates apart; what
people want to know is the accuracy all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from einsearch.trial import Trial


def also_told(trials: Iterable[Trial], directions: Iterable[str]) -> list[str]:
    """The main metric of the task, as far as trials were scored by it and it is no objective; empty
    where there is none."""
    chosen = set(directions)
    for trial in trials:
        name = main_metric(trial)
        if name is not None:
            return [] if name in chosen else [name]
    return []


def main_metric(trial: Trial) -> str | None:
    """The main metric of the task that a trial was trained for; None where it was not trained."""
    # NumPy comes with it, and commands that show no trial need none.
    from einsearch.tasks.base import METRICS

    known = trial.values.keys() | trial.metrics.keys()
    groups = [group for group in METRICS.values() if known >= {metric.name for metric in group}]
    # Metrics of several labels are all among those of classes.
    return max(groups, key=len)[0].name if groups else None


def measured(trial: Trial, name: str) -> float | None:
    """A trial's value of an objective or a metric; None where it has none."""
    value = trial.values.get(name, trial.metrics.get(name))
    return value if isinstance(value, float) else None


def standard_errors(trial: Trial) -> Mapping[str, float]:
    """How far the scores of a trial may be off, by metric; empty where that is not known."""
    found: Any = trial.metrics.get("standard_errors")
    items = found.items() if isinstance(found, Mapping) else ()
    return {str(name): value for name, value in items if isinstance(value, float)}
