"""Random convolutions are those of ROCKET, and stay as they are drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from einsearch.compile.module import build_module
from einsearch.derivation.replay import architecture
from einsearch.primitives.random_conv import TAPS, dilations
from einsearch.specs import tokens
from tests.primitives.calling import call


def apply_kernel(
    series: NDArray[np.float64], weights: NDArray[np.float64], bias: float, dilation: int
) -> tuple[float, float]:
    """`_apply_kernel_multivariate` of github.com/angus924/rocket, with the padding that keeps the
    length: the share of positive outcomes and the largest one."""
    channels, length = series.shape
    padding = (TAPS - 1) * dilation // 2
    positive, largest = 0, -math.inf
    for i in range(-padding, length + padding - (TAPS - 1) * dilation):
        total, index = bias, i
        for j in range(TAPS):
            if -1 < index < length:
                total += sum(weights[c, j] * series[c, index] for c in range(channels))
            index += dilation
        largest = max(largest, total)
        positive += total > 0
    return positive / length, largest


@pytest.mark.parametrize(("length", "features", "kernels"), [(40, 1, 14), (33, 3, 9), (5, 2, 4)])
def test_features_are_those_of_the_published_loop(length: int, features: int, kernels: int) -> None:
    network = call("random_conv1d", kernels, on=tokens(length, features)).double()
    x = torch.randn(2, length, features, dtype=torch.float64)
    (made,) = network(x)
    steps = dilations(length)
    weight, bias = network.inner.weight.numpy(), network.inner.bias.numpy()
    for example in range(2):
        for kernel in range(kernels):
            # Kernels are shared out among the dilations in equal stretches.
            turn = next(n for n in range(len(steps)) if kernel < kernels * (n + 1) // len(steps))
            told = apply_kernel(x[example].T.numpy(), weight[kernel], bias[kernel], steps[turn])
            assert made[example, kernel].item() == pytest.approx(told[0], abs=1e-9)
            assert made[example, kernels + kernel].item() == pytest.approx(told[1], abs=1e-9)


def test_weights_are_drawn_as_in_the_paper() -> None:
    inner = call("random_conv1d", 4000, on=tokens(64, 7)).inner
    read = inner.weight.abs().sum(2) > 0
    assert inner.weight.sum(2).abs().max() < 1e-5
    # Nine normal numbers less their mean have a variance of 8/9.
    assert inner.weight[read].var().item() == pytest.approx(8 / 9, rel=0.05)
    assert -1 <= inner.bias.min() < -0.99
    assert 0.99 < inner.bias.max() <= 1
    shares = torch.bincount(read.sum(1), minlength=8)[1:] / 4000
    for number, share in enumerate(shares.tolist(), 1):
        assert share == pytest.approx(math.log2((number + 1) / number) / 3, abs=0.03)


def test_dilations_fit_the_length() -> None:
    assert dilations(1) == dilations(9) == dilations(16) == (1,)
    assert dilations(17) == (1, 2)
    assert dilations(150) == (1, 2, 4, 8, 16)
    assert all(8 * dilations(length)[-1] < length for length in range(9, 600))


def test_kernels_follow_from_the_seed_and_are_never_trained() -> None:
    program = architecture("random_conv1d(50) >> standardise", tokens(30, 2)).program
    first, second, other = (build_module(program, seed) for seed in (3, 3, 4))
    x = torch.randn(8, 30, 2)
    assert torch.equal(first(x), second(x))
    assert not torch.equal(first(x), other(x))
    assert not list(first.parameters())
    assert any(name.endswith("weight") for name in first.state_dict())


def test_memory_does_not_grow_with_what_kernels_make() -> None:
    spec = tokens(500, 1)
    cost = architecture("random_conv1d(1000)", spec).program.cost
    assert cost.memory == 4 * 2000
    assert cost.flops == 2 * 500 * 9 * 1000
