"""Mixtures of experts, against loops over single rows."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from einsearch.derivation.replay import architecture
from einsearch.errors import ShapeError
from einsearch.primitives.arguments import Symbol
from einsearch.primitives.base import cost, get_primitive, infer
from einsearch.primitives.program import INPUT, Program, Ref
from einsearch.specs import TensorSpec, image, tokens, vector
from tests.contracts.primitive_cases import Network
from tests.primitives.calling import assert_equal, call
from tests.support import program

SPEC = tokens(5, 8)
EXPERT = "linear(6) >> gelu >> linear(3)"


def expression(text: str, spec: TensorSpec) -> Program:
    return architecture(text, spec).program


def experts(
    count: int, active: int, text: str = EXPERT, on: TensorSpec = SPEC, route: str = "position"
) -> Network:
    entering = on if route == "example" else vector(on.features)
    return call("experts", expression(text, entering), count, active, Symbol(route), on=on)


def reason(
    inner: str | Program, on: TensorSpec, *args: Any, entering: TensorSpec | None = None
) -> str:
    primitive = get_primitive("experts")
    if isinstance(inner, str):
        inner = expression(inner, entering or vector(on.features))
    with pytest.raises(ShapeError) as caught:
        infer(primitive, primitive.bind(inner, *args), (on,))
    return str(caught.value).partition(": ")[2]


def by_loop(module: Any, rows: Tensor) -> Tensor:
    """Row by row: ratings sorted, softmax over the best, sum of those experts' outcomes."""
    made = []
    for row in rows:
        ratings = (module.router.weight @ row).tolist()
        best = sorted(range(len(ratings)), key=lambda n: -ratings[n])[: module.active]
        shares = torch.tensor([ratings[n] for n in best]).exp()
        shares = shares / shares.sum()
        outcomes = [module.experts[n](row.unsqueeze(0))[0] for n in best]
        made.append(sum(s * o for s, o in zip(shares, outcomes, strict=True)))
    return torch.stack(made)


@pytest.mark.parametrize(("count", "active"), [(2, 1), (4, 2), (4, 3), (5, 5)])
def test_every_token_goes_to_the_experts_rated_highest(count: int, active: int) -> None:
    network, x = experts(count, active), torch.randn(3, 5, 8)
    assert_equal(network(x)[0], by_loop(network.inner, x.view(-1, 8)).view(3, 5, 3))


def test_every_pixel_chooses() -> None:
    network, x = experts(4, 2, on=image(8, 3, 2)), torch.randn(2, 8, 3, 2)
    rows = x.permute(0, 2, 3, 1).reshape(-1, 8)
    made = by_loop(network.inner, rows).view(2, 3, 2, 3).permute(0, 3, 1, 2)
    assert_equal(network(x)[0], made)


def test_all_active_is_the_dense_mixture() -> None:
    network, x = experts(3, 3), torch.randn(2, 5, 8)
    shares = network.inner.router(x).softmax(-1)
    outcomes = torch.stack([expert(x) for expert in network.inner.experts], -1)
    assert_equal(network(x)[0], (outcomes * shares.unsqueeze(2)).sum(-1))


def test_one_active_is_the_expert_rated_highest() -> None:
    network, x = experts(4, 1), torch.randn(2, 5, 8)
    best = network.inner.router(x).argmax(-1, keepdim=True).unsqueeze(-1)
    outcomes = torch.stack([expert(x) for expert in network.inner.experts], -1)
    assert_equal(network(x)[0], outcomes.take_along_dim(best, -1).squeeze(-1))


def test_one_expert_alone_is_the_expression() -> None:
    network, x = experts(1, 1), torch.randn(2, 5, 8)
    assert network.inner.router is None
    assert_equal(network(x)[0], network.inner.experts[0](x))


def test_the_order_of_experts_does_not_matter() -> None:
    network, other, x = experts(4, 2), experts(4, 2, on=SPEC), torch.randn(2, 5, 8)
    order = [2, 0, 3, 1]
    with torch.no_grad():
        other.inner.router.weight.copy_(network.inner.router.weight[order])
    for place, number in enumerate(order):
        state = network.inner.experts[number].state_dict()
        other.inner.experts[place].load_state_dict(state)
    assert_equal(network(x)[0], other(x)[0])


def test_experts_that_nothing_chose_get_no_gradient() -> None:
    network, x = experts(4, 1), torch.randn(6, 1, 8)
    with torch.no_grad():
        network.inner.router.weight.copy_(torch.eye(4, 8))
    x[..., :4] = torch.tensor([3.0, 0.0, 1.0, -1.0])
    network(x)[0].sum().backward()
    reached = [
        any(p.grad is not None and p.grad.any() for p in expert.parameters())
        for expert in network.inner.experts
    ]
    assert reached == [True, False, False, False]


