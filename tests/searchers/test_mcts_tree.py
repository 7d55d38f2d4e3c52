"""Branches close when nothing is left behind them; the policy widens, explores and exploits."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from einsearch.searchers.mcts_parts import Part
from einsearch.searchers.mcts_tree import Branch, Context, Policy, Worth, estimate

POLICY = Policy(exploration=0.5, widening=1.0, sharing=1e-9, tilt=0.0)
"""Of its own worths alone."""


def parts(*probabilities: float) -> list[Part]:
    return [Part(i, p, ((i, p),)) for i, p in enumerate(probabilities)]


def context(*tables: dict[Hashable, Worth]) -> Context:
    return Context(tables or ({},))


def worth(visits: int, total: float) -> Worth:
    found = Worth()
    found.visits, found.total = visits, total
    return found


def root_of(found: Sequence[tuple[int, float]]) -> tuple[Branch, list[Part]]:
    """A branch whose parts were all tried: their visits, and what they are worth in total."""
    root = Branch(None, True, ())
    listed = parts(*[1 / len(found)] * len(found))
    root.know(len(found))
    for part, (visits, total) in zip(listed, found, strict=True):
        behind = root.behind(part, context())
        assert behind is not None
        behind.visits, behind.total = visits, total
    root.visits = sum(visits for visits, _ in found)
    return root, listed


@given(shape=st.lists(st.integers(1, 4), min_size=1, max_size=6), seed=st.integers(0, 99))
def test_the_root_closes_with_the_last_leaf(shape: list[int], seed: int) -> None:
    """Leaves of a tree with so many parts at each level, closed in random order."""
    root = Branch(None, True, ())
    level = [root]
    for width in shape:
        listed = parts(*[1 / width] * width)
        below: list[Branch] = []
        for branch in level:
            branch.know(width)
            behind = [branch.behind(part, context()) for part in listed]
            below += [found for found in behind if found is not None]
        level = below
    Random(seed).shuffle(level)
    for leaf in level:
        assert not root.is_closed
        leaf.close()
        leaf.close()
    assert root.is_closed


def test_a_part_that_was_never_tried_keeps_a_branch_open() -> None:
    root = Branch(None, True, ())
    root.know(2)
    first, second = parts(0.5, 0.5)
    behind = root.behind(first, context())
    assert behind is not None
    behind.close()
    assert not root.is_closed
    assert root.behind(first, context()) is None
    assert POLICY.choose(root, [first, second], context(), Random(0)) is second


def test_where_all_is_closed_nothing_is_chosen() -> None:
    root, listed = root_of([(1, 0.5), (1, 0.5)])
    for branch in list(root.branches.values()):
        branch.close()
    assert root.is_closed
    assert POLICY.choose(root, listed, context(), Random(0)) is None


def test_a_decision_without_parts_is_closed_at_once() -> None:
    root = Branch(None, True, ())
    root.know(0)
    assert root.is_closed


def test_below_reals_nothing_closes_but_failures_count() -> None:
    root = Branch(None, True, ())
    root.know(1)
    behind = Branch(root, False, (Worth(),))
    behind.know(0)
    behind.fail()
    assert not behind.is_closed
    assert behind.visits == 1


@pytest.mark.parametrize(("visits", "admitted"), [(0, 1), (3, 2), (8, 3), (24, 5)])
def test_parts_are_admitted_with_the_root_of_the_visits(visits: int, admitted: int) -> None:
    root = Branch(None, True, ())
    listed = parts(*[1 / 8] * 8)
    root.know(8)
    root.visits = visits
    for _ in range(40):
        part = POLICY.choose(root, listed, context(), Random(0))
        assert part is not None
        root.behind(part, context())
    assert len(root.branches) == admitted


def test_the_first_choice_follows_the_grammar() -> None:
    random, listed = Random(1), parts(0.6, 0.3, 0.1)
    drawn = Counter[int]()
    for _ in range(4000):
        part = POLICY.choose(Branch(None, True, ()), listed, context(), random)
        assert part is not None
        drawn[part.values[0][0]] += 1
    assert [drawn[i] / 4000 for i in range(3)] == pytest.approx([0.6, 0.3, 0.1], abs=0.03)


def test_worths_elsewhere_tilt_the_first_choice() -> None:
    tilted = Policy(exploration=0.5, widening=1.0, sharing=1.0, tilt=math.log(16))
    known = context({0: worth(10**9, 0.75e9), 1: worth(10**9, 0.25e9)})
    random, drawn = Random(2), Counter[int]()
    for _ in range(4000):
        part = tilted.choose(Branch(None, True, ()), parts(0.5, 0.5), known, random)
        assert part is not None
        drawn[part.values[0][0]] += 1
    assert drawn[0] / 4000 == pytest.approx(0.8, abs=0.03)  # e^(log 16 / 2) = 4 to 1


@given(
    found=st.lists(st.tuples(st.integers(1, 50), st.floats(0, 1)), min_size=2, max_size=6),
    exploration=st.floats(0, 2),
)
def test_what_was_tried_is_chosen_by_its_upper_bound(
    found: list[tuple[int, float]], exploration: float
) -> None:
    root, listed = root_of([(visits, mean * visits) for visits, mean in found])
    policy = Policy(exploration, 1.0, 1e-9, 0.0)
    logarithm = math.log(1 + root.visits)
    bounds = [mean + exploration * math.sqrt(logarithm / visits) for visits, mean in found]
    part = policy.choose(root, listed, context(), Random(0))
    assert part is not None
    assert bounds[part.values[0][0]] == pytest.approx(max(bounds), abs=1e-6)


def test_pending_trials_count_as_losses() -> None:
    root, listed = root_of([(10, 6.0), (10, 5.5)])
    assert POLICY.choose(root, listed, context(), Random(0)) is listed[0]
    root.branches[listed[0].key].pending += 4
    assert POLICY.choose(root, listed, context(), Random(0)) is listed[1]


def test_branches_that_mostly_repeat_lose_worth() -> None:
    root, listed = root_of([(10, 9.0), (10, 5.0)])
    best = root.branches[listed[0].key]
    best.repeats = 10
    assert POLICY.choose(root, listed, context(), Random(0)) is listed[0]
    best.repeats = 60
    assert POLICY.choose(root, listed, context(), Random(0)) is listed[1]


def test_an_estimate_is_drawn_towards_wider_contexts() -> None:
    narrow, wide = worth(3, 3.0), worth(8, 2.0)
    outer = (2.0 + 2 * 0.5) / 10
    assert estimate((wide,), 2.0) == pytest.approx(outer)
    assert estimate((narrow, wide), 2.0) == pytest.approx((3.0 + 2 * outer) / 5)
    assert context({0: narrow}, {0: wide}).estimate(0, 2.0) == estimate((narrow, wide), 2.0)
    assert context({}, {0: wide}).estimate(0, 2.0) == pytest.approx(outer)
    assert context({}, {}).estimate(0, 2.0) == 0.5


def test_little_known_branches_are_as_good_as_elsewhere() -> None:
    """One loss does not outweigh what the same part was worth in many other places."""
    root, listed = root_of([(1, 0.0), (1, 0.4)])
    root.branches[listed[0].key].worths = (worth(50, 45.0),)
    root.branches[listed[1].key].worths = (worth(50, 5.0),)
    sharing = Policy(exploration=0.0, widening=1.0, sharing=5.0, tilt=0.0)
    assert sharing.choose(root, listed, context(), Random(0)) is listed[0]
    assert POLICY.choose(root, listed, context(), Random(0)) is not listed[0]
