"""Tables and the picture of `layers.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

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
    """Accuracy of an anchor with a layer on test data, over seeds; in per cent.

    Attributes:
        mean, deviation: over the trainings that ended.
        ended: how many ended.
    """

    mean: float
    deviation: float
    ended: int


Table = dict[str, dict[str, Cell]]
"""Layer -> anchor -> accuracy."""


def not_below(table: Table, baseline: str = "bn_relu") -> list[str]:
    """Layers whose mean is not below the baseline's on any anchor."""
    least = table[baseline]
    return [
        name
        for name, cells in table.items()
        if name not in BASELINES and all(cells[a].mean >= least[a].mean for a in least)
    ]


def show_table(title: str, table: Table) -> str:
    """Rows of layers, columns of anchors, the mean with the deviation over seeds."""
    anchors = list(next(iter(table.values())))
    rows = [f"{title:<24}" + "".join(f"{anchor:>16}" for anchor in anchors)]
    for name, cells in table.items():
        shown = [f"{cells[a].mean:.2f} ± {cells[a].deviation:.2f}" for a in anchors]
        rows.append(f"{name:<24}" + "".join(f"{text:>16}" for text in shown))
    good = not_below(table)
    found = len([name for name in table if name not in BASELINES])
    rows.append(f"not below bn_relu on any of these: {len(good)} of {found} found layers")
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
