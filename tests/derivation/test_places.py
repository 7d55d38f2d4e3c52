"""Which rule a decision belongs to, from its path alone."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from einsearch.derivation.decisions import is_production
from einsearch.derivation.limits import Limits
from einsearch.derivation.places import Place, Places, Slot, prior_of
from einsearch.grammar import expressions as e
from tests.derivation.spaces import WITH_EVERYTHING, draw, grammar, packaged

EVERYTHING = grammar(WITH_EVERYTHING)
EINSPACE = packaged("einspace")


def places_of(text: str, seed: int = 0, order: int = 1) -> list[tuple[str, Place]]:
    """Label and place of every decision of a sample."""
    rules = grammar(text)
    places, derivation = Places(rules, order), draw(rules, seed)
    known: dict[bytes, Place] = {}
    return [(taken.label, places.place(taken.path, known)) for taken in derivation.taken]


def test_calls_of_a_rule_are_told_apart() -> None:
    found = places_of("start x\nx = a >> b >> a\nb = a >> relu\na = relu | tanh")
    assert found == [
        ("a", Place("a", (("x", "a"),))),
        ("a", Place("a", (("b", "a"),))),
        ("a", Place("a", (("x", "a.2"),))),
    ]


def test_contexts_of_any_length() -> None:
    text = "start x\nx = b\nb = c\nc = relu | tanh"
    for order in range(4):
        [(_, place)] = places_of(text, order=order)
        assert place == Place("c", (("x", "b"), ("b", "c"))[2 - min(order, 2) :])


def test_links_of_a_chain_are_one_place() -> None:
    found = places_of("start x\nx = chain(3, a)\na = relu | tanh")
    assert found == [("a", Place("a", (("x", "a"),)))] * 3


def test_bindings_belong_to_their_rule() -> None:
    found = places_of("start x\nx = c >> c where c = (relu | tanh), d = {1, 2}")
    assert {place for _, place in found} == {Place("x", ())}


def test_arguments_belong_to_where_the_rule_is_called() -> None:
    found = places_of(
        "start x\nx = f(relu | a) >> norm\nf(g) = g >> h(g)\nh(k) = k >> tanh\na = gelu | silu", 3
    )
    assert found[0] == ("choice", Place("x", ()))
    assert all(place == Place("a", (("x", "a"),)) for label, place in found if label == "a")


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32))
def test_every_decision_finds_what_it_was_drawn_from(seed: int) -> None:
    for rules in (EVERYTHING, EINSPACE):
        places, derivation = Places(rules, 1), draw(rules, seed, limits=Limits(nodes=60))
        known: dict[bytes, Place] = {}
        for taken in derivation.taken:
            place = places.place(taken.path, known)
            slot = Slot(is_production(taken.domain), taken.label)
            node = places.slots[place.rule].get(slot)
            if isinstance(node, e.Choice):
                assert taken.domain == f"{node.label}: {len(node.alternatives)}"
            elif isinstance(node, (e.Domain, e.IntegerRange)):
                assert not slot.is_production
                assert abs(sum(prior_of(node)) - 1) < 1e-9
            else:
                assert taken.domain.startswith("any: ") or ".." in taken.domain


def test_long_and_open_ranges_have_no_table() -> None:
    places = Places(grammar("start x\nx = f(3, 1..32, 1..33, 0.0..1.0)\nf(a, b, c, d) = relu"), 0)
    assert [len(prior_of(node)) for node in places.slots["x"].values()] == [32]
