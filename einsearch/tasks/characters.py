"""Task `characters`: a model of language, which tells the next character from those before it.

The text is cut into three stretches, to train on, valid and test, and each of these into windows
of `length` characters. At every place of a window the network answers with logits of the character
that follows, and is judged by the bits that a character costs: -log2 of its probability, as a mean
over all places. What stands before a window is not seen, so that longer windows cost fewer bits.

Characters are codes in the order of the alphabet. Code 0 is for those that are not known: not in
training, or not among the most frequent.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from einsearch.errors import TaskError
from einsearch.specs import tokens
from einsearch.tasks.base import Loss, Split, Statistics, Task
from einsearch.tasks.registry import register_task
from einsearch.tasks.telling import Reading
from einsearch.tasks.texts import python_topics, read_text

UNKNOWN: Final = ""
"""What stands in the vocabulary for characters that are not known."""

Fraction = Annotated[float, Field(gt=0, lt=1)]


@register_task("characters")
def characters(
    *,
    path: Path | None = None,
    length: Annotated[int, Field(ge=2, le=65_536)] = 64,
    valid: Fraction = 0.1,
    test: Fraction = 0.1,
    symbols: Annotated[int, Field(ge=1, le=1_000_000)] = 255,
    base: Path,
) -> Task:
    """The next character of a text, at every place.

    Args:
        path: a text file, in UTF-8; where it is not given, the prose of Python's own help topics.
        length: characters of a window.
        valid, test: fractions of the text: the last one is test, the one before it valid.
        symbols: most characters that are told apart; `embed` has room for 255 and the unknown.
        base: folder that a relative `path` starts from.

    Raises:
        TaskError: the text cannot be used; the message says why.
    """
    if valid + test >= 1:
        raise TaskError(
            f"valid: {valid:g} and test: {test:g} leave nothing of the text to train on: "
            "together they must be less than 1"
        )
    source = _Source(None if path is None else base / path, length, valid, test)
    text = source.text()
    train, held_out, held_back = source.parts(text)
    alphabet = _alphabet(train, symbols)
    vocabulary = (UNKNOWN, *alphabet)
    return Task(
        name="characters",
        input=tokens(length, 1),
        output=tokens(length, len(vocabulary)),
        loss=Loss.NEXT_TOKEN,
        train=_windows(train, alphabet, length),
        valid=_windows(held_out, alphabet, length),
        read_test=_TestReader(source, _digest(text), alphabet),
        statistics=Statistics((0.0,), (1.0,)),
        vocabulary=vocabulary,
        reading=Reading(tests=(len(held_back) - 1) // length),
    )


@dataclass(frozen=True)
class _Source:
    """Where the text comes from, and how it is cut."""

    path: Path | None
    length: int
    valid: float
    test: float

    def text(self) -> str:
        return python_topics() if self.path is None else read_text(self.path)

    def parts(self, text: str) -> tuple[str, str, str]:
        """Training, valid and test stretches. Raises TaskError."""
        second = round(len(text) * (1 - self.test))
        first = second - round(len(text) * self.valid)
        parts = (text[:first], text[first:second], text[second:])
        for name, part in zip(("training", "valid", "test"), parts, strict=True):
            if len(part) <= self.length:
                raise TaskError(
                    f"{self} has {len(text):,} characters, which leaves {len(part)} for "
                    f"{name}: a window and its answer take {self.length + 1}; say a smaller length"
                )
        return parts

    def __str__(self) -> str:
        return "the text of Python's help topics" if self.path is None else str(self.path)


@dataclass(frozen=True)
class _TestReader:
    """Reads the text again when it is called, and cuts the test part off."""

    source: _Source
    digest: str
    alphabet: str

    def __call__(self) -> Split:
        text = self.source.text()
        if _digest(text) != self.digest:
            raise TaskError(f"{self.source} has changed since the run began: start a new run")
        return _windows(self.source.parts(text)[2], self.alphabet, self.source.length)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _alphabet(text: str, most: int) -> str:
    """The most frequent characters, in their order."""
    counts = Counter(text)
    kept = sorted(counts, key=lambda character: (-counts[character], character))[:most]
    return "".join(sorted(kept))


def _codes(text: str, alphabet: str) -> NDArray[np.int64]:
    """Places in the alphabet from 1, (len(text),); 0 where a character is not in it."""
    known, points = (np.frombuffer(t.encode("utf-32-le"), np.uint32) for t in (alphabet, text))
    places = np.searchsorted(known, points).clip(max=len(known) - 1)
    return np.where(known[places] == points, places + 1, 0).astype(np.int64)


def _windows(text: str, alphabet: str, length: int) -> Split:
    """Windows side by side, x (n, length, 1), and the characters that follow, y (n, length)."""
    codes = _codes(text, alphabet)
    count = (len(codes) - 1) // length
    x = codes[: count * length].reshape(count, length, 1)
    return Split(x.astype(np.float32), codes[1 : count * length + 1].reshape(count, length))
