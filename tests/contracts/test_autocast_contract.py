"""What every primitive must keep under autocast to bfloat16, which `precision: auto` selects.

Without oneDNN: of strides beyond the image, its bfloat16 convolutions leave parts of the weight's
gradient unwritten, so that anything stands there (torch 2.13, `nn.Conv2d(64, 4, 3, 4, 1)` on 3x3).
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

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
