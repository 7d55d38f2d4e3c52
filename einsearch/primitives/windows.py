"""Windows that slide along an axis: how many there are, and how much of them is padding."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from einsearch.errors import ShapeError
from einsearch.primitives.base import Signal


@dataclass(frozen=True)
class Window:
    """A window as convolutions and pools slide it.

    Attributes:
        kernel: positions that it sees.
        stride: from one window to the next.
        padding: zeros at either end of the axis.
        dilation: from one position that it sees to the next.
    """

    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1

    @property
    def reach(self) -> int:
        """Positions from its first to its last."""
        return self.dilation * (self.kernel - 1) + 1

    def count(self, size: int) -> int:
        """Windows on an axis. Raises ShapeError where none fits."""
        room = size + 2 * self.padding
        if room < self.reach:
            raise ShapeError(f"a window that reaches over {self.reach} is larger than {room}")
        return (room - self.reach) // self.stride + 1

    def filled(self, size: int) -> float:
        """Share of what all windows on an axis see that is not padding."""
        return _filled(self, size)


def faded(signal: Signal, share: float) -> Signal:
    """Moments of elements of which only a share is not padding."""
    if share >= 1:
        return signal
    mean = share * signal.mean
    variance = max(share * signal.second_moment - mean**2, 0.0)
    moments = Signal(mean, variance, by_inputs=share * signal.input_variance)
    return moments.between(signal.low, 0.0, signal.high)


@lru_cache(maxsize=65_536)
def _filled(window: Window, size: int) -> float:
    count = window.count(size)
    inside = 0
    for tap in range(window.kernel):
        offset = tap * window.dilation - window.padding
        first = max(0, -(offset // window.stride))
        last = min(count - 1, (size - 1 - offset) // window.stride)
        inside += max(0, last - first + 1)
    return inside / (window.kernel * count)
