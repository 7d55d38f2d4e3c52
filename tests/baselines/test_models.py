"""Simple models answer as scikit-learn's do, in the form of a network's answers."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from einsearch.baselines.models import MODELS, Fit, Predict, models_for
from einsearch.baselines.preparing import (
    EXAMPLES,
    FEATURES,
    pooling,
    rows_of,
    sampled,
    told_of_limits,
)
from einsearch.baselines.scoring import pairs_of, score_on
from einsearch.specs import image, tokens, vector
from einsearch.tasks.base import Loss, Split, Task
from tests.baselines.tasks import EVERY, classes, labels, numbers, symbols, text

NAMED = {model.name: model for model in MODELS}


def fitted(name: str, task: Task, until: float = math.inf) -> Predict:
    return NAMED[name].fit(Fit(task, task.train, 0, until))


def test_which_models_suit_what() -> None:
    assert {kind: [model.name for model in models_for(task)] for kind, task in EVERY.items()} == {
        "table": ["dummy", "nearest neighbour", "linear model", "gradient boosting"],
        "images": ["dummy", "nearest neighbour", "linear model", "gradient boosting"],
        "series": [
            "dummy",
            "nearest neighbour",
            "linear model",
            "random convolutions",
            "gradient boosting",
        ],
        "numbers": ["dummy", "nearest neighbour", "linear model", "gradient boosting"],
        "labels": ["dummy", "nearest neighbour", "linear model", "gradient boosting"],
        "symbols": ["dummy", "nearest neighbour", "linear model", "gradient boosting"],
        "text": ["one symbol", "two symbols", "three symbols"],
        "places": ["dummy"],
        "pixels": ["dummy"],
    }


@pytest.mark.parametrize("kind", EVERY)
def test_answers_have_the_shape_of_a_networks(kind: str) -> None:
    task = EVERY[kind]
    for model in models_for(task):
        found = model.fit(Fit(task, task.train, 0, math.inf))(task.valid.x)
        assert found.shape == (len(task.valid), *task.output.shape), model.name
        assert np.isfinite(found).all(), model.name


def test_the_same_answer_to_every_pixel_is_their_mean() -> None:
    task = EVERY["pixels"]

    found = fitted("dummy", task)(task.valid.x)

    np.testing.assert_allclose(found[3, :, 2, 1], task.train.y.mean(axis=(0, 2, 3)), rtol=1e-4)
    scored = score_on(NAMED["dummy"], task, pairs_of(task, 3))
    assert scored.metrics["rmse"] == pytest.approx(2 * (2.5**0.5), rel=0.1)


@pytest.mark.parametrize("kind", ["table", "images", "series", "symbols", "text", "places"])
def test_chances_of_classes_add_up_to_one(kind: str) -> None:
    task = EVERY[kind]
    for model in models_for(task):
        if model.name != "random convolutions":
            found = np.exp(model.fit(Fit(task, task.train, 0, math.inf))(task.valid.x))
            np.testing.assert_allclose(found.sum(axis=-1), 1, atol=1e-3)


def test_the_same_answer_to_everything_is_how_frequent_answers_are() -> None:
    task = classes(vector(2), 3)
    task = replace(task, train=Split(task.train.x[:4], np.array([0, 0, 1, 0])))

    chances = np.exp(fitted("dummy", task)(task.valid.x))

    np.testing.assert_allclose(chances[0], [0.75, 0.25, 0], atol=2e-4)
    np.testing.assert_allclose(
        fitted("dummy", numbers())(task.valid.x)[0], numbers().train.y.mean(axis=0), rtol=1e-5
    )


def test_the_nearest_neighbour_is_that_of_scikit_learn() -> None:
    task = EVERY["images"]
    flat = [split.x.reshape(len(split), -1) for split in (task.train, task.valid)]

    expected = KNeighborsClassifier(1).fit(flat[0], task.train.y).predict(flat[1])

    found = fitted("nearest neighbour", task)(task.valid.x)
    np.testing.assert_array_equal(found.argmax(axis=1), expected)


def test_the_linear_model_of_numbers_is_ridge_regression() -> None:
    task = numbers()
    oracle = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 4, 15)))

    expected = oracle.fit(task.train.x, task.train.y).predict(task.valid.x)

    np.testing.assert_allclose(fitted("linear model", task)(task.valid.x), expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("task", "steps"),
    [(EVERY["table"], StandardScaler()), (symbols(), OneHotEncoder(handle_unknown="ignore"))],
)
def test_the_linear_model_of_classes_is_logistic_regression(task: Task, steps: Any) -> None:
    flat = [split.x.reshape(len(split), -1) for split in (task.train, task.valid)]
    oracle = make_pipeline(steps, LogisticRegression(max_iter=200, tol=1e-3))

    expected = oracle.fit(flat[0], task.train.y).predict_log_proba(flat[1])

    # Without time the usual penalty is taken.
    found = fitted("linear model", task, until=time.monotonic() - 1)(task.valid.x)
    np.testing.assert_allclose(found, np.maximum(expected, np.log(1e-4)), atol=1e-4)


def test_boosting_in_stretches_is_boosting_at_once() -> None:
    table, found = EVERY["table"], numbers()
    common: dict[str, Any] = {"min_samples_leaf": 2, "random_state": 0, "early_stopping": False}
    trees = HistGradientBoostingClassifier(**common).fit(table.train.x, table.train.y)
    one = HistGradientBoostingRegressor(**common).fit(found.train.x, found.train.y[:, 1])

    np.testing.assert_allclose(
        np.exp(fitted("gradient boosting", table)(table.valid.x)),
        trees.predict_proba(table.valid.x).clip(1e-4),
        atol=1e-6,
    )
    np.testing.assert_allclose(
        fitted("gradient boosting", found)(found.valid.x)[:, 1], one.predict(found.valid.x)
    )


def test_boosting_ends_early_where_time_is_over() -> None:
    task = EVERY["table"]
    common: dict[str, Any] = {"min_samples_leaf": 2, "random_state": 0, "early_stopping": False}
    few = HistGradientBoostingClassifier(max_iter=10, **common).fit(task.train.x, task.train.y)

    found = np.exp(fitted("gradient boosting", task, until=time.monotonic())(task.valid.x))

    np.testing.assert_allclose(found, few.predict_proba(task.valid.x).clip(1e-4), atol=1e-6)


def test_a_label_that_all_examples_have_is_always_answered() -> None:
    for model in models_for(labels()):
        found = model.fit(Fit(labels(), labels().train, 0, math.inf))(labels().valid.x)
        assert (found[:, 2] > 5).all(), model.name


def test_a_class_that_no_example_of_training_has_is_never_answered() -> None:
    task = EVERY["table"]
    kept = task.train.y != 1
    task = replace(task, train=Split(task.train.x[kept], task.train.y[kept]))
    for model in models_for(task):
        found = model.fit(Fit(task, task.train, 0, math.inf))(task.valid.x)
        assert (found.argmax(axis=1) != 1).all(), model.name


@pytest.mark.parametrize("kind", ["table", "numbers", "series"])
def test_weights_of_examples_count(kind: str) -> None:
    task = EVERY[kind]
    weights = np.random.default_rng(0).uniform(0.01, 2, len(task.train)).astype(np.float32)
    weighted = replace(task, train=replace(task.train, weights=weights))
    for model in models_for(task):
        plain, other = (
            model.fit(Fit(one, one.train, 0, math.inf))(one.valid.x) for one in (task, weighted)
        )
        is_same = np.allclose(plain, other)
        assert is_same == (model.name == "nearest neighbour"), model.name


def test_random_convolutions_tell_series_apart() -> None:
    def split(random: np.random.Generator, size: int) -> Split:
        y = np.arange(size) % 2
        waves = np.sin(np.arange(30) * (1 + y[:, None]) / 2 + random.uniform(0, 6, (size, 1)))
        x = waves[..., None] + 0.3 * random.normal(size=(size, 30, 1))
        return Split(x.astype(np.float32), y.astype(np.int64))

    from tests.baselines.tasks import make

    task = make(tokens(30, 1), vector(2), Loss.CROSS_ENTROPY, split)
    found = fitted("random convolutions", task)(task.valid.x)

    assert np.mean(found.argmax(axis=1) == task.valid.y) > 0.9


def test_tables_of_symbols_know_what_follows() -> None:
    found = fitted("two symbols", text())(text().valid.x)

    assert np.mean(found.argmax(axis=-1) == text().valid.y) == 1
    assert np.exp(found.max(axis=-1)).min() > 0.9


def test_a_sample_is_no_larger_than_seconds_allow() -> None:
    x = np.arange(EXAMPLES + 7, dtype=np.float32)[:, None]
    split = Split(x, np.arange(len(x)), np.ones(len(x), np.float32))

    found = sampled(split, 0)

    assert len(found) == EXAMPLES
    np.testing.assert_array_equal(found.x[:, 0], found.y)
    assert found.weights is not None
    assert sampled(split, 0, most=len(x)) is split


@pytest.mark.parametrize("spec", [image(3, 40, 33), tokens(1500, 2), image(1, 28, 28)])
def test_large_examples_are_means_over_neighbours(spec: Any) -> None:
    task = classes(spec, sizes=(4, 2, 2))
    step = pooling(task)

    rows = rows_of(task, task.train.x)

    assert rows.shape[1] <= FEATURES
    x = task.train.x
    corner = x[0, 0, :step, :step] if spec.layout == "image" else x[0, :step, 0]
    assert rows[0, 0] == pytest.approx(corner.mean(), rel=1e-4)
    assert (step == 1) == (spec.elements <= FEATURES)


def test_of_many_features_the_most_telling_are_taken() -> None:
    task = classes(vector(FEATURES + 50), 2, sizes=(40, 20, 20))

    assert fitted("linear model", task)(task.valid.x).shape == (20, 2)
    assert told_of_limits(task, 6000) == (
        "learned from 5,000 of 6,000 examples",
        "of the 1,000 most telling of 1,050 features",
    )
