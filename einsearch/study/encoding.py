"""`Trial` -> the attributes of an Optuna trial, and back.

| attribute                | holds                                                           |
| ------------------------ | --------------------------------------------------------------- |
| `text`, `hash`, `origin` | as in `Trial`; columns of their own in a dashboard              |
| `proposal`               | the rest of what is known before the evaluation                 |
| `result`                 | state, values and all else that the evaluation gave             |
| `promoted`               | that the trial goes on after a result: which one, to what epoch |

A trial is finished when it has a `result` and does not go on after it, whatever Optuna's state
says. Optuna has no state for rejected and duplicate trials. Both are FAIL to it: no sampler learns
from them, no plot and no Pareto front counts a copied value twice; `result` says what they are.
A trial that is paused and can go on is RUNNING to Optuna, where a finished one can never change.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from optuna.trial import TrialState as OptunaState

from einsearch.study.checked import FLOAT
from einsearch.trial import Trial, TrialState

OPTUNA_STATES: Final[Mapping[TrialState, OptunaState]] = {
    TrialState.RUNNING: OptunaState.RUNNING,
    TrialState.COMPLETE: OptunaState.COMPLETE,
    TrialState.FAILED: OptunaState.FAIL,
    TrialState.PRUNED: OptunaState.PRUNED,
    TrialState.REJECTED: OptunaState.FAIL,
    TrialState.DUPLICATE: OptunaState.FAIL,
}

_EXACT: Final = frozenset({int, str, bool})
"""Types of values that JSON gives back as they are."""


@dataclass(frozen=True)
class Telling:
    """A result that the searcher was told.

    Attributes:
        trial: as it was told.
        position: among all tellings, from 0.
        elapsed: seconds on the clock of the search when it came; over all sessions.
    """

    trial: Trial
    position: int
    elapsed: float = 0.0


@dataclass(frozen=True)
class Entry:
    """A trial and its place among the events of the search.

    Attributes:
        trial: as it is. One that goes on after a result is RUNNING again, with the values that
            it has so far.
        asked_after: how many results the searcher had been told when it was asked for this one.
        tellings: its results; several where it was paused and went on.
        is_open: whether it is paused, and may go on.
        reports: epoch -> main objective, as reported while it ran.
    """

    trial: Trial
    asked_after: int = 0
    tellings: tuple[Telling, ...] = ()
    is_open: bool = False
    reports: Mapping[int, float] = field(default_factory=dict)

    @property
    def is_finished(self) -> bool:
        return self.trial.state.is_finished

    @property
    def told_as(self) -> int | None:
        """Position of the last result among those told; None before the first."""
        return self.tellings[-1].position if self.tellings else None

    @property
    def elapsed(self) -> float:
        """Seconds on the clock of the search at the last result."""
        return self.tellings[-1].elapsed if self.tellings else 0.0

    def finished(self, trial: Trial, position: int, elapsed: float, *, is_open: bool) -> Entry:
        """With a result."""
        tellings = (*self.tellings, Telling(trial, position, elapsed))
        return replace(self, trial=trial, tellings=tellings, is_open=is_open)

    def promoted(self, budget: float) -> Entry:
        """Running again, to another budget."""
        trial = replace(
            self.trial, state=TrialState.RUNNING, reason="", traceback="", budget=budget
        )
        return replace(self, trial=trial, is_open=False)


def encode_proposal(entry: Entry) -> dict[str, Any]:
    """The attributes that a trial has from its proposal on; plain JSON."""
    trial = entry.trial
    return {
        "text": trial.text,
        "hash": trial.hash,
        "origin": trial.origin,
        "proposal": {"decisions": _plain_decisions(trial.decisions)}
        | plain(
            {
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


def _plain_decisions(decisions: Sequence[tuple[str, str, Any]]) -> list[Any]:
    """As `plain`; addresses and domains that come again are one object."""
    rows: list[Any] = []
    for address, domain, value in decisions:
        kind = type(value)
        if kind not in _EXACT and not (kind is float and math.isfinite(value)):
            value = plain(value)
        rows.append([sys.intern(address), sys.intern(domain), value])
    return rows


def encode_result(entry: Entry) -> dict[str, Any]:
    """What the attribute `result` of a finished trial holds; plain JSON."""
    *earlier, last = map(_encode_telling, entry.tellings)
    if earlier:
        last["earlier"] = earlier
    if entry.is_open:
        last["open"] = True
    return plain(last)  # type: ignore[no-any-return]


def _encode_telling(telling: Telling) -> dict[str, Any]:
    trial = telling.trial
    result: dict[str, Any] = {
        "state": str(trial.state),
        "reason": trial.reason,
        "values": trial.values,
        "metrics": trial.metrics,
        "seconds": trial.seconds,
        "budget": trial.budget,
        "timings": trial.timings,
        "told_as": telling.position,
        "elapsed": telling.elapsed,
    }
    extras = {"excess": trial.excess, "traceback": trial.traceback}
    return result | {name: value for name, value in extras.items() if value}


def encode_promotion(entry: Entry) -> dict[str, Any]:
    """What the attribute `promoted` of a trial that goes on holds; plain JSON."""
    return {"after": entry.told_as, "budget": entry.trial.budget}


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
            (
                sys.intern(address),
                sys.intern(domain),
                value if type(value) in _EXACT else restore(value),
            )
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
    """The finished trial of a proposed one and its `result`; errors as in `decode_proposal`."""
    proposed = entry.trial
    for told in (*result.get("earlier", ()), result):
        trial = replace(
            proposed,
            state=TrialState(told["state"]),
            reason=told["reason"],
            values=restore(told["values"]),
            metrics=restore(told["metrics"]),
            seconds=restore(told["seconds"]),
            budget=restore(told["budget"]),
            timings=restore(told["timings"]),
            excess=restore(told.get("excess", {})),
            traceback=told.get("traceback", ""),
        )
        is_open = told.get("open", False)
        entry = entry.finished(trial, told["told_as"], told["elapsed"], is_open=is_open)
    return entry


def decode_promotion(entry: Entry, promotion: Mapping[str, Any]) -> Entry:
    """The running trial of a paused one and its `promoted`; the trial as it is where that has led
    to a result already."""
    if promotion["after"] != entry.told_as:
        return entry
    return entry.promoted(promotion["budget"])


def decode_entry(
    number: int, attributes: Mapping[str, Any], reports: Mapping[int, float] | None = None
) -> Entry:
    """A trial from all its attributes and reports; errors as in `decode_proposal`."""
    entry = replace(decode_proposal(number, attributes), reports=reports or {})
    if "result" in attributes:
        entry = decode_result(entry, attributes["result"])
    if "promoted" in attributes:
        entry = decode_promotion(entry, attributes["promoted"])
    return entry


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
        if value.keys() == {FLOAT}:
            return float(value[FLOAT])
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
        return {FLOAT: str(value)}
    if hasattr(value, "tolist"):
        return _mark(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): _mark(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_mark(item) for item in value]
    return value
