"""Tests of settings of training in texts and derivations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from einsearch.derivation.decisions import Draw, Interval, Options
from einsearch.derivation.derivation import Derivation
from einsearch.derivation.limits import Limits
from einsearch.derivation.parse import parse
from einsearch.derivation.replay import replay
from einsearch.derivation.settings import nearest
from einsearch.derivation.why import why
from einsearch.errors import GrammarError, ParseError
from einsearch.grammar.load import load_grammar_text
from einsearch.grammar.searched import with_settings
from einsearch.graph.canonical import canonical_hash
from einsearch.graph.graph import ArchitectureGraph
from einsearch.primitives.arguments import Symbol
from einsearch.searchers.base import SearchSpace
from einsearch.specs import image
from einsearch.study.searchspace import search_space, seed_derivations

GRAMMAR = load_grammar_text(
    """
start network
network = part >> linear({4, 8})
part = relu | tanh | part >> part [0.3] | (part, identity) >> add [0.1] | conv2d(channels, {1, 3})
seed small = relu >> linear(8)
""",
    "plain.ein",
)
DOMAINS = {
    "lr": "log 1e-4..1e-2",
    "weight_decay": "{0, 0.01, 0.1}",
    "augment": "{none [0.8], flip}",
    "batch": "16..64",
    "warmup": "0.0..0.5",
}
SEARCHED = with_settings(GRAMMAR, DOMAINS)
INPUT = image(3, 6, 6)
NETWORK = "relu >> conv2d(3, 1) >> linear(4)"


def space(nodes: int = 12) -> SearchSpace:
    return search_space(
        SEARCHED, INPUT, directions={"worth": "maximize"}, limits=Limits(nodes=nodes)
    )


def derived(lr: float = 0.001, network: str = NETWORK, batch: int = 32) -> Derivation:
    head = f"training(lr={lr}, batch={batch}, weight_decay=0.01, warmup=0.25, augment=none)"
    return parse(SEARCHED, f"{head} >> {network}", INPUT)


@given(st.integers(0, 2**32 - 1))
def test_texts_and_decisions_of_samples_read_back(seed: int) -> None:
    found = space().sample(np.random.default_rng(seed))
    assert set(found.training) == set(DOMAINS)
    assert parse(SEARCHED, found.text, INPUT).text == found.text
    assert replay(SEARCHED, INPUT, found.decisions).text == found.text
    assert 1e-4 <= found.training["lr"] <= 1e-2


@given(st.integers(0, 2**32 - 1))
def test_the_operator_changes_settings_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    parent = space().sample(rng)
    child = space().operators["training"](parent, rng)
    assert child.training != parent.training
    assert child.text.partition(" >> ")[2] == parent.text.partition(" >> ")[2]
    assert canonical_hash(child.program) != canonical_hash(parent.program)


def test_mutation_and_crossover_reach_settings() -> None:
    rng = np.random.default_rng(1)
    one, other = space().sample(rng), space().sample(rng)
    children = [space().mutate(one, rng) for _ in range(40)]
    changed = [child for child in children if child.training != one.training]
    assert 4 <= len(changed) < 40
    mixed = [space().recombine(one, other, rng) for _ in range(20)]
    taken = {
        name for child in mixed for name in DOMAINS if child.training[name] == other.training[name]
    }
    assert taken >= {"lr", "batch", "warmup"}


def test_settings_are_no_part_of_the_network() -> None:
    found, plain = derived(), parse(GRAMMAR, NETWORK, INPUT)
    assert (found.nodes, found.depth) == (plain.nodes, plain.depth)
    graph, other = ArchitectureGraph(found.program), ArchitectureGraph(plain.program)
    assert graph.simplified.with_own_keys() == other.simplified.with_own_keys()
    assert graph.cost == other.cost
    assert graph.canonical_hash == canonical_hash(found.program) != other.canonical_hash
    assert plain.training == {}


def test_the_same_network_with_another_rate_is_another_one() -> None:
    hashes = {
        canonical_hash(derived(lr, network).program)
        for lr, network in (
            (0.001, NETWORK),
            (0.001, NETWORK),
            (0.002, NETWORK),
        )
    }
    assert len(hashes) == 2


def test_limits_are_those_of_the_network() -> None:
    sizes = {space(3).sample(np.random.default_rng(n)).nodes for n in range(30)}
    assert max(sizes) == 3
    text = "relu >> tanh >> linear(4)"
    assert seed_derivations(SEARCHED, INPUT, [text], Limits(nodes=3))[0].nodes == 3
    with pytest.raises(ParseError, match="it has 3 nodes, the limit is 2"):
        seed_derivations(SEARCHED, INPUT, [text], Limits(nodes=2))


def test_seeds_get_the_usual_values_or_the_nearest_to_their_own() -> None:
    usual = {"lr": 0.003, "weight_decay": 0.02, "augment": "shift", "batch": 512}
    named, own = seed_derivations(
        SEARCHED, INPUT, ["small", f"training(lr=5.0, augment=flip) >> {NETWORK}"], usual=usual
    )
    assert named.training == {
        "lr": 0.003,
        "batch": 64,
        "weight_decay": 0.01,
        "warmup": 0.25,
        "augment": "none",
    }
    assert (own.training["lr"], own.training["augment"]) == (0.01, "flip")
    (plain,) = seed_derivations(GRAMMAR, INPUT, [f"training(lr=5.0) >> {NETWORK}"])
    assert plain.text == NETWORK


@pytest.mark.parametrize(
    ("draw", "wanted", "found"),
    [
        (Interval(1e-4, 1e-2, False, True), None, 1e-3),
        (Interval(1e-4, 1e-2, False, True), 1, 1e-2),
        (Interval(16, 64, True), 20.4, 20),
        (Interval(0.0, 1.0, False), "none", 0.5),
        (Options([0, 0.01, 0.1], [0.2, 0.4, 0.4], range(3), ""), 0.03, 0.01),
        (Options([0, 0.01, 0.1], [0.2, 0.4, 0.4], range(3), ""), None, 0.01),
        (Options([Symbol("a"), Symbol("b")], [0.0, 1.0], range(2), ""), "a", "b"),
        (Options([Symbol("none"), 1.0], [0.5, 0.5], range(2), ""), None, "none"),
    ],
)
def test_nearest(draw: Draw, wanted: object, found: object) -> None:
    assert nearest(draw, wanted) == found


def test_why_tells_of_settings() -> None:
    assert "0.001 from log 0.0001..0.01" in str(why(SEARCHED, derived().text, INPUT))
    wrong = why(SEARCHED, f"training(lr=0.5) >> {NETWORK}", INPUT)
    assert wrong.failure is not None
    assert wrong.failure.reason == "lr=0.5 cannot be drawn: expected log 0.0001..0.01"
    plain = why(GRAMMAR, derived().text, INPUT)
    assert plain.derivation is not None
    assert plain.derivation.text == NETWORK


def test_a_text_with_a_value_outside_its_domain_is_an_error() -> None:
    with pytest.raises(ParseError, match=r"batch=65 cannot be drawn: expected 16\.\.64"):
        derived(batch=65)


def test_a_grammar_may_decide_settings_itself() -> None:
    own = load_grammar_text("start a\na = training(lr={0.1, 0.2}) >> relu", "own.ein")
    found = parse(own, "training(lr=0.2) >> relu", INPUT)
    assert found.training == {"lr": 0.2}
    assert with_settings(own, {"batch": "{1, 2}"}).setting_names == {"lr", "batch"}
    with pytest.raises(GrammarError, match=r"own\.ein decides lr itself"):
        with_settings(own, {"lr": "{0.1, 0.3}"})
