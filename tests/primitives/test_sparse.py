"""Sparse modular activation, against a loop over examples."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from einsearch.derivation.replay import architecture
from einsearch.errors import ShapeError
from einsearch.primitives.base import (
    all_primitives,
    cost,
    expressions_of,
    get_primitive,
    infer,
    infer_or_reason,
)
from einsearch.primitives.program import INPUT, Call, Program, Ref
from einsearch.specs import TensorSpec, image, tokens
from tests.contracts.primitive_cases import Network, arguments
from tests.primitives.calling import assert_equal, call

SPEC = tokens(7, 4)


def sparse(text: str = "attention >> tanh", seed: int = 0) -> Network:
    program = architecture(text, SPEC).program
    return call("sparse_modular_activation", program, on=SPEC, seed=seed)


def reason(text: str, on: TensorSpec = SPEC) -> str:
    primitive = get_primitive("sparse_modular_activation")
    with pytest.raises(ShapeError) as caught:
        infer(primitive, primitive.bind(architecture(text, on).program), (on,))
    return str(caught.value).partition(": ")[2]


def biased(network: Network, towards: float) -> Any:
    """The module, its router made to rate the second logit higher by so much."""
    with torch.no_grad():
        network.inner.router.weight.zero_()
        network.inner.router.bias.copy_(torch.tensor([0.0, towards]))
    return network.inner


class Forbidden(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        raise AssertionError("the module was called")


def test_no_active_token_calls_no_module() -> None:
    network = sparse()
    inner = biased(network, -1.0)
    inner.expression = Forbidden()
    x = torch.randn(3, 7, 4)
    assert torch.equal(network(x)[0], x)


def test_all_active_is_the_module_on_the_whole_sequence() -> None:
    network = sparse()
    inner = biased(network, 1.0)
    x = torch.randn(3, 7, 4)
    # The temperature begins at the root of the number of features.
    p = torch.sigmoid(torch.tensor(1.0 / 4**0.5))
    assert_equal(network(x)[0], x + p * inner.expression(x))


@pytest.mark.parametrize("seed", range(4))
def test_the_module_sees_the_active_tokens_of_one_example_in_order(seed: int) -> None:
    network, x = sparse(seed=seed), torch.randn(5, 7, 4)
    inner = network.inner
    expected = []
    for example in x:
        logits = (example @ inner.router.weight.T + inner.router.bias) / inner.log_temperature.exp()
        p = logits.softmax(-1)
        active = [t for t in range(7) if p[t, 1] > p[t, 0]]
        made = example.clone()
        if active:
            gathered = torch.stack([example[t] for t in active])
            outcome = inner.expression(gathered.unsqueeze(0))[0]
            for place, t in enumerate(active):
                made[t] = example[t] + p[t, 1] * outcome[place]
        expected.append(made)
    assert_equal(network(x)[0], torch.stack(expected))


def test_router_and_temperature_learn_from_active_tokens() -> None:
    network = sparse()
    network(torch.randn(4, 7, 4))[0].sum().backward()
    inner = network.inner
    for weight in (inner.router.weight, inner.router.bias, inner.log_temperature):
        assert weight.grad is not None
        assert weight.grad.any()


def test_work_grows_with_the_active_tokens() -> None:
    network = sparse("linear(9) >> gelu >> linear(4)")
    with torch.no_grad():
        network.inner.router.weight.copy_(torch.tensor([[0.0] * 4, [1.0, 0.0, 0.0, 0.0]]))
        network.inner.router.bias.zero_()
    x = torch.randn(2, 7, 4).abs()
    spent = []
    for active in range(15):
        x.view(-1, 4)[:, 0] = torch.where(torch.arange(14) < active, 1.0, -1.0)
        with FlopCounterMode(display=False) as counter:
            network(x)
        spent.append(counter.get_total_flops())
    primitive = get_primitive("sparse_modular_activation")
    counted = 2 * cost(primitive, primitive.bind(network.layer.args[0]), (SPEC,)).flops
    router = 2 * 2 * 14 * 4
    assert spent == [router + active * (counted - router) // 14 for active in range(15)]


def test_says_why_it_rejects() -> None:
    assert reason("linear(5)") == "its expression makes tokens:1x5 of tokens:1x4"
    assert reason("positional_encoding") == "the weights of its expression depend on the length"
    assert reason("linear(7, axis=0)") == "its expression makes tokens:7x4 of tokens:1x4"
    assert "batch_norm of its expression" in reason("batch_norm")
    assert reason("split(7, 0) >> concat(0)") == (
        "its expression cannot take tokens:1x4: split cannot take tokens:1x4: "
        "axis 0 of size 1 cannot be cut into 7 equal parts"
    )
    assert reason("relu", image(2, 3, 3)) == "it needs tokens"


PLAIN = [
    name for name, primitive in all_primitives().items() if not expressions_of(type(primitive))
]


@pytest.mark.parametrize("name", PLAIN)
def test_what_is_taken_for_any_length_needs_no_length(name: str) -> None:
    """Layers are made for the whole sequence, and run on shorter ones."""
    primitive, wrapper = get_primitive(name), get_primitive("sparse_modular_activation")
    fewest = primitive.arity[0]
    for args in arguments(primitive):
        for length in (6, 7):
            specs = (tokens(length, 8),) * fewest
            outputs = infer_or_reason(primitive, args, specs)
            if isinstance(outputs, str) or len(outputs) != 1:
                continue
            made = Call(primitive, args, (Ref(INPUT, 0),) * fewest, specs, outputs, "0")
            program = Program(specs[:1], (made,), (Ref(0, 0),))
            if isinstance(infer_or_reason(wrapper, wrapper.bind(program), specs[:1]), str):
                continue
            for shorter in (1, 2, 3, 4, 5):
                fewer = (tokens(shorter, 8),) * fewest
                assert infer_or_reason(primitive, args, fewer) == fewer[:1]
                assert primitive.layer(fewer, args) == primitive.layer(specs, args)
