"""From arrays in memory to the file that a search reads, so that a search from Python and one from
the command line read the same data the same way.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from einsearch.tasks.labels import is_missing, name

FEW: Final = 20
"""Examples below which the usual part for validation may be none of them."""


def store_arrays(path: Path, x: NDArray[Any], y: NDArray[Any]) -> None:
    """Writes x (n, ...) and y (n,) or (n, dims). Raises OSError."""
    np.savez(path, train_x=x, train_y=y)


def labels_to_store(classes: NDArray[Any], numbers: NDArray[np.intp]) -> NDArray[Any]:
    """Labels as they are written: those of the user where they are plain words or whole numbers,
    which tables and exports then name, else numbers from 0.

    Args:
        classes: the different labels, sorted.
        numbers: (n,) place of each label in `classes`.
    """
    if classes.dtype.kind in "iu" or _are_plain(classes):
        written = classes.astype(str) if classes.dtype.kind in "OU" else classes
        return written[numbers]
    return numbers


def order_of(classes: NDArray[Any], named: tuple[str, ...]) -> NDArray[np.intp]:
    """Which output of a network stands for each class.

    Args:
        classes: the different labels, sorted.
        named: names of the outputs.
    """
    places = {word: place for place, word in enumerate(named)}
    try:
        found = [places[name(label)] for label in classes]
    except KeyError:
        found = list(range(len(classes)))
    return np.array(found, dtype=np.intp)


def valid_part(examples: int) -> Mapping[str, float]:
    """The option `valid` where so few examples need another than the usual one."""
    return {} if examples >= FEW else {"valid": max(0.15, 1 / examples)}


def _are_plain(classes: NDArray[Any]) -> bool:
    """Whether labels are words that a file gives back as they are."""
    if classes.dtype.kind not in "OU":
        return False
    words = [label for label in classes if isinstance(label, str)]
    return len(words) == len(classes) and all(
        word == word.strip() and word.isprintable() and not is_missing(word) and _is_word(word)
        for word in words
    )


def _is_word(word: str) -> bool:
    """Whether no reader takes a word for a number."""
    try:
        float(word)
    except ValueError:
        return True
    return False
