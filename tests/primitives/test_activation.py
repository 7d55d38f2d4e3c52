"""Softmax, dropout and zero."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from einsearch.errors import ArgumentError
from einsearch.primitives.base import Signal, get_primitive
from einsearch.specs import image, tokens
from tests.primitives.calling import assert_equal, call, outcome


def test_softmax_is_over_the_last_axis() -> None:
    x = torch.randn(2, 3, 4, 5)
    made = outcome("softmax", of=x, on=image(3, 4, 5))
    expected = np.exp(x.numpy()) / np.exp(x.numpy()).sum(-1, keepdims=True)
    np.testing.assert_allclose(made.numpy(), expected, rtol=1e-5)


def test_softmax_of_one_element_says_that_it_never_changes() -> None:
    softmax = get_primitive("softmax")
    (signal,) = softmax.signal((tokens(4, 1),), softmax.bind(), (Signal(),))
    assert (signal.mean, signal.variance) == (1.0, 0.0)
    assert signal.low == signal.high == 1.0


def test_dropout_drops_that_share_in_training_alone() -> None:
    network = call("dropout", 0.25, on=tokens(100, 100))
    x = torch.ones(4, 100, 100)
    made = network(x)[0]
    assert float((made == 0).float().mean()) == pytest.approx(0.25, abs=0.01)
    assert_equal(made[made != 0], torch.full_like(made[made != 0], 1 / 0.75))
    assert torch.equal(network.eval()(x)[0], x)


def test_dropout_needs_a_probability() -> None:
    with pytest.raises(ArgumentError, match=r"p is 1\.5, expected a number at least 0 and at most"):
        get_primitive("dropout").bind(1.5)


def test_zero_is_zero_for_anything_finite_or_not() -> None:
    x = torch.tensor([[[1.0, float("inf")], [float("nan"), -2.0]]])
    assert torch.equal(outcome("zero", of=x, on=tokens(2, 2)), torch.zeros(1, 2, 2))
