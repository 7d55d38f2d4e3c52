"""Numbers over the trials of a run: best so far, counts by state and by reason."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

from einsearch.trial import Trial, TrialState


def finished(trials: Iterable[Trial], objective: str) -> list[Trial]:
    """Complete trials with a finite value of that objective, by number."""
    return sorted(
        (
            trial
            for trial in trials
            if trial.state is TrialState.COMPLETE
            and math.isfinite(trial.values.get(objective, math.nan))
        ),
        key=lambda trial: trial.number,
    )


def best_so_far(trials: Iterable[Trial], objective: str, direction: str) -> list[tuple[int, float]]:
    """(number, value) of every trial that improved on all before it, by number."""
    sign = 1.0 if direction == "maximize" else -1.0
    records: list[tuple[int, float]] = []
    for trial in finished(trials, objective):
        value = trial.values[objective]
        if not records or sign * value > sign * records[-1][1]:
            records.append((trial.number, value))
    return records


def counts_by_state(trials: Iterable[Trial]) -> dict[str, int]:
    """How many trials are in each state, in the order of `TrialState`; states without any left
    out."""
    counts = Counter(str(trial.state) for trial in trials)
    return {str(state): counts[str(state)] for state in TrialState if counts[str(state)]}


def kind_of_reason(trial: Trial) -> str:
    """A short name for why a trial has no value of its own: what stands before the colon."""
    return trial.reason.split("\n", 1)[0].split(":", 1)[0].strip() or str(trial.state).lower()


def failures_by_reason(trials: Iterable[Trial]) -> dict[str, list[Trial]]:
    """Failed and rejected trials by `kind_of_reason`, the most frequent first; of each, those
    with a traceback first, else by number."""
    wanted = (TrialState.FAILED, TrialState.REJECTED)
    found: dict[str, list[Trial]] = {}
    for trial in trials:
        if trial.state in wanted:
            found.setdefault(kind_of_reason(trial), []).append(trial)
    for group in found.values():
        group.sort(key=lambda trial: (not trial.traceback, trial.number))
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))


def counts_by_reason(trials: Iterable[Trial]) -> dict[str, int]:
    """How many trials failed or were rejected, by `kind_of_reason`; the most frequent first."""
    return {reason: len(found) for reason, found in failures_by_reason(trials).items()}
