"""`Kept`: the epoch of a training that is best on validation data, and its weights."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import nn

Tensors = dict[str, torch.Tensor]


class Kept:
    """The best epoch so far. Of two that are equal it is the earlier one.

    Args:
        keeps: whether its weights are kept, too.

    Attributes:
        epoch: its number, from 1; 0 before there is one.
        loss: on validation data.
        weights: all parameters and buffers after it; None where they are not kept.
    """

    def __init__(self, keeps: bool) -> None:
        self.keeps = keeps
        self.forget()

    def forget(self) -> None:
        """No epoch so far counts."""
        self.epoch, self.loss = 0, math.inf
        self.weights: Tensors | None = None

    def note(self, epoch: int, loss: float, network: nn.Module) -> None:
        """An epoch has ended with a loss; the network has the weights that gave it."""
        if self.epoch and not loss < self.loss:
            return
        self.epoch, self.loss = epoch, loss
        if self.keeps:
            self.weights = copied(network)

    def restore(
        self,
        epoch: int,
        loss: float,
        weights: Mapping[str, torch.Tensor] | None,
        network: nn.Module,
    ) -> None:
        """Sets the best epoch as it was.

        Raises:
            ValueError: the weights are those of another network, or missing, or too many.
        """
        if self.keeps != (weights is not None):
            raise ValueError("one of them keeps its best epoch")
        self.epoch, self.loss = epoch, loss
        if weights is not None:
            own = network.state_dict()
            if {k: w.shape for k, w in weights.items()} != {k: w.shape for k, w in own.items()}:
                raise ValueError("the best epoch is that of another network")
            self.weights = {name: w.to(own[name].device, copy=True) for name, w in weights.items()}

    def is_spent(self, patience: int | None, epoch: int) -> bool:
        """Whether so many epochs up to this one brought nothing better."""
        return patience is not None and self.epoch > 0 and epoch - self.epoch >= patience


def copied(network: nn.Module) -> Tensors:
    """Copies of all parameters and buffers."""
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}


def put(network: nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    """Gives a network copies of these weights, and does not touch the memory of those it had."""
    for name, tensor in network.state_dict(keep_vars=True).items():
        tensor.data = weights[name].detach().clone()
