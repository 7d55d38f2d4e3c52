"""When the tensors of a network are in memory: the forward pass, then its gradient, step by step.

Every tensor lies in a block of memory that views of it share. A block lives as long as a later call
reads it or the gradient of a call needs it. Sizes are bytes for one example, so that a peak is a
line in the batch: what weights take, and what each example takes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from einsearch.primitives.work import Work

FORWARD: Final = 0.5
"""What kernels need beside their tensors in the forward pass, by what they need for a gradient."""


class Moment(NamedTuple):
    """Bytes at one time.

    Attributes:
        fixed: whatever the batch: gradients of weights that are there, constants.
        each: for one example.
    """

    fixed: float
    each: float


class Event(NamedTuple):
    """One call as memory sees it.

    Attributes:
        work: what it does.
        inputs: blocks that it reads.
        outputs: blocks that it makes; of a view, that of its input.
        has_gradient: whether a gradient goes through it.
        wants: blocks among `inputs` that need a gradient.
        weights: bytes of its weights whose gradient this call is the last to need; 0 for shared
            ones that were counted before.
    """

    work: Work
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    has_gradient: bool
    wants: tuple[int, ...]
    weights: float


def peaks(moments: Iterable[Moment]) -> tuple[Moment, ...]:
    """The moments of which one is the largest for some batch, by rising `each`."""
    kept: list[Moment] = []
    for moment in sorted(set(moments), key=lambda m: (-m.each, -m.fixed)):
        if not kept or moment.fixed > kept[-1].fixed:
            kept.append(moment)
    return tuple(reversed(kept))


@dataclass
class _Memory:
    """Blocks that are in memory."""

    sizes: Sequence[float]
    held: Counter[int] = field(default_factory=Counter)
    total: float = 0.0

    def hold(self, block: int) -> None:
        if not self.held[block]:
            self.total += self.sizes[block]
        self.held[block] += 1

    def release(self, block: int) -> None:
        self.held[block] -= 1
        if not self.held[block]:
            self.total -= self.sizes[block]


def kept_for_gradient(events: Sequence[Event], sizes: Sequence[float]) -> Moment:
    """What is in memory for the gradient alone when the forward pass has ended."""
    trained = [event for event in events if event.has_gradient]
    blocks = dict.fromkeys(block for event in trained for block in _saved(event))
    return Moment(
        sum(event.work.fixed for event in trained),
        sum(sizes[block] for block in blocks) + sum(event.work.kept for event in trained),
    )


def evaluation_peaks(
    events: Sequence[Event], sizes: Sequence[float], leaving: Sequence[int]
) -> tuple[Moment, ...]:
    """Moments of a forward pass that keeps nothing for a gradient.

    Args:
        events: the calls in order.
        sizes: bytes of every block for one example; that of the input is the first.
        leaving: blocks of the outcome.
    """
    memory = _Memory(sizes)
    dead = _dead_after(events, leaving)
    moments = []
    memory.hold(0)
    for event, gone in zip(events, dead, strict=True):
        for block in dict.fromkeys(event.outputs):
            if not memory.held[block]:
                memory.hold(block)
        moments.append(Moment(0.0, memory.total + FORWARD * event.work.scratch))
        for block in gone:
            if block:
                memory.release(block)
    return peaks(moments or [Moment(0.0, memory.total)])


def training_peaks(
    events: Sequence[Event], sizes: Sequence[float], leaving: Sequence[int]
) -> tuple[Moment, ...]:
    """Moments of a forward pass and its gradient; arguments as in `evaluation_peaks`."""
    memory = _Memory(sizes)
    fixed = kept = 0.0
    moments = []
    memory.hold(0)
    for event, gone in zip(events, _dead_after(events, leaving), strict=True):
        for block in dict.fromkeys(event.outputs):
            if not memory.held[block]:
                memory.hold(block)
        if event.has_gradient:
            for block in _saved(event):
                memory.hold(block)
            kept += event.work.kept
            fixed += event.work.fixed
        each = memory.total + kept + FORWARD * event.work.scratch
        moments.append(Moment(fixed, each))
        for block in gone:
            if block:
                memory.release(block)
    moments += _backward(events, sizes, leaving, memory, kept, fixed)
    return peaks(moments or [Moment(0.0, memory.total)])


def _backward(
    events: Sequence[Event],
    sizes: Sequence[float],
    leaving: Sequence[int],
    memory: _Memory,
    kept: float,
    fixed: float,
) -> Iterable[Moment]:
    gradients = _Memory(sizes)
    for block in leaving:
        gradients.hold(block)
    for event in reversed(events):
        if not event.has_gradient:
            continue
        fixed += event.weights
        # A view of one tensor passes its gradient on; those of several are put together anew.
        passed = event.work.is_view and len(event.outputs) == 1
        fresh = 0.0 if passed else sum(sizes[b] for b in dict.fromkeys(event.wants))
        each = memory.total + kept + gradients.total + fresh + event.work.scratch
        yield Moment(fixed, each)
        fixed -= event.work.fixed
        kept -= event.work.kept
        for block in _saved(event):
            memory.release(block)
        for block in dict.fromkeys(event.outputs):
            if gradients.held[block] and block not in event.wants:
                gradients.release(block)
        for block in dict.fromkeys(event.wants):
            if not gradients.held[block]:
                gradients.hold(block)


def _saved(event: Event) -> tuple[int, ...]:
    saved = event.inputs if event.work.keeps_inputs else ()
    return tuple(dict.fromkeys((*saved, *(event.outputs if event.work.keeps_outputs else ()))))


def _dead_after(events: Sequence[Event], leaving: Sequence[int]) -> list[tuple[int, ...]]:
    """For every call the blocks that no later one reads."""
    seen = set(leaving)
    dead = []
    for event in reversed(events):
        last = dict.fromkeys(b for b in (*event.inputs, *event.outputs) if b not in seen)
        seen.update(last)
        dead.append(tuple(last))
    return dead[::-1]
