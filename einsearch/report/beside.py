"""`Beside`: what simple models score on the data of a run, beside the network it hands over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from einsearch.numbers import Scores, duration
from einsearch.shown import shown_line
from einsearch.study.handing import handed_over, leading
from einsearch.study.run import Run

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Beside:
    """Simple models and the best network of a run, by one metric.

    Attributes:
        rows: simple models as baselines.json has them, the best first, those without a score last.
        metric, direction: what they are judged by.
        network: score of what the search hands over, on validation data; None where there is none.
        tested: the same on test data; None where it was not tested.
    """

    rows: Sequence[Row]
    metric: str
    direction: str
    network: float | None
    tested: float | None = None

    def levels(self, metric: str, direction: str) -> dict[str, float]:
        """Score of each model by a metric that need not be the one they are judged by, the best
        first; empty where they have no such score."""
        known = {r["name"]: r["valid"][metric] for r in self.rows if metric in r["valid"]}
        sign = -1.0 if direction == "maximize" else 1.0
        return dict(sorted(known.items(), key=lambda pair: sign * pair[1]))

    @property
    def _scored(self) -> list[Row]:
        return [row for row in self.rows if self.metric in row["valid"]]

    @property
    def heads(self) -> list[str]:
        """Of the table."""
        tested = ["test"] if any(row.get("test") for row in self.rows) else []
        return ["with and without a search", self.metric, *tested, "time", ""]

    def cells(self, scores: Scores) -> list[list[str]]:
        """The table: what the search found, where there is something, and a row for each model."""
        ours = [] if self.network is None else [self._ours(scores)]
        return ours + [
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

    def _ours(self, scores: Scores) -> list[str]:
        tested = [scores(self.metric, self.tested)] if "test" in self.heads else []
        return ["this search", scores(self.metric, self.network), *tested, "", ""]

    @property
    def is_beaten(self) -> bool | None:
        """Whether the best network is better than every simple model; None where nothing can be
        compared."""
        best = next(iter(self._scored), None)
        if best is None or self.network is None:
            return None
        return self._is_better(self.network, best["valid"][self.metric])

    def _is_better(self, value: float, other: float) -> bool:
        return value > other if self.direction == "maximize" else value < other

    def verdict(self, scores: Scores) -> str:
        """A sentence where no network beats the best simple model, on validation data or on the
        test; else nothing."""
        if self.is_beaten is None:
            return ""
        best = self._scored[0]
        name, test = _named(best["name"]), best.get("test", {}).get(self.metric)
        pairs = [(self.network, best["valid"][self.metric], "validation")]
        if test is not None and self.tested is not None:
            pairs.append((self.tested, test, "test"))
        told = "; ".join(
            f"{scores(self.metric, ours)} against {scores(self.metric, theirs)} "
            f"{self.metric}, {split}"
            for ours, theirs, split in pairs
        )
        if not self.is_beaten:
            return (
                f"No network beats {name} here ({told}): keep that, or give the search more time."
            )
        if test is not None and self.tested is not None and self._is_better(test, self.tested):
            return f"On validation data the network beats {name}, on the test it does not ({told})."
        return ""


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
    return Beside(ranked, metric, direction, *_network(run, metric))


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


def _network(run: Run, metric: str) -> tuple[float | None, float | None]:
    """Scores of what the run hands over on validation and test data. Where it learned from the
    validation data too, the first is that of the search."""
    best, handed = leading(run), handed_over(run)
    if best is None:
        return None, None
    rows = (run.final or {}).get("networks", ())
    row = next((one for one in rows if one["number"] == best.number), None)
    found: list[float | None] = []
    for split in ("valid", "test"):
        value = None if handed is None else getattr(handed, split).get(metric)
        if value is None and row is not None:
            value = row[split].get(metric, {}).get("mean")
        found.append(value)
    if found[0] is None:
        found[0] = best.values.get(metric, best.metrics.get(metric))
    return found[0], found[1]


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
