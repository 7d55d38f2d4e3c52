"""Norms, against PyTorch's functions and formulas."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from einsearch.errors import ShapeError
from einsearch.primitives.base import get_primitive, infer
from einsearch.primitives.moments import groups_of
from einsearch.specs import TensorSpec, image, tokens, vector
from tests.primitives.calling import assert_equal, call

IMAGE, TOKENS, VECTOR = image(6, 4, 5), tokens(7, 6), vector(6)


def features_first(x: Tensor, spec: TensorSpec) -> Tensor:
    return x.transpose(1, 2) if spec.layout == "tokens" else x


@pytest.mark.parametrize("spec", [IMAGE, TOKENS, VECTOR])
def test_batch_norm_uses_running_statistics_in_evaluation(spec: TensorSpec) -> None:
    network = call("batch_norm", on=spec)
    mean, variance = torch.zeros(6), torch.ones(6)
    for _ in range(3):
        x = 2 + 3 * torch.randn(8, *spec.shape)
        expected = F.batch_norm(features_first(x, spec), mean, variance, training=True)
        assert_equal(features_first(network(x)[0], spec), expected)
    network.eval()
    expected = F.batch_norm(features_first(x, spec), mean, variance, training=False)
    assert_equal(features_first(network(x)[0], spec), expected)


@pytest.mark.parametrize(("spec", "axis"), [(IMAGE, 1), (TOKENS, 2), (VECTOR, 1)])
def test_layer_and_rms_norm_are_over_the_features(spec: TensorSpec, axis: int) -> None:
    x = 2 + 3 * torch.randn(3, *spec.shape)
    centred = x - x.mean(axis, keepdim=True)
    spread = (centred.square().mean(axis, keepdim=True) + 1e-5).sqrt()
    assert_equal(call("layer_norm", on=spec)(x)[0], centred / spread)
    root = (x.square().mean(axis, keepdim=True) + 1e-5).sqrt()
    assert_equal(call("rms_norm", on=spec)(x)[0], x / root)


@pytest.mark.parametrize(
    ("spec", "like"), [(IMAGE, "batch_norm"), (TOKENS, "layer_norm"), (VECTOR, "layer_norm")]
)
def test_norm_depends_on_the_layout(spec: TensorSpec, like: str) -> None:
    x = torch.randn(4, *spec.shape)
    assert_equal(call("norm", on=spec)(x)[0], call(like, on=spec)(x)[0])


@pytest.mark.parametrize("spec", [IMAGE, TOKENS, VECTOR])
def test_group_norm_is_over_positions_and_the_features_of_a_group(spec: TensorSpec) -> None:
    x = 2 + 3 * torch.randn(3, *spec.shape)
    expected = F.group_norm(features_first(x, spec), 3)
    assert_equal(features_first(call("group_norm", 3, on=spec)(x)[0], spec), expected)


@pytest.mark.parametrize(
    ("features", "most", "groups"), [(64, 32, 32), (48, 32, 24), (6, 32, 6), (7, 4, 1), (9, 4, 3)]
)
def test_fewer_groups_where_features_are_fewer(features: int, most: int, groups: int) -> None:
    assert groups_of(tokens(2, features), most) == groups


def test_weights_scale_and_shift_every_feature() -> None:
    for name in ("norm", "batch_norm", "layer_norm", "group_norm", "channel_affine"):
        network = call(name, on=IMAGE)
        x = torch.randn(4, *IMAGE.shape)
        before = network(x)[0]
        scale, offset = torch.randn(6), torch.randn(6)
        network.load_state_dict({"inner.weight": scale, "inner.bias": offset}, strict=False)
        expected = before * scale.view(-1, 1, 1) + offset.view(-1, 1, 1)
        torch.testing.assert_close(network(x)[0], expected, rtol=1e-4, atol=1e-5)


def test_channel_affine_is_the_identity_at_first() -> None:
    for spec in (IMAGE, TOKENS, VECTOR):
        x = torch.randn(4, *spec.shape)
        assert_equal(call("channel_affine", on=spec)(x)[0], x)


def test_what_nothing_would_be_left_of_is_rejected() -> None:
    for name, spec in (
        ("layer_norm", image(1, 4, 4)),
        ("norm", tokens(4, 1)),
        ("rms_norm", vector(1)),
        ("group_norm", vector(8)),
    ):
        primitive = get_primitive(name)
        with pytest.raises(ShapeError, match="leaves nothing of it"):
            infer(primitive, primitive.bind(), (spec,))
    assert infer(get_primitive("norm"), get_primitive("norm").bind(), (image(1, 4, 4),))


def test_batch_norm_is_affine_in_evaluation_as_no_other_norm() -> None:
    affine = {
        (name, str(spec.layout))
        for name in ("norm", "batch_norm", "layer_norm", "group_norm", "rms_norm")
        for spec in (IMAGE, TOKENS, VECTOR)
        if get_primitive(name).affine_at((spec,), get_primitive(name).bind())
    }
    assert affine == {("norm", "image")} | {
        ("batch_norm", layout) for layout in ("image", "tokens", "vector")
    }


@pytest.mark.parametrize("spec", [IMAGE, TOKENS, VECTOR])
def test_standardise_is_the_scaler_of_scikit_learn(spec: TensorSpec) -> None:
    network = call("standardise", on=spec).double()
    x = 2 + 3 * torch.randn(8, *spec.shape, dtype=torch.float64)
    rows = features_first(network(x)[0], spec).movedim(1, -1).reshape(-1, 6)
    whole = features_first(x, spec).movedim(1, -1).reshape(-1, 6)
    expected = StandardScaler().fit_transform(whole.numpy())
    torch.testing.assert_close(rows, torch.from_numpy(expected), rtol=1e-4, atol=1e-4)
    assert not list(network.parameters())
