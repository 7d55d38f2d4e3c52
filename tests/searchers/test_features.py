"""Tests of structure features."""

from __future__ import annotations

import pytest

from einsearch.derivation.derivation import Derivation
from einsearch.derivation.parse import parse
from einsearch.grammar.load import load_grammar_text
from einsearch.searchers.features import GROUPS, features_of
from einsearch.specs import image
from tests.searchers.bits import from_text

GRAMMAR = load_grammar_text(
    """
start network
network = part
part = relu | tanh | sigmoid | identity | part >> part | (part, part) >> add
     | (part, part) >> concat(features) | dropout(0.0..0.8) | conv2d(channels, {1, 3})
""",
    "features.ein",
)
OTHER = load_grammar_text(GRAMMAR.text.replace("part", "piece"), "other.ein")
GRAPH = GROUPS[2:]


def derived(text: str, grammar: object = GRAMMAR) -> Derivation:
    return parse(grammar, text, image(4, 8, 8))  # type: ignore[arg-type]


def groups(derivation: Derivation) -> dict[str, frozenset[int]]:
    return dict(zip(GROUPS, features_of(derivation), strict=True))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("(relu, tanh) >> add", "(tanh, relu) >> add"),
        ("relu >> identity >> tanh", "relu >> tanh"),
    ],
)
def test_graph_features_do_not_see_what_changes_nothing(left: str, right: str) -> None:
    one, other = groups(derived(left)), groups(derived(right))
    assert all(one[group] == other[group] for group in GRAPH)
    assert one["decisions"] != other["decisions"]


@pytest.mark.parametrize(
    ("left", "right", "differing"),
    [
        ("(relu, tanh) >> concat(features)", "(tanh, relu) >> concat(features)", GRAPH[1:]),
        ("relu >> tanh", "tanh >> relu", GRAPH[1:]),
        ("conv2d(4, 1) >> tanh", "conv2d(4, 3) >> tanh", GRAPH),
        (
            "relu >> tanh >> relu >> sigmoid >> relu",
            "relu >> sigmoid >> relu >> tanh >> relu",
            GRAPH[2:],
        ),
    ],
)
def test_each_group_looks_further(left: str, right: str, differing: tuple[str, ...]) -> None:
    one, other = groups(derived(left)), groups(derived(right))
    found = {group for group in GRAPH if one[group] != other[group]}
    assert found >= set(differing[-1:])
    assert found <= set(differing)


def test_counts_are_levels_that_are_reached() -> None:
    sets = [groups(derived(" >> ".join(["relu"] * n)))["operations"] for n in (1, 2, 3)]
    assert sets[0] < sets[1] < sets[2]


def test_names_of_rules_are_seen_in_decisions_alone() -> None:
    text = "relu >> (tanh, sigmoid) >> add"
    one, other = groups(derived(text)), groups(derived(text, OTHER))
    assert all(one[group] == other[group] for group in GRAPH)
    assert one["context"] != other["context"]


def test_near_numbers_of_a_range_share_more() -> None:
    near, here, far = (groups(derived(f"dropout({p})"))["decisions"] for p in (0.12, 0.1, 0.7))
    assert len(here & near) > len(here & far)


def test_equal_choices_in_other_places_share_their_context() -> None:
    one = groups(derived("relu >> tanh"))
    other = groups(derived("(sigmoid, relu >> tanh) >> add"))
    assert len(one["context"] & other["context"]) > len(one["decisions"] & other["decisions"])


def test_what_is_no_network_has_decisions_alone() -> None:
    one, other = groups(from_text("0110")), groups(from_text("0111"))
    assert not any(one[group] for group in GRAPH)
    assert len(one["decisions"] & other["decisions"]) == 3
