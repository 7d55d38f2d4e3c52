"""Limits that every derivation of a search keeps."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Upper bounds; None means no bound.

    Attributes:
        nodes: primitive calls as built: copies and repeated blocks count each time.
        depth: levels of nested branches, copies and blocks; a series is flat.
        parameters: trainable scalars of the backbone.
        flops: for one example, two per multiply-add.
        activation_memory: bytes that training keeps for one example.
    """

    nodes: int | None = 400
    depth: int | None = 40
    parameters: int | None = None
    flops: int | None = None
    activation_memory: int | None = None

    def __post_init__(self) -> None:
        for name in ("nodes", "depth", "parameters", "flops", "activation_memory"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or value < (name == "nodes")):
                raise ValueError(f"the limit on {name} is {value}; expected a positive number")


NO_LIMITS = Limits(nodes=None, depth=None)
"""For texts that are given, not drawn."""
