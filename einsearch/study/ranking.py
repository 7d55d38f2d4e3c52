"""Which trials are best: by the first objective, and by the Pareto front of all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from einsearch.trial import Trial, TrialState


def complete_trials(trials: Iterable[Trial]) -> list[Trial]:
    """Those with values of their own, in order; duplicates have their original's."""
    return [trial for trial in trials if trial.state is TrialState.COMPLETE]


def by_main_objective(trials: Iterable[Trial], directions: Mapping[str, str]) -> list[Trial]:
    """Complete trials, best first by the first objective; the earlier of equals first."""
    name, direction = next(iter(directions.items()))
    sign = -1.0 if direction == "maximize" else 1.0
    return sorted(complete_trials(trials), key=lambda t: (sign * t.values[name], t.number))


def pareto_front(trials: Iterable[Trial], directions: Mapping[str, str]) -> list[Trial]:
    """Complete trials that no other dominates, best first by the first objective.

    One trial dominates another if it is nowhere worse and somewhere better. Of trials with equal
    values all are on the front. With one objective the front is the best trial and its equals.
    """
    ranked = by_main_objective(trials, directions)
    points = [_costs(trial, directions) for trial in ranked]
    order = sorted(range(len(ranked)), key=lambda place: points[place])
    front: list[int] = []
    for place in order:  # whoever dominates a point comes before it in this order
        if not any(_dominates(points[other], points[place]) for other in front):
            front.append(place)
    return [ranked[place] for place in sorted(front)]


def best_first(trials: Sequence[Trial], directions: Mapping[str, str]) -> list[Trial]:
    """Complete trials: the Pareto front first, then the others; each best first."""
    front = pareto_front(trials, directions)
    if len(directions) == 1:
        return by_main_objective(trials, directions)
    chosen = {trial.number for trial in front}
    rest = [t for t in by_main_objective(trials, directions) if t.number not in chosen]
    return front + rest


def _costs(trial: Trial, directions: Mapping[str, str]) -> tuple[float, ...]:
    """The values, turned such that less is better."""
    return tuple(
        -trial.values[name] if direction == "maximize" else trial.values[name]
        for name, direction in directions.items()
    )


def _dominates(left: tuple[float, ...], right: tuple[float, ...]) -> bool:
    return left != right and all(x <= y for x, y in zip(left, right, strict=True))
