"""A whole search whose epochs are dealt out, under a fixed seed, held against a golden file.

A change of who goes on, and when, shows here. Where it is meant, write the file anew by
`python -m tests.golden.test_budgets`, and say in the change log that runs differ.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import einsearch as es
from einsearch.study.events import Callbacks
from einsearch.study.stage import Stage
from einsearch.trial import Trial

FILE = Path(__file__).parent / "asha-digits.json"


def objective(derivation: Any, stage: Stage) -> dict[str, float]:
    """Free: large networks learn slowly, and get further."""
    size = derivation.graph().parameters
    worth = 0.0
    for epoch in range(1, (stage.epochs or 9) + 1):
        worth = size / (2000 + size) * epoch / (epoch + size / 1000)
        if stage.report(epoch, {"worth": worth}):
            break
    return {"worth": worth}


class Course(Callbacks):
    """What was trained to how many epochs, and what came of it, in order."""

    def __init__(self) -> None:
        self.rows: list[list[Any]] = []

    def on_trial(self, trial: Trial) -> None:
        self.rows.append([trial.number, trial.budget, str(trial.state), trial.reason, trial.text])


def rows() -> list[list[Any]]:
    course = Course()
    es.search(
        es.load_grammar("digits"),
        objective,
        input=es.image(1, 8, 8),
        searcher="random",
        directions={"worth": "maximize", "parameters": "minimize"},
        constraints={"flops": 400_000},
        pruner={"pruner": "asha", "min": 1, "max": 9, "promote": 3},
        trials=24,
        seed=7,
        limits=es.Limits(nodes=40, depth=6),
        callbacks=course,
    )
    return course.rows


def test_search_is_the_golden_one() -> None:
    assert rows() == json.loads(FILE.read_text())


if __name__ == "__main__":
    FILE.write_text(json.dumps(rows(), indent=1) + "\n")
