"""Searchers by name: what is known, and what a user is told about a wrong name or option."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from einsearch.errors import SearcherError
from einsearch.searchers.base import Proposal, Searcher
from einsearch.searchers.evolution import EvolutionSearcher
from einsearch.searchers.registry import (
    all_searchers,
    check_searcher,
    make_searcher,
    register_searcher,
    searcher_options,
)
from tests.searchers.bits import bits_space


def test_knows_what_ships() -> None:
    assert {"random", "evolution"} <= set(all_searchers())
    assert list(all_searchers()) == sorted(all_searchers())


def test_a_name_alone_takes_the_defaults() -> None:
    assert check_searcher("evolution") == (
        "evolution",
        {"population": 20, "tournament": 10, "operators": None, "floor": 0.2},
    )


def test_options_reach_the_searcher() -> None:
    searcher = make_searcher({"name": "evolution", "population": 3}, bits_space(), seed=7)
    assert isinstance(searcher, EvolutionSearcher)
    assert searcher.seed == 7
    assert searcher._population.maxlen == 3


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("evolutoin", "no searcher is named evolutoin: did you mean evolution?"),
        ("xyz", "no searcher is named xyz: there are "),
        ({"population": 3}, "a searcher needs a name: {name: evolution}; found {'population': 3}"),
        (
            {"name": "evolution", "popultion": 3},
            "the searcher evolution has no option popultion: did you mean population?",
        ),
        ({"name": "random", "size": 3}, "the searcher random has no option size: there are none"),
        (
            {"name": "evolution", "population": 0},
            "the option population of the searcher evolution is 0: input should be greater",
        ),
        (
            {"name": "evolution", "tournament": "ten"},
            (
                "the option tournament of the searcher evolution is 'ten': input should be a valid "
                "integer"
            ),
        ),
        (
            {"name": "evolution", "population": True},
            (
                "the option population of the searcher evolution is True: input should be a valid "
                "integer"
            ),
        ),
    ],
)
def test_mistakes_are_named(config: Any, message: str) -> None:
    with pytest.raises(SearcherError) as caught:
        check_searcher(config)
    assert str(caught.value).startswith(message)


def test_every_option_has_a_default_and_a_type() -> None:
    for name in all_searchers():
        for option in searcher_options(name).values():
            assert option.default is not option.empty
            assert option.annotation is not option.empty


def test_a_name_is_taken_once() -> None:
    class Other(Searcher):
        name: ClassVar[str] = "evolution"

        def _propose(self, number: int, rng: np.random.Generator) -> Proposal:
            return Proposal(number, self.space.sample(rng))

    with pytest.raises(ValueError, match="a searcher named evolution is registered already"):
        register_searcher(Other)


def test_the_page_on_searchers_has_all_of_them_with_their_options() -> None:
    page = (Path(__file__).parents[2] / "docs" / "searchers.md").read_text(encoding="utf-8")
    described, _, options = page.partition("## How good")[0].partition("## Options")
    listed = re.findall(r"^\| `([a-z0-9-]+)` \| ", described, re.MULTILINE)
    assert sorted(listed) == list(all_searchers())
    rows = re.split(r"^\| `(?=[a-z0-9-]+` \|)", options, flags=re.MULTILINE)[1:]
    named = {row.partition("`")[0]: re.findall(r"`(\w+)`", row) for row in rows}
    for name in set(all_searchers()) - {"random"}:
        assert set(searcher_options(name)) <= set(named[name]), name
