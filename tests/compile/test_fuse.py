"""Fused kernels compute what the calls compute, with the same modules."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from einsearch.compile.module import build_module
from einsearch.primitives.arguments import Symbol
from einsearch.primitives.program import INPUT, Program
from einsearch.specs import TensorSpec, image, tokens
from tests.support import Line, program, series


def kernels(written: Program) -> list[str]:
    return [step.layer.target.__name__ for step in build_module(written).plan.steps]


def assert_same(written: Program) -> None:
    """Values, gradients and names agree with and without fusing, in double precision."""
    fused = build_module(written, 5).double()
    plain = build_module(written, 5, fuse=False).double()
    assert list(fused.state_dict()) == list(plain.state_dict())
    x = torch.randn(3, *written.input[0].shape, dtype=torch.double)
    ours, theirs = fused(x), plain(x)
    torch.testing.assert_close(ours, theirs)
    ours.square().sum().backward()
    theirs.square().sum().backward()
    for one, other in zip(fused.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)


@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("fold", [True, False])
def test_unfolding_and_a_linear_map_are_a_convolution(kernel: int, stride: int, fold: bool) -> None:
    steps: list[tuple[object, ...]] = [("im2col", kernel, stride), ("linear", 7, Symbol("last"))]
    written = series(image(3, 9, 8), *steps, *([("col2im",)] if fold else []), ("relu",))
    assert kernels(written)[0] == "patch_linear"
    assert_same(written)


def test_a_linear_map_of_positions_is_not() -> None:
    written = series(image(3, 8, 8), ("im2col", 3), ("linear", 7, 0))
    assert "patch_linear" not in kernels(written)


def test_windows_that_others_read_are_kept() -> None:
    lines: list[Line] = [
        ("im2col", (2, 2), [INPUT]),
        ("linear", (12,), [0]),
        ("add", (), [0, 1]),
    ]
    written = program(image(3, 8, 8), lines)
    assert "patch_linear" not in kernels(written)
    assert_same(written)


def attention(scaled: bool, order: str, axes: Sequence[int] = (0, 1, 2)) -> list[Line]:
    """softmax(q @ k^T) @ v with q, k, v made by linear maps of the last axis."""
    last = Symbol("last")
    maps: list[Line] = [("linear", (6, last), [INPUT])] * 3
    q, k, v = axes
    return [
        *maps,
        ("permute", (order,), [k]),
        ("matmul", (scaled,), [q, 3]),
        ("softmax", (), [4]),
        ("matmul", (), [5, v]),
    ]


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("spec", [tokens(10, 8), image(2, 10, 8)])
def test_attention(scaled: bool, spec: TensorSpec) -> None:
    order = "ba" if spec.rank == 2 else "acb"
    written = program(spec, attention(scaled, order))
    assert kernels(written)[-1] == "attend"
    assert_same(written)


def test_attention_to_itself() -> None:
    written = program(tokens(10, 8), attention(True, "ba", (0, 0, 0)))
    assert kernels(written) == ["Linear", "attend"]
    assert_same(written)


def test_scores_that_others_read_are_kept() -> None:
    lines = [*attention(False, "ba"), ("matmul", (), [5, 6])]
    written = program(tokens(10, 8), lines)
    assert "attend" not in kernels(written)
    assert_same(written)


def test_a_scaled_outer_product_is_kept() -> None:
    lines = [*attention(False, "ba")[:-1], ("matmul", (True,), [5, 2])]
    written = program(tokens(10, 8), lines)
    assert "attend" not in kernels(written)
    assert_same(written)


def test_other_permutations_are_kept() -> None:
    lines: list[Line] = [
        ("permute", ("cba",), [INPUT]),
        ("matmul", (), [INPUT, 0]),
        ("softmax", (), [1]),
        ("matmul", (), [2, INPUT]),
        ("linear", (3,), [3]),
    ]
    written = program(image(6, 6, 6), lines)
    assert "attend" not in kernels(written)
    assert_same(written)
