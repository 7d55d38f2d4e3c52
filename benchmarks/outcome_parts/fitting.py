"""Training of the hand-written nets, over the same CPU minutes as a search has."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from outcome_parts.figures import Figure, of_classes, of_numbers, of_text
from outcome_parts.nets import net_for
from outcome_parts.sets import Data, Layout


@dataclass(frozen=True)
class Fitting:
    """How a net is trained.

    Attributes:
        rate: highest learning rate of AdamW; it falls to 0 as a cosine over the time there is.
        batch: examples of a step, at most.
        epochs: at most, however much time is left.
        patience: epochs without a better validation loss after which training stops, and the best
            weights are taken; None trains on all examples to the end.
    """

    rate: float
    batch: int
    epochs: int
    patience: int | None = None


FITTINGS: Final[dict[Layout, Fitting]] = {
    "series": Fitting(1e-3, 64, 500),
    "images": Fitting(2e-3, 64, 60),
    "tables": Fitting(1e-3, 64, 500, patience=40),
    "text": Fitting(2e-3, 32, 20),
}
_DECAY: Final = 0.01
_HELD_OUT: Final = 0.2


def _now() -> tuple[float, float]:
    return time.monotonic(), time.process_time()


class Clock:
    """Tells which share of the time is spent since it was made: of the wall's, or of that of all
    threads together.

    Args:
        seconds: of the wall, for so many threads.
        threads: that may work.
        now: seconds of the wall and of the CPU.
    """

    def __init__(
        self, seconds: float, threads: int, now: Callable[[], tuple[float, float]] = _now
    ) -> None:
        self._seconds, self._threads, self._now = seconds, threads, now
        self._began = now()

    def share(self) -> float:
        """From 0 to 1, or above it where time is over."""
        wall, cpu = (end - begin for begin, end in zip(self._began, self._now(), strict=True))
        return max(wall, cpu / self._threads) / self._seconds


def fitted_net(data: Data, seed: int, seconds: float, threads: int) -> Figure:
    """The test figure of a hand-written net.

    Args:
        data: the set.
        seed: of weights and batches.
        seconds: that `threads` threads may take.
        threads: of PyTorch.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    clock = Clock(seconds, threads)
    x, y, test_x = _tensors(data)
    fitting, net = FITTINGS[data.layout], net_for(data)
    fitting = replace(fitting, batch=max(8, min(fitting.batch, len(x) // 10)))
    outputs = _outputs(_fit(net, x, y, _loss(data), fitting, clock), test_x)
    if data.kind == "text":
        logs = F.log_softmax(outputs, -1)
        chosen = logs.gather(-1, torch.from_numpy(data.test_y)[..., None])[..., 0]
        return of_text(-chosen.numpy() / math.log(2))
    if data.kind == "classes":
        return of_classes(data, outputs.argmax(1).numpy())
    mean, deviation = data.train_y.mean(), data.train_y.std()
    return of_numbers(data, outputs[:, 0].numpy() * deviation + mean)


def _tensors(data: Data) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs standardised by channel or feature, and answers."""
    if data.kind == "text":
        return tuple(map(torch.from_numpy, (data.train_x, data.train_y, data.test_x)))
    axes = tuple(axis for axis in range(data.train_x.ndim) if axis != 1)
    mean = data.train_x.mean(axis=axes, keepdims=True)
    deviation = data.train_x.std(axis=axes, keepdims=True) + 1e-8
    x, test_x = (
        torch.from_numpy(((part - mean) / deviation).astype(np.float32))
        for part in (data.train_x, data.test_x)
    )
    y: NDArray[Any] = data.train_y
    if data.kind == "number":
        y = ((y - y.mean()) / y.std()).astype(np.float32)[:, None]
    return x, torch.from_numpy(y), test_x


def _loss(data: Data) -> Callable[[Tensor, Tensor], Tensor]:
    if data.kind == "number":
        return F.mse_loss
    return lambda outputs, y: F.cross_entropy(outputs.flatten(0, -2), y.flatten())


def _fit(
    net: nn.Module,
    x: Tensor,
    y: Tensor,
    loss: Callable[[Tensor, Tensor], Tensor],
    fitting: Fitting,
    clock: Clock,
) -> nn.Module:
    """Trains a net, and answers it with the weights that are to be tested."""
    held_out = torch.randperm(len(x))[: round(len(x) * _HELD_OUT)] if fitting.patience else None
    valid = None
    if held_out is not None:
        stays = torch.ones(len(x), dtype=torch.bool)
        stays[held_out] = False
        valid, x, y = (x[held_out], y[held_out]), x[stays], y[stays]
    optimizer = torch.optim.AdamW(net.parameters(), fitting.rate, weight_decay=_DECAY)
    best, lowest, since = copy.deepcopy(net.state_dict()), math.inf, 0
    for epoch in range(fitting.epochs):
        if not _epoch(net, optimizer, (x, y), loss, fitting, epoch, clock):
            break
        if valid is None or fitting.patience is None:
            continue
        found, since = float(loss(_outputs(net, valid[0]), valid[1])), since + 1
        if found < lowest:
            best, lowest, since = copy.deepcopy(net.state_dict()), found, 0
        if since >= fitting.patience:
            break
    if valid is not None:
        net.load_state_dict(best)
    return net


def _epoch(
    net: nn.Module,
    optimizer: torch.optim.Optimizer,
    pair: tuple[Tensor, Tensor],
    loss: Callable[[Tensor, Tensor], Tensor],
    fitting: Fitting,
    epoch: int,
    clock: Clock,
) -> bool:
    """One pass over the examples; False where the time was over before its end."""
    x, y = pair
    net.train()
    parts = torch.randperm(len(x)).tensor_split(math.ceil(len(x) / fitting.batch))
    for step, rows in enumerate(parts):
        done = max(clock.share(), (epoch + step / len(parts)) / fitting.epochs)
        if done >= 1:
            return False
        for group in optimizer.param_groups:
            group["lr"] = (
                fitting.rate * min(1.0, 20 * done + 0.01) * (1 + math.cos(math.pi * done)) / 2
            )
        optimizer.zero_grad()
        loss(net(x[rows]), y[rows]).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
    return True


@torch.inference_mode()
def _outputs(net: nn.Module, x: Tensor, batch: int = 256) -> Tensor:
    net.eval()
    return torch.cat([net(part) for part in x.split(batch)])
