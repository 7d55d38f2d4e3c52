"""A trial: one candidate, what it cost, what came of it. Pure data.

A failure is a value here, never an exception: `state` says which kind, `reason` says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class TrialState(StrEnum):
    """Where a trial stands."""

    RUNNING = "RUNNING"
    COMPLETE = "COMPLETE"
    FAILED = "FAILED"
    """Building or training it went wrong; `reason` begins with a `FailureKind`."""
    PRUNED = "PRUNED"
    """Stopped or paused because others did better at the same budget."""
    REJECTED = "REJECTED"
    """Turned down before training, by a filter or by the objective."""
    DUPLICATE = "DUPLICATE"
    """Equal (canonical hash) to an earlier trial; its values are copied, nothing was spent."""

    @property
    def is_finished(self) -> bool:
        return self is not TrialState.RUNNING


class FailureKind(StrEnum):
    """The first word of a failed trial's reason."""

    ERROR = "error"
    NOT_FINITE = "not-finite"
    TIME_LIMIT = "time-limit"
    OUT_OF_MEMORY = "out-of-memory"
    DIED = "died"
    SHAPE_MISMATCH = "shape-mismatch"


@dataclass(frozen=True)
class Trial:
    """One candidate of a search.

    Attributes:
        number: position in the search, from 0; also seeds the candidate's training.
        text: the architecture as an expression; parses back.
        decisions: the exact derivation as JSON-ready triples (address, domain, value).
        hash: canonical hash of the simplified graph; equal networks have equal hashes.
        values: objective name -> value. Empty unless the state is COMPLETE, PRUNED or DUPLICATE,
            or it runs on after a pause.
        metrics: whatever else evaluation reported: losses, epoch-wise scores.
        parents: numbers of the trials that this one was made from.
        origin: how the proposal was made: "sample", "seed", "mutate", "crossover"...
        parameters, flops: of the backbone, as counted on the graph (flops per example).
        seconds: wall-clock time of the evaluation.
        budget: fidelity at which `values` were measured (epochs); None for plain objectives.
        timings: seconds by phase: propose, build, train, validate.
        excess: constraint name -> by how much its value is above the bound, in units of the bound;
            at most 0 where it is kept. Empty without constraints.
        reason: why it failed, was rejected or pruned, which trial it repeats, or which constraint
            it breaks.
        traceback: of what a failed one raised, cut to the user's frames and to a bounded length;
            empty where nothing was raised. Its characters are as they came: escape what controls a
            terminal before it is shown.
        directory: run folder that it was read from; empty for a run in memory. Not recorded.
    """

    number: int
    text: str
    state: TrialState
    decisions: tuple[tuple[str, str, Any], ...] = ()
    hash: str = ""
    values: Mapping[str, float] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    parents: tuple[int, ...] = ()
    origin: str = "sample"
    seed: int = 0
    parameters: int = 0
    flops: int = 0
    seconds: float = 0.0
    budget: float | None = None
    timings: Mapping[str, float] = field(default_factory=dict)
    excess: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    traceback: str = field(default="", compare=False)
    directory: str = field(default="", compare=False)

    @property
    def history(self) -> list[dict[str, float]]:
        """Metrics of each epoch, as far as they were kept. `metrics` may have anything under that
        name, since objectives name theirs as they like."""
        epochs = self.metrics.get("history")
        if not isinstance(epochs, (list, tuple)):
            return []
        return [
            {name: value for name, value in epoch.items() if isinstance(value, (int, float))}
            for epoch in epochs
            if isinstance(epoch, Mapping)
        ]

    @property
    def spans(self) -> list[tuple[int, int]]:
        """First and last epoch of each training that was paid for, as far as it was kept."""
        spans = self.metrics.get("trained")
        if not isinstance(spans, (list, tuple)):
            return []
        pairs = [tuple(s) for s in spans if isinstance(s, (list, tuple)) and len(s) == 2]
        return [(a, b) for a, b in pairs if isinstance(a, int) and isinstance(b, int)]

    @property
    def violation(self) -> float:
        """By how much it breaks its constraints, in units of the bounds; 0 where it keeps all."""
        return sum(max(0.0, excess) for excess in self.excess.values())

    @property
    def is_feasible(self) -> bool:
        """Whether it keeps all constraints, as far as they are known."""
        return self.violation == 0.0

    @property
    def activation_memory(self) -> float | None:
        """Bytes that the activations of one example take; None where the record does not say."""
        known = self.metrics.get("activation_memory", self.values.get("activation_memory"))
        return known if isinstance(known, (int, float)) else None

    def as_json(self) -> dict[str, Any]:
        """The fields that `einsearch trials --json` prints."""
        return {
            "number": self.number,
            "state": str(self.state),
            "reason": self.reason,
            "text": self.text,
            "values": dict(self.values),
            "parents": list(self.parents),
            "origin": self.origin,
            "parameters": self.parameters,
            "flops": self.flops,
            "activation_memory": self.activation_memory,
            "seconds": self.seconds,
            "budget": self.budget,
            "excess": dict(self.excess),
            "hash": self.hash,
        }
