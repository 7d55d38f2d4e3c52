"""`Course`: which steps an epoch of a training has, and which examples each step takes.

It hangs on the number of the step, the seed and the sizes alone, so that a training goes on at any
step as if it had never been cut off there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from einsearch.evaluate.config import TrainingConfig

_MASK: Final = 2**64 - 1
"""Makes a seed that NumPy takes of one that is negative."""


@dataclass(frozen=True)
class Course:
    """All steps of a training in full.

    Attributes:
        examples: of the training split.
        batches: steps of a pass over them; their sizes differ by at most one.
        steps: of the whole training.
        epochs: that they are cut into. Their lengths differ by at most one step; an epoch may be
            a part of a pass, or many passes.
        seed: of the order of examples.
    """

    examples: int
    batches: int
    steps: int
    epochs: int
    seed: int

    @classmethod
    def of(cls, config: TrainingConfig, examples: int, seed: int) -> Self:
        """What a configuration asks for with so many examples."""
        steps = config.all_steps(examples)
        return cls(examples, config.batches(examples), steps, config.epochs, seed)

    def end(self, epoch: int) -> int:
        """How many steps are done when an epoch ends; 0 for epoch 0."""
        return epoch * self.steps // self.epochs

    def rows(self, first: int, last: int) -> Iterator[NDArray[np.int64]]:
        """Numbers of the examples of each step from `first` on, counted from 0, up to and without
        `last`."""
        order, ordered = np.empty(0, np.int64), -1
        for step in range(first, last):
            number, batch = divmod(step, self.batches)
            if number != ordered:
                order, ordered = self.order(number), number
            start = self.examples * batch // self.batches
            yield order[start : self.examples * (batch + 1) // self.batches]

    def order(self, number: int) -> NDArray[np.int64]:
        """The examples of pass `number`, counted from 0, in their order."""
        return np.random.default_rng((self.seed & _MASK, number)).permutation(self.examples)
