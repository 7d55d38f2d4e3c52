"""Samples are valid, inside the limits, deterministic, and follow the grammar's probabilities."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from einsearch.derivation.bounds import Bounds
from einsearch.derivation.limits import Limits
from einsearch.derivation.parse import parse
from einsearch.derivation.sample import sample
from einsearch.errors import InfeasibleSpace
from einsearch.primitives.base import infer
from einsearch.primitives.program import INPUT
from einsearch.specs import image, tokens
from tests.derivation.spaces import IMAGE, WITH_EVERYTHING, draw, grammar, packaged

EINSPACE = packaged("einspace")
EVERYTHING = grammar(WITH_EVERYTHING)


@given(seed=st.integers(0, 2**32), nodes=st.integers(3, 60), depth=st.integers(0, 6))
@settings(max_examples=60)
def test_limits_hold(seed: int, nodes: int, depth: int) -> None:
    limits = Limits(nodes=nodes, depth=depth)
    found = draw(EINSPACE, seed, limits=limits)
    assert len(found.program.calls) <= nodes
    assert found.depth <= depth


@given(seed=st.integers(0, 2**32))
@settings(max_examples=60)
def test_specs_of_every_call_are_those_inferred(seed: int) -> None:
    found = draw(EVERYTHING, seed)
    for number, call in enumerate(found.program.calls):
        assert all(INPUT <= ref.call < number for ref in call.inputs)
        assert tuple(map(found.program.spec, call.inputs)) == call.specs
        assert infer(call.primitive, call.args, call.specs) == call.outputs


@pytest.mark.parametrize(
    ("limit", "most"), [("parameters", 20_000), ("flops", 200_000), ("activation_memory", 50_000)]
)
def test_limits_on_costs_hold(limit: str, most: int) -> None:
    for seed in range(20):
        found = draw(EINSPACE, seed, limits=Limits(nodes=60, **{limit: most}))
        cost = found.program.cost
        used = {
            "parameters": cost.parameters,
            "flops": cost.flops,
            "activation_memory": cost.memory,
        }
        assert used[limit] <= most


def test_what_where_binds_and_nothing_reads_is_not_drawn() -> None:
    unread = "lr = log 1e-4..1e-1, c = {8, 16}, d = 2 * c, e = y"
    space = grammar(f"start x\nx = linear(f) where {unread}, f = {{4, 8}}\ny = relu | gelu")
    for seed in range(8):
        found = draw(space, seed)
        assert [domain for _, domain, _ in found.decisions] == ["{4, 8}"]
        again = parse(space, found.text, IMAGE)
        assert again.decisions == found.decisions
        assert again.log_probability == pytest.approx(math.log(0.5))


def test_a_seed_fixes_the_sample() -> None:
    for seed in range(20):
        assert draw(EVERYTHING, seed).text == draw(EVERYTHING, seed).text
    assert len({draw(EVERYTHING, seed).text for seed in range(20)}) > 10


def test_frequencies_are_the_probabilities() -> None:
    space = grammar("start x\nx = relu [0.6] | gelu [0.3] | silu >> y\ny = tanh [3] | sigmoid [1]")
    rng = np.random.default_rng(0)
    drawn = Counter(sample(space, IMAGE, rng).text for _ in range(4000))
    expected = {"relu": 0.6, "gelu": 0.3, "silu >> tanh": 0.075, "silu >> sigmoid": 0.025}
    for text, probability in expected.items():
        spread = math.sqrt(probability * (1 - probability) / 4000)
        assert abs(drawn[text] / 4000 - probability) < 5 * spread


def test_log_probability_renormalises_guards() -> None:
    text = "start x\nx = relu [0.5] | gelu [0.3] when tokens | silu [0.2] when image"
    space = grammar(text)
    for seed in range(10):
        found = draw(space, seed)
        expected = {"relu": 5 / 7, "silu": 2 / 7}[found.text]
        assert found.log_probability == pytest.approx(math.log(expected))


def test_log_probability_of_reals_is_a_density() -> None:
    found = draw(grammar("start x\nx = dropout(0.1..0.5)"), 3)
    assert found.log_probability == pytest.approx(math.log(1 / 0.4))
    found = draw(grammar("start x\nx = dropout(log 0.01..0.1)"), 3)
    drawn = found.decisions[0].value
    assert found.log_probability == pytest.approx(-math.log(drawn * math.log(10)))


class TestHardSpaces:
    def test_a_join_deep_in_a_split(self) -> None:
        text = """
        start x
        x = split(3, axis=0) >> (chain(6, op), chain(6, op), chain(6, op)) >> concat(axis=1)
        op = conv2d({1, 2, 4, 8}, 1) | avg_pool(2, stride=2) [0.4] | relu
        """
        for seed in range(5):
            found = draw(grammar(text), seed)
            shapes = {s.shape[::2] for s in found.program.calls[-1].specs}
            assert len(shapes) == 1

    def test_guards_that_depend_on_shape(self) -> None:
        text = """
        start x
        x = relu when height == 1 | avg_pool(2, stride=2) >> x when height > 1
        """
        assert draw(grammar(text)).output.shape == (3, 1, 1)

    def test_sizes_that_must_meet_at_the_end(self) -> None:
        steps = "conv2d(8, 1, stride={1, 2})"
        text = f"start x\nx = chain(8, s) >> im2col(4, stride=4) >> col2im\ns = {steps}"
        found = draw(grammar(text), 1, image(3, 16, 16))
        assert found.output.shape[1:] in {(1, 1), (2, 2), (4, 4)}

    def test_depth_that_cannot_be_kept_is_named(self) -> None:
        space = grammar("start x\nx = (y, y) >> add\ny = (relu, relu) >> add")
        message = r"limit depth=1: the rule `x` \(line 2\) needs at least 2 levels"
        with pytest.raises(InfeasibleSpace, match=message):
            draw(space, limits=Limits(depth=1))

    def test_nodes_that_cannot_be_kept_are_named(self) -> None:
        space = grammar("start x\nx = repeat(4, relu >> gelu)")
        message = r"limit nodes=7: the rule `x` \(line 2\) needs at least 8 nodes"
        with pytest.raises(InfeasibleSpace, match=message):
            draw(space, limits=Limits(nodes=7))

    def test_a_rule_that_never_ends_is_named(self) -> None:
        message = r"rule `x` \(line 2\) of test\.ein can never end"
        with pytest.raises(InfeasibleSpace, match=message):
            draw(grammar("start x\nx = relu >> x"))

    def test_shapes_that_never_fit_are_named(self) -> None:
        with pytest.raises(InfeasibleSpace, match="cannot take tokens:8x4: it needs an image"):
            draw(grammar("start x\nx = conv2d(8, 3)"), spec=tokens(8, 4))

    def test_what_accept_turns_down_is_named(self) -> None:
        space = grammar("start x\nx = relu")
        message = "501 times: a finished network was turned down: not this one"
        with pytest.raises(InfeasibleSpace, match=message):
            sample(space, IMAGE, np.random.default_rng(0), None, lambda program: "not this one")


class TestBounds:
    def least(self, text: str, depth: int | None = None) -> int:
        space = grammar(text)
        return Bounds(space.rules, depth).least_of_rule("x")

    @pytest.mark.parametrize(
        ("text", "nodes"),
        [
            ("x = relu", 1),
            ("x = relu >> (gelu, silu >> tanh) >> add", 5),
            ("x = relu >> x | gelu >> silu", 2),
            ("x = repeat(3, y)\ny = relu >> gelu | silu >> silu >> silu", 6),
            ("x = f({4, 8}) >> each(relu) >> add\nf(n) = clone(n)", 6),
            ("x = f(relu >> gelu)\nf(a) = a >> a >> a", 6),
            ("x = c >> repeat(2, c) where c = relu >> gelu", 6),
            ("x = { a = relu  b = a >> gelu  out = (a, b) >> add }", 3),
        ],
    )
    def test_least_nodes(self, text: str, nodes: int) -> None:
        assert self.least(text) == nodes

    def test_depth_may_cost_nodes(self) -> None:
        text = "x = (relu, relu) >> add | gelu >> silu >> tanh >> sigmoid"
        assert [self.least(text, depth) for depth in (0, 1)] == [4, 3]
