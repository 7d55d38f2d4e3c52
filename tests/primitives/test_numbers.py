"""Numbers as tokens: formulas of the papers, in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from einsearch.errors import ShapeError
from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.optimizing import make_optimizer
from einsearch.primitives.base import get_primitive, infer
from einsearch.specs import tokens, vector
from tests.primitives.calling import call


def test_periodic_makes_cosines_and_sines_of_each_number() -> None:
    network = call("periodic", 5, 0.5, on=vector(3)).double()
    x = torch.randn(4, 3, dtype=torch.float64)
    (made,) = network(x)
    angle = 2 * np.pi * network.inner.weight.detach().numpy()[None] * x.numpy()[..., None]
    expected = np.concatenate([np.cos(angle), np.sin(angle)], axis=-1)
    np.testing.assert_allclose(made.detach().numpy(), expected, atol=1e-12)


def test_frequencies_begin_with_the_deviation_that_is_asked_for() -> None:
    weight = call("periodic", 2000, 0.3, on=vector(4)).inner.weight
    # A normal distribution that is cut at three deviations has 0.9866 of its deviation.
    assert weight.std().item() == pytest.approx(0.3 * 0.9866, rel=0.03)
    assert weight.abs().max() <= 0.9


def test_numbers_are_embedded_each_by_itself() -> None:
    network = call("embed_numbers", 6, on=vector(3)).double()
    x = torch.randn(4, 3, dtype=torch.float64)
    weight, bias = (network.inner.get_parameter(name) for name in ("weight", "bias"))
    for number in range(3):
        expected = x[:, number, None] * weight[number] + bias[number]
        torch.testing.assert_close(network(x)[0][:, number], expected)
    assert max(weight.abs().max(), bias.abs().max()) <= 6**-0.5


@pytest.mark.parametrize("name", ["periodic", "embed_numbers"])
def test_only_vectors_are_taken(name: str) -> None:
    primitive = get_primitive(name)
    with pytest.raises(ShapeError, match="it needs a vector"):
        infer(primitive, primitive.bind(4), (tokens(3, 2),))


@pytest.mark.parametrize("name", ["periodic", "embed_numbers"])
def test_weights_do_not_decay(name: str) -> None:
    optimizer = make_optimizer(call(name, 4, on=vector(3)), TrainingConfig(weight_decay=0.1))
    assert {group["weight_decay"] for group in optimizer.param_groups if group["params"]} == {0}
