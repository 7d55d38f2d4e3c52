"""Sources and positions: what is stored, and how it is spread."""

from __future__ import annotations

import pytest
import torch

from einsearch.errors import ShapeError
from einsearch.primitives.base import Signal, get_primitive, infer
from einsearch.specs import TensorSpec, image, tokens, vector
from tests.primitives.calling import call, outcome

SPECS = (image(3, 4, 5), tokens(4, 3), vector(3))


@pytest.mark.parametrize("spec", SPECS)
def test_constant_is_one_value_everywhere(spec: TensorSpec) -> None:
    x = torch.full((2, *spec.shape), float("nan"))
    assert torch.equal(outcome("constant", -1.5, of=x, on=spec), torch.full_like(x, -1.5))


@pytest.mark.parametrize("spec", SPECS)
def test_parameter_is_one_value_a_feature(spec: TensorSpec) -> None:
    network = call("parameter", 2, on=spec)
    assert torch.equal(network.inner.value, torch.full((3,), 2.0))
    network.load_state_dict({"inner.value": torch.tensor([1.0, 2.0, 3.0])})
    made = network(torch.zeros(2, *spec.shape))[0]
    axis = 1 + spec.feature_axis
    for feature in range(3):
        assert (made.select(axis, feature) == feature + 1).all()


def test_sources_say_that_they_do_not_vary() -> None:
    for name, value in (("constant", 3), ("parameter", 3)):
        primitive = get_primitive(name)
        (signal,) = primitive.signal((vector(2),), primitive.bind(value), (Signal(),))
        assert signal == Signal(3.0, 0.0)


@pytest.mark.parametrize("spec", SPECS[:2])
def test_positional_encoding_adds_one_weight_an_element(spec: TensorSpec) -> None:
    network = call("positional_encoding", on=spec)
    x = torch.randn(2, *spec.shape)
    assert network.inner.value.shape == spec.shape
    assert torch.equal(network(x)[0], x + network.inner.value)


def test_vectors_have_no_positions() -> None:
    encoding = get_primitive("positional_encoding")
    with pytest.raises(ShapeError, match="no positions"):
        infer(encoding, encoding.bind(), (vector(3),))


def test_places_begin_as_small_normal_numbers() -> None:
    """With the deviation of 0.02 that vision transformers begin with."""
    value = call("positional_encoding", on=tokens(100, 100)).inner.value.detach()
    assert abs(float(value.mean())) < 0.001
    assert float(value.std()) == pytest.approx(0.02, rel=0.03)
    beyond = float((value.abs() > 0.04).float().mean())
    assert beyond == pytest.approx(0.0455, abs=0.01), "two deviations of a normal one"
