"""Asynchronous successive halving: Li, Jamieson, Rostamizadeh, Gonina, Ben-tzur, Hardt, Recht and
Talwalkar, 2020, "A System for Massively Parallel Hyperparameter Tuning" (ASHA), algorithm 2.

Candidates are trained for few epochs, to the lowest rung. Of each rung the best go on to the next
one, as soon as the rung holds enough others: nobody waits until it is full. This file has the rule
alone: no training, no record.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from einsearch.searchers.pareto import Standing, dominates, ranked


@dataclass(frozen=True)
class Rungs:
    """At how many epochs candidates are compared.

    Attributes:
        epochs: of each rung, rising; the last is training in full.
        promote: of so many candidates of a rung one goes on.
    """

    epochs: tuple[int, ...]
    promote: int

    @classmethod
    def between(cls, least: int, most: int, promote: int) -> Rungs:
        """From `least` epochs on, `promote` times as many at each rung, up to `most`.

        Raises:
            ValueError: there would be no rung below the last.
        """
        if not 1 <= least < most:
            raise ValueError(f"from {least} to {most} epochs: expected at least 1, and then more")
        if promote < 2:
            raise ValueError(f"one of {promote} candidates goes on: expected one of 2 or more")
        count = math.ceil(math.log(most / least, promote) - 1e-9)
        return cls((*(least * promote**rung for rung in range(count)), most), promote)

    @property
    def last(self) -> int:
        """Number of the rung where training is complete."""
        return len(self.epochs) - 1

    def of(self, epochs: float | None) -> int | None:
        """Number of the rung at so many epochs; None where there is none."""
        return self.epochs.index(int(epochs)) if epochs in self.epochs else None


@dataclass
class _Rung:
    """Candidates that have been trained to a rung, and those on their way to it.

    Attributes:
        standings: how each of them did, by number.
        open: those that may still go on.
        coming: those that are being trained to it.
    """

    standings: dict[int, Standing] = field(default_factory=dict)
    open: set[int] = field(default_factory=set)
    coming: set[int] = field(default_factory=set)
    order: list[int] | None = None

    def ranked(self) -> list[int]:
        if self.order is None:
            self.order = ranked(self.standings)
        return self.order


class Ladder:
    """Who stands on which rung, and who goes on next. What it says depends on who has reached
    which rung, never on the order in which that became known.

    Args:
        rungs: where candidates are compared.
    """

    def __init__(self, rungs: Rungs) -> None:
        self.rungs = rungs
        self._rungs = [_Rung() for _ in rungs.epochs]

    def start(self, number: int, rung: int) -> None:
        """A candidate is being trained to a rung; it has left the one below."""
        self._rungs[rung].coming.add(number)
        if rung > 0:
            self._rungs[rung - 1].open.discard(number)

    def reach(self, number: int, rung: int, standing: Standing) -> None:
        """A candidate has been trained to a rung, and is paused there."""
        place = self._rungs[rung]
        place.coming.discard(number)
        place.standings[number] = standing
        place.order = None
        if rung < self.rungs.last:
            place.open.add(number)

    def drop(self, number: int) -> None:
        """A candidate does not go on: it failed on its way, or was closed. It still counts on the
        rungs that it has reached."""
        for place in self._rungs:
            place.coming.discard(number)
            place.open.discard(number)

    def promotion(self) -> tuple[int, int] | None:
        """Who goes on next, and to which rung: of the highest rung where one of the best n /
        `promote` of n has not gone on, the best of them. None where there is nobody."""
        for rung in reversed(range(self.rungs.last)):
            place = self._rungs[rung]
            if place.open:
                best = place.ranked()[: len(place.standings) // self.rungs.promote]
                for number in best:
                    if number in place.open:
                        return number, rung + 1
        return None

    def last_resort(self) -> tuple[int, int] | None:
        """Who goes on where a search ends before anybody was trained in full: the best of the
        highest rung."""
        if self._rungs[-1].standings:
            return None
        for rung in reversed(range(self.rungs.last)):
            for number in self._rungs[rung].ranked():
                if number in self._rungs[rung].open:
                    return number, rung + 1
        return None

    def hopeless(self, left: float) -> list[int]:
        """Candidates that will not go on whatever the others do: even if all who may yet reach
        their rung were worse, too many there are better. The last resort is spared.

        Args:
            left: how many candidates will be started yet; infinite where nobody knows.
        """
        if math.isinf(left):
            return []
        found: list[int] = []
        arriving = int(left)
        for place in self._rungs[:-1]:
            arriving += len(place.coming)
            most = (len(place.standings) + arriving) // self.rungs.promote
            lost = self._beaten(place, most) if most < len(place.standings) else []
            found += lost
            arriving += len(place.open) - len(lost)
        spared = self.last_resort()
        return sorted(number for number in found if spared is None or number != spared[0])

    def least_hopeful(self, numbers: Collection[int]) -> int | None:
        """Of some candidates the worst of the lowest rung; None where none of them may go on."""
        for place in self._rungs[:-1]:
            for number in reversed(place.ranked()):
                if number in place.open and number in numbers:
                    return number
        return None

    def is_open(self, number: int) -> bool:
        """Whether a candidate is paused, and may still go on."""
        return any(number in place.open for place in self._rungs)

    def rung_of(self, number: int) -> int:
        """The highest rung that a candidate has reached. Raises KeyError."""
        for rung in reversed(range(len(self._rungs))):
            if number in self._rungs[rung].standings:
                return rung
        raise KeyError(number)

    @property
    def open(self) -> list[int]:
        """Candidates that may still go on."""
        return sorted(number for place in self._rungs for number in place.open)

    @property
    def coming(self) -> list[int]:
        """Candidates that are being trained."""
        return sorted(number for place in self._rungs for number in place.coming)

    def _beaten(self, place: _Rung, most: int) -> list[int]:
        """Open candidates of a rung that `most` others or more are better than for sure."""
        order = place.ranked()
        doubtful = [number for number in order[most:] if number in place.open]
        return [
            number
            for number in doubtful
            if sum(other != number and _beats(place.standings, other, number) for other in order)
            >= most
        ]

    def place_of(self, number: int, rung: int) -> tuple[int, int]:
        """Position of a candidate on a rung, from 1, and how many stand there."""
        order = self._rungs[rung].ranked()
        return order.index(number) + 1, len(order)

    def standing_of(self, number: int, rung: int) -> Standing:
        """How a candidate did on a rung."""
        return self._rungs[rung].standings[number]

    def ahead_of(self, number: int, rung: int) -> Sequence[int]:
        """Those that are better on a rung, the best first."""
        order = self._rungs[rung].ranked()
        return order[: order.index(number)]


def _beats(standings: Mapping[int, Standing], left: int, right: int) -> bool:
    """Whether `left` comes before `right` whatever others arrive."""
    a, b = standings[left], standings[right]
    if a.violation or b.violation:
        return (a.violation, left) < (b.violation, right)
    if len(a.costs) == 1:
        return (a.costs, left) < (b.costs, right)
    # Those on one front are ordered by how lonely they are, which others can change.
    return dominates(a, b)
