"""What searchers draw from: limits, requirements and sizes hold for whatever it gives."""

from __future__ import annotations

import pickle
from contextlib import suppress
from itertools import pairwise

import numpy as np
import pytest

from einsearch.derivation.derivation import Derivation
from einsearch.derivation.limits import Limits
from einsearch.errors import InfeasibleSpace, NoCommonSymbol, ParseError
from einsearch.grammar.load import load_grammar_text
from einsearch.graph.canonical import canonical_hash
from einsearch.graph.graph import ArchitectureGraph
from einsearch.graph.requirements import violation
from einsearch.searchers.base import SearchSpace
from einsearch.specs import image
from einsearch.study.searchspace import Sizes, search_space, seed_derivations

SPEC = image(3, 8, 8)
GRAMMAR = load_grammar_text(
    """
language 1
start network
require parameters, nonlinearity
network = part >> part
part = step [0.6] | part >> part [0.3] | (part, identity) >> add [0.1]
step = conv2d(channels, {1, 3}) | relu | max_pool(3) | identity
seed plain = conv2d(channels, 3) >> relu
seed linear = conv2d(channels, 3) >> conv2d(channels, 3)
""",
    "small.ein",
)


def space(
    limits: Limits | None = None,
    require: tuple[str, ...] | None = None,
    sizes: Sizes | None = None,
) -> SearchSpace:
    return search_space(
        GRAMMAR,
        SPEC,
        directions={"accuracy": "maximize"},
        limits=limits,
        require=require,
        sizes=sizes,
    )


def draws(drawn_from: SearchSpace, count: int = 60) -> list[Derivation]:
    return [drawn_from.sample(np.random.default_rng(seed)) for seed in range(count)]


def figures(derivation: Derivation) -> tuple[int, int]:
    return ArchitectureGraph(derivation.program).parameters, derivation.nodes


def test_samples_keep_limits_and_the_requirements_of_the_grammar() -> None:
    for derivation in draws(space(Limits(nodes=9, parameters=200))):
        parameters, nodes = figures(derivation)
        assert parameters <= 200
        assert nodes <= 9
        assert violation(derivation.program, ("parameters", "nonlinearity")) is None


def test_requirements_of_ones_own_take_the_place_of_the_grammars() -> None:
    without = [violation(d.program, ("parameters",)) for d in draws(space(require=()))]
    assert any(reason is not None for reason in without)


def check_child(child: Derivation, *parents: Derivation) -> None:
    parameters, nodes = figures(child)
    assert parameters <= 400
    assert nodes <= 12
    assert violation(child.program, GRAMMAR.require) is None
    hashes = [canonical_hash(parent.program) for parent in parents]
    assert canonical_hash(child.program) not in hashes


def test_neighbours_keep_them_too_and_are_other_networks() -> None:
    drawn_from = space(Limits(nodes=12, parameters=400))
    for seed, parent in enumerate(draws(drawn_from, 16)):
        check_child(drawn_from.mutate(parent, np.random.default_rng(seed)), parent)


def test_children_of_two_keep_them_too_and_are_other_networks() -> None:
    drawn_from = space(Limits(nodes=12, parameters=400))
    rng, crossed = np.random.default_rng(0), 0
    for left, right in pairwise(draws(drawn_from, 30)):
        with suppress(NoCommonSymbol):
            for child in drawn_from.crossover(left, right, rng):
                check_child(child, left, right)
                crossed += 1
    assert crossed >= 20


def test_recalls_what_decisions_fix_in_another_process_too() -> None:
    drawn_from = space()
    recall = pickle.loads(pickle.dumps(drawn_from.recall))
    for derivation in draws(drawn_from, 20):
        plain = [list(decision) for decision in derivation.decisions]
        again = recall(plain)
        assert again.text == derivation.text
        assert again.decisions == derivation.decisions


def test_sizes_are_kept_and_spread() -> None:
    nodes = np.array([d.nodes for d in draws(space(sizes=(4, 40)), 200)])
    assert nodes.min() >= 4
    assert nodes.max() <= 40
    assert (nodes < 12).mean() > 0.2
    assert (nodes > 16).mean() > 0.2


def test_sizes_stay_below_the_limit() -> None:
    nodes = [d.nodes for d in draws(space(Limits(nodes=8), sizes=(4, 40)))]
    assert max(nodes) <= 8


def test_sizes_that_nothing_has_are_infeasible_and_named() -> None:
    narrow = load_grammar_text("language 1\nstart a\na = relu >> conv2d(4, 3)\n", "narrow.ein")
    drawn_from = search_space(narrow, SPEC, directions={"accuracy": "maximize"}, sizes=(9, 20))
    with pytest.raises(InfeasibleSpace, match="fewer nodes than the 9 that `sampling` asks for"):
        drawn_from.sample(np.random.default_rng(0))


def test_seeds_by_name_and_by_text() -> None:
    named, written = seed_derivations(GRAMMAR, SPEC, ["plain", "relu >> conv2d(3, 1)"])
    assert named.text == "conv2d(3, 3) >> relu"
    assert written.text == "relu >> conv2d(3, 1)"
    assert named.grammar is GRAMMAR


@pytest.mark.parametrize(
    ("seed", "message"),
    [
        ("plane", "the seeds of small.ein are: plain, linear"),
        ("relu >> gelu", "relu >> gelu"),
        ("linear", "the seed linear cannot start this search: "),
    ],
)
def test_seeds_that_cannot_start(seed: str, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        seed_derivations(GRAMMAR, SPEC, [seed])
    assert message in str(caught.value)


def test_a_seed_above_a_limit_is_refused_with_the_figure() -> None:
    with pytest.raises(ParseError, match=r"plain cannot .* it has 84 parameters, the limit is 50"):
        seed_derivations(GRAMMAR, SPEC, ["plain"], Limits(parameters=50))


def test_a_seed_at_a_limit_may_start() -> None:
    assert len(seed_derivations(GRAMMAR, SPEC, ["plain"], Limits(nodes=2, parameters=84))) == 1
