"""`distinct`: long texts of networks cut so that each shows where it differs from the others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

MARK: Final = "…"
"""Stands for what is left out."""

SERIES: Final = ">>"
"""The word between two calls in series; it says nothing at a gap."""

Words = tuple[str, ...]


def distinct(texts: Sequence[str], width: int) -> list[str]:
    """Each text on at most `width` characters.

    One that fits stays whole. Of a longer one, the words are shown in which it differs from others,
    and as many of those around them as there is room for; "…" stands for what is left out. Where
    not all differences have room, those to its nearest relatives are shown.

    Args:
        texts: of networks, on one line each; equal ones come out equal.
        width: characters, at least 2.
    """
    width = max(2, width)
    if not texts:
        return []
    kinds = sorted({tuple(text.split()) for text in texts})
    shared = [_alike(left, right) for left, right in pairwise(kinds)]
    before = _minima(shared)
    after = reversed(_minima(list(reversed(shared))))
    cut = {
        words: _cut(words, sorted({*left, *right}), width)
        for words, left, right in zip(kinds, before, after, strict=True)
    }
    return [text if len(text) <= width else cut[tuple(text.split())] for text in texts]


def _alike(left: Words, right: Words) -> int:
    """How many words at the beginning of two texts are the same."""
    pairs = enumerate(zip(left, right, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(left), len(right)))


def _minima(shared: Sequence[int]) -> list[tuple[int, ...]]:
    """For each text, how many words it shares with any of those before it, each number once.

    Args:
        shared: words that each text but the first shares with the one before it, the texts sorted.
    """
    found: list[tuple[int, ...]] = [()]
    rising: list[int] = []
    for length in shared:
        while rising and rising[-1] >= length:
            rising.pop()
        rising.append(length)
        found.append(tuple(rising))
    return found


def _cut(words: Words, places: Iterable[int], width: int) -> str:
    """The words at some places, and more of them while there is room.

    Args:
        words: of the text.
        places: where it differs from others; its end where another one goes on.
        width: characters.
    """
    chosen: set[int] = set()
    last = len(words) - 1
    wanted = [min(at + (words[min(at, last)] == SERIES), last) for at in places] or [0]
    for place in reversed(wanted):
        if len(_joined(words, {*chosen, place})) <= width:
            chosen.add(place)
    if not chosen:
        return MARK + words[wanted[-1]][: width - 2] + MARK
    edges = [(place, step) for place in sorted(chosen) for step in (1, -1)]
    while edges:
        place, step = edges.pop(0)
        near = _beside(words, place, step)
        if near and len(_joined(words, {*chosen, *near})) <= width:
            chosen |= near
            edges.append((max(near) if step > 0 else min(near), step))
    return _joined(words, chosen)


def _beside(words: Words, place: int, step: int) -> set[int]:
    """The word beside another; with the next one, if it is an operator between two calls."""
    found = (
        {place + step, place + 2 * step} if _at(words, place + step) == SERIES else {place + step}
    )
    return {at for at in found if 0 <= at < len(words)}


def _at(words: Words, place: int) -> str:
    return words[place] if 0 <= place < len(words) else ""


def _joined(words: Words, chosen: set[int]) -> str:
    """Chosen words, with a mark for each gap; an operator at a gap is left out."""
    text, last = "", -1
    for at in sorted(chosen):
        text += (MARK if at > last + 1 else " " if text else "") + words[at]
        last = at
    text += MARK if last < len(words) - 1 else ""
    return text.replace(f"{MARK}{SERIES} ", MARK).replace(f" {SERIES}{MARK}", MARK)
