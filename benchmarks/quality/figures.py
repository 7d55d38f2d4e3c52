"""Means with confidence intervals, the table in Markdown, and the plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

RESAMPLES = 4000
LEAST_SHOWN = 1e-3
"""Regrets below it are drawn there: the axis is logarithmic."""


@dataclass(frozen=True)
class Cell:
    """Where and with how many workers searchers are compared.

    Attributes:
        case: name of the space.
        workers: that evaluate at the same time.
        curves: label of a searcher -> regrets, shape (seeds, trials).
        seconds: label of a searcher -> CPU seconds a trial.
    """

    case: str
    workers: int
    curves: Mapping[str, np.ndarray]
    seconds: Mapping[str, float]


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """Mean of values of shape (n,) and its 95 % bootstrap confidence interval (percentiles)."""
    rng = np.random.default_rng(0)
    drawn = values[rng.integers(len(values), size=(RESAMPLES, len(values)))].mean(axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(values.mean()), float(low), float(high)


def ratio_interval(ours: np.ndarray, theirs: np.ndarray) -> tuple[float, float, float]:
    """Ratio of two means and its 95 % bootstrap confidence interval; samples are independent."""
    rng = np.random.default_rng(0)

    def means(values: np.ndarray) -> np.ndarray:
        drawn = rng.integers(len(values), size=(RESAMPLES, len(values)))
        resampled: np.ndarray = values[drawn].mean(axis=1)
        return resampled

    low, high = np.percentile(means(ours) / np.maximum(means(theirs), 1e-12), [2.5, 97.5])
    return float(ours.mean() / max(theirs.mean(), 1e-12)), float(low), float(high)


def table(cell: Cell, marks: Sequence[int]) -> str:
    """Regrets at some numbers of trials, the best searcher at the second of them first."""
    head = ["searcher", "seeds", *(f"at {mark} trials" for mark in marks), "CPU ms"]
    lines = [_row(head), _row(["---", *("---:" for _ in range(len(marks) + 2))])]
    order = marks[min(1, len(marks) - 1)] - 1
    for label in sorted(cell.curves, key=lambda label: float(cell.curves[label][:, order].mean())):
        curve = cell.curves[label]
        means = ["{:.3f} ({:.3f}-{:.3f})".format(*interval(curve[:, mark - 1])) for mark in marks]
        cost = f"{1e3 * cell.seconds[label]:.0f}"
        lines.append(_row([label, str(len(curve)), *means, cost]))
    return "\n".join(lines)


def _row(entries: Sequence[str]) -> str:
    return "| " + " | ".join(entries) + " |"


class Style(NamedTuple):
    """How a searcher's curve looks."""

    colour: str
    dashes: str
    width: float
    has_band: bool


PROMINENT = {
    "guided-evolution": Style("tab:green", "-", 2.2, has_band=True),
    "evolution 50/10": Style("black", "--", 2.0, has_band=True),
    "random": Style("tab:gray", ":", 2.0, has_band=True),
}
"""The default, and what it is measured against. Bands of all would hide one another."""


def styles_of(labels: Sequence[str]) -> dict[str, Style]:
    """A style for each searcher: no two alike among twenty."""
    colours = ("blue", "orange", "red", "purple", "brown", "pink", "olive", "cyan")
    others = [label for label in sorted(labels) if label not in PROMINENT]
    made = {
        label: Style(f"tab:{colours[i % 8]}", ("-", "-.")[i // 8 % 2], 1.1, has_band=False)
        for i, label in enumerate(others)
    }
    return {label: PROMINENT.get(label) or made[label] for label in labels}


def plot(cells: Sequence[Cell], path: Path) -> None:
    """Mean regret by trials on logarithmic axes, one panel a cell.

    Bands are 95 % confidence intervals of the default and of what it is measured against.
    """
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "einsearch"
    import matplotlib.pyplot as plt

    columns = min(2, len(cells))
    rows = -(-len(cells) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(5.4 * columns, 3.4 * rows), squeeze=False, layout="constrained"
    )
    styles = styles_of(list(dict.fromkeys(label for cell in cells for label in cell.curves)))
    for axis, cell in zip(axes.flat, cells, strict=False):
        _panel(axis, cell, styles)
    for axis in list(axes.flat)[len(cells) :]:
        axis.set_axis_off()
    handles = [
        plt.Line2D([], [], color=one.colour, ls=one.dashes, lw=one.width, label=label)
        for label, one in styles.items()
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=4, fontsize=9)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    plt.close(figure)


def _panel(axis: Any, cell: Cell, styles: Mapping[str, Style]) -> None:
    for label, curve in cell.curves.items():
        style = styles[label]
        first = min(9, curve.shape[1] - 1)
        trials = np.arange(first, curve.shape[1]) + 1
        means = np.maximum(curve[:, first:].mean(axis=0), LEAST_SHOWN)
        axis.plot(trials, means, color=style.colour, ls=style.dashes, lw=style.width)
        if style.has_band:
            spread = [interval(curve[:, place]) for place in range(first, curve.shape[1])]
            _, low, high = np.maximum(np.array(spread).T, LEAST_SHOWN)
            axis.fill_between(trials, low, high, color=style.colour, alpha=0.12, lw=0)
    workers = "1 worker" if cell.workers == 1 else f"{cell.workers} workers"
    axis.set(title=f"{cell.case}, {workers}", xlabel="trials", ylabel="regret", yscale="log")
    axis.grid(alpha=0.3, lw=0.5)
