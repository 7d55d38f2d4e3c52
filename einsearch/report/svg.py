"""The parts of a chart: scales, ticks at round numbers, and elements of SVG as text.

Colours are classes, given by the style sheet of the page that a chart stands in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from einsearch.numbers import Scores
from einsearch.shown import escape

WIDTH, HEIGHT = 480, 270
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 14, 44
"""Pixels round the area where data is drawn; labels of axes stand there."""


@dataclass(frozen=True)
class Scale:
    """Maps data to pixels along one axis.

    Attributes:
        low, high: the data at its two ends; `high` is more than `low`.
        start, end: the pixels of those ends.
        logarithmic: whether equal ratios take equal space; the data is then positive.
    """

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        low, high = (math.log10(v) if self.logarithmic else v for v in (self.low, self.high))
        place = math.log10(value) if self.logarithmic else value
        return self.start + (place - low) / (high - low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Round numbers inside the scale, about five."""
        if self.logarithmic:
            found = _powers(self.low, self.high)
            if len(found) >= 2:
                return found
        return _round_steps(self.low, self.high)


def _powers(low: float, high: float) -> list[float]:
    exponents = range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)
    return [10.0**exponent for exponent in exponents]


def _round_steps(low: float, high: float, wanted: int = 6) -> list[float]:
    rough = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def x_scale(low: float, high: float, logarithmic: bool = False) -> Scale:
    """The horizontal scale of a chart; an empty range is widened."""
    low, high = _widened(low, high, logarithmic)
    return Scale(low, high, LEFT, WIDTH - RIGHT, logarithmic)


def y_scale(low: float, high: float) -> Scale:
    """The vertical scale of a chart; large values stand high."""
    low, high = _widened(low, high, logarithmic=False)
    return Scale(low, high, HEIGHT - BOTTOM, TOP)


def _widened(low: float, high: float, logarithmic: bool) -> tuple[float, float]:
    if logarithmic:
        return (low, high) if high > low else (low / 2, high * 2)
    margin = 0.04 * (high - low) or max(abs(low), 1.0) * 0.04
    return low - margin, high + margin


def axes(x: Scale, y: Scale, x_label: str, y_label: str, scores: Scores) -> str:
    """Grid lines with their numbers, and the names of both axes; `scores` writes the numbers."""
    parts = []
    for tick in x.ticks():
        place = x(tick)
        parts.append(_line(place, TOP, place, HEIGHT - BOTTOM, "grid"))
        parts.append(
            text(place, HEIGHT - BOTTOM + 17, scores.tick(x_label, tick), "tick", "middle")
        )
    for tick in y.ticks():
        place = y(tick)
        parts.append(_line(LEFT, place, WIDTH - RIGHT, place, "grid"))
        parts.append(text(LEFT - 8, place + 4, scores.tick(y_label, tick), "tick", "end"))
    parts.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, x_label, "label", "middle"))
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(
        f'<text class="label" text-anchor="middle" '
        f'transform="translate(14 {middle:.0f}) rotate(-90)">{escape(y_label)}</text>'
    )
    return "".join(parts)


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def level(y: Scale, value: float, name: str) -> str:
    """A dashed line across the chart at a value, with its name above it."""
    place = y(value)
    return _line(LEFT, place, WIDTH - RIGHT, place, "level") + text(
        WIDTH - RIGHT - 4, place - 3, name, "level-name", "end"
    )


def text(x: float, y: float, content: str, kind: str, anchor: str = "start") -> str:
    """A line of text."""
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">'
        f"{escape(content)}</text>"
    )


def dot(x: float, y: float, kind: str, tip: str) -> str:
    """A point whose `tip` appears under the mouse."""
    return (
        f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="3.5">'
        f"<title>{escape(tip)}</title></circle>"
    )


def path(points: list[tuple[float, float]], kind: str) -> str:
    """A line through points."""
    steps = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline class="{kind}" points="{steps}"/>'


def chart(title: str, *parts: str, height: float = HEIGHT) -> str:
    """The whole picture; `title` is read out to those who cannot see it."""
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {height:.0f}" role="img" '
        f'aria-label="{escape(title)}" xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'
    )
