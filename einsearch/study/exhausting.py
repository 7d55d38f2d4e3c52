"""Spaces of few networks: `Untried` tells whether a search has tried them all, `Walk` goes through
what it has not.

Derivations are listed one after the other, in the order of the grammar, only until one is found
whose network is new. In a large space that is soon; in a small one the list comes to its end, and
then there is nothing left to search. In a space of a few networks a searcher repeats itself most
of the time: from its first repetition on, the list is gone through in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from einsearch.derivation.decisions import Draw, Interval, Path
from einsearch.derivation.state import DeadEnd
from einsearch.errors import EinsearchError
from einsearch.searchers.base import SearchSpace

LONGEST: Final = 2000
"""So many derivations are listed at most, over a whole search."""

MOST_DEAD_ENDS: Final = 200
"""So many series of decisions that lead nowhere; a list with more is given up."""

AT_ONCE: Final = 10
"""So many of both before one proposal."""

FEW: Final = 32
"""A space of at most so many networks is gone through."""

LISTED: Final = "listed"
"""Origin of a proposal that no searcher made."""


class Untried:
    """What is left of a space.

    Args:
        space: what the searcher draws from; one that cannot be derived step by step has no end.
        hash_of: canonical hash of a derivation.
    """

    def __init__(self, space: SearchSpace, hash_of: Callable[[Any], str]) -> None:
        self._derivations = _listed(space)
        self._hash_of = hash_of
        self._next: str | None = None
        self._listed = self._dead_ends = 0
        self._is_over = False
        self._is_known = space.grammar is not None

    def is_nothing(self, known: Container[str], *, at_once: int = AT_ONCE) -> bool:
        """Whether every network of the space is among the hashes; False where that is not known.

        Args:
            known: hashes of the networks that were tried.
            at_once: how far the list goes on at most.
        """
        for _ in range(at_once):
            if not self._is_known or self._is_over:
                break
            if self._next is not None and self._next not in known:
                return False
            self._advance()
        return self._is_known and self._is_over

    def looks_small(self) -> bool:
        """Whether the list may come to its end soon, as far as its beginning tells."""
        return self._listed < AT_ONCE and not self._dead_ends

    def _advance(self) -> None:
        try:
            derivation = next(self._derivations)
        except StopIteration:
            self._is_over = True
        except _Endless:
            self._is_known = False
        else:
            self._next = None if derivation is None else self._hash_of(derivation)
            self._dead_ends += derivation is None
        self._listed += 1
        self._is_known &= self._listed <= LONGEST and self._dead_ends <= MOST_DEAD_ENDS


class Walk:
    """The networks of a small space, in an order of their own.

    Args:
        networks: by their hashes.
        seed: decides the order.
    """

    def __init__(self, networks: Mapping[str, Any], seed: int) -> None:
        order = np.random.default_rng((seed, len(networks))).permutation(len(networks))
        hashes = list(networks)
        self._networks = {hashes[at]: networks[hashes[at]] for at in order}

    def next(self, known: Container[str]) -> Any | None:
        """A derivation whose network is not among the hashes; None where all are."""
        left = (found for hash, found in self._networks.items() if hash not in known)
        return next(left, None)


def list_networks(
    space: SearchSpace, hash_of: Callable[[Any], str], at_most: int
) -> dict[str, Any] | None:
    """A derivation for each network of a small space, by hash; None where it has more than
    `at_most`, or may have."""
    if space.grammar is None:
        return None
    found: dict[str, Any] = {}
    try:
        for step, derivation in enumerate(_listed(space)):
            if derivation is not None:
                found.setdefault(hash_of(derivation), derivation)
            if len(found) > at_most or step > MOST_DEAD_ENDS + 2 * at_most:
                return None
    except (_Endless, DeadEnd, EinsearchError):
        return None
    return found


def count_networks(space: SearchSpace, hash_of: Callable[[Any], str], at_most: int) -> int | None:
    """How many networks a small space has; None where it has more than `at_most`, or may have."""
    found = list_networks(space, hash_of, at_most)
    return None if found is None else len(found)


class _Endless(Exception):
    """The list has no end."""


def _listed(space: SearchSpace) -> Iterator[Any | None]:
    """Every derivation of a space once; None for decisions that lead nowhere.

    Raises:
        _Endless: a real number is drawn.
    """
    start: list[int] = []
    while True:
        chooser = _Given(start)
        try:
            yield space.guided(chooser)
        except DeadEnd:
            yield None
        start, sizes = chooser.path, chooser.sizes
        while start and start[-1] + 1 >= sizes[len(start) - 1]:
            start.pop()
        if not start:
            return
        start[-1] += 1


class _Given:
    """Takes one value for each draw: that at a given place, or the first.

    Attributes:
        path: places of the values taken.
        sizes: among how many.
    """

    def __init__(self, start: list[int]) -> None:
        self.path: list[int] = []
        self.sizes: list[int] = []
        self._start = start

    def candidates(self, draw: Draw, path: Path, label: str) -> Iterator[Any]:
        """The one value to try. Raises _Endless for a range of reals."""
        level, values = len(self.path), _values(draw)
        place = self._start[level] if level < len(self._start) else 0
        if place < len(values):
            self.path.append(place)
            self.sizes.append(len(values))
            yield values[place]


def _values(draw: Draw) -> Sequence[Any]:
    if not isinstance(draw, Interval):
        return [draw.values[at] for at in draw.allowed if draw.probabilities[at] > 0]
    if draw.low == draw.high:
        return [int(draw.low) if draw.is_integer else draw.low]
    if not draw.is_integer:
        raise _Endless
    return range(int(draw.low), int(draw.high) + 1)
