"""Draws that a systematic search returns to, and what it knows of their failures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from einsearch.derivation.choosing import AtRandom
from einsearch.derivation.deadends import UNCONDITIONAL, Rest
from einsearch.derivation.decisions import Draw, Interval, Options, Path
from einsearch.derivation.state import ChoicePoint, DeadEnd, Frame
from einsearch.grammar import expressions as e

MOST_INTEGERS: Final = 4096
"""Ranges of integers up to this size are tried whole."""
MOST_TRIED: Final = 4
"""Values tried of a range of reals, and of a larger range of integers."""


class Everything:
    """Values in random order, each once: all of a finite set, a few of a range of reals."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._free = AtRandom(random)

    def candidates(self, draw: Draw, path: Path, label: str) -> Iterator[Any]:
        """Values to try."""
        if isinstance(draw, Options):
            return self._free.candidates(draw, path, label)
        if is_whole(draw):
            values = list(range(int(draw.low), int(draw.high) + 1))
            self._random.shuffle(values)
            return iter(values)
        drawn = self._free.candidates(draw, path, label)
        ends = [int(end) for end in (draw.low, draw.high)] if draw.is_integer else []
        return iter([*ends, *(next(drawn) for _ in range(MOST_TRIED - len(ends)))])


def is_whole(draw: Draw) -> bool:
    """Whether `Everything` tries every value."""
    return not isinstance(draw, Interval) or (
        draw.is_integer and draw.high - draw.low < MOST_INTEGERS
    )


class MarkedFrame(Frame):
    """A frame that knows the draws that led to it, and its height.

    Frames that only keep account of activations are left out of heights.

    Attributes:
        control: the draws, as a set of bits.
        solid: the frame itself, or the next below it that is not left out.
        height: how many frames there are from `solid` down.
    """

    __slots__ = ("control", "height", "solid")
    control: int
    height: int
    solid: MarkedFrame | None


@dataclass(slots=True)
class Failure:
    """Why what followed a draw failed.

    Attributes:
        depends: the draws that it depends on, as a set of bits.
        low: height of the deepest frame that was taken up.
        lacking: how much more of each limit would have let it pass, at the least.
        calls: how many calls had been made.
        is_judged: a judge turned a finished network down; so other networks must be tried even
            where the same follows.
        is_proof: no value was left out.
    """

    depends: int
    low: int
    lacking: Rest
    calls: int
    is_judged: bool = False
    is_proof: bool = True

    def add(self, other: Failure) -> None:
        """Takes another failure into account: both stand in the way."""
        self.depends |= other.depends
        self.low = min(self.low, other.low)
        self.lacking = tuple(map(min, self.lacking, other.lacking))
        self.calls = max(self.calls, other.calls)
        self.is_judged |= other.is_judged
        self.is_proof &= other.is_proof


@dataclass(slots=True)
class Branching(ChoicePoint):
    """A draw that a systematic search returns to.

    Attributes:
        bit: stands for this draw in sets of draws.
        site: what is drawn, and from what.
        depends: the draws that led here.
        rest: what the limits left here.
        low_before: height of the deepest frame that was taken up since the draw before this one.
        calls: how many calls had been made.
        failed: what its failures have in common.
        made_nothing: whether a value failed before the next call was made.
    """

    bit: int
    site: tuple[Any, ...]
    depends: int
    rest: Rest
    low_before: int
    calls: int
    failed: Failure = field(default_factory=lambda: Failure(0, 0, UNCONDITIONAL, 0))
    made_nothing: bool = False

    @property
    def is_settled(self) -> bool:
        """Whether the values tried stand for all.

        Real arguments of a primitive change neither shapes nor costs, once it has been called.
        """
        if is_whole(self.draw):
            return True
        node = self.data[1] if isinstance(self.data, tuple) else None
        is_real = isinstance(self.draw, Interval) and not self.draw.is_integer
        is_argument = isinstance(node, e.PrimitiveCall)
        return is_real and is_argument and not (self.made_nothing or self.failed.is_judged)


class Exhausted(DeadEnd):
    """Every derivation has been tried, or is known to fail.

    Attributes:
        lacking: how much more of each limit would be needed at the least, if only that one were
            raised; infinite where that alone would not help.
        is_proof: no value was left out.
    """

    lacking: Rest = UNCONDITIONAL
    is_proof: bool = True
