"""What tests of state spaces share: loops over tokens in float64, and exports."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

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


def export_everywhere(written: Program, folder: Path) -> None:
    """Exports a network in each format whose packages are here; each compares its answers."""
    torch.manual_seed(0)
    head = attach_head(build_module(written, 0), written.output[0], vector(3))
    model = TrainedModel(written, vector(3), head)
    for name, exporter in all_exporters().items():
        if "int8" not in name and all(map(find_spec, exporter.needs)):
            assert exporter.export(model, folder / name)
