"""`Case`: a search space whose objective is known everywhere, so that regret can be told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from einsearch.derivation.derivation import Derivation
from einsearch.derivation.limits import Limits
from einsearch.grammar.load import load_grammar_text
from einsearch.grammar.model import Grammar
from einsearch.searchers.base import SearchSpace
from einsearch.specs import image
from einsearch.study.describing import Description
from einsearch.study.searchspace import search_space

STEERS, REPORTED = "validation", "test"
DIRECTIONS = {STEERS: "maximize"}

Objective = Callable[[Derivation], dict[str, float]]
"""Gives the value that steers the search and the one that is reported."""


@dataclass(frozen=True)
class Case:
    """One space to search.

    Attributes:
        name: in tables and plots.
        space: what the searcher is given.
        describe: by which duplicates are known.
        objective: what a trial costs.
        best: the highest value that can be reported.
        positions, choices: of a space whose architectures are `positions` choices among as many
            values each, in the order of derivation; 0 for any other.
    """

    name: str
    space: SearchSpace
    describe: Callable[[Any], Description]
    objective: Objective
    best: float
    positions: int = 0
    choices: int = 0


@lru_cache(maxsize=8)
def grammar_text(name: str) -> str:
    """Text of one of the grammars beside this file."""
    return (Path(__file__).parent / f"{name}.ein").read_text(encoding="utf-8")


def space_of(grammar: Grammar, nodes: int) -> SearchSpace:
    """All that a grammar derives on a small image."""
    return search_space(
        grammar, image(4, 8, 8), directions=DIRECTIONS, limits=Limits(nodes=nodes), require=()
    )


def grammar_of(name: str, text: str | None = None) -> Grammar:
    """A grammar beside this file; or another text of it."""
    return load_grammar_text(text or grammar_text(name), name, None, None)


def by_text(derivation: Any) -> Description:
    """Architectures are the same if their texts are."""
    return Description(derivation.text)


def by_decisions(derivation: Any) -> Description:
    """Architectures are the same if they were decided alike: tables list equal networks apart."""
    return Description(str(derivation.values))


def shuffled(rng: np.random.Generator, count: int) -> list[int]:
    """The numbers below `count` in random order."""
    return [int(number) for number in rng.permutation(count)]
