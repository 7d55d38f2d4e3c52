"""Averages of networks: their formula, and which networks are averaged."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit, logit, softmax
from torch import nn

from einsearch.compile.blending import Blend
from einsearch.evaluate.certainty import proper_loss
from einsearch.evaluate.crossvalidation import Answers
from einsearch.evaluate.ensembling import blended, chosen, kind_of_answers
from einsearch.specs import image, vector
from einsearch.tasks.base import DENSE, REGRESSIONS, Loss, Split, Statistics, Task

LOSSES = tuple(Loss)


def task_of(loss: Loss, features: int = 3) -> Task:
    """A task without data."""
    empty = Split(np.zeros((0, 2), np.float32), np.zeros(0))
    plain = Statistics((0.0,) * features, (1.0,) * features)
    targets = plain if loss in REGRESSIONS else None
    spec = image(features, 2, 4) if loss in DENSE else vector(features)
    return Task("made", vector(2), spec, loss, empty, empty, None, plain, targets)


def drawn(loss: Loss, count: int, n: int, seed: int) -> tuple[NDArray[Any], list[NDArray[Any]]]:
    """Right answers, and those of networks that know something of them."""
    rng = np.random.default_rng(seed)
    shape = (n, 5, 3) if loss is Loss.NEXT_TOKEN else (n, 3, 2, 4) if loss in DENSE else (n, 3)
    outputs = [rng.normal(0, 2, shape).astype(np.float32) for _ in range(count)]
    if loss in REGRESSIONS:
        return rng.normal(size=shape).astype(np.float32), outputs
    if loss is Loss.BINARY_CROSS_ENTROPY:
        return rng.integers(2, size=shape).astype(np.float32), outputs
    if loss is Loss.DENSE_CROSS_ENTROPY:
        return rng.integers(3, size=(n, 2, 4)), outputs
    return rng.integers(3, size=shape[:-1]), outputs


def plainly(loss: Loss, outputs: list[NDArray[Any]], shares: list[float]) -> NDArray[Any]:
    """The average as its definition says it."""
    pairs = [(share, out.astype(np.float64)) for share, out in zip(shares, outputs, strict=True)]
    if loss in REGRESSIONS:
        return sum(share * out for share, out in pairs)  # type: ignore[return-value]
    if loss is Loss.BINARY_CROSS_ENTROPY:
        return np.asarray(logit(sum(share * expit(out) for share, out in pairs)))
    return np.log(sum(share * softmax(out, 1 if loss in DENSE else -1) for share, out in pairs))


@pytest.mark.parametrize("loss", LOSSES)
def test_an_average_is_that_of_its_definition(loss: Loss) -> None:
    _, outputs = drawn(loss, 3, 20, 0)
    shares = [0.5, 0.3, 0.2]
    found = blended(task_of(loss), outputs, shares)
    np.testing.assert_allclose(found, plainly(loss, outputs, shares), rtol=1e-5, atol=1e-6)


class Fixed(nn.Module):
    """Answers the same to everything."""

    def __init__(self, answer: NDArray[Any]) -> None:
        super().__init__()
        self.answer = torch.from_numpy(answer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.answer


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("scale", [1, 60])
def test_the_module_answers_what_was_scored(loss: Loss, scale: int) -> None:
    _, outputs = drawn(loss, 3, 20, 1)
    outputs = [(scale * out).astype(np.float32) for out in outputs]
    shares = [0.25, 0.25, 0.5]
    module = Blend([Fixed(out) for out in outputs], shares, kind_of_answers(loss))
    expected = blended(task_of(loss), outputs, shares)
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(module(torch.zeros(1)).numpy(), expected, rtol=2e-5, atol=1e-4)


def test_answers_that_are_nearly_sure_stay_as_sure() -> None:
    """Differences far below the smallest share that a float of 1 - p could hold."""
    sure = np.array([[50.0, 0.0, -50.0]], np.float32)
    found = blended(task_of(Loss.CROSS_ENTROPY), [sure, sure], [0.5, 0.5])
    np.testing.assert_allclose(found - found.max(), sure - sure.max(), rtol=1e-6)
    found = blended(task_of(Loss.BINARY_CROSS_ENTROPY), [sure, sure], [0.5, 0.5])
    np.testing.assert_allclose(found, sure, rtol=1e-6, atol=1e-6)


def test_shares_are_those_of_a_whole() -> None:
    with pytest.raises(ValueError, match="shares"):
        Blend([Fixed(np.zeros(1, np.float32))], [0.5], "values")
    with pytest.raises(ValueError, match="shares"):
        Blend([Fixed(np.zeros(1, np.float32))], [0.5, 0.5], "values")


@given(
    loss=st.sampled_from(LOSSES),
    count=st.integers(1, 5),
    most=st.integers(1, 6),
    seed=st.integers(0, 99),
)
@settings(deadline=None, max_examples=60)
def test_what_is_chosen_is_never_worse_than_the_best(
    loss: Loss, count: int, most: int, seed: int
) -> None:
    task = task_of(loss)
    y, outputs = drawn(loss, count, 12, seed)
    answers = {f"net {k}": Answers(np.arange(12), out, y) for k, out in enumerate(outputs)}
    counts = chosen(task, answers, most)
    assert 1 <= sum(counts.values()) <= most
    shares = [n / sum(counts.values()) for n in counts.values()]
    together = blended(task, [answers[name].outputs for name in counts], shares)
    best = min(proper_loss(task, one) for one in answers.values())
    assert proper_loss(task, Answers(np.arange(12), together, y)) <= best * (1 + 1e-5)


def test_networks_that_err_apart_are_averaged_and_copies_are_not() -> None:
    task, y = task_of(Loss.MEAN_SQUARED_ERROR, 1), np.zeros((4, 1), np.float32)
    above, below = np.full((4, 1), 0.9, np.float32), np.full((4, 1), -1.0, np.float32)
    rows = np.arange(4)
    opposed = {"above": Answers(rows, above, y), "below": Answers(rows, below, y)}
    assert chosen(task, opposed, 2) == {"above": 1, "below": 1}
    copies = {"one": Answers(rows, above, y), "other": Answers(rows, above.copy(), y)}
    assert chosen(task, copies, 5) == {"one": 1}
    assert chosen(task, {}, 5) == {}


def test_how_much_an_example_counts_decides() -> None:
    """The second helps with the first example, and spoils the other, which hardly counts."""
    task, y = task_of(Loss.MEAN_SQUARED_ERROR, 1), np.zeros((2, 1), np.float32)
    errors = {"first": (0.5, 0.0), "second": (-0.5, 1.0)}

    def counted(*weights: float) -> dict[str, int]:
        answers = {
            name: Answers(np.arange(2), np.array(err, np.float32)[:, None], y, np.array(weights))
            for name, err in errors.items()
        }
        return chosen(task, answers, 2)

    assert counted(1.9, 0.1) == {"first": 1, "second": 1}
    assert counted(1.0, 1.0) == {"first": 1}
