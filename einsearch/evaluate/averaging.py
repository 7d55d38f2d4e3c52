"""`Average`: an exponential moving average of a network's weights over the steps of its training.

The idea is that of Polyak and Juditsky, 1992, "Acceleration of Stochastic Approximation by
Averaging"; the correction in the beginning that of Kingma and Ba, 2015, "Adam", section 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class Average:
    """The moving average of what training changes: trained parameters, and buffers of floats such
    as the moments of a norm over the batch. Other buffers stay those of the network.

    Args:
        network: on its device.
        window: steps that the average looks back over; at most 1 gives the last weights.

    Attributes:
        steps: that are in the average.
    """

    def __init__(self, network: nn.Module, window: float) -> None:
        self.steps = 0
        self._decay = 1.0 - 1.0 / max(1.0, window)
        self._live = dict(_averaged(network))
        self._mine = [tensor.detach() for tensor in self._live.values()]
        self._kept = [tensor.clone() for tensor in self._mine]

    def update(self) -> None:
        """Takes in the weights after a step."""
        self.steps += 1
        share = (1.0 - self._decay) / (1.0 - self._decay**self.steps)
        update = get_ema_multi_avg_fn(1.0 - share)  # type: ignore[no-untyped-call]
        update(self._kept, self._mine, self.steps)

    def restart(self) -> None:
        """Forgets all earlier weights: those of now are the average."""
        self.steps = 0
        for kept, mine in zip(self._kept, self._mine, strict=True):
            kept.copy_(mine)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Inside, the network has the average for its weights. Nothing is copied."""
        self._point_at(self._kept)
        try:
            yield
        finally:
            self._point_at(self._mine)

    def state(self) -> dict[str, torch.Tensor]:
        """The average by name; it shares memory."""
        return dict(zip(self._live, self._kept, strict=True))

    def restore(self, state: Mapping[str, torch.Tensor], steps: int) -> None:
        """Sets the average of so many steps.

        Raises:
            ValueError: names or shapes are not those of the network.
        """
        shapes = {name: tensor.shape for name, tensor in self._live.items()}
        if {name: tensor.shape for name, tensor in state.items()} != shapes:
            raise ValueError("the average is that of another network")
        for name, kept in self.state().items():
            kept.copy_(state[name])
        self.steps = steps

    def _point_at(self, tensors: list[torch.Tensor]) -> None:
        for live, tensor in zip(self._live.values(), tensors, strict=True):
            live.data = tensor


def _averaged(network: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            yield name, parameter
    for name, buffer in network.named_buffers():
        # An infinity has no average: its difference to itself is no number.
        if buffer.is_floating_point() and bool(buffer.isfinite().all()):
            yield name, buffer
