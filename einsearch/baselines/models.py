"""The simple models: what each is fitted with, and what it answers.

Answers are those of a network: logarithms of the chances of the classes, logits of the labels, or
standardised numbers, so that the metrics of a task judge both alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from einsearch.baselines.convolutions import FEATURES as CONVOLUTION_FEATURES
from einsearch.baselines.convolutions import fitted
from einsearch.baselines.ngrams import Counts, counted
from einsearch.baselines.preparing import FEATURES, has_codes, in_parts, is_per_place, rows_of
from einsearch.specs import Layout
from einsearch.tasks.base import Loss, Split, Task

Floats = NDArray[np.float32]
Predict = Callable[[Floats], NDArray[Any]]
"""From x of a split to answers, (n, *output shape)."""

_SMALLEST: Final = 1e-4
"""Chances are not taken to be smaller: what was never seen may be seen."""
_PENALTIES: Final = np.logspace(-3, 4, 15)
_INVERSE_PENALTIES: Final = (1.0, 1e-1, 10.0, 1e-2, 1e-3)
"""The usual ones first: where time is scarce, the others are left out."""
_FEW: Final = 1_000
"""Examples up to which convolutions give all their features; for more a fifth will do."""
_LOOKED_AT: Final = 200
"""Series that the thresholds of convolutions come from."""
_ROUNDS: Final = 100
_ROUNDS_AT_ONCE: Final = 10
_MOST_SYMBOLS: Final = 128
"""Symbols above which tables of three in a row would be too large."""


@dataclass(frozen=True)
class Fit:
    """How a model is to be fitted.

    Attributes:
        task: what it learns.
        train: examples, not too many of them.
        seed: of what is drawn.
        until: `time.monotonic()` by which it must be ready, where it can end early.
    """

    task: Task
    train: Split
    seed: int
    until: float

    @property
    def rows(self) -> Floats:
        """Examples as rows of numbers."""
        return in_parts(self.train.x, lambda x: rows_of(self.task, x))


@dataclass(frozen=True)
class Model:
    """A simple model.

    Attributes:
        name: as files and people say it.
        fit: makes the function that answers.
        suits: says for which tasks it makes sense.
        takes_all: whether it is quick enough to learn from all examples, however many there are.
    """

    name: str
    fit: Callable[[Fit], Predict]
    suits: Callable[[Task], bool]
    takes_all: bool = False


def _logarithms(chances: NDArray[Any]) -> NDArray[Any]:
    found: NDArray[Any] = np.log(np.clip(chances, _SMALLEST, 1.0))
    return found


def _by_class(task: Task, classes: NDArray[Any], chances: NDArray[Any]) -> NDArray[Any]:
    """Logarithms for every class of the task, also those that no example had."""
    whole = np.zeros((len(chances), task.output.features))
    whole[:, classes] = chances
    return _logarithms(whole)


def _label_logits(chances: NDArray[Any]) -> NDArray[Any]:
    chances = np.clip(chances, _SMALLEST, 1 - _SMALLEST)
    logits: NDArray[Any] = np.log(chances) - np.log1p(-chances)
    return logits


def dummy(fit: Fit) -> Predict:
    """The same answer to everything: how frequent the answers are, or their mean."""
    task, y, weights = fit.task, fit.train.y, fit.train.weights
    shape, axis = task.output.shape, task.output.feature_axis
    if task.loss is Loss.BINARY_CROSS_ENTROPY:
        answer = _label_logits(np.average(y, axis=0, weights=weights))
    elif not task.is_classification:
        means = y.mean(axis=tuple(at for at in range(1, y.ndim) if at != axis + 1))
        answer = np.average(means, axis=0, weights=weights)
    else:
        each = None if weights is None else np.repeat(weights, y[0].size)
        counts = np.bincount(y.ravel(), each, minlength=task.output.features)
        answer = _logarithms(counts / counts.sum())
    everywhere = answer.reshape([-1 if at == axis else 1 for at in range(len(shape))])
    return lambda x: np.broadcast_to(everywhere, (len(x), *shape))


def neighbour(fit: Fit) -> Predict:
    """The answer of the nearest example."""
    from sklearn.neighbors import NearestNeighbors

    task, y = fit.task, fit.train.y
    metric = "hamming" if has_codes(task) else "euclidean"
    nearest = NearestNeighbors(n_neighbors=1, metric=metric).fit(fit.rows)

    def predict(x: Floats) -> NDArray[Any]:
        found = y[nearest.kneighbors(rows_of(task, x), return_distance=False)[:, 0]]
        if task.loss is Loss.MEAN_SQUARED_ERROR:
            return np.asarray(found)
        if task.loss is Loss.BINARY_CROSS_ENTROPY:
            return _label_logits(found)
        return _logarithms(np.eye(task.output.features)[found])

    return predict


def linear(fit: Fit) -> Predict:
    """Ridge or logistic regression, whose penalty is chosen among a few."""
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline

    task, train = fit.task, fit.train
    if task.loss is Loss.MEAN_SQUARED_ERROR:
        model = make_pipeline(*_steps(task), RidgeCV(_PENALTIES))
        model.fit(fit.rows, train.y, ridgecv__sample_weight=train.weights)
        return lambda x: model.predict(rows_of(task, x)).reshape(len(x), -1)
    if task.loss is Loss.BINARY_CROSS_ENTROPY:
        labels = [_logistic(fit, train.y[:, label] > 0.5) for label in range(train.y.shape[1])]
        return lambda x: _label_logits(
            np.stack([chance(rows_of(task, x)) for chance in labels], axis=1)
        )
    chances = _logistic_model(fit, train.y)
    return lambda x: _by_class(task, chances.classes_, chances.predict_proba(rows_of(task, x)))


def _logistic(fit: Fit, has_label: NDArray[np.bool_]) -> Callable[[Floats], NDArray[Any]]:
    """The chance of one label; always the same where all examples have it, or none."""
    if has_label.all() or not has_label.any():
        share = float(has_label.mean())
        return lambda rows: np.full(len(rows), share)
    model = _logistic_model(fit, has_label)
    return lambda rows: np.asarray(model.predict_proba(rows)[:, 1])


def _logistic_model(fit: Fit, y: NDArray[Any]) -> Any:
    """Logistic regression with the penalty that does best on a fifth of the examples, fitted on
    all of them."""
    from sklearn.base import clone
    from sklearn.dummy import DummyClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    rows, weights = fit.rows, fit.train.weights
    if len(np.unique(y)) == 1:
        return DummyClassifier(strategy="prior").fit(rows, y)
    base = make_pipeline(*_steps(fit.task), LogisticRegression(max_iter=200, tol=1e-3))

    def fitted_with(strength: float, chosen: NDArray[np.intp]) -> Any:
        model = clone(base).set_params(logisticregression__C=strength)
        each = None if weights is None else weights[chosen]
        return model.fit(rows[chosen], y[chosen], logisticregression__sample_weight=each)

    order = np.random.default_rng(fit.seed).permutation(len(y))
    checked, kept = order[: len(y) // 5], order[len(y) // 5 :]
    best, highest = 1.0, -np.inf
    for strength in _INVERSE_PENALTIES if len(np.unique(y[kept])) > 1 and len(checked) else ():
        found = _likelihood(fitted_with(strength, kept), rows[checked], y[checked])
        if found > highest:
            best, highest = strength, found
        if time.monotonic() > fit.until:
            break
    return fitted_with(best, np.arange(len(y)))


def _likelihood(model: Any, rows: Floats, y: NDArray[Any]) -> float:
    """Mean logarithm of the chances of the right answers; of classes never seen, the smallest."""
    chances = _logarithms(model.predict_proba(rows))
    places = np.searchsorted(model.classes_, y).clip(max=len(model.classes_) - 1)
    is_known = model.classes_[places] == y
    right = np.where(is_known, chances[np.arange(len(y)), places], np.log(_SMALLEST))
    return float(right.mean())


def _steps(task: Task) -> list[Any]:
    """What comes before a linear model."""
    from sklearn.feature_selection import SelectKBest, f_classif, f_regression
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    if has_codes(task):
        return [OneHotEncoder(handle_unknown="ignore")]
    steps: list[Any] = [StandardScaler()]
    if task.input.layout is Layout.VECTOR and task.input.features > FEATURES:
        is_plain = task.loss is Loss.CROSS_ENTROPY or task.output.features == 1
        if is_plain:
            score = f_classif if task.is_classification else f_regression
            steps.insert(0, SelectKBest(score, k=FEATURES))
    return steps


def boosting(fit: Fit) -> Predict:
    """Gradient boosting of trees; ends in time with what it has learned."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    task, y, rows = fit.task, fit.train.y, fit.rows
    is_one = task.loss is Loss.CROSS_ENTROPY
    columns = [y] if is_one else [y[:, column] for column in range(y.shape[1])]
    columns = [c > 0.5 for c in columns] if task.loss is Loss.BINARY_CROSS_ENTROPY else columns
    trees = HistGradientBoostingClassifier if task.is_classification else None
    leaf = int(np.clip(len(rows) // 50, 2, 20))
    common = {"min_samples_leaf": leaf, "random_state": fit.seed, "warm_start": True}
    models = [
        _constant(fit, column)
        if len(np.unique(column)) == 1
        else (trees or HistGradientBoostingRegressor)(early_stopping=False, **common)
        for column in columns
    ]
    for rounds in range(_ROUNDS_AT_ONCE, _ROUNDS + 1, _ROUNDS_AT_ONCE):
        for model, column in zip(models, columns, strict=True):
            if "max_iter" in model.get_params():
                model.set_params(max_iter=rounds).fit(rows, column, fit.train.weights)
        if time.monotonic() > fit.until:
            break

    def predict(x: Floats) -> NDArray[Any]:
        given = rows_of(task, x)
        if is_one:
            return _by_class(task, models[0].classes_, models[0].predict_proba(given))
        if task.is_classification:
            chances = [_chance_of_true(model, given) for model in models]
            return _label_logits(np.stack(chances, axis=1))
        return np.stack([model.predict(given) for model in models], axis=1)

    return predict


def _constant(fit: Fit, column: NDArray[Any]) -> Any:
    """Where all answers are the same."""
    from sklearn.dummy import DummyClassifier, DummyRegressor

    model = DummyClassifier(strategy="prior") if fit.task.is_classification else DummyRegressor()
    return model.fit(np.zeros((len(column), 1)), column)


def _chance_of_true(model: Any, rows: Floats) -> NDArray[Any]:
    chances = model.predict_proba(rows)
    places = np.flatnonzero(model.classes_)
    return np.asarray(chances[:, places[0]] if len(places) else np.zeros(len(rows)))


def convolutions(fit: Fit) -> Predict:
    """Convolutions that nobody trains, and ridge regression on what they find."""
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    task, train = fit.task, fit.train
    features = CONVOLUTION_FEATURES if len(train) <= _FEW else CONVOLUTION_FEATURES // 5
    random = np.random.default_rng(fit.seed)
    looked_at = np.sort(random.permutation(len(train))[:_LOOKED_AT])
    kernels = fitted(_series(train.x[looked_at]), random, features)
    is_classes = task.loss is Loss.CROSS_ENTROPY
    wanted = np.eye(task.output.features)[train.y] if is_classes else train.y
    signs = 2.0 * wanted - 1.0 if task.is_classification else wanted
    ridge = RidgeCV(_PENALTIES, alpha_per_target=False)
    model = make_pipeline(StandardScaler(), ridge)
    found = in_parts(train.x, lambda x: kernels(_series(x)))
    model.fit(found, signs, ridgecv__sample_weight=train.weights)
    return lambda x: _from_signs(task, model.predict(kernels(_series(x))).reshape(len(x), -1))


def _from_signs(task: Task, found: NDArray[Any]) -> NDArray[Any]:
    """Answers from a regression on -1 and 1, whose middle between two answers is certain to no
    side; a score of 1 is taken for odds of 20 to 1."""
    return found * np.log(20.0) if task.is_classification else found


def _series(x: Floats) -> Floats:
    return np.ascontiguousarray(x.transpose(0, 2, 1))


def _table(order: int) -> Callable[[Fit], Predict]:
    def table(fit: Fit) -> Predict:
        symbols = fit.task.output.features
        x, y = _codes(fit.train.x), fit.train.y
        cut = max(1, len(x) * 9 // 10)
        part = counted(x[:cut], y[:cut], order, symbols)
        trusts = (0.5, 2.0, 8.0, 32.0, 128.0)
        checked = slice(cut, cut + 200) if len(x) > cut else slice(0, 200)
        trust = max(trusts, key=lambda t: _agreement(part, x[checked], y[checked], t))
        whole = counted(x, y, order, symbols)
        return lambda new: whole.chances(_codes(new), trust).astype(np.float32)

    return table


def _codes(x: Floats) -> NDArray[np.int64]:
    return x[..., 0].astype(np.int64)


def _agreement(counts: Counts, x: NDArray[Any], y: NDArray[Any], trust: float) -> float:
    chances = counts.chances(x, trust)
    return float(np.take_along_axis(chances, y[..., None], axis=-1).mean())


def _is_text(task: Task) -> bool:
    return task.loss is Loss.NEXT_TOKEN


def _has_rows(task: Task) -> bool:
    return not _is_text(task) and not is_per_place(task)


def _has_series(task: Task) -> bool:
    is_series = task.input.layout is Layout.TOKENS and not has_codes(task)
    return _has_rows(task) and is_series and task.input.shape[0] > 1


MODELS: Final = (
    Model("dummy", dummy, lambda task: not _is_text(task), takes_all=True),
    Model("one symbol", _table(1), _is_text, takes_all=True),
    Model("two symbols", _table(2), _is_text, takes_all=True),
    Model(
        "three symbols",
        _table(3),
        lambda task: _is_text(task) and task.output.features <= _MOST_SYMBOLS,
        takes_all=True,
    ),
    Model("nearest neighbour", neighbour, _has_rows),
    Model("linear model", linear, _has_rows),
    Model("random convolutions", convolutions, _has_series),
    Model("gradient boosting", boosting, _has_rows),
)
"""Cheap ones first."""


def models_for(task: Task) -> tuple[Model, ...]:
    """The models that make sense for a task, cheap ones first."""
    return tuple(model for model in MODELS if model.suits(task))
