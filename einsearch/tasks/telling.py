"""What was read, in one line for people.

200 images 3x16x16 (channels were last), 5 classes a, b, ..., 34 to 51 examples each;
15 % cut off for validation; no test data
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from einsearch.specs import Layout, TensorSpec
from einsearch.tasks.labels import shown

_SHOWN: Final = 4
"""So many names are all shown; of more, the first two."""


@dataclass(frozen=True)
class Reading:
    """How data were read, as far as arrays and specs do not say it.

    Attributes:
        remarks: what was done to all examples, in a few words: "channels were last".
        notes: what was understood where it might have been meant otherwise, and how to say so;
            a sentence each.
        valid_fraction: what was cut off training for validation; None where the data have
            validation examples of their own.
        tests: number of test examples; None where it is not known before they are read.
        test_hint: how to get test data, where there are none.
        is_ordered: whether examples are in an order of time, so that what is cut off is the end.
    """

    remarks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    valid_fraction: float | None = None
    tests: int | None = None
    test_hint: str = ""
    is_ordered: bool = False


UNTOLD: Final = Reading()
"""Of data about which there is nothing to say."""


@dataclass(frozen=True, eq=False)
class Answers:
    """What is to be told of each example.

    Attributes:
        classes, targets, vocabulary: names, as a `Task` has them.
        y: class numbers, or targets in their unit, of the examples of training.
        place: what each has an answer of its own, pixel or step; empty where an example has one.
        is_next: whether it is what follows each symbol.
    """

    classes: Sequence[str]
    targets: Sequence[str]
    vocabulary: Sequence[str]
    y: NDArray[Any]
    place: str = ""
    is_next: bool = False


def tell(
    spec: TensorSpec,
    sizes: tuple[int, int],
    has_test: bool,
    answers: Answers,
    reading: Reading,
) -> str:
    """The line.

    Args:
        spec: of one example.
        sizes: examples of training and of validation.
        has_test: whether there are test data.
        answers: what is to be told of the examples.
        reading: how they were read.
    """
    cut = reading.valid_fraction
    count = sizes[0] if cut is None else sum(sizes)
    remarks = f" ({', '.join(reading.remarks)})" if reading.remarks else ""
    examples = f"{_examples(count, spec, answers)}{remarks}, {_answers(answers)}"
    part = "the last" if reading.is_ordered else ""
    held = f"{sizes[1]:,} for" if cut is None else f"{part} {100 * cut:.3g} % cut off for".strip()
    valid = f"{held} validation"
    return f"{examples}; {valid}; {_test(has_test, reading)}"


def names(given: Sequence[str]) -> str:
    """Names for people: all of a few, the first of many; control characters as escapes."""
    told = [shown(name) for name in (given if len(given) <= _SHOWN else given[:2])]
    return ", ".join([*told, *(["..."] if len(given) > _SHOWN else [])])


def _plural(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _examples(count: int, spec: TensorSpec, answers: Answers) -> str:
    """Number and shape of the examples."""
    if spec.layout is Layout.IMAGE:
        return f"{_plural(count, 'image')} {'x'.join(map(str, spec.shape))}"
    if spec.layout is Layout.VECTOR:
        return f"{_plural(count, 'row')} of {_plural(spec.features, 'feature')}"
    length = spec.shape[0]
    if answers.is_next:
        return f"{_plural(count, 'window')} of {length:,} characters"
    if answers.vocabulary:
        return f"{_plural(count, 'sequence')} of {_plural(length, 'symbol')}"
    told = f"{_plural(length, 'step')} with {_plural(spec.features, 'feature')}"
    return f"{count:,} series of {told}"


def _answers(answers: Answers) -> str:
    """What is to be told of the examples."""
    if answers.is_next:
        return _plural(len(answers.vocabulary), "symbol")
    if not len(answers.y):
        return f"classes {names(answers.classes)}" if answers.classes else "a regression"
    if answers.classes and answers.place:
        shares = np.bincount(answers.y.reshape(-1), minlength=len(answers.classes)) / answers.y.size
        classes = _plural(len(answers.classes), "class", "classes")
        told = (
            f"{100 * shares.min():.2g} to {100 * shares.max():.2g} % of the {answers.place}s each"
        )
        return f"at each {answers.place} one of {classes} {names(answers.classes)}, {told}"
    if answers.classes:
        is_many = answers.y.ndim == 2
        if is_many:
            counts = (answers.y > 0).sum(axis=0)
        else:
            counts = np.bincount(answers.y, minlength=len(answers.classes))
        low, high = int(counts.min()), int(counts.max())
        each = f"{low:,}" if low == high else f"{low:,} to {high:,}"
        classes = _plural(len(answers.classes), *(("label",) if is_many else ("class", "classes")))
        noun = "example" if high == 1 else "examples"
        return f"{classes} {names(answers.classes)}, {each} {noun} each" + (
            ", several an example" if is_many else ""
        )
    least, most = _range(answers.y)
    if least == most:
        return f"the number {least:.10g} in every example: there is nothing to learn"
    if answers.place:
        return f"at each {answers.place} a number from {least:.10g} to {most:.10g}"
    dims = answers.y.shape[1]
    of = f" {names(answers.targets)}" if answers.targets else f" of {dims}" if dims > 1 else ""
    return f"{'numbers' if dims > 1 else 'a number'}{of} from {least:.10g} to {most:.10g}"


def _range(y: NDArray[Any]) -> tuple[float, float]:
    """Least and greatest number, without the digits that standardising to float32 made up."""
    least, most = float(y.min()), float(y.max())
    if least == most:
        return least, most
    decimals = 5 - math.floor(math.log10(most - least))
    return round(least, decimals) + 0.0, round(most, decimals) + 0.0


def _test(has_test: bool, reading: Reading) -> str:
    if not has_test:
        return "no test data" + (f" ({reading.test_hint})" if reading.test_hint else "")
    return "test data" if reading.tests is None else f"{reading.tests:,} for the test"
