"""`Answers`: a trained network asked with raw examples, as the search read them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from einsearch.specs import Layout
from einsearch.tasks.base import Statistics
from einsearch.tasks.layouts import Arrangement, Channels, arrange
from einsearch.tasks.preparing import normalise

_BATCH: Final = 128
"""Examples of a call. All calls are filled up to as many, since sums over batches of other sizes
are rounded otherwise: an example gets one answer, whatever stands beside it."""


def arrangement_of(x: NDArray[Any], layout: str | None, channels: Channels | None) -> Arrangement:
    """How the axes of raw examples (n, ...) are read. Raises TaskError."""
    is_pixels = x.dtype in (np.dtype(np.uint8), np.dtype(np.bool_))
    given = None if layout is None else Layout(layout)
    return arrange(f"x {x.shape}", x.shape[1:], is_pixels, given, channels)


class Reader(Protocol):
    """Reads raw examples as the search read them."""

    def read(self, x: Any) -> NDArray[np.float32]:
        """(n, *input shape) standardised. Raises ValueError where they cannot be read."""


@dataclass(frozen=True)
class ArrayReader:
    """Reads arrays of numbers.

    Attributes:
        arrangement: of their axes.
        statistics: of the training data.
    """

    arrangement: Arrangement
    statistics: Statistics

    def read(self, x: NDArray[Any]) -> NDArray[np.float32]:
        axis = self.arrangement.spec.feature_axis
        return normalise(self.arrangement.apply(x), self.statistics, axis)


@dataclass(frozen=True, eq=False)
class Answers:
    """What a network says to raw examples.

    Attributes:
        network: trained, head included, in evaluation mode.
        reader: of raw examples.
        target_statistics: of the training data, as a `Task` has them.
        classes: names of the outputs of a classification.
    """

    network: nn.Module
    reader: Reader
    target_statistics: Statistics | None
    classes: tuple[str, ...]

    def logits(self, x: Any) -> NDArray[np.float64]:
        """(n, outputs) of raw examples (n, ...): logits, or targets in their unit."""
        normal = self.reader.read(x)
        made: NDArray[np.float64] = np.concatenate(list(self._called(normal))).astype(np.float64)
        targets = self.target_statistics
        if targets is not None:
            made = made * np.asarray(targets.deviation) + np.asarray(targets.mean)
        return made

    def _called(self, x: NDArray[np.float32]) -> Iterator[NDArray[Any]]:
        with torch.inference_mode():
            for at in range(0, len(x), _BATCH):
                part = x[at : at + _BATCH]
                lacking = _BATCH - len(part)
                batch = np.concatenate([part, np.repeat(part[:1], lacking, axis=0)])
                made: NDArray[Any] = self.network(torch.from_numpy(batch)).numpy()
                yield made[: len(part)]


def shares(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities (n, classes) of logits."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    made: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return made
