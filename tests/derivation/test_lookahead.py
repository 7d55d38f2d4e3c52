"""What primitives turn down is not drawn; what is left keeps its proportions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any

import numpy as np
import pytest

from einsearch.derivation.choosing import AtRandom
from einsearch.derivation.decisions import Draw, Options, Path
from einsearch.derivation.sample import guided, sample
from einsearch.derivation.state import DeadEnd
from einsearch.grammar.model import Grammar
from einsearch.specs import image
from tests.derivation.spaces import grammar

SPEC = image(4, 6, 8)
JOINS = grammar("""
start network
network = (conv2d(4, 1), conv2d({4, 8}, 1)) >> join
join = add [1] | concat(axis={0, 1}) [2] | matmul [1] | mul [1]
""")


class Watcher(AtRandom):
    """Notes which values may be tried, by the label of the draw."""

    def __init__(self, seed: int) -> None:
        super().__init__(Random(seed))
        self.seen: list[tuple[str, tuple[Any, ...], tuple[Any, ...]]] = []

    def candidates(self, draw: Draw, path: Path, label: str) -> Iterator[Any]:
        assert isinstance(draw, Options)
        allowed = tuple(draw.values[position] for position in draw.allowed)
        self.seen.append((label, tuple(draw.values), allowed))
        return super().candidates(draw, path, label)


def watched(space: Grammar, seed: int) -> tuple[str, dict[str, tuple[Any, ...]]]:
    watcher = Watcher(seed)
    text = guided(space, SPEC, None, None, watcher).text
    return text, {label: allowed for label, values, allowed in watcher.seen if len(values) > 1}


def test_joins_that_do_not_fit_are_not_drawn() -> None:
    for seed in range(30):
        text, allowed = watched(JOINS, seed)
        if "conv2d(8" in text:
            assert allowed["join"] == (1,)
            assert [v for label, v in allowed.items() if "axis" in label] == [(0,)]
        else:
            assert allowed["join"] == (0, 1, 3)


def test_what_is_left_keeps_its_proportions() -> None:
    rng = np.random.default_rng(0)
    drawn = Counter(sample(JOINS, SPEC, rng).text for _ in range(3000))
    left = "(conv2d(4, 1), conv2d(4, 1)) >> "
    expected = {
        f"{left}add": 1 / 8,
        f"{left}mul": 1 / 8,
        f"{left}concat(0)": 1 / 8,
        f"{left}concat(1)": 1 / 8,
        "(conv2d(4, 1), conv2d(8, 1)) >> concat(0)": 1 / 2,
    }
    assert set(drawn) == set(expected)
    for text, probability in expected.items():
        spread = math.sqrt(probability * (1 - probability) / 3000)
        assert abs(drawn[text] / 3000 - probability) < 5 * spread


def test_probabilities_are_those_of_the_grammar() -> None:
    for seed in range(20):
        found = sample(JOINS, SPEC, np.random.default_rng(seed))
        if found.text.endswith("add"):
            assert found.log_probability == pytest.approx(math.log(1 / 2) + math.log(1 / 5))


@pytest.mark.parametrize(
    "value", ["{1, 2} * channels", "channels", "{4, 8}"], ids=["arithmetic", "attribute", "domain"]
)
def test_arguments_that_depend_on_tensors_are_drawn(value: str) -> None:
    space = grammar(
        f"start n\nn = conv2d({value}, 1) >> split({{2, 3, 8}}, axis=0)\n    >> concat(0)"
    )
    for seed in range(20):
        assert "split(3" not in sample(space, SPEC, np.random.default_rng(seed)).text


def test_the_reason_is_told_where_nothing_fits() -> None:
    space = grammar("start n\nn = (conv2d(4, 1), conv2d(8, 1)) >> (add | mul)")
    with pytest.raises(DeadEnd, match=r"mul cannot take .* they must have one shape"):
        guided(space, SPEC, None, None, Watcher(0))
