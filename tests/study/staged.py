"""An objective with epochs on bit strings, whose value tells whether it went on from where it was.

The state of a "training" is a number that each epoch turns into another one. A candidate that lost
its state, or trained an epoch twice, has another value.
"""

from __future__ import annotations

import hashlib
from typing import Any

from einsearch.study.stage import Stage
from tests.study.support import Bits


def after(bits: Bits, epoch: int) -> bytes:
    """The state after some epochs, from the definition."""
    state = bits.text.encode()
    for number in range(1, epoch + 1):
        state = hashlib.sha256(state + bytes([number])).digest()
    return state


def value_of(bits: Bits, state: bytes) -> float:
    """Mostly how many bits are set, so that there is something to learn; and a little chance."""
    return bits.text.count("1") + state[0] / 256


class Staged:
    """Counts what it is made to do.

    Args:
        full: epochs where nobody says how many.
        breaks_at: texts -> epoch at which those fail.
    """

    def __init__(self, full: int = 9, breaks_at: dict[str, int] | None = None) -> None:
        self.full = full
        self.breaks_at = breaks_at or {}
        self.epochs: list[tuple[str, int]] = []

    def __call__(self, bits: Any, stage: Stage) -> float:
        state, done = bits.text.encode(), 0
        if stage.checkpoint is not None:
            state, done = stage.checkpoint[:-1], stage.checkpoint[-1]
        for epoch in range(done + 1, (stage.epochs or self.full) + 1):
            if self.breaks_at.get(bits.text) == epoch:
                raise RuntimeError("broken")
            state, done = hashlib.sha256(state + bytes([epoch])).digest(), epoch
            self.epochs.append((bits.text, epoch))
            if stage.report(epoch, value_of(bits, state)):
                break
        stage.checkpoint = state + bytes([done])
        return value_of(bits, state)
