"""Old values by address, and what stands in for them."""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from einsearch.derivation.decisions import Interval, Options, Path
from einsearch.derivation.keeping import Keeping, addressed, is_allowed, moved, same
from einsearch.derivation.state import Taken
from tests.derivation.spaces import WITH_EVERYTHING, draw, grammar

COLOURS = Options(("red", "green", "blue"), (0.5, 0.3, 0.2), (0, 1, 2), "{red, green, blue}")
HERE = Path(None, "x")


def candidates(
    draw: Any, kept: Any = None, is_strict: bool = False, changed: Any = None
) -> list[Any]:
    table = {} if kept is None else {(HERE.digest, "a"): kept}
    keeping = Keeping(Random(0), table, changed or {}, is_strict)
    return list(keeping.candidates(draw, HERE, "a"))


def test_the_old_value_comes_first_then_the_others() -> None:
    for old in COLOURS.values:
        first, *others = candidates(COLOURS, old)
        assert first == old
        assert {old, *others} == set(COLOURS.values)
        assert len(others) == 2


def test_strictly_nothing_else_comes() -> None:
    assert candidates(COLOURS, "green", is_strict=True) == ["green"]
    assert candidates(COLOURS, "grey", is_strict=True) == []


def test_what_is_not_known_is_drawn() -> None:
    assert sorted(candidates(COLOURS, is_strict=True)) == sorted(COLOURS.values)


def test_what_is_changed_comes_from_there_alone() -> None:
    changed = {(HERE.digest, "a"): lambda draw: iter(("blue",))}
    assert candidates(COLOURS, "red", changed=changed) == ["blue"]


def test_what_breaks_a_limit_is_not_kept() -> None:
    narrow = Options(COLOURS.values, COLOURS.probabilities, (0, 2), COLOURS.domain)
    assert sorted(candidates(narrow, "green")) == ["blue", "red"]
    assert not is_allowed(narrow, "green")


def test_true_is_not_one() -> None:
    switch = Options((True, False), (0.5, 0.5), (0, 1), "{true, false}")
    assert not is_allowed(switch, 1)
    assert is_allowed(switch, True)
    assert not same(1, True)
    assert same(1, 1.0)


def test_a_range_keeps_what_lies_in_it() -> None:
    assert candidates(Interval(1, 9, True), 4, is_strict=True) == [4]
    assert candidates(Interval(5, 9, True), 4, is_strict=True) == []


def path(*labels: str) -> Path:
    found = Path(None, labels[0])
    for label in labels[1:]:
        found = found.child(label)
    return found


def test_decisions_below_a_path_move_with_it() -> None:
    taken = [
        Taken(path("x"), "x", "x: 2", 0),
        Taken(path("x", "a"), "a", "a: 2", 1),
        Taken(path("x", "a", "b"), "value", "{1, 2}", 2),
        Taken(path("x", "c", "a"), "value", "{1, 2}", 1),
    ]
    assert moved(taken, path("x", "a"), path("x", "z", "y")) == {
        (path("x", "z", "y").digest, "a"): 1,
        (path("x", "z", "y", "b").digest, "value"): 2,
    }


def is_below(path: Path | None, top: Path) -> bool:
    while path is not None and path is not top:
        path = path.parent
    return path is top


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32))
def test_moving_to_the_same_place_changes_nothing(seed: int) -> None:
    derivation = draw(grammar(WITH_EVERYTHING), seed)
    for activation in derivation.activations:
        inside = derivation.taken[slice(*activation.decisions)]
        below = [t for t in inside if is_below(t.path, activation.path)]
        assert moved(inside, activation.path, activation.path) == addressed(below)


def test_addresses_are_unique_in_a_derivation() -> None:
    for seed in range(30):
        derivation = draw(grammar(WITH_EVERYTHING), seed)
        assert len(addressed(derivation.taken)) == len(derivation.taken)
