"""The contract of a task: incoming tensor, outgoing tensor, loss, metrics, splits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from einsearch.errors import TaskError
from einsearch.specs import Layout, TensorSpec
from einsearch.tasks.encoding import ColumnCode, described_codes
from einsearch.tasks.telling import UNTOLD, Answers, Reading, tell


class Loss(StrEnum):
    """What training minimises."""

    CROSS_ENTROPY = "cross_entropy"
    """Of a softmax over the outgoing features; labels are class numbers."""
    NEXT_TOKEN = "next_token"
    """The same at every token, as a mean over them; labels are the codes of what follows. A token
    must not see later ones, which are the answers of those before."""
    BINARY_CROSS_ENTROPY = "binary_cross_entropy"
    """Of a sigmoid of each outgoing feature, as a mean over them; each says whether an example has
    a label, and an example may have several."""
    MEAN_SQUARED_ERROR = "mse"
    """Of the standardised targets."""
    DENSE_CROSS_ENTROPY = "dense_cross_entropy"
    """Cross-entropy at every pixel or step, as a mean over them; each has a class."""
    DENSE_SQUARED_ERROR = "dense_mse"
    """Mean squared error at every pixel or step; each has standardised targets."""


DENSE: Final = (Loss.DENSE_CROSS_ENTROPY, Loss.DENSE_SQUARED_ERROR)
"""Of tasks in which every pixel or step has an answer."""
REGRESSIONS: Final = (Loss.MEAN_SQUARED_ERROR, Loss.DENSE_SQUARED_ERROR)
"""Of tasks whose answers are amounts."""


@dataclass(frozen=True)
class Metric:
    """A number that judges a network.

    Attributes:
        name: as search-space files say it.
        direction: which way is better, "maximize" or "minimize".
        is_share: whether it is a share of examples, which people read in per cent.
    """

    name: str
    direction: str
    is_share: bool = False

    def is_better(self, value: float, other: float) -> bool:
        """Whether `value` beats `other`."""
        return value > other if self.direction == "maximize" else value < other


METRICS: Final[Mapping[Loss, tuple[Metric, ...]]] = {
    Loss.CROSS_ENTROPY: (
        Metric("accuracy", "maximize", is_share=True),
        Metric("balanced_accuracy", "maximize", is_share=True),
        Metric("f1", "maximize"),
        Metric("auc", "maximize"),
        Metric("cross_entropy", "minimize"),
    ),
    Loss.BINARY_CROSS_ENTROPY: (
        Metric("auc", "maximize"),
        Metric("f1", "maximize"),
        Metric("accuracy", "maximize", is_share=True),
        Metric("cross_entropy", "minimize"),
    ),
    Loss.NEXT_TOKEN: (
        Metric("bpc", "minimize"),
        Metric("accuracy", "maximize", is_share=True),
        Metric("cross_entropy", "minimize"),
    ),
    Loss.MEAN_SQUARED_ERROR: (
        Metric("rmse", "minimize"),
        Metric("mae", "minimize"),
        Metric("r2", "maximize"),
    ),
    Loss.DENSE_CROSS_ENTROPY: (
        Metric("accuracy", "maximize", is_share=True),
        Metric("mean_iou", "maximize"),
        Metric("cross_entropy", "minimize"),
    ),
    Loss.DENSE_SQUARED_ERROR: (
        Metric("rmse", "minimize"),
        Metric("mae", "minimize"),
        Metric("r2", "maximize"),
        Metric("relative_l2", "minimize"),
    ),
}
"""Metrics that go with a loss; the first is the main one. `bpc` is bits per character, `mean_iou`
the mean over classes of intersection over union."""

SHARES: Final = frozenset(m.name for group in METRICS.values() for m in group if m.is_share)
"""Names of the metrics that are shares of examples."""


@dataclass(frozen=True, eq=False)
class Split:
    """Examples, ready for a network.

    Attributes:
        x: (n, *input shape), float32, normalised; codes are whole numbers from 0. Of an array that
            stays on disk a `LazyExamples`, which has a shape and gives parts as an array does.
        y: (n,) int64 class numbers, (n, length) or (n, height, width) of them where every token or
            pixel has its own, (n, labels) float32 of 1 where an example has a label and else 0, or
            (n, dims) float32 standardised targets, (n, *output shape) of every token or pixel.
        weights: (n,) float32, how much each example counts in training and in scores, with mean 1;
            None where all count the same.
        groups: (n,) int64, examples of one group are never on both sides of a cut; None where each
            example stands for itself.
    """

    x: NDArray[np.float32]
    y: NDArray[Any]
    weights: NDArray[np.float32] | None = None
    groups: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class Statistics:
    """Mean and standard deviation for each channel or feature, as measured on training data.

    A network takes (raw - mean) / deviation; a feature that never varies has deviation 1.
    """

    mean: tuple[float, ...]
    deviation: tuple[float, ...]


def restored(y: NDArray[Any], statistics: Statistics, output: TensorSpec) -> NDArray[np.float64]:
    """Standardised targets (n, *output shape) in their unit."""
    shape = [1] * (output.rank + 1)
    shape[output.feature_axis + 1] = -1
    deviation, mean = (np.reshape(n, shape) for n in (statistics.deviation, statistics.mean))
    raw: NDArray[np.float64] = y.astype(np.float64) * deviation + mean
    return raw


@dataclass(frozen=True, eq=False)
class Task:
    """What a network has to do.

    The test split is not among the fields: `test()` reads it from its source, and only the final
    stage of a run calls that, so that neither training nor a search can see test data.

    Attributes:
        name: as registered.
        input: spec of one example.
        output: spec of the network's answer: `vector(classes)` of logits, `tokens(length, classes)`
            or `image(classes, height, width)` of them, or numbers of these layouts.
        loss: what training minimises; it also says whether this is classification.
        train, valid: what candidates are trained on, and scored on.
        read_test: gives the test split, or None where there is none. Picklable.
        statistics: of the raw input, by channel or feature.
        target_statistics: of the raw targets of a regression, by dimension; else None.
        vocabulary: what the codes of the input stand for, where they are codes, and those of the
            answer where it is the next one.
        symbols: what one symbol of the vocabulary is in the data: characters or words of a text,
            or cells of an array; empty where the data are no rows of symbols.
        classes: names of the classes, or of the labels of which an example may have several, in the
            order of the network's outputs; numbers from 0 where none are given, and nothing where
            answers are no classes.
        columns: names of the features of the input, in their order; nothing where they have none.
        targets: names of the dimensions of a regression; nothing where they have none.
        encoding: how the columns of a table become features; nothing where x is as the data have
            it.
        reading: how the data were read, for people.
    """

    name: str
    input: TensorSpec
    output: TensorSpec
    loss: Loss
    train: Split
    valid: Split
    read_test: Callable[[], Split] | None
    statistics: Statistics
    target_statistics: Statistics | None = None
    vocabulary: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    encoding: tuple[ColumnCode, ...] = ()
    symbols: str = ""
    reading: Reading = UNTOLD

    def __post_init__(self) -> None:
        named = (Loss.CROSS_ENTROPY, Loss.BINARY_CROSS_ENTROPY, Loss.DENSE_CROSS_ENTROPY)
        if self.loss in named and not self.classes:
            numbered = tuple(map(str, range(self.output.features)))
            object.__setattr__(self, "classes", numbered)

    @property
    def is_classification(self) -> bool:
        return self.loss not in REGRESSIONS

    @property
    def is_dense(self) -> bool:
        """Whether every pixel or step has an answer of its own, and not an example as a whole."""
        return self.loss in DENSE

    @property
    def require(self) -> tuple[str, ...]:
        """What every network must have, by the names that a grammar's `require` knows."""
        return ("causal",) if self.loss is Loss.NEXT_TOKEN else ()

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Metrics that evaluation reports; the first is the main one."""
        return METRICS[self.loss]

    @property
    def has_test(self) -> bool:
        return self.read_test is not None

    def test(self) -> Split:
        """The test split, read from its source at this very moment.

        Raises:
            TaskError: the task has none, or its source has changed for the worse.
        """
        if self.read_test is None:
            raise TaskError(
                f"the task {self.name} has no test data: add test_x and test_y to its source"
            )
        return self.read_test()

    @property
    def summary(self) -> str:
        """What was read, in one line for people: examples, shape, classes, splits."""
        place = {Layout.IMAGE: "pixel", Layout.TOKENS: "step"}.get(self.output.layout, "")
        y = self.raw_targets()
        place = place if self.is_dense else ""
        answers = Answers(
            self.classes, self.targets, self.vocabulary, y, place, self.loss is Loss.NEXT_TOKEN
        )
        sizes = (len(self.train), len(self.valid))
        return tell(self.input, sizes, self.has_test, answers, self.reading)

    def raw_targets(self) -> NDArray[Any]:
        """Answers of training, and of what was cut off it for validation, as the data have them:
        class numbers, or targets in their unit, as exactly as float32 keeps them."""
        is_cut = self.reading.valid_fraction is not None
        y = np.concatenate([self.train.y, self.valid.y]) if is_cut else self.train.y
        if self.target_statistics is None:
            return y
        return restored(y, self.target_statistics, self.output)

    def describe(self) -> dict[str, Any]:
        """JSON-ready metadata that an exported network needs: specs, statistics, sizes, names."""
        described: dict[str, Any] = {
            "name": self.name,
            "input": str(self.input),
            "output": str(self.output),
            "loss": str(self.loss),
            "train": len(self.train),
            "valid": len(self.valid),
            "mean": list(self.statistics.mean),
            "deviation": list(self.statistics.deviation),
        }
        if self.target_statistics is not None:
            described["target_mean"] = list(self.target_statistics.mean)
            described["target_deviation"] = list(self.target_statistics.deviation)
        if self.vocabulary:
            described["vocabulary"] = list(self.vocabulary)
        if self.symbols:
            described["symbols"] = self.symbols
        for key in ("classes", "columns", "targets"):
            if getattr(self, key):
                described[key] = list(getattr(self, key))
        if self.encoding:
            described["encoding"] = described_codes(self.encoding)
        return described
