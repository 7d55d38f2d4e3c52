"""Operators of a space by name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from einsearch.errors import SearcherError
from einsearch.searchers.varying import Operators
from tests.contracts.searching import space
from tests.searchers.bits import bits_space, from_text


def test_a_plain_space_has_mutation_and_crossover() -> None:
    operators = Operators(bits_space())
    assert operators.names == ("mutate", "crossover")
    assert operators.mutations == ("mutate",)


def test_a_space_of_a_grammar_has_all_scales() -> None:
    assert Operators(space()).names == (
        *("value", "production", "subtree", "swap", "grow", "shrink"),
        *("crossover", "recombine"),
    )


def test_those_that_are_wanted_in_the_order_of_the_space() -> None:
    assert Operators(space(), ["recombine", "value"]).names == ("value", "recombine")


def test_others_are_refused() -> None:
    with pytest.raises(SearcherError, match="no operator recombine: there are mutate, crossover"):
        Operators(bits_space(), ["recombine"])


def test_either_child_of_an_exchange_comes() -> None:
    operators, rng = Operators(bits_space(2)), np.random.default_rng(0)
    children = [
        operators.cross("crossover", from_text("00"), from_text("11"), rng) for _ in range(20)
    ]
    assert {child.text for child in children} == {"01", "10"}


def test_a_space_that_recombines_is_asked_to() -> None:
    mixed = replace(bits_space(), recombine=lambda left, right, rng: from_text("1010"))
    operators, rng = Operators(mixed), np.random.default_rng(0)
    child = operators.cross("recombine", from_text("1100"), from_text("0011"), rng)
    assert child.text == "1010"
