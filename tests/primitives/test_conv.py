"""Convolutions are PyTorch's, with the padding that the language promises."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from einsearch.errors import ShapeError
from einsearch.primitives.base import get_primitive, infer
from einsearch.specs import image, tokens
from tests.primitives.calling import assert_equal, call


@given(
    kernel=st.integers(1, 4),
    stride=st.integers(1, 3),
    dilation=st.integers(1, 2),
    groups=st.sampled_from([1, 2, 4]),
    bias=st.booleans(),
)
def test_conv2d_is_torch_conv2d(
    kernel: int, stride: int, dilation: int, groups: int, bias: bool
) -> None:
    network = call("conv2d", 8, kernel, stride, dilation, groups, bias, on=image(4, 9, 7))
    x = torch.randn(2, 4, 9, 7)
    weights = dict(network.inner.named_parameters())
    expected = F.conv2d(
        x,
        weights["weight"],
        weights.get("bias"),
        stride=stride,
        padding=(kernel - 1) // 2 * dilation,
        dilation=dilation,
        groups=groups,
    )
    assert_equal(network(x)[0], expected)
    assert weights["weight"].shape == (8, 4 // groups, kernel, kernel)


@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
@pytest.mark.parametrize("dilation", [1, 2, 3])
def test_odd_kernels_keep_the_size_at_stride_1(kernel: int, dilation: int) -> None:
    conv2d, conv1d = get_primitive("conv2d"), get_primitive("conv1d")
    args = (5, kernel, 1, dilation)
    assert infer(conv2d, conv2d.bind(*args), (image(3, 8, 6),)) == (image(5, 8, 6),)
    assert infer(conv1d, conv1d.bind(*args), (tokens(8, 3),)) == (tokens(8, 5),)


def test_conv1d_runs_along_the_length() -> None:
    network = call("conv1d", 6, 3, 2, on=tokens(9, 4))
    x = torch.randn(2, 9, 4)
    inner = network.inner
    expected = F.conv1d(x.transpose(1, 2), inner.weight, inner.bias, stride=2, padding=1)
    assert_equal(network(x)[0], expected.transpose(1, 2))


def test_depthwise_conv1d_is_a_sum_over_the_past() -> None:
    network = call("depthwise_conv1d", 3, on=tokens(7, 4))
    weight, bias = network.inner.weight, network.inner.bias
    x = torch.randn(2, 7, 4)
    made = network(x)[0]
    for t in range(7):
        seen = [(k, t - 2 + k) for k in range(3) if t - 2 + k >= 0]
        expected = bias + sum(weight[:, 0, k] * x[:, position] for k, position in seen)
        assert_equal(made[:, t], expected)


def test_depthwise_conv1d_never_sees_the_future() -> None:
    network = call("depthwise_conv1d", 4, on=tokens(9, 2))
    x = torch.randn(1, 9, 2)
    changed = x.clone()
    changed[:, 5:] += 1.0
    before, after = network(x)[0], network(changed)[0]
    assert torch.equal(before[:, :5], after[:, :5])
    assert not torch.allclose(before[:, 5], after[:, 5])


@pytest.mark.parametrize(
    ("args", "spec", "reason"),
    [
        ((8, 3), tokens(9, 4), "it needs an image"),
        ((8, 3, 1, 1, 3), image(4, 9, 9), "4 and 8 channels cannot both be cut into 3 groups"),
        ((8, 4), image(4, 1, 9), "reaches over 4"),
    ],
)
def test_conv2d_says_why_it_rejects(args: tuple[int, ...], spec: object, reason: str) -> None:
    conv2d = get_primitive("conv2d")
    with pytest.raises(ShapeError, match=reason):
        infer(conv2d, conv2d.bind(*args), (spec,))  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@given(
    kernel=st.integers(1, 9),
    dilation=st.integers(1, 3),
    groups=st.sampled_from([1, 2]),
    bias=st.booleans(),
)
def test_same_conv1d_is_torch_with_same_padding(
    kernel: int, dilation: int, groups: int, bias: bool
) -> None:
    network = call("same_conv1d", 6, kernel, dilation, groups, bias, on=tokens(12, 4))
    x = torch.randn(2, 12, 4)
    weights = dict(network.inner.named_parameters())
    expected = F.conv1d(
        x.transpose(1, 2),
        weights["weight"],
        weights.get("bias"),
        padding="same",
        dilation=dilation,
        groups=groups,
    )
    assert_equal(network(x)[0], expected.transpose(1, 2))


@given(kernel=st.integers(1, 9), dilation=st.integers(1, 3))
def test_causal_convolutions_see_the_past_alone(kernel: int, dilation: int) -> None:
    network = call("same_conv1d", 3, kernel, dilation, 1, True, True, on=tokens(12, 2))
    x, inner = torch.randn(1, 12, 2), network.inner
    for place in range(12):
        expected = inner.bias.clone()
        for tap in range(kernel):
            seen = place - (kernel - 1 - tap) * dilation
            if seen >= 0:
                expected = expected + inner.weight[:, :, tap] @ x[0, seen]
        assert_equal(network(x)[0][0, place], expected)


def test_taps_that_see_padding_alone_are_refused() -> None:
    primitive = get_primitive("same_conv1d")
    with pytest.raises(ShapeError, match="taps 9 apart see none of 3 tokens, only padding"):
        infer(primitive, primitive.bind(4, 2, 9), (tokens(3, 2),))
