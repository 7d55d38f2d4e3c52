"""`describe`: what the graph of a derivation says about a trial before anything is spent on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from einsearch.graph.graph import ArchitectureGraph
from einsearch.searchers.base import Proposal
from einsearch.trial import Trial, TrialState


@dataclass(frozen=True)
class Description:
    """What is known of a candidate from its graph.

    Attributes:
        hash: equal for candidates that are not worth evaluating twice.
        parameters, flops: as in `Trial`.
        metrics: further costs; an objective of that name has them as its value.
    """

    hash: str
    parameters: int = 0
    flops: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)


Describe = Callable[[Any], Description]
"""Describes a derivation."""


def describe(derivation: Any) -> Description:
    """Canonical hash and costs of a derivation."""
    graph = ArchitectureGraph(derivation.program)
    return Description(
        hash=graph.canonical_hash,
        parameters=graph.parameters,
        flops=graph.flops,
        metrics={"activation_memory": graph.activation_memory},
    )


def trial_of(proposal: Proposal, description: Description, seed: int, seconds: float) -> Trial:
    """The running trial that a proposal becomes.

    Args:
        proposal: what the searcher wants.
        description: of its derivation.
        seed: of the run; the trial's own comes from it and from the trial's number.
        seconds: what proposing took.
    """
    state = np.random.SeedSequence((seed, proposal.number)).generate_state(1)
    return Trial(
        number=proposal.number,
        text=proposal.derivation.text,
        state=TrialState.RUNNING,
        decisions=tuple(tuple(decision) for decision in proposal.derivation.decisions),
        hash=description.hash,
        metrics=description.metrics,
        parents=proposal.parents,
        origin=proposal.origin,
        seed=int(state[0]),
        parameters=description.parameters,
        flops=description.flops,
        timings={"propose": seconds},
    )
