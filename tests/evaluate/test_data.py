"""Tests of tensors on a device and of augmentation."""

from __future__ import annotations

import gc
import warnings
import weakref

import numpy as np
import torch

from einsearch.evaluate.data import augment, can_augment, find_device, on_device
from einsearch.tasks.registry import make_task

CPU = torch.device("cpu")


def test_tensors_share_memory_with_the_arrays_and_are_made_once() -> None:
    split = make_task("bars").train
    tensors = on_device(split, CPU)
    assert tensors.x.data_ptr() == split.x.ctypes.data
    assert on_device(split, CPU) is tensors
    assert len(tensors) == len(split)
    assert (tensors.x.dtype, tensors.y.dtype) == (torch.float32, torch.int64)


def test_a_split_that_is_gone_is_not_kept() -> None:
    split = make_task("bars").train
    on_device(split, CPU)
    gone = weakref.ref(split)
    del split
    gc.collect()
    assert gone() is None


def test_read_only_arrays_give_no_warning() -> None:
    split = make_task("bars").train
    split.x.setflags(write=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        on_device(split, CPU)


def test_only_images_can_be_augmented() -> None:
    assert can_augment(make_task("bars"))
    assert not can_augment(make_task("markers"))


def test_auto_is_a_device_that_exists() -> None:
    assert find_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


def _images() -> torch.Tensor:
    return torch.arange(40.0 * 2 * 16 * 8).reshape(40, 2, 16, 8)


def test_images_move_by_up_to_an_eighth_with_edges_repeated() -> None:
    x = _images()
    moved = augment(x, False, torch.Generator().manual_seed(0))
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
    moved = augment(x, True, torch.Generator().manual_seed(0))
    mirrored = (moved[:, 0, 8, 2] > moved[:, 0, 8, 5]).float().mean().item()
    assert 0.25 < mirrored < 0.75


def test_augmentation_is_drawn_from_the_generator_alone() -> None:
    x = _images()
    first = augment(x, True, torch.Generator().manual_seed(1))
    torch.rand(7)
    assert torch.equal(first, augment(x, True, torch.Generator().manual_seed(1)))
    assert not torch.equal(first, augment(x, True, torch.Generator().manual_seed(2)))
    assert torch.equal(x, _images())


def test_the_smallest_image() -> None:
    x = torch.ones(3, 1, 1, 1)
    assert torch.equal(augment(x, True, torch.Generator()), x)
