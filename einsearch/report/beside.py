"""`Beside`: what simple models score on the data of a run, beside the network it hands over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from einsearch.numbers import Scores, duration
from einsearch.shown import shown_line
from einsearch.study.run import Run

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Beside:
    """Simple models and the best network of a run, by one metric.

    Attributes:
        rows: simple models as baselines.json has them, the best first, those without a score last.
        metric, direction: what they are judged by.
        network: of the best network, on validation data; None where there is none.
    """

    rows: Sequence[Row]
    metric: str
    direction: str
    network: float | None

    @property
    def levels(self) -> dict[str, float]:
        """Score of each model that has one, the best first."""
        return {row["name"]: row["valid"][self.metric] for row in self._scored}

    @property
    def _scored(self) -> list[Row]:
        return [row for row in self.rows if self.metric in row["valid"]]

    @property
    def heads(self) -> list[str]:
        """Of the table."""
        tested = ["test"] if any(row.get("test") for row in self.rows) else []
        return ["without a search", self.metric, *tested, "time", ""]

    def cells(self, scores: Scores) -> list[list[str]]:
        """The table, a row for each model."""
        return [
            [
                row["name"],
                _shown(row["valid"], row.get("errors", {}), self.metric, scores),
                *(
                    [_shown(row.get("test", {}), row.get("test_errors", {}), self.metric, scores)]
                    if "test" in self.heads
                    else []
                ),
                duration(row["seconds"]),
                _remarks(row),
            ]
            for row in self.rows
        ]

    @property
    def is_beaten(self) -> bool | None:
        """Whether the best network is better than every simple model; None where nothing can be
        compared."""
        best = next(iter(self._scored), None)
        if best is None or self.network is None:
            return None
        value = float(best["valid"][self.metric])
        return self.network > value if self.direction == "maximize" else self.network < value

    def verdict(self, scores: Scores) -> str:
        """A sentence where no network beats a simple model, else nothing."""
        if self.is_beaten is not False or self.network is None:
            return ""
        best = self._scored[0]
        ours, theirs = (
            scores(self.metric, value) for value in (self.network, best["valid"][self.metric])
        )
        return (
            f"No network beats {_named(best['name'])} here ({ours} against {theirs} "
            f"{self.metric}, validation): keep that, or give the search more time."
        )


def beside(run: Run) -> Beside | None:
    """What simple models score beside the best network of a run; None where they were not asked
    for. Raises RunError where the folder is damaged."""
    found = run.baselines
    if found is None:
        return None
    rows = list(found["baselines"])
    metric, direction = _judged_by(rows, run.directions)
    sign = -1.0 if direction == "maximize" else 1.0
    ranked = sorted(
        rows,
        key=lambda row: (metric not in row["valid"], sign * row["valid"].get(metric, 0.0)),
    )
    return Beside(ranked, metric, direction, _network(run, metric))


def _judged_by(rows: Sequence[Row], directions: Mapping[str, str]) -> tuple[str, str]:
    """The metric that people look at: the main objective. Where a search is steered by the
    cross-entropy, or by what is no metric, it is the first metric of the task."""
    main, direction = next(iter(directions.items()))
    known: Mapping[str, float] = next((row["valid"] for row in rows if row["valid"]), {})
    if known and (main == "cross_entropy" or main not in known):
        main = next(iter(known))
        direction = _direction(main)
    return main, direction


def _direction(metric: str) -> str:
    from einsearch.tasks.base import METRICS

    known = {one.name: one.direction for group in METRICS.values() for one in group}
    return known.get(metric, "minimize")


def _network(run: Run, metric: str) -> float | None:
    """The score of what the run hands over on validation data: of the average of several networks,
    of a full training, or of the search, the first that is there."""
    best, final = run.find_best(), run.final or {}
    rows = final.get("networks", ())
    for found in (
        (final.get("ensemble") or {}).get("valid", {}).get(metric),
        *(row["valid"].get(metric, {}).get("mean") for row in rows[:1]),
    ):
        if found is not None:
            return float(found)
    if best is None:
        return None
    value = best.values.get(metric, best.metrics.get(metric))
    return None if value is None else float(value)


def _shown(
    metrics: Mapping[str, float], errors: Mapping[str, float], metric: str, scores: Scores
) -> str:
    if metric not in metrics:
        return ""
    shown = scores(metric, metrics[metric])
    return f"{shown} ± {scores(metric, errors[metric])}" if metric in errors else shown


def _remarks(row: Row) -> str:
    parts = [row.get("failure", ""), *row.get("notes", ())]
    if row.get("untested"):
        parts.append(f"not tested: {row['untested']}")
    return "; ".join(part for part in parts if part)


def _named(name: str) -> str:
    """A model in a sentence."""
    told = {
        "dummy": "the same answer to everything",
        "nearest neighbour": "the nearest neighbour",
        "linear model": "the linear model",
    }
    shown = shown_line(name)
    return told.get(name, f"the table of {shown}" if "symbol" in name else shown)
