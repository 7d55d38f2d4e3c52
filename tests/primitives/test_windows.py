"""Windows and their padding, counted one position at a time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from einsearch.errors import ShapeError
from einsearch.primitives.base import Signal
from einsearch.primitives.windows import Window, faded


@given(
    size=st.integers(1, 12),
    kernel=st.integers(1, 6),
    stride=st.integers(1, 4),
    padding=st.integers(0, 4),
    dilation=st.integers(1, 3),
)
def test_counts_are_those_of_a_loop(
    size: int, kernel: int, stride: int, padding: int, dilation: int
) -> None:
    window = Window(kernel, stride, padding, dilation)
    starts = range(-padding, size + padding - dilation * (kernel - 1), stride)
    if not starts:
        with pytest.raises(ShapeError):
            window.count(size)
        return
    seen = [start + tap * dilation for start in starts for tap in range(kernel)]
    assert window.count(size) == len(starts)
    assert window.filled(size) == pytest.approx(
        sum(0 <= position < size for position in seen) / len(seen)
    )


def test_padding_pulls_towards_zero() -> None:
    assert faded(Signal(2.0, 1.0), 1.0) == Signal(2.0, 1.0)
    half = faded(Signal(2.0, 1.0), 0.5)
    assert (half.mean, half.second_moment) == (1.0, 2.5)
