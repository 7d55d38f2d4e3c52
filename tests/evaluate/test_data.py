"""Tests of tensors on a device."""

from __future__ import annotations

import gc
import warnings
import weakref

import numpy as np
import torch

from einsearch.evaluate.data import find_device, on_device
from einsearch.tasks.base import Split
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


def test_auto_is_a_device_that_exists() -> None:
    assert find_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_weights_come_along() -> None:
    x, y = np.zeros((2, 3), np.float32), np.zeros(2, np.int64)
    weighted = on_device(Split(x, y, np.array([0.5, 1.5], np.float32)), CPU)
    assert weighted.weights is not None
    assert weighted.weights.tolist() == [0.5, 1.5]
    assert on_device(Split(x, y), CPU).weights is None
