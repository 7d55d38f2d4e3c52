"""Tables and the picture of `layers.py`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

BASELINES = ("bn_relu", "evonorm_s0", "evonorm_b0")


@dataclass(frozen=True)
class Filtered:
    """What became of random layers.

    Attributes:
        layers: how many were drawn.
        networks: how many of them differ, by canonical hash.
        passed: how many pass both filters.
        quality: rejected because an anchor had not learned.
        failed: rejected because the first epochs failed, values not finite most of all.
        stability: rejected because gradients can be driven up.
        by_anchor: which anchor rejected how many, by filter.
        seconds: of evaluation; equal layers are evaluated once.
    """

    layers: int
    networks: int
    passed: int
    quality: int
    failed: int
    stability: int
    by_anchor: Mapping[str, Mapping[str, int]]
    seconds: float


@dataclass(frozen=True)
class Cell:
    """Accuracies of an anchor with a layer on test data, in per cent.

    Attributes:
        accuracies: of the trainings that ended, one a seed.
    """

    accuracies: tuple[float, ...]

    @property
    def mean(self) -> float:
        """0 where no training ended."""
        return mean(self.accuracies) if self.accuracies else 0.0

    @property
    def deviation(self) -> float:
        """Over seeds; 0 where fewer than two trainings ended."""
        return stdev(self.accuracies) if len(self.accuracies) > 1 else 0.0


Table = dict[str, dict[str, Cell]]
"""Layer -> anchor -> accuracy."""


def difference(ours: Cell, theirs: Cell) -> tuple[float, float]:
    """95 % confidence interval of the difference of two means (Welch, 1947)."""
    if min(len(ours.accuracies), len(theirs.accuracies)) < 2:
        return -math.inf, math.inf
    if ours.deviation == theirs.deviation == 0:
        return (ours.mean - theirs.mean,) * 2
    from scipy.stats import ttest_ind

    test = ttest_ind(ours.accuracies, theirs.accuracies, equal_var=False)
    low, high = test.confidence_interval()
    return float(low), float(high)


def not_below(table: Table, baseline: str = "bn_relu") -> list[str]:
    """Layers whose mean is not below the baseline's on any anchor."""
    least = table[baseline]
    return [
        name
        for name, cells in table.items()
        if name not in BASELINES and all(cells[a].mean >= least[a].mean for a in least)
    ]


def told_below(table: Table, baseline: str = "bn_relu") -> list[str]:
    """Layers that are below the baseline on some anchor, as surely as 95 %."""
    least = table[baseline]
    return [
        name
        for name, cells in table.items()
        if name not in BASELINES and any(difference(cells[a], least[a])[1] < 0 for a in least)
    ]


def show_table(title: str, table: Table) -> str:
    """Rows of layers, columns of anchors, the mean with the deviation over seeds.

    A minus and a plus mark what is below and above batch norm and ReLU, as surely as 95 %.
    """
    anchors = list(next(iter(table.values())))
    rows = [f"{title:<24}" + "".join(f"{anchor:>18}" for anchor in anchors)]
    for name, cells in table.items():
        shown = []
        for anchor in anchors:
            low, high = difference(cells[anchor], table["bn_relu"][anchor])
            mark = "-" if high < 0 else "+" if low > 0 else " "
            shown.append(f"{cells[anchor].mean:.2f} ± {cells[anchor].deviation:.2f} {mark}")
        rows.append(f"{name:<24}" + "".join(f"{text:>18}" for text in shown))
    found = len([name for name in table if name not in BASELINES])
    rows.append(
        f"of {found} found layers {len(not_below(table))} have means not below those of bn_relu "
        f"on any of these; {len(told_below(table))} are below it as surely as 95 % on some"
    )
    return "\n".join(rows)


def show_filtered(found: Filtered) -> str:
    """How many the filters reject."""
    rows = [
        f"{found.layers} random layers ({found.networks} different), {found.seconds:.0f} s",
        f"  quality: not learned {found.quality}, failed {found.failed}",
        f"  stability: {found.stability}",
        f"  passed: {found.passed}",
    ]
    for anchor, kinds in sorted(found.by_anchor.items()):
        rows.append(f"  rejected at {anchor}: {dict(sorted(kinds.items()))}")
    return "\n".join(rows)


def plot(groups: Mapping[str, Sequence[Mapping[str, float]]], path: Path) -> None:
    """Validation accuracy on each anchor, by group of layers."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    anchors = list(next(values[0] for values in groups.values() if values))
    figure, axis = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
    markers = zip((-0.25, -0.05, 0.15, 0.22, 0.29), ".xDs^", strict=True)
    for (shift, marker), (label, values) in zip(markers, groups.items(), strict=True):
        places = [column + shift for column in range(len(anchors)) for _ in values]
        heights = [100 * v[anchor] for anchor in anchors for v in values]
        axis.plot(places, heights, marker, label=label, alpha=0.8)
    axis.set_xticks(range(len(anchors)), anchors)
    axis.set_ylabel("validation accuracy, %")
    axis.legend(fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)
