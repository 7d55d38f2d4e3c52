"""`Result`: what the work on a candidate gives back to the driver; how it finishes a trial."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from einsearch.study.executor import Finished
from einsearch.trial import FailureKind, Trial, TrialState

if TYPE_CHECKING:
    from einsearch.evaluate.candidate import Outcome


@dataclass(frozen=True)
class Result:
    """What came of a candidate. Plain data that pickles.

    Attributes:
        state: COMPLETE, PRUNED, REJECTED or FAILED.
        values: objective name -> value. What the graph gives (parameters, flops,
            activation_memory) may be left out: the driver fills it in.
        reason: why it has no values, or was stopped early.
        metrics: whatever else was seen; JSON.
        timings: seconds by phase.
        budget: fidelity at which the values were measured (epochs).
        weights: of the trained network, by name; kept if the trial is among the best.
    """

    state: TrialState
    values: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    timings: Mapping[str, float] = field(default_factory=dict)
    budget: float | None = None
    weights: Mapping[str, Any] | None = None


def failed(kind: FailureKind, message: str) -> Result:
    """A failure."""
    return Result(TrialState.FAILED, reason=f"{kind}: {message}" if message else str(kind))


def from_outcome(outcome: Outcome) -> Result:
    """What training gave. Every metric may be an objective; epochs go to metrics["history"]."""
    return Result(
        state=outcome.state,
        values=outcome.metrics if outcome.state is not TrialState.FAILED else {},
        reason=outcome.reason,
        metrics={**outcome.metrics, "history": list(outcome.history)},
        timings=outcome.timings,
        budget=float(outcome.epochs),
        weights=outcome.weights,
    )


def result_of(finished: Finished) -> Result:
    """The result of a job that has ended, a failure of its executor included.

    Raises:
        TypeError: the work returned something else than a `Result`.
    """
    if finished.failure is not None:
        return failed(*finished.failure)
    if not isinstance(finished.result, Result):
        raise TypeError(f"work returns a Result, not {type(finished.result).__name__}")
    return finished.result


def finish_trial(
    trial: Trial, result: Result, directions: Mapping[str, str], seconds: float
) -> Trial:
    """The finished trial of a running one.

    A COMPLETE trial has a finite value for every objective and no other (those become metrics);
    where the result falls short of that, the trial is FAILED and says which objective it was.
    """
    known = {**_costs(trial), **result.values}
    values = {name: float(known[name]) for name in directions if name in known}
    others = {name: value for name, value in result.values.items() if name not in directions}
    state, reason = result.state, result.reason
    if state is TrialState.COMPLETE:
        reason = _fault(values, result.values, directions)
        state = TrialState.FAILED if reason else state
    if state not in (TrialState.COMPLETE, TrialState.PRUNED):
        values = {}
    return replace(
        trial,
        state=state,
        values={name: value for name, value in values.items() if math.isfinite(value)},
        reason=reason,
        metrics={**trial.metrics, **others, **result.metrics},
        timings={**trial.timings, **result.timings},
        seconds=seconds,
        budget=trial.budget if result.budget is None else result.budget,
    )


def repeat_trial(trial: Trial, original: Trial) -> Trial:
    """The finished trial of one that is equal to a finished one: its values, at no cost."""
    reason = f"repeats trial {original.number}"
    if original.state is not TrialState.COMPLETE:
        reason += f", {original.state}" + (f" ({original.reason})" if original.reason else "")
    return replace(
        trial,
        state=TrialState.DUPLICATE,
        values=original.values,
        reason=reason,
        budget=original.budget,
    )


def _costs(trial: Trial) -> dict[str, float]:
    costs: dict[str, float] = {"parameters": trial.parameters, "flops": trial.flops}
    if "activation_memory" in trial.metrics:
        costs["activation_memory"] = trial.metrics["activation_memory"]
    return costs


def _fault(
    values: Mapping[str, float], given: Mapping[str, float], directions: Mapping[str, str]
) -> str:
    for name in directions:
        if name not in values:
            seen = ", ".join(given) or "none"
            return f"{FailureKind.ERROR}: no value for the objective {name} (values given: {seen})"
        if not math.isfinite(values[name]):
            return f"{FailureKind.NOT_FINITE}: the objective {name} is {values[name]}"
    return ""
