"""`Trial` -> the attributes of an Optuna trial, and back.

| attribute                | holds                                                           |
| ------------------------ | --------------------------------------------------------------- |
| `text`, `hash`, `origin` | as in `Trial`; columns of their own in a dashboard              |
| `proposal`               | the rest of what is known before the evaluation                 |
| `result`                 | state, values and all else that the evaluation gave             |

A trial is finished when it has a `result`, whatever Optuna's state says. Optuna has no state for
rejected and duplicate trials. Both are FAIL to it: no sampler learns from them, no plot and no
Pareto front counts a copied value twice; `result` says what they are.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from optuna.trial import TrialState as OptunaState

from einsearch.trial import Trial, TrialState

OPTUNA_STATES: Final[Mapping[TrialState, OptunaState]] = {
    TrialState.RUNNING: OptunaState.RUNNING,
    TrialState.COMPLETE: OptunaState.COMPLETE,
    TrialState.FAILED: OptunaState.FAIL,
    TrialState.PRUNED: OptunaState.PRUNED,
    TrialState.REJECTED: OptunaState.FAIL,
    TrialState.DUPLICATE: OptunaState.FAIL,
}

_FLOAT: Final = "$float"
"""Key of the object that stands for a number that JSON has not: {"$float": "nan"}."""


@dataclass(frozen=True)
class Entry:
    """A trial and its place among the events of the search.

    Attributes:
        trial: as recorded.
        asked_after: how many trials the searcher had been told when it was asked for this one.
        told_as: position of the trial among those told, from 0; None while it runs.
        elapsed: seconds on the clock of the search when the result came; over all sessions.
    """

    trial: Trial
    asked_after: int = 0
    told_as: int | None = None
    elapsed: float = 0.0

    @property
    def is_finished(self) -> bool:
        return self.told_as is not None


def encode_proposal(entry: Entry) -> dict[str, Any]:
    """The attributes that a trial has from its proposal on; plain JSON."""
    trial = entry.trial
    return {
        "text": trial.text,
        "hash": trial.hash,
        "origin": trial.origin,
        "proposal": plain(
            {
                "decisions": trial.decisions,
                "parents": trial.parents,
                "seed": trial.seed,
                "parameters": trial.parameters,
                "flops": trial.flops,
                "budget": trial.budget,
                "timings": trial.timings,
                "metrics": trial.metrics,
                "asked_after": entry.asked_after,
            }
        ),
    }


def encode_result(entry: Entry) -> dict[str, Any]:
    """What the attribute `result` of a finished trial holds; plain JSON."""
    trial = entry.trial
    return plain(  # type: ignore[no-any-return]
        {
            "state": str(trial.state),
            "reason": trial.reason,
            "values": trial.values,
            "metrics": trial.metrics,
            "seconds": trial.seconds,
            "budget": trial.budget,
            "timings": trial.timings,
            "told_as": entry.told_as,
            "elapsed": entry.elapsed,
        }
    )


def decode_proposal(number: int, attributes: Mapping[str, Any]) -> Entry:
    """The running trial that `encode_proposal` wrote.

    Raises:
        KeyError, TypeError, ValueError: the attributes are not what einsearch writes.
    """
    proposal = attributes["proposal"]
    trial = Trial(
        number=number,
        text=attributes["text"],
        state=TrialState.RUNNING,
        decisions=tuple(
            (sys.intern(address), sys.intern(domain), restore(value))
            for address, domain, value in proposal["decisions"]
        ),
        hash=attributes["hash"],
        parents=tuple(proposal["parents"]),
        origin=attributes["origin"],
        seed=proposal["seed"],
        parameters=proposal["parameters"],
        flops=proposal["flops"],
        budget=restore(proposal["budget"]),
        timings=restore(proposal["timings"]),
        metrics=restore(proposal["metrics"]),
    )
    return Entry(trial, proposal["asked_after"])


def decode_result(entry: Entry, result: Mapping[str, Any]) -> Entry:
    """The finished trial of a running one and its `result`; errors as in `decode_proposal`."""
    trial = replace(
        entry.trial,
        state=TrialState(result["state"]),
        reason=result["reason"],
        values=restore(result["values"]),
        metrics=restore(result["metrics"]),
        seconds=restore(result["seconds"]),
        budget=restore(result["budget"]),
        timings=restore(result["timings"]),
    )
    return replace(entry, trial=trial, told_as=result["told_as"], elapsed=result["elapsed"])


def plain(value: Any) -> Any:
    """A copy that is exactly what JSON gives back: lists for tuples, numbers of Python.

    Raises:
        TypeError: something in it is no JSON; the message says of which type.
    """
    try:
        return json.loads(json.dumps(value, allow_nan=False, default=_as_json))
    except ValueError:
        return json.loads(json.dumps(_mark(value), allow_nan=False, default=_as_json))


def restore(value: Any) -> Any:
    """What `plain` was given, but for the types that JSON has not."""
    if isinstance(value, dict):
        if value.keys() == {_FLOAT}:
            return float(value[_FLOAT])
        return {key: restore(item) for key, item in value.items()}
    if isinstance(value, list):
        return [restore(item) for item in value]
    return value


def _as_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "tolist"):
        return _mark(value.tolist())
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} cannot be recorded: only what JSON has")


def _mark(value: Any) -> Any:
    """With every number that is not finite replaced by an object that names it."""
    if isinstance(value, float) and not math.isfinite(value):
        return {_FLOAT: str(value)}
    if hasattr(value, "tolist"):
        return _mark(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): _mark(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_mark(item) for item in value]
    return value
