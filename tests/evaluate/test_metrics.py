"""Tests of the metrics against scikit-learn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as oracle

from einsearch.evaluate import metrics
from einsearch.tasks.base import Loss
from einsearch.tasks.registry import make_task

seeds = st.integers(0, 10_000)


@given(seed=seeds, n=st.integers(1, 40), classes=st.integers(2, 6), size=st.sampled_from([1, 50]))
def test_classification_agrees_with_scikit_learn(
    seed: int, n: int, classes: int, size: int
) -> None:
    rng = np.random.default_rng(seed)
    logits, labels = rng.normal(scale=size, size=(n, classes)), rng.integers(classes, size=n)
    best = logits.argmax(axis=1)
    assert metrics.accuracy(logits, labels) == pytest.approx(oracle.accuracy_score(labels, best))
    recall = oracle.recall_score(labels, best, labels=np.unique(labels), average="macro")
    assert metrics.balanced_accuracy(logits, labels) == pytest.approx(recall)
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    if shares.min() > 1e-12:
        loss = oracle.log_loss(labels, shares, labels=np.arange(classes))
        assert metrics.cross_entropy(logits, labels) == pytest.approx(loss, rel=1e-6, abs=1e-9)


@given(seed=seeds, n=st.integers(2, 40), dims=st.integers(1, 4))
def test_regression_agrees_with_scikit_learn(seed: int, n: int, dims: int) -> None:
    rng = np.random.default_rng(seed)
    outputs, targets = rng.normal(size=(2, n, dims))
    error = oracle.mean_squared_error(targets, outputs)
    assert metrics.rmse(outputs, targets) == pytest.approx(error**0.5)
    assert metrics.mae(outputs, targets) == pytest.approx(
        oracle.mean_absolute_error(targets, outputs)
    )
    assert metrics.r2(outputs, targets) == pytest.approx(oracle.r2_score(targets, outputs))


def test_r2_where_a_dimension_never_varies() -> None:
    targets = np.array([[1.0, 2.0], [3.0, 2.0]])
    assert metrics.r2(targets, targets) == 1.0
    assert metrics.r2(targets + np.array([0.0, 1.0]), targets) == 0.5


def test_large_logits_do_not_overflow() -> None:
    assert metrics.cross_entropy(np.array([[1e4, 0.0]]), np.array([1])) == pytest.approx(1e4)


def test_scores_of_a_regression_are_in_the_unit_of_the_data() -> None:
    task = make_task("waves")
    assert task.target_statistics is not None
    (deviation,) = task.target_statistics.deviation
    scores = metrics.score(task, task.valid.y + np.float32(1), task.valid.y)
    assert list(scores) == ["rmse", "mae", "r2"]
    assert scores["rmse"] == pytest.approx(deviation, rel=1e-5)
    assert scores["mae"] == pytest.approx(deviation, rel=1e-5)


def test_scores_of_a_classification_come_in_the_order_of_the_task() -> None:
    task = make_task("bars")
    scores = metrics.score(task, np.eye(4, dtype=np.float32)[task.valid.y], task.valid.y)
    assert list(scores) == ["accuracy", "balanced_accuracy", "f1", "auc", "cross_entropy"]
    assert [scores[name] for name in list(scores)[:-1]] == [1.0] * 4


@given(seed=seeds, n=st.integers(2, 40), classes=st.integers(2, 5))
def test_auc_and_f1_are_those_of_their_definitions(seed: int, n: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    logits, labels = rng.normal(size=(n, classes)), rng.integers(classes, size=n)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    areas = []
    for label in range(classes):
        inside, outside = shares[labels == label, label], shares[labels != label, label]
        if len(inside) and len(outside):
            areas.append(np.mean(inside[:, None] > outside))
    expected = np.mean(areas) if areas else 0.5
    assert metrics.auc(logits, labels) == pytest.approx(expected)
    best = logits.argmax(axis=1)
    parts = []
    for label in set(labels) | set(best):
        hits = np.sum((labels == label) & (best == label))
        parts.append(2 * hits / (np.sum(labels == label) + np.sum(best == label)))
    assert metrics.f1(logits, labels) == pytest.approx(np.mean(parts))


def test_auc_without_two_classes_is_chance_and_of_nan_is_nan() -> None:
    assert metrics.auc(np.array([[0.0, 1.0], [2.0, 0.0]]), np.array([1, 1])) == 0.5
    assert np.isnan(metrics.auc(np.array([[0.0, np.nan], [2.0, 0.0]]), np.array([1, 0])))
    assert metrics.auc(np.zeros((4, 3)), np.array([0, 1, 2, 2])) == 0.5
    assert metrics.auc(np.array([[0.0, 1e4], [1e4, 0.0]]), np.array([1, 0])) == 1.0


@given(seed=seeds, n=st.integers(2, 30), labels=st.integers(2, 5))
def test_metrics_of_several_labels_agree_with_scikit_learn(seed: int, n: int, labels: int) -> None:
    rng = np.random.default_rng(seed)
    logits, truths = rng.normal(size=(n, labels)), rng.integers(2, size=(n, labels)).astype(float)
    found = logits > 0
    assert metrics.labels_accuracy(logits, truths) == oracle.accuracy_score(truths > 0, found)
    shares = 1 / (1 + np.exp(-logits))
    losses = [oracle.log_loss(truths[:, k], shares[:, k], labels=[0, 1]) for k in range(labels)]
    assert metrics.labels_cross_entropy(logits, truths) == pytest.approx(np.mean(losses))
    hits = np.sum((truths > 0) & found, axis=0)
    sizes = truths.sum(axis=0) + found.sum(axis=0)
    f1 = np.where(sizes > 0, 2 * hits / np.maximum(sizes, 1), 0)
    assert metrics.labels_f1(logits, truths) == pytest.approx(np.mean(f1))
    ones = [k for k in range(labels) if 0 < truths[:, k].sum() < n]
    areas = [oracle.roc_auc_score(truths[:, k], logits[:, k]) for k in ones]
    assert metrics.labels_auc(logits, truths) == pytest.approx(np.mean(areas) if areas else 0.5)


@given(seed=seeds, n=st.integers(2, 30), classes=st.integers(2, 5))
def test_weights_are_those_of_scikit_learn(seed: int, n: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    logits, labels = rng.normal(size=(n, classes)), rng.integers(classes, size=n)
    weights = rng.exponential(size=n)
    best = logits.argmax(axis=1)
    one = {"sample_weight": weights}
    assert metrics.accuracy(logits, labels, weights) == pytest.approx(
        oracle.accuracy_score(labels, best, **one)
    )
    recall = oracle.recall_score(labels, best, labels=np.unique(labels), average="macro", **one)
    assert metrics.balanced_accuracy(logits, labels, weights) == pytest.approx(recall)
    f1 = oracle.f1_score(labels, best, average="macro", zero_division=0.0, **one)
    assert metrics.f1(logits, labels, weights) == pytest.approx(f1)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    loss = oracle.log_loss(labels, shares, labels=np.arange(classes), **one)
    assert metrics.cross_entropy(logits, labels, weights) == pytest.approx(loss)
    if classes == 2 and len(set(labels)) == 2:
        area = oracle.roc_auc_score(labels, shares[:, 1], **one)
        assert metrics.auc(logits, labels, weights) == pytest.approx(area)


@given(seed=seeds, n=st.integers(2, 30), dims=st.integers(1, 3))
def test_weights_of_a_regression_are_those_of_scikit_learn(seed: int, n: int, dims: int) -> None:
    rng = np.random.default_rng(seed)
    outputs, targets = rng.normal(size=(2, n, dims))
    weights = rng.exponential(size=n)
    one = {"sample_weight": weights}
    error = oracle.mean_squared_error(targets, outputs, **one)
    assert metrics.rmse(outputs, targets, weights) == pytest.approx(error**0.5)
    assert metrics.mae(outputs, targets, weights) == pytest.approx(
        oracle.mean_absolute_error(targets, outputs, **one)
    )
    assert metrics.r2(outputs, targets, weights) == pytest.approx(
        oracle.r2_score(targets, outputs, **one)
    )


@given(seed=seeds, name=st.sampled_from(["bars", "waves", "labels", "tokens"]))
def test_a_weight_is_so_many_examples(seed: int, name: str) -> None:
    """Whole weights, 0 among them, against the examples repeated so often."""
    rng = np.random.default_rng(seed)
    n, length = 12, 3
    task, outputs = make_task("waves"), rng.normal(size=(n, 2))
    answers = rng.normal(size=(n, 2)).astype(np.float32)
    if name == "bars":
        task, answers = make_task("bars"), rng.integers(2, size=n)
    elif name == "labels":
        task, answers = replace(task, loss=Loss.BINARY_CROSS_ENTROPY), (answers > 0).astype("f4")
    elif name == "tokens":
        task = replace(task, loss=Loss.NEXT_TOKEN, target_statistics=None)
        outputs, answers = rng.normal(size=(n, length, 4)), rng.integers(4, size=(n, length))
    weights = rng.integers(0, 4, size=n).astype(np.float32)
    weights[0] = 1
    rows = np.repeat(np.arange(n), weights.astype(int))
    found = metrics.score(task, outputs, answers, weights)
    assert found == pytest.approx(metrics.score(task, outputs[rows], answers[rows]), abs=1e-9)
    loss = metrics.proper_score(task, outputs, answers, weights)
    assert loss == pytest.approx(metrics.proper_score(task, outputs[rows], answers[rows]))


def test_the_proper_score_is_the_loss_of_the_task() -> None:
    task = make_task("bars")
    outputs = np.random.default_rng(0).normal(size=(len(task.valid), 4))
    assert metrics.proper_score(task, outputs, task.valid.y) == pytest.approx(
        metrics.score(task, outputs, task.valid.y)["cross_entropy"]
    )
    waves = make_task("waves")
    shifted = waves.valid.y + np.float32(0.5)
    assert metrics.proper_score(waves, shifted, waves.valid.y) == pytest.approx(0.25, rel=1e-5)