def test_the_number_of_active_ones_changes_after_training() -> None:
    network, built, x = experts(4, 1), experts(4, 3), torch.randn(2, 5, 8)
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    network.inner.active = 3
    assert_equal(network(x)[0], built(x)[0])
    network.inner.active = 1
    assert_equal(network(x)[0], experts(4, 1)(x)[0])
    assert all(torch.equal(before[key], t) for key, t in network.state_dict().items())
    for wrong in (0, 5):
        with pytest.raises(ValueError, match=f"{wrong} of 4 experts cannot be active"):
            network.inner.active = wrong


def test_the_number_of_active_ones_is_saved_with_the_weights() -> None:
    network, fresh, x = experts(4, 1), experts(4, 1), torch.randn(2, 5, 8)
    network.inner.active = 3
    state = network.state_dict()
    fresh.load_state_dict(state)
    assert fresh.inner.active == 3
    assert_equal(fresh(x)[0], network(x)[0])
    del state["inner.number_active"]  # as saved by what did not know it
    fresh.load_state_dict(state)
    assert fresh.inner.active == 3
    assert "inner.number_active" not in state
    state["inner.number_active"] = torch.tensor(5)
    with pytest.raises(RuntimeError, match="5 of 4 experts cannot be active"):
        fresh.load_state_dict(state)


def test_the_router_learns_also_with_one_active() -> None:
    """The value is the expert's, the gradient is that of its share of all, relative to it."""
    network, x, seen = experts(3, 1), torch.randn(1, 1, 8), torch.randn(3)
    (network(x)[0][0, 0] @ seen).backward()
    shares = network.inner.router(x[0, 0]).softmax(-1)
    best = int(shares.argmax())
    made = network.inner.experts[best](x[0])[0] @ seen
    expected = made * (torch.eye(3)[best] - shares)
    assert_equal(network.inner.router.weight.grad, torch.outer(expected, x[0, 0]).detach())


@pytest.mark.parametrize("active", [1, 2])
def test_running_all_experts_gives_the_same(active: int) -> None:
    inner, rows = experts(4, active).inner, torch.randn(7, 8)
    ratings = inner.router(rows)
    best, chosen = ratings.topk(active)
    weights = best.softmax(-1)
    dense = torch.zeros(7, 4).scatter(1, chosen, weights)
    assert_equal(inner.some_of(rows, chosen, weights), inner.all_of(rows, dense))


@pytest.mark.parametrize("active", [1, 3])
def test_examples_choose_by_the_average_of_their_positions(active: int) -> None:
    spec = image(4, 6, 6)
    network = experts(3, active, "conv2d(5, 3, stride=2) >> relu", spec, "example")
    x = torch.randn(4, 4, 6, 6)
    shares, chosen = network.inner.router(x.mean((2, 3))).topk(active)
    for example in range(4):
        alone = sum(
            share * network.inner.experts[number](x[example : example + 1])[0]
            for share, number in zip(shares[example].softmax(-1), chosen[example], strict=True)
        )
        assert_equal(network(x)[0][example], alone)


@pytest.mark.parametrize("route", ["position", "example"])
@pytest.mark.parametrize("active", [1, 2, 4])
def test_flops_are_those_of_the_active_experts(route: str, active: int) -> None:
    network = experts(4, active, route=route)
    primitive, inner = get_primitive("experts"), network.layer.args[0]
    args = primitive.bind(inner, 4, active, Symbol(route))
    with FlopCounterMode(display=False) as counter:
        network(torch.randn(6, 5, 8))
    assert counter.get_total_flops() == 6 * cost(primitive, args, (SPEC,)).flops


def test_says_why_it_rejects() -> None:
    assert reason("linear(4)", SPEC, 2, 3) == "of 2 experts 3 cannot be active"
    assert "has no weights" in reason("gelu", SPEC, 2, 1)
    parts = program(vector(8), [("split", (2, 0), [INPUT])], [Ref(0, 0), Ref(0, 1)])
    assert reason(parts, SPEC, 1, 1) == (
        "its expression makes (vector:4, vector:4), one tensor is needed"
    )
    assert "batch_norm of its expression needs several" in reason(
        "linear(4) >> batch_norm", SPEC, 2, 1
    )
    assert reason("linear(4)", SPEC, 2, 1, entering=SPEC) == (
        "its expression stands on tokens:5x8, what enters it is vector:8"
    )


def test_batch_norm_of_images_is_taken_where_examples_choose() -> None:
    network = experts(2, 1, "conv2d(4, 3) >> norm", image(3, 4, 4), "example")
    assert torch.isfinite(network(torch.randn(1, 3, 4, 4))[0]).all()
    alone = image(3, 1, 1)
    route = Symbol("example")
    assert "norm of its expression" in reason("norm", alone, 1, 1, route, entering=alone)


def test_grid_of_tokens_is_kept() -> None:
    spec = tokens(6, 8, (2, 3))
    primitive = get_primitive("experts")
    args = primitive.bind(expression("linear(3)", vector(8)), 2, 1)
    assert infer(primitive, args, (spec,)) == (tokens(6, 3, (2, 3)),)
