"""What training minimises, against scikit-learn, and how much examples count in it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.utils.class_weight import compute_class_weight

from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.data import TensorSplit
from einsearch.evaluate.losses import example_weights, training_loss
from einsearch.evaluate.training import train
from einsearch.tasks.base import Loss, Split, Task
from einsearch.tasks.registry import make_task
from tests.evaluate.test_training import linear_net

seeds = st.integers(0, 10_000)
BALANCED = TrainingConfig(class_weights="balanced")
CLASSES, SQUARES = make_task("spirals"), make_task("waves")
LABELS = replace(SQUARES, loss=Loss.BINARY_CROSS_ENTROPY)
TOKENS = replace(SQUARES, loss=Loss.NEXT_TOKEN)


def normal(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def weights_with_mean_one(n: int, seed: int) -> torch.Tensor:
    weights = normal(n, seed=seed).exp()
    return weights / weights.mean()


@given(n=st.integers(1, 20), seed=seeds, is_weighted=st.booleans())
def test_classes(n: int, seed: int, is_weighted: bool) -> None:
    logits, y = normal(n, 3, seed=seed), torch.arange(n) % 3
    weights = weights_with_mean_one(n, seed) if is_weighted else None
    found = training_loss(CLASSES, 0.0, logits, y, weights)
    expected = log_loss(y, logits.double().softmax(1), labels=[0, 1, 2], sample_weight=weights)
    assert found.item() == pytest.approx(expected, rel=1e-4)
    shares = torch.nn.functional.one_hot(y, 3).float()
    for smoothing in (0.0, 0.2):
        same = [training_loss(CLASSES, smoothing, logits, t, weights) for t in (y, shares)]
        assert same[0].item() == pytest.approx(same[1].item(), rel=1e-4)


@given(n=st.integers(1, 20), seed=seeds)
def test_squares(n: int, seed: int) -> None:
    outputs, y = normal(n, 2, seed=seed), normal(n, 2, seed=seed + 1)
    weights = weights_with_mean_one(n, seed)
    for each in (None, weights):
        found = training_loss(SQUARES, 0.0, outputs, y, each)
        expected = mean_squared_error(y, outputs, sample_weight=each)
        assert found.item() == pytest.approx(expected, rel=1e-4)


@given(n=st.integers(1, 20), seed=seeds)
def test_labels(n: int, seed: int) -> None:
    logits, y = normal(n, 2, seed=seed), (normal(n, 2, seed=seed + 1) > 0).float()
    weights = weights_with_mean_one(n, seed)
    losses = [
        log_loss(y[:, k], logits[:, k].sigmoid(), labels=[0, 1], sample_weight=weights)
        for k in (0, 1)
    ]
    found = training_loss(LABELS, 0.0, logits, y, weights)
    assert found.item() == pytest.approx(np.mean(losses), rel=1e-4)
    same = training_loss(LABELS, 0.0, logits, y, weights[:, None].expand(n, 2))
    assert found.item() == pytest.approx(same.item(), rel=1e-5)


def test_tokens_have_the_weight_of_their_example() -> None:
    logits, y = normal(4, 5, 3, seed=0), torch.arange(20).reshape(4, 5) % 3
    parts = torch.stack(
        [training_loss(TOKENS, 0.1, logits[i : i + 1], y[i : i + 1]) for i in range(4)]
    )
    weights = torch.tensor([0.0, 1.0, 2.0, 1.0])
    found = training_loss(TOKENS, 0.1, logits, y, weights)
    assert found.item() == pytest.approx((parts * weights).mean().item(), rel=1e-5)


@given(counts=st.lists(st.integers(0, 9), min_size=2, max_size=5).filter(any))
def test_balanced_classes_are_those_of_scikit_learn(counts: list[int]) -> None:
    y = np.repeat(np.arange(len(counts)), counts)
    data = TensorSplit(torch.zeros(len(y), 1), torch.from_numpy(y))
    found = example_weights(CLASSES, BALANCED, data)
    assert found is not None
    expected = compute_class_weight("balanced", classes=np.unique(y), y=y)
    by_class = dict(zip(np.unique(y), expected, strict=True))
    assert found.tolist() == pytest.approx([by_class[label] for label in y])


def test_weights_of_examples_enter_the_balance() -> None:
    data = TensorSplit(
        torch.zeros(4, 1), torch.tensor([0, 0, 0, 1]), torch.tensor([2.0, 1, 1, 0.5])
    )
    found = example_weights(CLASSES, BALANCED, data)
    assert found is not None
    assert found.tolist() == pytest.approx([1.0, 0.5, 0.5, 2.0])
    plain = example_weights(CLASSES, TrainingConfig(), data)
    assert plain is not None
    assert plain.tolist() == pytest.approx([2 / 1.125, 1 / 1.125, 1 / 1.125, 0.5 / 1.125])


def test_both_sides_of_a_label_count_the_same() -> None:
    y = torch.tensor([[1.0, 0, 1], [0, 0, 1], [0, 1, 1], [0, 1, 1]])
    found = example_weights(LABELS, BALANCED, TensorSplit(torch.zeros(4, 1), y))
    assert found is not None
    assert found[:, 0].tolist() == pytest.approx([2, 2 / 3, 2 / 3, 2 / 3])
    assert found[:, 1:].flatten().tolist() == pytest.approx([1.0] * 8)


def imbalanced(weights: np.ndarray | None = None) -> Task:
    """19 of 20 are of class 0; the classes overlap."""
    rng = np.random.default_rng(0)
    y = (np.arange(400) % 20 == 0).astype(np.int64)
    x = (rng.normal(size=(400, 3)) + y[:, None]).astype(np.float32)
    split = Split(x, y, None if weights is None else weights[y])
    return replace(CLASSES, input=SQUARES.input, train=split, valid=split)


def test_balanced_classes_are_all_answered() -> None:
    options = {"epochs": 20, "lr": 0.05}
    plain, balanced = (
        train(linear_net(3, 2), imbalanced(), TrainingConfig(**options, class_weights=c), 0)  # type: ignore[arg-type]
        for c in ("none", "balanced")
    )
    assert balanced.metrics["balanced_accuracy"] > plain.metrics["balanced_accuracy"] + 0.1
    assert balanced.metrics["accuracy"] < plain.metrics["accuracy"]


def test_weights_that_balance_do_what_balanced_does() -> None:
    weights = np.array([400 / 380 / 2, 400 / 20 / 2], np.float32)
    config = TrainingConfig(epochs=5, lr=0.05)
    given_ones = train(linear_net(3, 2), imbalanced(weights), config, 0)
    balanced = train(
        linear_net(3, 2), imbalanced(), config.model_copy(update={"class_weights": "balanced"}), 0
    )
    for one, other in zip(given_ones.history, balanced.history, strict=True):
        assert one["train_loss"] == pytest.approx(other["train_loss"], rel=1e-4)
    # Scores are weighted where the examples are, so that accuracy is that within the classes.
    assert given_ones.metrics["accuracy"] == pytest.approx(
        balanced.metrics["balanced_accuracy"], rel=1e-4
    )


def test_an_example_without_weight_is_as_if_it_were_not_there() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(32, 3)).astype(np.float32), np.arange(32) % 2
    weights = np.repeat([2.0, 0.0], 16).astype(np.float32)
    wild = x.copy()
    wild[16:] *= 50
    scores = []
    for each in (x, wild):
        split = Split(each, y, weights)
        task = replace(CLASSES, input=SQUARES.input, train=split, valid=split)
        config = TrainingConfig(epochs=3, batch=32, lr=0.05)
        scores.append(train(linear_net(3, 2), task, config, 0).metrics)
    assert scores[0] == pytest.approx(scores[1], rel=1e-5)
