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
    from einsearch.evaluate.crossvalidation import Answers


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
        checkpoint: what the work can go on from with a larger budget.
        trained: first and last epoch that were paid for: (0, 3), (3, 9) after a checkpoint.
        traceback: of what a failed one raised, as `user_trace` gives it.
        answers: of the trained network to the examples that it was scored on.
    """

    state: TrialState
    values: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    timings: Mapping[str, float] = field(default_factory=dict)
    budget: float | None = None
    weights: Mapping[str, Any] | None = None
    checkpoint: bytes | None = None
    trained: tuple[int, int] | None = None
    traceback: str = ""
    answers: Answers | None = None

    def outcome(self) -> Outcome:
        """As the evaluation that it came from gave it, as far as it was carried."""
        from einsearch.evaluate.candidate import Outcome

        return Outcome(
            self.state,
            self.reason,
            metrics=self.values,
            history=tuple(self.metrics.get("history", ())),
            timings=self.timings,
            weights=self.weights,
            traceback=self.traceback,
            answers=self.answers,
        )


def failed(kind: FailureKind, message: str, traceback: str = "") -> Result:
    """A failure."""
    reason = f"{kind}: {message}" if message else str(kind)
    return Result(TrialState.FAILED, reason=reason, traceback=traceback)


def from_outcome(outcome: Outcome) -> Result:
    """What training gave. Every metric may be an objective; epochs go to metrics["history"]."""
    return Result(
        state=outcome.state,
        values=outcome.metrics if outcome.state is not TrialState.FAILED else {},
        reason=outcome.reason,
        metrics={
            **outcome.metrics,
            **outcome.costs,
            **({"standard_errors": dict(outcome.errors)} if outcome.errors else {}),
            "history": list(outcome.history),
        },
        timings=outcome.timings,
        budget=float(outcome.epochs),
        weights=outcome.weights,
        checkpoint=outcome.checkpoint,
        trained=(outcome.start, outcome.epochs),
        traceback=outcome.traceback,
        answers=outcome.answers,
    )


def result_of(finished: Finished) -> Result:
    """The result of a job that has ended, a failure of its executor included.

    Raises:
        TypeError: the work returned something else than a `Result`.
    """
    if finished.failure is not None:
        return failed(*finished.failure, finished.traceback)
    if not isinstance(finished.result, Result):
        raise TypeError(f"work returns a Result, not {type(finished.result).__name__}")
    return finished.result


def finish_trial(
    trial: Trial,
    result: Result,
    directions: Mapping[str, str],
    seconds: float,
    constraints: Mapping[str, float] | None = None,
) -> Trial:
    """The finished trial of a running one.

    A COMPLETE trial has a finite value for every objective and no other (those become metrics),
    and for every constraint; where the result falls short of that, the trial is FAILED and says
    which one it was. One that breaks a constraint keeps its values, and says so.

    Args:
        trial: RUNNING; with times and epochs of earlier runs, where it goes on.
        result: what its work gave.
        directions: objective name -> "maximize" or "minimize".
        seconds: that the work took.
        constraints: name -> upper bound.
    """
    bounds = constraints or {}
    known = {**_costs(trial), **result.values}
    values = {name: float(known[name]) for name in directions if name in known}
    others = {name: value for name, value in result.values.items() if name not in directions}
    state, reason = result.state, result.reason
    if state is TrialState.COMPLETE:
        wanted = dict.fromkeys(bounds, "constraint") | dict.fromkeys(directions, "objective")
        reason = _fault(known, result.values, wanted)
        state = TrialState.FAILED if reason else state
    has_values = state in (TrialState.COMPLETE, TrialState.PRUNED)
    excess = _excess(known, bounds) if has_values else {}
    if state is TrialState.COMPLETE:
        reason = _breaches(known, bounds)
    finite = {name: value for name, value in values.items() if math.isfinite(value)}
    return replace(
        trial,
        state=state,
        values=finite if has_values else {},
        reason=reason,
        metrics={**trial.metrics, **others, **result.metrics, **_trained(trial, result)},
        timings=_added(trial.timings, result.timings),
        seconds=trial.seconds + seconds,
        budget=trial.budget if result.budget is None else result.budget,
        excess=excess,
        traceback=result.traceback if state is TrialState.FAILED else "",
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
        excess=original.excess,
        reason=reason,
        budget=original.budget,
    )


def _costs(trial: Trial) -> dict[str, float]:
    """What is known without the work, or from an earlier run of it: latency stays."""
    costs: dict[str, float] = {"parameters": trial.parameters, "flops": trial.flops}
    for name in ("activation_memory", "latency"):
        known = trial.values.get(name, trial.metrics.get(name))
        if isinstance(known, (int, float)):
            costs[name] = known
    return costs


def _fault(
    known: Mapping[str, float], given: Mapping[str, float], wanted: Mapping[str, str]
) -> str:
    for name, role in wanted.items():
        if name not in known:
            seen = ", ".join(given) or "none"
            return f"{FailureKind.ERROR}: no value for the {role} {name} (values given: {seen})"
        if not math.isfinite(known[name]):
            return f"{FailureKind.NOT_FINITE}: the {role} {name} is {known[name]}"
    return ""


def _excess(known: Mapping[str, float], bounds: Mapping[str, float]) -> dict[str, float]:
    return {
        name: (known[name] - bound) / (abs(bound) or 1.0)
        for name, bound in bounds.items()
        if name in known and math.isfinite(known[name])
    }


def _breaches(known: Mapping[str, float], bounds: Mapping[str, float]) -> str:
    broken = [
        f"{name} {known[name]:.8g} above {bound:.8g}"
        for name, bound in bounds.items()
        if known[name] > bound
    ]
    return f"infeasible: {', '.join(broken)}" if broken else ""


def _trained(trial: Trial, result: Result) -> dict[str, Any]:
    """Which epochs were paid for, over all runs of the trial. One that was cut off may have left
    the checkpoint that this one went on from."""
    if result.trained is None:
        return {}
    spans = trial.spans
    first = min(result.trained[0], spans[-1][1] if spans else 0)
    return {"trained": [*map(list, spans), [first, result.trained[1]]]}


def _added(earlier: Mapping[str, float], later: Mapping[str, float]) -> dict[str, float]:
    return {**earlier, **{name: earlier.get(name, 0.0) + later[name] for name in later}}
