"""Factories pack, large arrays beside the pickle, and unpack to the same."""

from __future__ import annotations

import pickle
from functools import partial
from typing import Any

import numpy as np
import pytest

from einsearch.errors import EinsearchError
from einsearch.study.executor import Job, Work
from einsearch.study.local import LocalExecutor
from einsearch.study.packing import LARGE, pack


def build_sum(values: Any) -> Work:
    values += 1  # would raise on memory that is only lent
    return lambda job, report: float(values.sum())


def test_large_arrays_travel_beside_the_pickle() -> None:
    large, small = np.arange(LARGE, dtype=np.float64), np.arange(9)
    packed = pack(partial(max, large, small))
    assert len(packed.content) < 2_000
    assert [len(array) for array in packed.arrays] == [large.nbytes]
    found = packed.unpack()
    assert isinstance(found, partial)
    assert np.array_equal(found.args[0], large)
    assert np.array_equal(found.args[1], small)
    other = packed.with_arrays([np.zeros(large.nbytes, np.uint8)]).unpack()
    assert isinstance(other, partial)
    assert not other.args[0].any()


def test_arrays_arrive_writable_in_a_process() -> None:
    values = np.ones(2 * LARGE)
    executor = LocalExecutor(pack(partial(build_sum, values)), 1)
    try:
        executor.submit(Job(0, ""))
        end = executor.next_finished()
    finally:
        executor.close()
    assert getattr(end, "result", None) == 4.0 * LARGE
    assert values[0] == 1


def test_what_does_not_pickle_is_refused() -> None:
    with pytest.raises(EinsearchError, match="cannot be sent to worker processes"):
        pack(lambda: build_sum)
    assert pack(pickle.dumps).unpack() is pickle.dumps
