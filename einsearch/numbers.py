"""How numbers are written for people, everywhere alike: counts, memory, times, scores."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

_SIZES: Final = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))

_PLAIN_TO: Final = 1e9
"""Values from here on are written with an exponent."""


def count(value: float) -> str:
    """A count: 950, 12.3k, 4.37M."""
    number, suffix = _scaled(value)
    return f"{number}{suffix}"


def memory(value: float) -> str:
    """Bytes: 950 B, 12.3 kB, 4.37 MB."""
    number, suffix = _scaled(value)
    return f"{number} {suffix}B"


def _scaled(value: float) -> tuple[str, str]:
    """A number of three digits, and the suffix that it counts in."""
    for size, suffix in _SIZES:
        # 999.6k is 1M: what is rounded up to a thousand counts in the next size.
        if abs(value) >= size * (1 - 5e-4 if size > 1e3 else 1):
            return f"{value / size:.3g}", suffix
    return f"{value:.4g}", ""


def duration(seconds: float) -> str:
    """A time span: 4.2 s, 3 min 05 s, 2 h 10 min."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def plural(number: int, noun: str) -> str:
    """ "1 trial", "2 trials"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def digits(value: float) -> str:
    """A number with four digits; large ones with all before the point."""
    if math.isfinite(value) and 1e4 <= abs(value) < _PLAIN_TO:
        return f"{value:.0f}"
    return f"{value:.4g}"


@dataclass(frozen=True)
class Scores:
    """Writes values of objectives and metrics.

    Attributes:
        shares: names of those that are shares of examples, written in per cent: 99.17 %.
    """

    shares: Collection[str] = ()

    def __call__(self, name: str, value: float | None) -> str:
        """A value: shares in per cent, costs as counts, others with four digits; "" for none."""
        if value is None:
            return ""
        if name in self.shares and math.isfinite(value):
            return f"{100 * value:.2f} %"
        if name in ("parameters", "flops"):
            return count(value)
        if name == "activation_memory":
            return memory(value)
        return digits(value)

    def tick(self, name: str, value: float) -> str:
        """A round value at the axis of a chart."""
        if name in self.shares:
            return f"{100 * value:.4g} %"
        return memory(value) if name == "activation_memory" else count(value)


PLAIN: Final = Scores()
"""Where nothing is known of the values."""
