"""Columns that take no search and no net: what scikit-learn and counting give in seconds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import (
    LogisticRegression,
    RidgeClassifierCV,
    RidgeCV,
)
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from einsearch.baselines.convolutions import fitted
from einsearch.baselines.ngrams import counted
from outcome_parts.figures import Figure, of_classes, of_numbers, of_text
from outcome_parts.patches import patch_features
from outcome_parts.sets import Data

_PENALTIES: Final = np.logspace(-3, 3, 13)
_MANY: Final = 3_000_000
"""Numbers of a training set above which one cut is enough to choose a penalty."""


def _flat(data: Data) -> tuple[NDArray[Any], NDArray[Any]]:
    return tuple(x.reshape(len(x), -1).astype(np.float64) for x in (data.train_x, data.test_x))


def _answered(data: Data, model: Any, x: NDArray[Any], test_x: NDArray[Any]) -> Figure:
    found = model.fit(x, data.train_y).predict(test_x)
    return of_classes(data, found) if data.kind == "classes" else of_numbers(data, found)


def dummy(data: Data, seed: int) -> Figure:
    """The most frequent class, or the mean."""
    model = DummyClassifier() if data.kind == "classes" else DummyRegressor()
    return _answered(data, model, *_flat(data))


def neighbour(data: Data, seed: int) -> Figure:
    """The nearest example; features of tables are standardised."""
    x, test_x = _flat(data)
    nearest = KNeighborsClassifier if data.kind == "classes" else KNeighborsRegressor
    scaled = [StandardScaler()] if data.layout == "tables" else []
    return _answered(data, make_pipeline(*scaled, nearest(1)), x, test_x)


def linear(data: Data, seed: int) -> Figure:
    """Logistic or ridge regression whose penalty is chosen on training data."""
    x, test_x = _flat(data)
    if data.kind == "number":
        return _answered(data, make_pipeline(StandardScaler(), RidgeCV(_PENALTIES)), x, test_x)
    if x.size > _MANY:
        folds: Any = [_one_cut(data.train_y)]
        penalties = [1e-4, 1e-3, 1e-2]
    else:
        folds = StratifiedKFold(min(5, int(np.bincount(data.train_y).min())))
        penalties = [1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0]
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300, tol=1e-3))
    chosen = GridSearchCV(model, {"logisticregression__C": penalties}, cv=folds)
    return _answered(data, chosen, x, test_x)


def _one_cut(y: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    return next(iter(StratifiedKFold(5, shuffle=True, random_state=0).split(y, y)))


def forest(data: Data, seed: int) -> Figure:
    """500 trees."""
    trees = RandomForestClassifier if data.kind == "classes" else RandomForestRegressor
    return _answered(data, trees(500, random_state=seed, n_jobs=-1), *_flat(data))


def boosting(data: Data, seed: int) -> Figure:
    """Gradient boosting, with leaves of fewer examples where there are few."""
    trees = {"classes": HistGradientBoostingClassifier, "number": HistGradientBoostingRegressor}
    leaf = int(np.clip(len(data.train_x) // 50, 2, 20))
    model = trees[data.kind](min_samples_leaf=leaf, random_state=seed)
    return _answered(data, model, *_flat(data))


def convolutions(data: Data, seed: int) -> Figure:
    """Features from convolutions that nobody trains, and ridge regression on them."""
    random = np.random.default_rng(seed)
    if data.layout == "images":
        x, test_x = patch_features(data, random)
    else:
        kernels = fitted(data.train_x, random)
        x, test_x = kernels(data.train_x), kernels(data.test_x)
    model = make_pipeline(StandardScaler(), RidgeClassifierCV(_PENALTIES))
    return _answered(data, model, x, test_x)


def _ngrams(order: int) -> Callable[[Data, int], Figure]:
    def table(data: Data, seed: int) -> Figure:
        cut = len(data.train_x) * 9 // 10
        tuning = counted(data.train_x[:cut], data.train_y[:cut], order, data.symbols)
        held_out = data.train_x[cut:], data.train_y[cut:]
        trusts = [0.1, 1.0, 5.0, 20.0, 80.0]
        trust = min(trusts, key=lambda t: _bits(tuning.chances(held_out[0], t), held_out[1]).mean())
        whole = counted(data.train_x, data.train_y, order, data.symbols)
        return of_text(_bits(whole.chances(data.test_x, trust), data.test_y))

    return table


def _bits(chances: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
    return -np.take_along_axis(chances, y[..., None], axis=-1)[..., 0] / np.log(2)


SIMPLE: Final[dict[str, Callable[[Data, int], Figure]]] = {
    "dummy": dummy,
    "1-nn": neighbour,
    "linear": linear,
    "forest": forest,
    "boosting": boosting,
    "convolutions": convolutions,
    "unigram": _ngrams(1),
    "bigram": _ngrams(2),
    "trigram": _ngrams(3),
}
SEEDLESS: Final = frozenset({"dummy", "1-nn", "linear", "unigram", "bigram", "trigram"})
"""Columns that are the same under every seed."""


def fits(column: str, layout: str) -> bool:
    """Whether a simple column makes sense for sets of a layout."""
    if layout == "text" or column.endswith("gram"):
        return layout == "text" and column.endswith("gram")
    return column != "convolutions" or layout in ("series", "images")
