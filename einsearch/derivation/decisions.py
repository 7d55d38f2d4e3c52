"""Decisions: what a derivation consists of, where each was taken, and from what.

A derivation is fixed by its grammar, its input and its decisions in order. Each has an address
(a path of rule names, bounded in length), the domain it was drawn from, and the value.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, NamedTuple

from einsearch.primitives.arguments import show_value

SHOWN_LEVELS = 4
"""Levels of a path that an address spells out; a digest stands for those above."""


class Path:
    """Where in a derivation something stands: a linked list of labels from the root."""

    __slots__ = ("_digest", "_text", "label", "level", "parent")

    def __init__(self, parent: Path | None, label: str) -> None:
        self.parent = parent
        self.label = label
        self.level: int = 0 if parent is None else parent.level + 1
        self._digest: bytes | None = None
        self._text: str | None = None

    @property
    def digest(self) -> bytes:
        """Eight bytes that tell this path from any other; worked out from the root down."""
        pending: list[Path] = []
        node: Path | None = self
        while node is not None and node._digest is None:
            pending.append(node)
            node = node.parent
        above = b"" if node is None else node._digest or b""
        for item in reversed(pending):
            above = blake2b(above + item.label.encode(), digest_size=8).digest()
            item._digest = above
        return above

    def child(self, label: str) -> Path:
        return Path(self, label)

    def __str__(self) -> str:
        if self._text is None:
            self._text = self._shown()
        return self._text

    def _shown(self) -> str:
        labels: list[str] = []
        node: Path | None = self
        while node is not None and len(labels) < SHOWN_LEVELS:
            labels.append(node.label)
            node = node.parent
        if node is not None:
            labels.append(f"~{node.digest.hex()}")
        return "/".join(reversed(labels))


class Decision(NamedTuple):
    """One decision, ready for JSON.

    Attributes:
        address: where it was taken; the same place in another derivation has the same address.
        domain: what it was drawn from, e.g. "module: 4", "{16, 32}", "2..8", "any: flat in".
        value: index of the alternative, the value drawn, or the names of tensors.
    """

    address: str
    domain: str
    value: Any


@dataclass(frozen=True, slots=True)
class Options:
    """A finite set to draw from.

    Attributes:
        values: what can be drawn.
        probabilities: by the grammar, guards taken into account; they sum to 1.
        allowed: positions that may be tried: the others are known to fit nowhere, or to break a
            limit.
        domain: as in `Decision`.
    """

    values: Sequence[Any]
    probabilities: Sequence[float]
    allowed: Sequence[int]
    domain: str

    def only(self, positions: Sequence[int]) -> Options:
        """The same draw, of which no other values may be tried."""
        kept = [position for position in self.allowed if position in positions]
        return Options(self.values, self.probabilities, kept, self.domain)

    def recorded(self, value: Any) -> Any:
        """The value that a record means: JSON does not tell symbols from texts."""
        for option in self.values:
            if option == value and type(option) is not bool:
                return option
        return value

    def log_probability(self, value: Any) -> float | None:
        """Of a value, or None where it cannot be drawn here."""
        position = self.position(value)
        if position is None or self.probabilities[position] <= 0:
            return None
        return math.log(self.probabilities[position])

    def position(self, value: Any) -> int | None:
        """Where a value stands, or None; true is not 1."""
        is_bool = type(value) is bool
        for position, option in enumerate(self.values):
            if option == value and (type(option) is bool) == is_bool:
                return position
        return None


@dataclass(frozen=True, slots=True)
class Interval:
    """A range to draw from, both ends included.

    Attributes:
        low, high: the ends.
        is_integer: whole numbers only.
        is_log: uniform in the logarithm.
    """

    low: float
    high: float
    is_integer: bool
    is_log: bool = False

    @property
    def domain(self) -> str:
        log = "log " if self.is_log else ""
        return f"{log}{show_value(self.low)}..{show_value(self.high)}"

    def recorded(self, value: Any) -> Any:
        """The value that a record means."""
        return value

    def log_probability(self, value: Any) -> float | None:
        """Of a value (a density for reals), or None where it cannot be drawn here."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return None
        if not self.low <= value <= self.high or (self.is_integer and value != int(value)):
            return None
        if self.is_integer:
            return -math.log(self.high - self.low + 1)
        if self.high == self.low:
            return 0.0
        if self.is_log:
            return -math.log(value * math.log(self.high / self.low))
        return -math.log(self.high - self.low)


Draw = Options | Interval


def is_production(domain: str) -> bool:
    """Whether a domain, as a `Decision` has it, is of alternatives rather than of values."""
    return ": " in domain and not domain.startswith(("{", "any: "))
