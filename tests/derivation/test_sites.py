"""Calls of a rule's body, and the ways back to a rule."""

from __future__ import annotations

import pytest

from einsearch.derivation.sites import find_choice, sites_of, ways_back
from tests.derivation.spaces import grammar, packaged

EINSPACE = packaged("einspace")


def test_calls_of_a_body_with_the_choices_before_them() -> None:
    rules = grammar(
        "start x\nx = (a | b [0.25]) >> each(a, 2) >> { u = in >> b  out = (u, in >> a) >> add }"
        "\na = relu | tanh\nb = chain(2, a) | gelu"
    )
    found = [
        (site.rule, site.path, site.forced, site.probability)
        for site in sites_of(rules.rules["x"].body)
    ]
    assert found == [
        ("a", ("a",), (((), "choice", 0),), 0.75),
        ("b", ("b",), (((), "choice", 1),), 0.25),
        ("a", ("a.2",), (), 1.0),
        ("b", ("b.2",), (), 1.0),
        ("a", ("a.3",), (), 1.0),
    ]
    [site] = sites_of(rules.rules["b"].body)
    assert site.path == ("chain.1", "a")


def test_ways_back_pass_through_other_rules() -> None:
    found = {site.path: site.probability for site in ways_back(EINSPACE, "module")}
    rest = 1 - 0.32
    assert found == {
        ("sequential", "module"): pytest.approx(rest / 3),
        ("sequential", "module.2"): pytest.approx(rest / 3),
        ("branching", "module"): pytest.approx(rest / 9),
        ("branching", "module.2"): pytest.approx(rest / 9),
        ("branching", "module.3"): pytest.approx(rest * 2 / 9),
        ("routing", "module"): pytest.approx(rest / 3),
    }


def test_choices_on_the_way_are_addressed_from_its_start() -> None:
    [site] = [s for s in ways_back(EINSPACE, "module") if s.path == ("branching", "module.3")]
    assert site.forced == (((), "module", 2), (("branching",), "branching", 1))


def test_rules_that_never_come_back() -> None:
    assert ways_back(EINSPACE, "join") == ()
    assert ways_back(packaged("nasbench201"), "cell") == ()


def test_alternatives_without_probability_lead_nowhere() -> None:
    rules = grammar("start x\nx = relu [1] | x >> x [0]")
    assert ways_back(rules, "x") == ()


def test_choices_by_label() -> None:
    rule = grammar("start x\nx = (relu | tanh) >> (gelu | silu | relu)").rules["x"]
    second = find_choice(rule, "choice.2")
    assert second is not None
    assert len(second.alternatives) == 3
    assert find_choice(rule, "choice.3") is None
