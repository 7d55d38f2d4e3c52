"""What every primitive must keep beyond plain training: under autocast to bfloat16, which
`precision: auto` selects; when gradients are differentiated again, as filters of layers do; and for
no examples at all.

Without oneDNN: of strides beyond the image, its bfloat16 convolutions leave parts of the weight's
gradient unwritten, so that anything stands there (torch 2.13, `nn.Conv2d(64, 4, 3, 4, 1)` on 3x3).
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from einsearch.primitives.base import all_primitives
from tests.contracts.primitive_cases import Case, cases


def through_linear(tensors: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """The tensors as a linear layer makes them, so in bfloat16; and the weights of that layer."""
    layers = [nn.Linear(tensor.shape[-1], tensor.shape[-1]) for tensor in tensors]
    made = [layer(tensor) for layer, tensor in zip(layers, tensors, strict=True)]
    assert {tensor.dtype for tensor in made} == {torch.bfloat16}
    return made, [weight for layer in layers for weight in layer.parameters()]


def assert_finite(case: Case, batch: int) -> None:
    """Outcomes and gradients of a step of training, then outcomes in evaluation."""
    network = case.network().train()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        tensors, weights = through_linear(case.tensors(batch))
        made = network(*tensors)
        total = sum((t.float().square().mean() for t in made), start=torch.zeros(()))
    grads: tuple[Tensor | None, ...] = ()
    if total.requires_grad:
        leaves = [*weights, *network.parameters()]
        grads = torch.autograd.grad(total, leaves, allow_unused=True)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        evaluated = network.eval()(*(tensor.detach() for tensor in tensors))
    for tensor in (*made, *evaluated, *(g for g in grads if g is not None)):
        assert tensor.isfinite().all(), str(case)


@pytest.mark.filterwarnings("ignore:TF32 acceleration", "ignore:Mismatch dtype between input")
@pytest.mark.parametrize("name", all_primitives())
def test_trains_and_evaluates_in_mixed_precision(name: str) -> None:
    with torch.backends.mkldnn.flags(enabled=False):
        for case in cases(name):
            assert_finite(case, batch=5)


def second_derivatives(case: Case) -> list[Tensor]:
    """Gradients of the square norm of all gradients; none where it is constant."""
    network = case.network().double()
    leaves = [t.double().requires_grad_() for t in case.tensors()] + [*network.parameters()]
    made = network(*leaves[: len(case.specs)])
    total = sum((t.square().mean() for t in made), start=torch.zeros(()))
    if not total.requires_grad:
        return []
    first = torch.autograd.grad(total, leaves, create_graph=True, allow_unused=True)
    norm = sum((g.square().sum() for g in first if g is not None), start=torch.zeros(()))
    if not norm.requires_grad:
        return []
    # Unlike `grad` by these leaves, it fails at what has no second derivative.
    norm.backward()
    return [leaf.grad for leaf in leaves if leaf.grad is not None]


@pytest.mark.parametrize("name", all_primitives())
def test_gradients_can_be_differentiated(name: str) -> None:
    with sdpa_kernel(SDPBackend.MATH):
        for case in cases(name):
            assert all(t.isfinite().all() for t in second_derivatives(case)), str(case)


@pytest.mark.filterwarnings("ignore:var.*degrees of freedom")
@pytest.mark.parametrize("name", all_primitives())
def test_no_examples_give_no_outcomes(name: str) -> None:
    for case in cases(name):
        with torch.no_grad():
            made = case.network().eval()(*case.tensors(batch=0))
        assert [tuple(t.shape) for t in made] == [(0, *s.shape) for s in case.outputs], str(case)
