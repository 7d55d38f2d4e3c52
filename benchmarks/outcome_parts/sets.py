"""The sets that `outcomes.py` measures: read, and written as files for a search.

A part for the test is kept back from every set, the same for all columns. Sets of scikit-learn,
which have none, are cut once, under a fixed seed and in proportion to the classes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

Layout = Literal["series", "images", "tables", "text"]
Kind = Literal["classes", "number", "text"]

METRICS: Final[dict[Kind, str]] = {"classes": "accuracy", "number": "rmse", "text": "bpc"}
"""What each kind is judged by; of the first more is better, of the others less."""
_TEST_SHARE: Final = 0.3


@dataclass(frozen=True, eq=False)
class Data:
    """One set.

    Attributes:
        name: of the set.
        layout: chooses the grammar and the hand-written net.
        kind: of its answers.
        train_x: (n, channels, length), (n, channels, height, width), (n, features) or (n, length)
            codes of text.
        train_y: (n,) classes from 0, (n,) numbers, or (n, length) codes.
        test_x, test_y: of the same shapes.
        text: the text itself, where it is text.
        symbols: how many codes there are, where it is text.
    """

    name: str
    layout: Layout
    kind: Kind
    train_x: NDArray[Any] = field(repr=False)
    train_y: NDArray[Any] = field(repr=False)
    test_x: NDArray[Any] = field(repr=False)
    test_y: NDArray[Any] = field(repr=False)
    text: Path | None = None
    symbols: int = 0

    @property
    def metric(self) -> str:
        return METRICS[self.kind]

    @property
    def classes(self) -> int:
        return int(self.train_y.max()) + 1

    def write(self, folder: Path) -> Path:
        """The file that a search gets; the folder is there afterwards."""
        folder.mkdir(parents=True, exist_ok=True)
        if self.text is not None:
            return Path(shutil.copy(self.text, folder / f"{self.name}.txt"))
        names = ("train_x", "train_y", "test_x", "test_y")
        path = folder / f"{self.name}.npz"
        np.savez(path, **{name: getattr(self, name) for name in names})
        return path


def read(name: str, folder: Path | None) -> Data:
    """A set by its name.

    Args:
        name: one of `SETS`.
        folder: of the data files; None will do for sets of scikit-learn.

    Raises:
        SystemExit: the folder is needed, or lacks a file.
    """
    if name not in _FROM_FILES:
        return _FROM_SKLEARN[name](name)
    if folder is None:
        raise SystemExit(f"the set {name} is read from a folder of data: give --data FOLDER")
    try:
        return _FROM_FILES[name](name, folder)
    except FileNotFoundError as error:
        raise SystemExit(f"the set {name}: there is no {error.filename}") from None


def _series(name: str, folder: Path) -> Data:
    stored = np.load(folder / "series" / f"{name}.npz")
    x, test_x = (stored[key].reshape(len(stored[key]), -1, stored[key].shape[-1]) for key in _X)
    train_y, test_y = (stored[key].astype(np.int64) for key in _Y)
    return Data(name, "series", "classes", x, train_y, test_x, test_y)


_X: Final = ("train_x", "test_x")
_Y: Final = ("train_y", "test_y")


def _fashion(name: str, folder: Path) -> Data:
    stored = np.load(folder / "fashion_mnist_25k.npz")
    x, test_x = (stored[key][:, None] for key in _X)
    train_y, test_y = (stored[key].astype(np.int64) for key in _Y)
    return Data(name, "images", "classes", x, train_y, test_x, test_y)


def _addnist(name: str, folder: Path, examples: int = 10_000) -> Data:
    index, mnist = np.load(folder / "addnist_index.npz"), np.load(folder / "mnist.npz")
    x = mnist["train_x"][index["train_idx"][:examples]]
    train_y = index["train_y"][:examples].astype(np.int64)
    test_x, test_y = mnist["test_x"][index["test_idx"]], index["test_y"].astype(np.int64)
    return Data(name, "images", "classes", x, train_y, test_x, test_y)


def _text(name: str, folder: Path) -> Data:
    """The text as the task `characters` cuts it; what it holds out for validation is training."""
    from einsearch.tasks.registry import make_task

    path = folder / "text" / "tinyshakespeare.txt"
    path.stat()
    task = make_task({"name": "characters", "path": str(path)}, Path())
    x = np.concatenate([task.train.x, task.valid.x])[..., 0].astype(np.int64)
    y, test = np.concatenate([task.train.y, task.valid.y]), task.test()
    test_x = test.x[..., 0].astype(np.int64)
    return Data(name, "text", "text", x, y, test_x, test.y, path, task.output.features)


def _cut(name: str, layout: Layout, kind: Kind, x: NDArray[Any], y: NDArray[Any]) -> Data:
    from sklearn.model_selection import train_test_split

    strata = y if kind == "classes" else None
    train_x, test_x, train_y, test_y = train_test_split(
        x, y, test_size=_TEST_SHARE, random_state=0, stratify=strata
    )
    return Data(name, layout, kind, train_x, train_y, test_x, test_y)


def _digits(name: str) -> Data:
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return _cut(name, "images", "classes", x.reshape(-1, 1, 8, 8).astype(np.uint8), y)


def _packaged(name: str) -> Data:
    from sklearn import datasets

    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    return _cut(name, "tables", "number" if name == "diabetes" else "classes", x, y)


def _friedman1(name: str) -> Data:
    from sklearn.datasets import make_friedman1

    return _cut(name, "tables", "number", *make_friedman1(3000, noise=1.0, random_state=0))


_FROM_FILES: Final[dict[str, Callable[[str, Path], Data]]] = {
    "GunPoint": _series,
    "ItalyPowerDemand": _series,
    "ArrowHead": _series,
    "mnist1d": _series,
    "fashion": _fashion,
    "addnist": _addnist,
    "shakespeare": _text,
}
_FROM_SKLEARN: Final[dict[str, Callable[[str], Data]]] = {
    "digits": _digits,
    "breast_cancer": _packaged,
    "wine": _packaged,
    "diabetes": _packaged,
    "friedman1": _friedman1,
}
SETS: Final = (*_FROM_FILES, *_FROM_SKLEARN)


def layout_of(name: str) -> Layout:
    """The layout of a set, without reading it."""
    if name == "shakespeare":
        return "text"
    if name in ("fashion", "addnist", "digits"):
        return "images"
    return "series" if name in _FROM_FILES else "tables"
