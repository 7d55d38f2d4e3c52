"""What tests of state spaces share: loops over tokens in float64, and exports."""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from einsearch.compile.head import attach_head
from einsearch.compile.module import build_module
from einsearch.exporters.base import TrainedModel
from einsearch.exporters.registry import all_exporters
from einsearch.primitives.program import Program
from einsearch.specs import vector


def selective_scan_loop(x: Tensor, dt: Tensor, rate: Tensor, write: Tensor, read: Tensor) -> Tensor:
    """h_t = exp(dt_t A) h_(t-1) + dt_t x_t B_t, y_t = C_t . h_t; shapes as in the kernel."""
    state = x.new_zeros(*x[:, 0].shape, rate.shape[-1])
    made = []
    for t in range(x.shape[1]):
        step, driven = dt[:, t].unsqueeze(-1), (dt * x)[:, t].unsqueeze(-1)
        state = torch.exp(step * rate) * state + driven * write[:, t].unsqueeze(2)
        made.append((state * read[:, t].unsqueeze(2)).sum(-1))
    return torch.stack(made, 1)


def scan_operands(
    batch: int, length: int, paths: int, features: int, state: int, seed: int = 0
) -> list[Tensor]:
    """x, dt, rate, write and read of a selective scan, in float64."""
    g = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=g, dtype=torch.float64)

    steps = torch.rand((batch, length, paths, features), generator=g, dtype=torch.float64)
    rates = torch.rand((paths, features, state), generator=g, dtype=torch.float64)
    small = normal(batch, length, paths, state), normal(batch, length, paths, state)
    return [normal(batch, length, paths, features), 0.2 * steps, -8 * rates, *small]


def assert_log_uniform(steps: Tensor, least: float = 1e-3, most: float = 1e-1) -> None:
    """Thousands of step sizes fill the range, every part of it on a logarithmic scale alike."""
    places = (steps.detach().double().log() - math.log(least)) / math.log(most / least)
    assert -1e-4 < float(places.min()) < 0.01
    assert 0.99 < float(places.max()) < 1 + 1e-4
    shares = torch.histc(places, 4, 0, 1) / places.numel()
    assert ((shares - 0.25).abs() < 0.05).all()


def numbers_kept(network: nn.Module, given: Sequence[Tensor]) -> int:
    """Numbers that a forward pass keeps for the backward pass; a storage counts once."""
    storages: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes() // tensor.element_size()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        made = network(*given)
    assert made[0].requires_grad
    return sum(storages.values())


def assert_same_gradients(
    network: nn.Module, oracle: nn.Module, x: Tensor, copied: dict[str, Tensor]
) -> None:
    """Outcomes and gradients of two modules, by the input and by weights that one has of the other.

    `copied` are the oracle's gradients by name, as far as the other has the same weights.
    """
    weights = torch.randn(x.shape, generator=torch.Generator().manual_seed(7))
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    made, expected = network(ours), oracle(theirs)
    torch.testing.assert_close(made, expected, rtol=1e-4, atol=1e-5)
    (made * weights).sum().backward()
    (expected * weights).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-5)
    given = dict(oracle.named_parameters())
    for name, own in copied.items():
        assert own.grad is not None
        torch.testing.assert_close(
            own.grad.view_as(given[name]), given[name].grad, rtol=1e-3, atol=1e-4, msg=name
        )


def export_everywhere(written: Program, folder: Path) -> None:
    """Exports a network in each format whose packages are here; each compares its answers."""
    torch.manual_seed(0)
    head = attach_head(build_module(written, 0), written.output[0], vector(3))
    model = TrainedModel(written, vector(3), head)
    for name, exporter in all_exporters().items():
        if "int8" not in name and all(map(find_spec, exporter.needs)):
            assert exporter.export(model, folder / name)
