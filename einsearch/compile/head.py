"""The head of a task: from the last features of any layout to what the task wants.

Features are averaged over positions and never over each other: averaging over features what a
layer norm over features has normalised gives the same number for every input.
"""

from __future__ import annotations

import torch
from torch import nn

from einsearch.errors import EinsearchError
from einsearch.specs import Layout, TensorSpec


class VectorHead(nn.Module):
    """Averages an image over space, or tokens over their length, then maps to a vector."""

    def __init__(self, features: int, outputs: int, position_axes: tuple[int, ...]) -> None:
        super().__init__()
        self.position_axes = position_axes
        self.linear = nn.Linear(features, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, *shape) to (batch, outputs)."""
        mapped: torch.Tensor = self.linear(x.mean(self.position_axes) if self.position_axes else x)
        return mapped


class DenseHead(nn.Module):
    """Maps the features at every position by itself: a 1x1 convolution."""

    def __init__(self, features: int, outputs: int, feature_axis: int) -> None:
        super().__init__()
        self.feature_axis = feature_axis
        self.linear = nn.Linear(features, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The same positions with other features."""
        mapped: torch.Tensor = self.linear(x.movedim(self.feature_axis, -1))
        return mapped.movedim(-1, self.feature_axis)


class Network(nn.Module):
    """A backbone and a head."""

    def __init__(self, backbone: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Incoming tensor (batch, *shape) to the task's output (batch, *shape)."""
        out: torch.Tensor = self.head(self.backbone(x))
        return out


def make_head(features: TensorSpec, output: TensorSpec) -> VectorHead | DenseHead:
    """The head from a backbone's outgoing tensor to a task's output.

    A vector is made from any layout. An image or tokens are made from those of the same size
    alone.

    Raises:
        EinsearchError: the positions of the two differ.
    """
    if output.layout is Layout.VECTOR:
        positions = range(features.rank)
        axes = tuple(axis + 1 for axis in positions if axis != features.feature_axis)
        return VectorHead(features.features, output.features, axes)
    if features.layout is output.layout and _positions(features) == _positions(output):
        return DenseHead(features.features, output.features, features.feature_axis + 1)
    raise EinsearchError(
        f"the network gives {features}, the task wants {output}: a head changes the number of "
        "features alone, so layout and size must be the task's"
    )


def attach_head(
    backbone: nn.Module, spec: TensorSpec, output: TensorSpec, seed: int = 0
) -> Network:
    """A backbone with a head for a task's output.

    Args:
        backbone: what makes the features.
        spec: spec of those features.
        output: spec that the task wants; `vector(10)` for ten classes.
        seed: determines the head's initial weights.

    Raises:
        EinsearchError: there is no way from these features to that output.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Network(backbone, make_head(spec, output))


def _positions(spec: TensorSpec) -> tuple[int, ...]:
    return tuple(size for axis, size in enumerate(spec.shape) if axis != spec.feature_axis)
