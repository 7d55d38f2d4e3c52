"""Ways to waste fewer minutes: what each saves, and whether it still tells good networks from bad.

    python benchmarks/throughput.py [--task digits series] [--parents 8] [--kept FILE]
                                    [--quick] [--json FILE]

Networks that mutations made are trained in full, then once more in each cheaper way. The table
has the rank correlation of each way's scores with those of training in full, how many of the best
quarter are in its own best third, and the CPU time that it saves. Nothing can correlate better
than training in full once more from another seed does, which is the second row. Seconds are CPU
seconds of one thread. On a GPU a second table has the ways that only a GPU knows.

With --kept a run goes on where it was left; --quick trains 3 networks for 3 epochs on a quarter of
the examples, to see that all of it works.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from common.kept import Kept
from common.machine import banner
from scipy.stats import spearmanr
from thrift.curves import extrapolate
from thrift.device import measured
from thrift.ways import SETTINGS, Family, Setting, Stage, Training, families, load, subset, trained

from einsearch.evaluate.faults import CandidateFault
from einsearch.evaluate.network import Weights
from einsearch.primitives.program import Program
from einsearch.tasks.base import Task

SCORES: Final = {"accuracy": 1.0, "cross_entropy": 0.0}
"""Metrics that networks are ranked by, and the best score each can have."""
FULL: Final = "in full"


@dataclass(frozen=True)
class Size:
    """How much is trained.

    Attributes:
        parents: networks drawn.
        children: mutations of each, which are what is trained in every way.
        epochs: of training in full; three or more, and a multiple of three.
        share: of the training examples that there are.
    """

    parents: int = 8
    children: int = 3
    epochs: int = 12
    share: float = 1.0

    @property
    def third(self) -> int:
        return self.epochs // 3

    def thirds(self, *stages: tuple[float, int]) -> tuple[Stage, ...]:
        """A training that changes its share of the examples and its batch twice."""
        return tuple(
            Stage((number + 1) * self.third, share, batch)
            for number, (share, batch) in enumerate(stages)
        )


QUICK: Final = Size(parents=1, children=3, epochs=3, share=0.25)


@dataclass(frozen=True)
class Scored:
    """A network's scores in one way of training, by metric, and the CPU seconds it took."""

    scores: dict[str, float]
    seconds: float


@dataclass(frozen=True)
class Row:
    """One way, judged by all networks.

    Attributes:
        way: what was done.
        correlation: of the ranks by each metric with those of training in full.
        kept: share of the best quarter by accuracy that is in the way's own best third.
        saved: share of the CPU time.
        score: mean accuracy.
    """

    way: str
    correlation: dict[str, float]
    kept: float
    saved: float
    score: float


def at(training: Training, epoch: int) -> Scored:
    """What is known after an epoch."""
    found = {metric: training.scores(metric)[epoch - 1] for metric in SCORES}
    return Scored(found, training.ends[epoch - 1])


def foretold(training: Training, seen: int, epoch: int) -> Scored:
    """What the curve up to an epoch says of a later one."""
    found = {
        metric: extrapolate(training.scores(metric)[:seen], epoch, best)
        for metric, best in SCORES.items()
    }
    return Scored(found, training.ends[seen - 1])


def ways(setting: Setting, size: Size, kept: Kept) -> dict[str, list[Scored]]:
    """Every network's scores in every way. A network that fails in any is left out of all."""
    task = subset(load(setting), size.share)
    found: dict[str, list[Scored]] = {}
    for number, family in enumerate(families(setting, size.parents, size.children, seed=0)):
        key = f"{setting} {size.children} {size.epochs} {size.share} {family.text}"
        for network in kept.get(key, partial(family_ways, family, task, setting, size)):
            for way, scored in network.items():
                found.setdefault(way, []).append(Scored(**scored))
        print(f"{setting.task}: {number + 1} of {size.parents} families", flush=True)
    return found


def family_ways(
    family: Family, task: Task, setting: Setting, size: Size
) -> list[dict[str, dict[str, Any]]]:
    """`ways_of` of each child that can be trained, as plain data."""
    found = []
    try:
        parent = trained(family.parent, task, setting.config(size.epochs)).weights
        for child in family.children:
            scored = ways_of(child, parent, task, setting, size)
            found.append({way: asdict(one) for way, one in scored.items()})
    except CandidateFault as fault:
        print(f"the rest of a family is left out: {fault}")
    return found


