"""The systematic search, against every derivation of small random grammars; hard middle spaces."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from einsearch.derivation.branching import Exhausted
from einsearch.derivation.feasibility import SystematicSearch
from einsearch.derivation.limits import Limits
from einsearch.derivation.machine import Machine
from einsearch.derivation.state import DeadEnd
from einsearch.specs import TensorSpec, image, vector
from tests.derivation.enumeration import Derivations, Invalid, Run, Space, TooMany, run, spaces
from tests.derivation.spaces import grammar

SPECS = (image(3, 4, 4), image(2, 8, 8), image(4, 2, 2))
MOST_DERIVATIONS = 3000
PLENTY = 10_000_000


def searched(
    text: str, spec: TensorSpec, limits: Limits, seed: int = 0, most_steps: int = PLENTY
) -> Machine:
    return SystematicSearch(grammar(text), spec, limits, None).run(Random(seed), most_steps)


def valid(space: Space, spec: TensorSpec) -> list[Run]:
    """Costs of every valid derivation, found without any search."""
    found = []
    for tree in Derivations(space, MOST_DERIVATIONS).all():
        try:
            found.append(run(tree, spec)[1])
        except Invalid:
            continue
    return found


def near(costs: Sequence[int], shift: int, pick: float) -> int:
    """A limit that hardly holds, or hardly does not."""
    return max(0, sorted(costs)[int(pick * (len(costs) - 1))] - shift) if costs else 9


@given(
    space=spaces(),
    spec=st.sampled_from(SPECS),
    shift=st.sampled_from([0, 0, 1]),
    picks=st.tuples(*[st.floats(0, 1)] * 3),
    seed=st.integers(0, 99),
)
@settings(max_examples=100)
def test_it_finds_something_exactly_where_there_is_something(
    space: Space, spec: TensorSpec, shift: int, picks: tuple[float, float, float], seed: int
) -> None:
    try:
        found = valid(space, spec)
    except TooMany:
        assume(False)
    nodes = max(1, near([r.nodes for r in found], shift, picks[0]))
    parameters = near([r.parameters for r in found], shift, picks[1])
    depth = near([r.depth for r in found], shift, picks[2])
    limits = Limits(nodes=nodes, depth=depth, parameters=parameters)
    machine, ended = attempt(space.text, spec, limits, seed)
    broken = [(r.nodes > nodes, r.parameters > parameters, r.depth > depth) for r in found]
    if machine is None:
        assert all(map(any, broken))
        if ended is not None:
            only_nodes = [r.nodes - nodes for r, b in zip(found, broken, strict=True) if b == ONE]
            only = [
                r.parameters - parameters for r, b in zip(found, broken, strict=True) if b == TWO
            ]
            assert ended.is_proof
            assert ended.lacking[0] <= min(only_nodes, default=math.inf)
            assert ended.lacking[1] <= min(only, default=math.inf)
    else:
        assert not all(map(any, broken))
        assert machine.nodes == len(machine.calls) <= nodes
        assert machine.parameters == machine.program.cost.parameters <= parameters
        assert machine.deepest <= depth


ONE, TWO = (True, False, False), (False, True, False)


def attempt(
    text: str, spec: TensorSpec, limits: Limits, seed: int
) -> tuple[Machine | None, Exhausted | None]:
    """What was found, or how the search ended; neither where it could not even begin."""
    try:
        return searched(text, spec, limits, seed), None
    except Exhausted as ended:
        return None, ended
    except DeadEnd:
        return None, None


# Each space has one valid network among so many, or none.
BINARY = ", ".join(["c"] * 12)
SUMS = (
    f"start x\nx = (({BINARY}) >> concat(axis=0), conv2d(SUM, 1)) >> add\nc = conv2d({{16, 32}}, 1)"
)
STRIDES = """
start x
x = (chain(16, s), conv2d(8, 1, stride=2) >> conv2d(8, 1, stride=2)) >> add
s = conv2d(8, {1, 3}, stride={1, 2}) | max_pool(2, stride=2) | relu
"""
LONG_BRANCHES = """
start x
x = (chain(5, op), chain(5, op), chain(5, op), conv2d(WIDTH, 1)) >> add
op = conv2d({1, 2, 4, 8}, 1) | avg_pool(2, stride=2) [0.4] | relu
"""
GUARDED = """
start x
x = chain(10, step) >> last
step = conv2d({4, 8, 16}, 1) when channels < 16 | conv2d({4, 12}, 1) when channels >= 16
last = relu when channels == LAST
"""
WINDOW = "start x\nx = chain(12, layer)\nlayer = linear({16, 32, 64, 128, 256, 512, 1024, 2048})"
DEEP_JOIN = """
start x
x = clone(2) >> (f, f >> f) >> add
f = relu >> (g, g >> relu) >> add | norm >> (g, g) >> concat(axis=0)
g = (h, h) >> concat(axis=0) | h >> h
h = conv2d({1, 2, 3}, 1) | (conv2d({1, 2}, 1, stride=2), conv2d(5, 1)) >> add
"""


class TestHardSpaces:
    @pytest.mark.parametrize("total", [12 * 16, 12 * 16 + 16, 12 * 32])
    def test_twelve_widths_with_one_sum(self, total: int) -> None:
        found = searched(SUMS.replace("SUM", str(total)), image(3, 4, 4), Limits())
        assert found.calls[-1].specs[0].shape[0] == total

    def test_twelve_widths_with_no_such_sum(self) -> None:
        with pytest.raises(Exhausted) as ended:
            searched(SUMS.replace("SUM", "200"), image(3, 4, 4), Limits())
        assert ended.value.is_proof

    def test_one_shape_of_a_chain_of_strides(self) -> None:
        found = searched(STRIDES, image(3, 64, 64), Limits())
        assert found.program.output[0].shape == (8, 16, 16)

    def test_a_join_after_long_branches(self) -> None:
        text = LONG_BRANCHES.replace("WIDTH", "8")
        found = searched(text, image(3, 16, 16), Limits())
        assert {spec.shape for spec in found.calls[-1].specs} == {(8, 16, 16)}

    def test_a_join_that_no_branch_fits(self) -> None:
        text = LONG_BRANCHES.replace("WIDTH", "5")
        with pytest.raises(Exhausted) as ended:
            searched(text, image(3, 16, 16), Limits())
        assert ended.value.is_proof

    def test_joins_inside_joins(self) -> None:
        found = searched(DEEP_JOIN, image(3, 8, 8), Limits())
        assert len(found.program.output) == 1

    def test_guards_that_depend_on_shape(self) -> None:
        found = searched(GUARDED.replace("LAST", "12"), image(3, 4, 4), Limits())
        assert found.program.output[0].shape[0] == 12
        with pytest.raises(Exhausted):
            searched(GUARDED.replace("LAST", "5"), image(3, 4, 4), Limits())

    def test_one_network_that_keeps_a_limit_on_parameters(self) -> None:
        least = 12 * 16 * 17
        found = searched(WINDOW, vector(16), Limits(parameters=least))
        assert found.parameters == least
        with pytest.raises(Exhausted) as ended:
            searched(WINDOW, vector(16), Limits(parameters=least - 1))
        assert ended.value.lacking[1] == 1

    @pytest.mark.parametrize(("limit", "index"), [("flops", 2), ("activation_memory", 3)])
    def test_other_sums(self, limit: str, index: int) -> None:
        least = {"flops": 12 * 2 * 16 * 16, "activation_memory": 12 * 4 * 16}[limit]
        found = searched(WINDOW, vector(16), Limits(**{limit: least}))
        assert {call.args.features for call in found.calls} == {16}
        with pytest.raises(Exhausted) as ended:
            searched(WINDOW, vector(16), Limits(**{limit: least - 1}))
        assert ended.value.lacking[index] <= 1

    def test_a_failure_far_from_what_it_depends_on(self) -> None:
        """Nothing before the last branch matters; otherwise this has 4^40 derivations."""
        parts = ", ".join(["conv2d({1, 2, 4, 8}, 1)"] * 40)
        text = f"start x\nx = ({parts}, bad) >> concat(axis=0)\n"
        text += "bad = (relu, conv2d({4, 5}, 1)) >> add"
        search = SystematicSearch(grammar(text), image(3, 4, 4), Limits(), None)
        with pytest.raises(Exhausted):
            search.run(Random(0), PLENTY)
        assert search.steps < 2000

    def test_recursion_without_end(self) -> None:
        text = "start x\nx = y >> linear(7)\ny = relu >> y | norm >> y | max_pool(2) [0.0001]"
        found = searched(text, image(1, 9, 9), Limits(nodes=None), most_steps=200_000)
        assert len(found.calls) <= 16
        with pytest.raises(Exhausted) as ended:
            searched(text, image(1, 1, 1), Limits(nodes=None), most_steps=2_000_000)
        assert not ended.value.is_proof

    def test_work_is_bounded(self) -> None:
        text = "start x\nx = y >> conv2d(7, 3)\ny = linear({1, 2}) >> y | (y, y) >> concat(axis=1)"
        text += " | flatten"
        search = SystematicSearch(grammar(text), image(2, 3, 3), Limits(), None)
        with pytest.raises(DeadEnd):
            search.run(Random(0), 30_000)
        assert 30_000 <= search.steps < 60_000


def test_reals_of_a_primitive_need_not_all_be_tried() -> None:
    text = "start x\nx = linear(4) >> dropout(0.0..0.5) >> linear({8, 9})"
    with pytest.raises(Exhausted) as ended:
        searched(text, vector(4), Limits(parameters=50))
    assert ended.value.is_proof


def test_reals_that_guards_ask_for_leave_it_open() -> None:
    text = "start x\nx = y(0.0..1.0)\ny(p) = relu when p > 2 | norm when p < -1"
    with pytest.raises(Exhausted) as ended:
        searched(text, vector(4), Limits())
    assert not ended.value.is_proof


def test_judges_see_every_network() -> None:
    """Networks of one shape are different networks to a judge."""
    text = "start x\nx = chain(6, relu | tanh) >> linear(3)"
    wanted = ["relu", "tanh", "tanh", "relu", "tanh", "relu", "linear"]
    seen = []

    def accept(program: object) -> str | None:
        names = [call.primitive.name for call in program.calls]  # type: ignore[attr-defined]
        seen.append(tuple(names))
        return None if names == wanted else "not this one"

    search = SystematicSearch(grammar(text), vector(3), Limits(), accept)
    machine = search.run(Random(1), PLENTY)
    assert [call.primitive.name for call in machine.calls] == wanted
    assert len(set(seen)) == len(seen) <= 64
