"""A callable of the user's as the work of an executor: `objective(derivation)` -> `Result`."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from einsearch.compile.methods import bind_methods
from einsearch.errors import Reject
from einsearch.shown import shown
from einsearch.study.executor import Job, ReportBack, describe_failure
from einsearch.study.result import Result, failed
from einsearch.study.stage import Stage, as_number
from einsearch.traces import user_trace
from einsearch.trial import FailureKind, Trial, TrialState

Objective = Callable[..., Any]
"""Takes a derivation, and where it has such a parameter a `stage`; returns a number, or objective
name -> number. Raising `Reject` rejects the candidate."""


@dataclass(frozen=True)
class ObjectiveWork:
    """Calls an objective for each job. It pickles where its parts do.

    Attributes:
        objective: the callable.
        recall: decisions -> derivation, for jobs that do not carry their derivation.
        main: name of the objective that a plain number stands for.
    """

    objective: Objective
    recall: Callable[[Sequence[tuple[str, str, Any]]], Any]
    main: str

    def __call__(self, job: Job, report: ReportBack) -> Result:
        derivation = job.payload.get("derivation")
        if derivation is None:
            derivation = self.recall(job.payload["decisions"])
        if not takes_stage(self.objective):
            return evaluate_objective(self.objective, derivation, self.main)
        stage = Stage(job, report, self.main)
        result = evaluate_objective(partial(self.objective, stage=stage), derivation, self.main)
        is_stopped = stage.is_stopped and result.state is TrialState.COMPLETE
        return replace(
            result,
            state=TrialState.PRUNED if is_stopped else result.state,
            metrics={**result.metrics, **stage.seen()},
            budget=stage.reached if job.budget is None else job.budget,
            trained=stage.trained,
            checkpoint=stage.packed(),
        )


def takes_stage(objective: Objective) -> bool:
    """Whether an objective has a parameter `stage`."""
    try:
        return "stage" in inspect.signature(objective).parameters
    except (TypeError, ValueError):  # some builtins have none to look at
        return False


def evaluate_objective(objective: Objective, derivation: Any, main: str) -> Result:
    """What an objective says of a derivation; everything that it does wrong is a value.

    Values that are NaN or infinite, of any name, fail the candidate as not finite.
    """
    try:
        returned = objective(derivation)
    except Reject as error:
        return Result(TrialState.REJECTED, reason=shown(str(error)) or "by the objective")
    except Exception as error:
        return failed(*describe_failure(error), user_trace(error))
    named = returned if isinstance(returned, Mapping) else {main: returned}
    values = {}
    for name, value in named.items():
        number = as_number(value)
        if number is None:
            return failed(
                FailureKind.ERROR,
                f"the objective returned {type(value).__name__} for {name}: expected a number",
            )
        if not math.isfinite(number):
            return failed(FailureKind.NOT_FINITE, f"the objective {name} is {number}")
        values[str(name)] = number
    return Result(TrialState.COMPLETE, values)


def objective_work(objective: Objective, recall: Any, main: str) -> ObjectiveWork:
    """The work of an objective, built where it runs; arguments as of `ObjectiveWork`."""
    bind_methods()  # in a worker process nobody else has
    return ObjectiveWork(objective, recall, main)


def decisions_payload(trial: Trial, derivation: Any | None) -> Mapping[str, Any]:
    """What jobs carry to other processes."""
    return {"decisions": trial.decisions}


def program_payload(trial: Trial, derivation: Any | None) -> Mapping[str, Any]:
    """What jobs of a task carry: the network, so that nobody reads its text again. After an
    interruption, which took it, the text is enough."""
    return {} if derivation is None else {"program": derivation.program}


def derivation_payload(trial: Trial, derivation: Any | None) -> Mapping[str, Any]:
    """What jobs carry within the process: the derivation itself, or after an interruption, which
    took it, the decisions."""
    return {"decisions": trial.decisions, "derivation": derivation}
