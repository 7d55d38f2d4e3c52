"""Tests of the augmentation of images."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from einsearch.evaluate.augmenting import images
from einsearch.evaluate.augmenting.images import shifted, strong


def _images() -> torch.Tensor:
    return torch.arange(40.0 * 2 * 16 * 8).reshape(40, 2, 16, 8)


def test_images_move_by_up_to_an_eighth_with_edges_repeated() -> None:
    x = _images()
    moved = shifted(x, False, torch.Generator().manual_seed(0))
    offsets = set()
    for before, after in zip(x.numpy(), moved.numpy(), strict=True):
        padded = np.pad(before, ((0, 0), (2, 2), (1, 1)), mode="edge")
        fits = [
            (row, column)
            for row in range(5)
            for column in range(3)
            if np.array_equal(padded[:, row : row + 16, column : column + 8], after)
        ]
        assert len(fits) == 1
        offsets.add(fits[0])
    assert {row for row, _ in offsets} == set(range(5))
    assert {column for _, column in offsets} == set(range(3))


def test_about_half_of_the_images_are_mirrored() -> None:
    x = _images()
    moved = shifted(x, True, torch.Generator().manual_seed(0))
    mirrored = (moved[:, 0, 8, 2] > moved[:, 0, 8, 5]).float().mean().item()
    assert 0.25 < mirrored < 0.75


def test_augmentation_is_drawn_from_the_generator_alone() -> None:
    x = _images()
    first = shifted(x, True, torch.Generator().manual_seed(1))
    torch.rand(7)
    assert torch.equal(first, shifted(x, True, torch.Generator().manual_seed(1)))
    assert not torch.equal(first, shifted(x, True, torch.Generator().manual_seed(2)))
    assert torch.equal(x, _images())


def test_the_smallest_image() -> None:
    x = torch.ones(3, 1, 1, 1)
    assert torch.equal(shifted(x, True, torch.Generator()), x)


def _drawn(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_strong_augmentation_is_drawn_from_the_generator_alone() -> None:
    x = _images()
    first = strong(x, True, _drawn(1))
    torch.rand(7)
    assert torch.equal(first, strong(x, True, _drawn(1)))
    assert not torch.equal(first, strong(x, True, _drawn(2)))
    assert torch.equal(x, _images())
    assert first.shape == x.shape


@pytest.mark.parametrize("shape", [(3, 1, 1, 1), (1, 2, 3, 9), (5, 1, 28, 28), (2, 3, 4, 4)])
def test_strong_augmentation_of_any_shape(shape: tuple[int, ...]) -> None:
    x = torch.randn(shape, generator=_drawn())
    changed = strong(x, False, _drawn(1))
    assert changed.shape == x.shape
    assert changed.isfinite().all()


def test_a_square_is_cut_out_of_about_half_of_the_images() -> None:
    cut = images._cut(torch.ones(400, 1, 20, 10), _drawn())
    missing = (cut == 0).sum((1, 2, 3))
    assert 0.4 < (missing > 0).float().mean() < 0.6
    assert missing.max() == 6 * 3
    assert missing[missing > 0].min() < 6 * 3
    whole = cut[missing == 18][0, 0]
    rows, columns = (whole == 0).nonzero(as_tuple=True)
    assert (rows.max() - rows.min(), columns.max() - columns.min()) == (5, 2)


def test_images_turn_about_their_middle_by_their_angle() -> None:
    """A line from the middle to the right, in an image twice as wide as high."""
    line = torch.zeros(1, 1, 41, 81)
    line[:, :, 20, 40:] = 1
    turned = images._turned(line, torch.tensor([math.radians(10)]))[0, 0]
    end = turned[:, 70].argmax().item() - 20
    assert abs(end) == pytest.approx(30 * math.tan(math.radians(10)), abs=1)
    assert turned[20, 42] > 0.5


def test_no_turn_changes_nothing() -> None:
    x = _images()
    assert torch.allclose(images._turned(x, torch.zeros(len(x))), x, atol=1e-3)


def test_brightness_and_contrast_are_of_whole_images() -> None:
    x = torch.randn(300, 2, 8, 8, generator=_drawn())
    changed = images._relit(x, _drawn(1))
    offset = (changed - x).mean((2, 3))
    assert torch.allclose(offset[:, 0], offset[:, 1], atol=1e-5)
    assert 0.25 < offset.abs().max() <= 0.3
    factor = changed.std((2, 3)) / x.std((2, 3))
    assert 0.69 < factor.min() < 0.8
    assert 1.2 < factor.max() < 1.31
