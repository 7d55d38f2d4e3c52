"""What a count knows of the tensors at hand: how many there are, and which were read before.

A tensor is a number while nothing has read it, `READ` or `ENTERED` afterwards, and None before it
has a name. What cannot be told apart any more counts as one state.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

READ: Final = -1
ENTERED: Final = -2
"""A tensor that entered the block, and was read."""

MOST_TENSORS: Final = 256
"""At hand at once; more are not followed."""

_REMEMBERED: Final = 65_536

Status = int | None


class State(NamedTuple):
    """Tensors at hand, and the innermost block.

    Attributes:
        refs: the tensors at hand.
        incoming: those that the block's statements start from.
        names: what has a name so far; `in` is None where it is a bundle.
    """

    refs: tuple[Status, ...]
    incoming: tuple[Status, ...]
    names: tuple[tuple[str, Status], ...]

    @lru_cache(maxsize=_REMEMBERED)  # noqa: B019  states are small, and most come up often
    def reading(self) -> State:
        """The tensors at hand are read."""
        unread = {ref for ref in self.refs if ref is not None and ref >= 0}
        if not unread:
            return self
        entered = unread & set(self.incoming)

        def mark(ref: Status) -> Status:
            return ref if ref not in unread else ENTERED if ref in entered else READ

        return State(
            tuple(map(mark, self.refs)),
            tuple(map(mark, self.incoming)),
            tuple((name, mark(ref)) for name, ref in self.names),
        )

    def holding(self, refs: tuple[Status, ...]) -> State:
        """Other tensors at hand; of those that were read meanwhile, that is noted."""
        known = {*self.incoming, *(ref for _, ref in self.names)}
        return self._replace(
            refs=tuple(READ if r is not None and r >= 0 and r not in known else r for r in refs)
        )

    @lru_cache(maxsize=_REMEMBERED)  # noqa: B019
    def exchanging(self, explicit: frozenset[str]) -> State:
        """The same with those first, among names that nothing spells out, that are unread.

        Such names can be exchanged: of those it only counts how many were read.
        """
        known = list(self.names)
        free = [place for place, (name, _) in enumerate(known) if name not in explicit]
        statuses = sorted((known[place][1] for place in free), key=lambda ref: (ref or 0) < 0)
        for place, ref in zip(free, statuses, strict=True):
            known[place] = (known[place][0], ref)
        return self._replace(names=tuple(known))._numbered()

    @lru_cache(maxsize=_REMEMBERED)  # noqa: B019
    def naming(self, names: tuple[str, ...], explicit: frozenset[str]) -> State:
        """Names the tensors at hand; the next statement starts from those that entered."""
        known = [*self.incoming, *(ref for _, ref in self.names)]
        fresh = 1 + max((ref for ref in known if ref is not None and ref >= 0), default=-1)
        added = []
        for name, ref in zip(names, self.refs, strict=True):
            added.append((name, fresh if ref is None else ref))
            fresh += ref is None
        named = State(self.incoming, self.incoming, (*self.names, *added))
        return named.exchanging(explicit)

    def _numbered(self) -> State:
        """Names that were not read numbered in order; what entered keeps its number."""
        numbers: dict[int, int] = {r: r for r in self.incoming if r is not None and r >= 0}
        first = 1 + max(numbers, default=-1)
        kept = len(numbers)

        def number(ref: Status) -> Status:
            if ref is None or ref < 0:
                return ref
            return numbers.setdefault(ref, first + len(numbers) - kept)

        return self._replace(names=tuple((name, number(ref)) for name, ref in self.names))


def entering(count: int) -> State:
    """A block or network that so many tensors enter."""
    incoming = tuple(range(count))
    return State(incoming, incoming, (("in", 0 if count == 1 else None),))


def outside(count: int) -> State:
    """So many tensors, of which no block is known."""
    return State((None,) * count, (), ())
