"""`Head`: what a task puts at the end of a network, for drawings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from einsearch.specs import Layout, TensorSpec


@dataclass(frozen=True)
class Head:
    """The layer from the last features to the task's answer, as `compile.head` makes it.

    Attributes:
        label: as a drawing says it.
        output: the answer.
        parameters: its weights.
    """

    label: str
    output: TensorSpec
    parameters: int


def head_for(features: Sequence[TensorSpec], output: TensorSpec) -> Head | None:
    """The head of a network for a task; None where there is none from these features.

    Args:
        features: what leaves the network.
        output: what the task wants.
    """
    if len(features) != 1:
        return None
    (last,) = features
    mapped = f"linear({output.features})"
    if output.layout is Layout.VECTOR:
        label = f"mean over positions, {mapped}" if last.rank > 1 else mapped
    elif last.layout is output.layout:
        label = f"{mapped} at every position"
    else:
        return None
    return Head(f"head: {label}", output, (last.features + 1) * output.features)