def ways_of(
    child: Program, parent: Weights, task: Task, setting: Setting, size: Size
) -> dict[str, Scored]:
    """One network's scores in every way. Raises CandidateFault where it cannot be trained."""
    full, short = setting.config(size.epochs), setting.config(size.third)
    whole = trained(child, task, full)
    seen = max(2, size.third)
    staged = {
        "1/4 of the examples": (Stage(size.epochs, 0.25),),
        "1/2 of the examples": (Stage(size.epochs, 0.5),),
        "examples grow: 1/4, 1/2, all": size.thirds((0.25, 1), (0.5, 1), (1.0, 1)),
        "batches grow: 1x, 2x, 4x": size.thirds((1.0, 1), (1.0, 2), (1.0, 4)),
    }
    return {
        FULL: at(whole, size.epochs),
        "in full, another seed": at(trained(child, task, full, seed=1), size.epochs),
        "a third of the epochs": at(trained(child, task, short), size.third),
        "the same, weights inherited": at(
            trained(child, task, short, inherited=parent), size.third
        ),
        "score after the first third": at(whole, seen),
        "curve extrapolated from there": foretold(whole, seen, size.epochs),
        **{
            way: at(trained(child, task, full, stages), size.epochs)
            for way, stages in staged.items()
        },
    }


def judge(found: dict[str, list[Scored]]) -> list[Row]:
    """A row for each way."""
    truth = found[FULL]
    return [
        Row(
            way,
            {metric: correlation(truth, scored, metric) for metric in SCORES},
            best_kept(truth, scored),
            1 - sum(one.seconds for one in scored) / sum(one.seconds for one in truth),
            float(np.mean([one.scores["accuracy"] for one in scored])),
        )
        for way, scored in found.items()
    ]


def correlation(truth: Sequence[Scored], scored: Sequence[Scored], metric: str) -> float:
    """Spearman's, by one metric; NaN where all scores are the same."""
    pairs = ([one.scores[metric] for one in some] for some in (truth, scored))
    a, b = pairs
    if len(set(a)) < 2 or len(set(b)) < 2:
        return float("nan")
    return float(spearmanr(a, b)[0])


def best_kept(truth: Sequence[Scored], scored: Sequence[Scored]) -> float:
    """Share of the best quarter that a halving which keeps a third would go on with."""
    count = len(truth)
    best = set(ranked(truth)[: max(1, count // 4)])
    return len(best & set(ranked(scored)[: max(1, count // 3)])) / len(best)


def ranked(scored: Sequence[Scored]) -> list[int]:
    """Numbers of the networks, best first; equal accuracies by cross-entropy."""
    order = [(one.scores["accuracy"], one.scores["cross_entropy"]) for one in scored]
    return sorted(range(len(order)), key=lambda number: order[number], reverse=True)


def table(rows: Sequence[Row]) -> str:
    """Rows as Markdown."""
    lines = [
        "| way | rank correlation | by cross-entropy | best quarter kept | CPU time saved "
        + "| mean accuracy |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {row.way} | {row.correlation['accuracy']:.2f} | {row.correlation['cross_entropy']:.2f} "
        f"| {row.kept:.0%} | {row.saved:.0%} | {row.score:.3f} |"
        for row in rows
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--task", nargs="+", choices=list(SETTINGS), default=["digits"])
    parser.add_argument("--quick", action="store_true", help="3 networks of the first task")
    parser.add_argument("--parents", type=int, default=Size.parents, help="3 networks of each")
    parser.add_argument("--kept", type=Path, help="file to go on from, and to keep results in")
    parser.add_argument("--json", type=Path, help="file that the figures go to")
    options = parser.parse_args()
    torch.set_num_threads(1)
    size = QUICK if options.quick else Size(options.parents)
    print(banner(), flush=True)
    results = {}
    for task in options.task[:1] if options.quick else options.task:
        found = ways(SETTINGS[task], size, Kept(options.kept))
        rows = judge(found)
        results[task] = [asdict(row) for row in rows]
        count = len(found[FULL])
        print(f"\n{task}: {count} networks, {size.epochs} epochs in full")
        print(f"\n{table(rows)}\n", flush=True)
    device = measured(options.quick)
    print(device.text)
    if options.json:
        content = {"machine": banner(), "tasks": results, "gpu": device.figures}
        options.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
