"""`Blend`: several networks as one, which answers what they answer together.

The answers are such as those of one network: logits of classes or of labels, or numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import torch
import torch.nn.functional as F
from torch import nn


def mean_of_classes(answers: list[torch.Tensor], shares: tuple[float, ...]) -> torch.Tensor:
    """Logits (n, ..., classes), or (n, classes, height, width), whose softmax is the mean of the
    softmax of each answer's."""
    axis = 1 if answers[0].ndim == 4 else -1
    parts = [F.log_softmax(a, axis) + math.log(s) for a, s in zip(answers, shares, strict=True)]
    return torch.logsumexp(torch.stack(parts), 0)


def mean_of_labels(answers: list[torch.Tensor], shares: tuple[float, ...]) -> torch.Tensor:
    """Logits (..., labels) whose sigmoid is the mean of the sigmoid of each answer's."""
    weights = [math.log(share) for share in shares]
    yes = [F.logsigmoid(a) + w for a, w in zip(answers, weights, strict=True)]
    no = [F.logsigmoid(-a) + w for a, w in zip(answers, weights, strict=True)]
    return torch.logsumexp(torch.stack(yes), 0) - torch.logsumexp(torch.stack(no), 0)


def mean_of_values(answers: list[torch.Tensor], shares: tuple[float, ...]) -> torch.Tensor:
    """The mean of the answers themselves."""
    return torch.stack([s * a for a, s in zip(answers, shares, strict=True)]).sum(0)


Mean = Callable[[list[torch.Tensor], tuple[float, ...]], torch.Tensor]
"""Takes the answers of networks, all of one shape, and the share of each; shares sum to 1."""

MEANS: Final[Mapping[str, Mean]] = {
    "classes": mean_of_classes,
    "labels": mean_of_labels,
    "values": mean_of_values,
}
"""How answers are averaged, by what they are."""


class Blend(nn.Module):
    """Networks that answer together.

    Args:
        members: take the same input, and answer with the same shape.
        shares: of each in the average, above 0; they sum to 1.
        kind: what the answers are, a key of `MEANS`.
    """

    def __init__(self, members: Iterable[nn.Module], shares: Sequence[float], kind: str) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.shares = tuple(shares)
        self.kind = kind
        if len(self.shares) != len(self.members) or not math.isclose(sum(self.shares), 1):
            raise ValueError(f"shares {self.shares} of {len(self.members)} networks")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Incoming tensor (batch, *shape) to the answer (batch, *shape)."""
        return MEANS[self.kind]([member(x) for member in self.members], self.shares)
