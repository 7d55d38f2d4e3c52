"""Limits that every derivation of a search keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from einsearch.errors import LimitError
from einsearch.grammar.modules import nearest
from einsearch.quantities import parse_bytes, parse_count


@dataclass(frozen=True)
class Limits:
    """Upper bounds, numbers or text such as "2M"; None means no bound.

    Attributes:
        nodes: primitive calls as built: copies and repeated blocks count each time.
        depth: levels of nested branches, copies and blocks; a series is flat.
        parameters: trainable scalars of the backbone.
        flops: for one example, two per multiply-add.
        activation_memory: bytes that training keeps for one example.

    Raises:
        LimitError: one of them is no whole number, or below 0.
    """

    nodes: int | None = 400
    depth: int | None = 40
    parameters: int | None = None
    flops: int | None = None
    activation_memory: int | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            object.__setattr__(self, field.name, _read(field.name, value))

    @classmethod
    def of(cls, given: Any) -> Limits:
        """Limits from {"nodes": 40, "parameters": "2M"}, as in a search-space file. Raises
        LimitError."""
        if isinstance(given, Limits):
            return given
        names = [field.name for field in fields(cls)]
        if not isinstance(given, Mapping):
            wanted = f'Limits(...) or {{"nodes": 40}}, of {", ".join(names)}'
            raise LimitError(f"limits is {given!r}: expected {wanted}")
        for name in given:
            if name not in names:
                hint = nearest(str(name), names) or f"there are {', '.join(names)}"
                raise LimitError(f"there is no limit {name}\n  {hint}")
        return cls(**given)


def _read(name: str, value: Any) -> int | None:
    """A limit as people write it: 300, 2e6, "2M", "200MB"."""
    if value is None:
        return None
    least = int(name == "nodes")
    try:
        if isinstance(value, str):
            value = (parse_bytes if name == "activation_memory" else parse_count)(value)
        is_whole = not isinstance(value, bool) and int(value) == value >= least
    except (TypeError, ValueError, OverflowError):
        is_whole = False
    if not is_whole:
        wanted = f"a whole number from {least} on, such as 300 or 2M"
        raise LimitError(f"the limit {name} is {value!r}: expected {wanted}")
    return int(value)


NO_LIMITS = Limits(nodes=None, depth=None)
"""For texts that are given, not drawn."""
