"""Whole searches under a fixed seed, held against golden files.

A change of sampling, mutation, hash or searcher shows here. Where it is meant, write the files
anew by `python -m tests.golden.test_searches`, and say in the change log that runs differ.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import einsearch as es

FOLDER = Path(__file__).parent
SEARCHES = {
    "random-einspace": ("einspace", {"name": "random"}),
    "evolution-einspace": ("einspace", {"name": "evolution", "population": 6, "tournament": 3}),
    "evolution-digits": ("digits", {"name": "evolution", "population": 6, "tournament": 3}),
}


def objective(derivation: Any) -> float:
    """Free, and different for nearly all networks: operations for each parameter."""
    graph = derivation.graph()
    return float(graph.flops / (1000 + graph.parameters))


def rows(name: str) -> list[list[Any]]:
    """What is pinned of every trial of a search."""
    grammar, searcher = SEARCHES[name]
    run = es.search(
        es.load_grammar(grammar),
        objective,
        input=es.image(3, 16, 16),
        searcher=searcher,
        trials=20,
        seed=7,
        limits=es.Limits(nodes=40, depth=6),
    )
    return [[t.number, str(t.state), t.origin, list(t.parents), t.hash, t.text] for t in run.trials]


@pytest.mark.parametrize("name", SEARCHES)
def test_search_is_the_golden_one(name: str) -> None:
    golden = json.loads((FOLDER / f"{name}.json").read_text())
    assert rows(name) == golden


def main() -> None:
    """Writes the golden files anew."""
    for name in SEARCHES:
        text = json.dumps(rows(name), indent=1)
        (FOLDER / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
