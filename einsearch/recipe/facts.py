"""`Facts`: what a recipe depends on, read off a task."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from einsearch.specs import Layout
from einsearch.tasks.base import Loss, Task


@dataclass(frozen=True)
class Facts:
    """What is known of the data.

    Attributes:
        train, valid: examples.
        is_cut: whether the validation examples were cut off training, so that they may be dealt
            out anew.
        layout: of an example.
        shape: of an example.
        is_code: whether the numbers of an example are codes of symbols.
        loss: what training minimises.
        classes: how many; 0 for a regression.
        smallest: examples of the rarest class, for training and validation together; all examples
            where there are no classes.
        largest: of the most frequent one.
        is_ordered: whether later examples must not tell of earlier ones.
    """

    train: int
    valid: int
    is_cut: bool
    layout: Layout
    shape: tuple[int, ...]
    is_code: bool
    loss: Loss
    classes: int
    smallest: int
    largest: int
    is_ordered: bool = False

    @property
    def examples(self) -> int:
        """All that may be learned from."""
        return self.train + self.valid if self.is_cut else self.train


def facts_of(task: Task) -> Facts:
    """Reads them off a task; looks at labels of training and validation alone."""
    smallest = largest = len(task.train)
    is_class = task.loss is Loss.CROSS_ENTROPY and task.train.y.ndim == 1
    if is_class:
        labels = np.concatenate([task.train.y, task.valid.y]).astype(np.int64)
        counts = np.bincount(labels, minlength=task.output.features)
        smallest, largest = int(counts[counts > 0].min()), int(counts.max())
    return Facts(
        train=len(task.train),
        valid=len(task.valid),
        is_cut=task.reading.valid_fraction is not None,
        layout=task.input.layout,
        shape=task.input.shape,
        is_code=bool(task.vocabulary) or task.loss is Loss.NEXT_TOKEN,
        loss=task.loss,
        classes=task.output.features if task.is_classification else 0,
        smallest=smallest,
        largest=largest,
        is_ordered=task.reading.is_ordered,
    )
