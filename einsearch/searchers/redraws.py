"""`Redraws`: derivations that come up again and again, found without deriving them.

A searcher that has learned much about a small space draws what it knows most of the time. A draw
depends on the values drawn before it alone, so those of a derivation can be kept as a path of a
tree, along which a chooser is asked in a fraction of the time that deriving takes.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from einsearch.derivation.decisions import Draw, Path
from einsearch.derivation.machine import Chooser

if TYPE_CHECKING:
    from einsearch.derivation.derivation import Derivation


class Asked(NamedTuple):
    """What a chooser was asked for: a draw, where it stands in the derivation, and its label."""

    draw: Draw
    path: Path
    label: str


class _Place:
    """Before a draw, or behind the last one.

    Attributes:
        asked: the draw; None behind the last one, and as long as nothing is known.
        next: places by the value drawn.
        derivation: behind the last draw, what was derived.
    """

    __slots__ = ("asked", "derivation", "next")

    def __init__(self) -> None:
        self.asked: Asked | None = None
        self.next: dict[Hashable, _Place] = {}
        self.derivation: Derivation | None = None


class Redraws:
    """Derivations by the draws that lead to them."""

    def __init__(self) -> None:
        self._root = _Place()

    def find(self, chooser: Chooser) -> Derivation | None:
        """What a chooser derives, if that is known: the chooser is asked as it would be while
        deriving, and is to be set back to where it was if not."""
        place: _Place | None = self._root
        while place is not None and place.asked is not None:
            asked = place.asked
            candidates = chooser.candidates(asked.draw, asked.path, asked.label)
            place = next((place.next.get(_key(value)) for value in candidates), None)
        return None if place is None else place.derivation

    def note(self, asked: Sequence[Asked], derivation: Derivation) -> None:
        """Keeps a derivation.

        Args:
            asked: all that the chooser was asked for. Where that is more than what the derivation
                consists of, it came to a dead end in between, and is not kept.
        """
        taken = derivation.taken
        if len(asked) != len(taken):
            return
        place = self._root
        for one, decision in zip(asked, taken, strict=True):
            place.asked = one
            place = place.next.setdefault(_key(decision.value), _Place())
        place.derivation = derivation


class Listening:
    """A chooser that takes note of what another one is asked for.

    Attributes:
        asked: in order.
    """

    def __init__(self, chooser: Chooser) -> None:
        self._chooser = chooser
        self.asked: list[Asked] = []

    def candidates(self, draw: Draw, path: Path, label: str) -> Iterator[Any]:
        """Those of the other one."""
        self.asked.append(Asked(draw, path, label))
        return self._chooser.candidates(draw, path, label)


def _key(value: Any) -> Hashable:
    """Tells values apart as a derivation does: true is not 1."""
    return type(value), value
