"""Features of series from convolutions that nobody trains: shares of places above a threshold.

Kernels, dilations and thresholds are those of MiniRocket (Dempster, Schmidt and Webb, 2021): the
84 kernels of 9 weights of which three are 2 and the others -1, at dilations up to the length, with
thresholds that are quantiles of what the kernels make of a few training series. A linear model on
the features is hard to beat where examples are few.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

FEATURES: Final = 10_000
"""Of a series, at most."""
_TAPS: Final = 9
_KERNELS: Final = tuple(combinations(range(_TAPS), 3))
"""Which three of the nine weights are 2; the others are -1."""
_MOST_DILATIONS: Final = 32
_MOST_CHANNELS: Final = 9
_GOLDEN: Final = (np.sqrt(5) + 1) / 2
_BLOCK: Final = 4_000_000
"""Numbers of the series that are worked on at once."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class _Bank:
    """All kernels at one dilation.

    Attributes:
        dilation: places between two taps.
        channels: of the series that each kernel adds up, one entry a kernel.
        thresholds: (kernels, thresholds).
        is_padded: which kernels also look over the ends of the series.
    """

    dilation: int
    channels: tuple[NDArray[np.intp], ...]
    thresholds: Floats
    is_padded: tuple[bool, ...]


@dataclass(frozen=True, eq=False)
class RandomConvolutions:
    """Features of series; `fitted` makes one.

    Attributes:
        banks: kernels by dilation.
    """

    banks: tuple[_Bank, ...]

    @property
    def features(self) -> int:
        """How many there are of a series."""
        return sum(bank.thresholds.size for bank in self.banks)

    def __call__(self, x: Floats) -> Floats:
        """Features of series.

        Args:
            x: (n, channels, length), as many channels and places as those that were fitted.

        Returns:
            (n, features), each between 0 and 1.
        """
        x = _long_enough(x)
        found = np.empty((len(x), self.features), np.float32)
        step = max(1, _BLOCK // (x[0].size * _TAPS))
        for begin in range(0, len(x), step):
            block, column = x[begin : begin + step], 0
            for bank in self.banks:
                for kernel, made in enumerate(_outputs(block, bank)):
                    for threshold in bank.thresholds[kernel]:
                        above = (made > threshold).view(np.uint8)
                        counts = np.add.reduce(above, axis=1, dtype=np.uint32)
                        found[begin : begin + step, column] = counts / made.shape[1]
                        column += 1
        return found


def fitted(x: Floats, random: np.random.Generator, features: int = FEATURES) -> RandomConvolutions:
    """Kernels whose thresholds fit some series.

    Args:
        x: (n, channels, length) of training.
        random: chooses channels and the series that give thresholds.
        features: how many to make at most; at least one a kernel is made.
    """
    x = _long_enough(x)
    share = max(1, features // len(_KERNELS))
    banks, before = [], 0
    for number, (dilation, count) in enumerate(_dilations(x.shape[2], share)):
        channels = tuple(_channels(x.shape[1], random) for _ in _KERNELS)
        padded = tuple((number + kernel) % 2 == 0 for kernel in range(len(_KERNELS)))
        empty = _Bank(dilation, channels, np.empty((len(_KERNELS), 0), np.float32), padded)
        chosen = random.integers(len(x), size=len(_KERNELS))
        order = np.arange(before, before + len(_KERNELS) * count) + 1
        quantiles = ((order * _GOLDEN) % 1).reshape(len(_KERNELS), count)
        made = _outputs(x[np.unique(chosen)], empty)
        rows = np.searchsorted(np.unique(chosen), chosen)
        thresholds = [
            np.quantile(outputs[row], wanted)
            for outputs, row, wanted in zip(made, rows, quantiles, strict=True)
        ]
        banks.append(_Bank(dilation, channels, np.asarray(thresholds, np.float32), padded))
        before += len(_KERNELS) * count
    return RandomConvolutions(tuple(banks))


def _long_enough(x: Floats) -> Floats:
    """Series in which a kernel fits once; the last place is repeated where they are shorter."""
    missing = max(0, _TAPS - x.shape[2])
    x = np.ascontiguousarray(x, np.float32)
    return np.pad(x, ((0, 0), (0, 0), (0, missing)), mode="edge") if missing else x


def _dilations(length: int, share: int) -> list[tuple[int, int]]:
    """Dilations, and how many features each has of a kernel: exponentially fewer wide ones."""
    most = min(share, _MOST_DILATIONS)
    widest = np.log2((length - 1) / (_TAPS - 1))
    drawn = np.logspace(0, widest, most, base=2).astype(int)
    dilations, counts = np.unique(drawn, return_counts=True)
    each = np.maximum(1, (counts * (share / most)).astype(int))
    for place in range(share - int(each.sum())):
        each[place % len(each)] += 1
    return list(zip(dilations.tolist(), each.tolist(), strict=True))


def _channels(count: int, random: np.random.Generator) -> NDArray[np.intp]:
    """Channels that a kernel adds up: one to nine of them, few more often than many."""
    most = min(count, _MOST_CHANNELS)
    size = int(2 ** random.uniform(0, np.log2(most + 1)))
    return np.sort(random.choice(count, size, replace=False))


def _outputs(x: Floats, bank: _Bank) -> Iterator[Floats]:
    """What each kernel of a bank makes of series, (n, places)."""
    reach = (_TAPS - 1) // 2 * bank.dilation
    wide = np.pad(x, ((0, 0), (0, 0), (reach, reach)))
    length = x.shape[2]
    taps = [wide[:, :, tap * bank.dilation : tap * bank.dilation + length] for tap in range(_TAPS)]
    everywhere = -sum(taps[1:], taps[0])
    inner = slice(reach, length - reach)
    for kernel, (first, second, third) in enumerate(_KERNELS):
        chosen = bank.channels[kernel]
        every = everywhere[:, chosen].sum(axis=1)
        three = (taps[first][:, chosen] + taps[second][:, chosen] + taps[third][:, chosen]).sum(
            axis=1
        )
        made: Floats = every + 3 * three
        yield made if bank.is_padded[kernel] or length <= 2 * reach else made[:, inner]
