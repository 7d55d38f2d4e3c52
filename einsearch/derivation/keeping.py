"""`Keeping`: a chooser that repeats old values wherever an address is known, and draws elsewhere.

An address names the same place in another derivation, so an edit may change one decision and keep
all others, also where their number changes: of a chain that grows by one, all old links stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from random import Random
from typing import Any

from einsearch.derivation.choosing import AtRandom
from einsearch.derivation.decisions import Draw, Options, Path
from einsearch.derivation.state import Taken

Key = tuple[bytes, str]
"""An address: digest of the path, and label."""

Redraw = Callable[[Draw], Iterator[Any]]
"""Values to try in place of an old one."""


class Keeping:
    """Old values first.

    Args:
        random: draws what is not known.
        kept: old value by address.
        changed: addresses that get another value.
        is_strict: no other value is tried where the old one cannot stand.
    """

    def __init__(
        self,
        random: Random,
        kept: Mapping[Key, Any],
        changed: Mapping[Key, Redraw],
        is_strict: bool,
    ) -> None:
        self._free = AtRandom(random)
        self._kept = kept
        self._changed = changed
        self._is_strict = is_strict

    def candidates(self, draw: Draw, path: Path, label: str) -> Iterator[Any]:
        """Values to try, in order."""
        key = (path.digest, label)
        redraw = self._changed.get(key)
        if redraw is not None:
            return redraw(draw)
        if key in self._kept:
            return self._old_first(self._kept[key], draw, path, label)
        return self._free.candidates(draw, path, label)

    def _old_first(self, old: Any, draw: Draw, path: Path, label: str) -> Iterator[Any]:
        if is_allowed(draw, old):
            yield old
        if not self._is_strict:
            others = self._free.candidates(draw, path, label)
            yield from (value for value in others if not same(value, old))


def same(value: Any, other: Any) -> bool:
    """Whether two drawn values are one; true is not 1."""
    return bool(value == other) and (type(value) is bool) == (type(other) is bool)


def is_allowed(draw: Draw, value: Any) -> bool:
    """Whether a value can be drawn here, limits taken into account as far as they are known."""
    if isinstance(draw, Options):
        return draw.position(value) in draw.allowed
    return draw.log_probability(value) is not None


def key_of(taken: Taken) -> Key:
    return taken.path.digest, taken.label


def addressed(taken: Iterable[Taken]) -> dict[Key, Any]:
    """Values by address."""
    return {key_of(decision): decision.value for decision in taken}


def moved(taken: Iterable[Taken], old: Path, new: Path) -> dict[Key, Any]:
    """Values of the decisions below one path, by their addresses below another."""
    paths: dict[bytes, Path | None] = {old.digest: new}
    found: dict[Key, Any] = {}
    for decision in taken:
        path = _moved_path(decision.path, old.level, paths)
        if path is not None:
            found[path.digest, decision.label] = decision.value
    return found


def _moved_path(path: Path, level: int, paths: dict[bytes, Path | None]) -> Path | None:
    """A path below the one at `level` below its new place, or None; `paths` is what is known."""
    above: list[Path] = []
    node: Path | None = path
    while node is not None and node.level > level and node.digest not in paths:
        above.append(node)
        node = node.parent
    place = None if node is None else paths.get(node.digest)
    for item in reversed(above):
        place = None if place is None else place.child(item.label)
        paths[item.digest] = place
    return place
