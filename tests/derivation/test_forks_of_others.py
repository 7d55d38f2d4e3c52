"""Primitives of plug-ins that make several tensors: no part of the language knows their names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import einsearch as es
from einsearch.derivation.arity import find_mismatches
from einsearch.derivation.bounds import bounds_of
from einsearch.derivation.counts import count
from einsearch.errors import NoCommonSymbol
from einsearch.graph.canonical import canonical_hash
from einsearch.primitives import base
from einsearch.primitives.arguments import Arguments, Kind, Parameter
from einsearch.primitives.base import MANY, Layer, Primitive, Signal, register
from einsearch.primitives.outputs import outputs_of
from einsearch.specs import Bundle

SPEC = "image:4x6x6"


def both_ways(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return x, x.flip(-1)


def fanned(x: torch.Tensor, count: int) -> tuple[torch.Tensor, ...]:
    return tuple(x * (n + 1) for n in range(count))


def turned(*tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return tensors[::-1]


class Fork2(Primitive):
    """The tensor, and itself with its last axis turned round."""

    name = "fork2"

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        return specs * 2

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        return incoming * 2

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        return Layer.function(both_ways)


class Fan(Fork2):
    """So many multiples of the tensor."""

    name = "fan"
    parameters = (Parameter("count", Kind.INT, minimum=2, maximum=5),)

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        return specs * int(args["count"])

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        return incoming * int(args["count"])

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        return Layer.function(fanned, args["count"])


class Turn(Fork2):
    """As many tensors as enter, in the other order."""

    name = "turn"
    arity = (1, MANY)

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        return specs[::-1]

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        return incoming[::-1]

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        return Layer.function(turned)


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "_REGISTRY", dict(base.all_primitives()))
    for primitive in (Fork2, Fan, Turn):
        register(primitive)


JOINED = """language 1
start net
net = fork2 >> join | step >> fork2 >> (step, step) >> join
join = matmul | add
step = relu | linear({3, 4})
"""
RECURSIVE = """language 1
start net
net = fork2 >> (net, net) >> add [0.2] | fan({2, 3}) >> each(net) >> maximum [0.1]
  | { (p, q) = fork2  r = p >> relu  out = (q, r) >> matmul } [0.2] | conv2d(4, {1, 3}) | relu
"""
TURNED = """language 1
start net
net = step >> fork2 >> (step, identity) >> turn >> (relu, step) >> matmul
step = relu | gelu | linear(6)
"""


def test_how_many_leave_is_found_out() -> None:
    assert outputs_of(Fork2()) == 2
    assert outputs_of(Fan()) == "count"
    assert outputs_of(Turn()) is None


def test_derivations_are_counted() -> None:
    # 2 joins after the bare fork; 3 steps before it and two after it, and a join, in the other.
    assert count(es.parse_grammar(JOINED)).total == 2 + 3**3 * 2
    found = dict(count(es.parse_grammar(RECURSIVE)).sizes)
    assert found[10] > 100


def test_a_fork_into_a_join_of_two_is_no_mistake_and_one_into_a_step_is() -> None:
    for text in (JOINED, RECURSIVE, TURNED):
        grammar: Any = es.parse_grammar(text)
        assert grammar.check(SPEC) == []
        assert find_mismatches(grammar) == []
    wrong: Any = es.parse_grammar("start a\na = fork2 >> relu\n")
    assert next(p.message for p in wrong.check()) == "relu takes 1 tensor, but 2 arrive"
    three: Any = es.parse_grammar("start a\na = fan(3) >> matmul\n")
    assert "matmul takes 2 tensors, but 3 arrive" in [p.message for p in three.check()]


@pytest.mark.parametrize(("text", "least"), [(JOINED, 2), (RECURSIVE, 1), (TURNED, 8)])
def test_the_least_network_is_known(text: str, least: int) -> None:
    grammar = es.parse_grammar(text)
    assert bounds_of(grammar, None).least_of_rule("net") == least
    drawn = [grammar.sample(SPEC, seed).nodes for seed in range(30)]  # type: ignore[attr-defined]
    assert min(drawn) == least


@pytest.mark.parametrize("text", [JOINED, RECURSIVE, TURNED])
def test_networks_are_drawn_read_varied_and_explained(text: str) -> None:
    grammar: Any = es.parse_grammar(text)
    drawn = [grammar.sample(SPEC, seed, limits={"nodes": 30}) for seed in range(12)]
    for seed, found in enumerate(drawn):
        again = grammar.parse(found.text, SPEC)
        assert again.text == found.text
        assert canonical_hash(again.program) == canonical_hash(found.program)
        assert "cannot derive" not in str(grammar.why(found.text, SPEC))
        child = found.mutate(seed, limits={"nodes": 60})
        assert canonical_hash(child.program) != canonical_hash(found.program)
        try:
            children = found.crossover(drawn[seed - 1], seed, limits={"nodes": 60})
        except NoCommonSymbol:
            continue
        for one in children:
            assert grammar.parse(one.text, SPEC).text == one.text


def test_what_is_missing_is_named() -> None:
    grammar: Any = es.parse_grammar(JOINED)
    assert "matmul stands there, not maximum" in str(grammar.why("fork2 >> maximum", SPEC))


@pytest.mark.parametrize(
    "text", ["fork2 >> matmul", "fan(3) >> add", "fork2 >> turn >> (linear(4), relu) >> matmul"]
)
def test_a_network_is_built_and_trained_for_a_step(text: str) -> None:
    found: Any = es.architecture(f"conv2d(4, 3) >> {text}", SPEC)
    module = found.graph().module(0)
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 4, 6, 6)).astype(np.float32))
    optimizer = torch.optim.SGD(module.parameters(), 0.01)
    before = [p.detach().clone() for p in module.parameters()]
    y = module(x)
    assert tuple(y.shape[1:]) == found.output.shape
    y.square().mean().backward()
    optimizer.step()
    assert any((a != b).any() for a, b in zip(before, module.parameters(), strict=True))
