"""Copies and shared expressions in a recogniser: decisions are taken once and read again.

What a copy makes is matched like everything else, but its decisions are those of its original; so,
too, for the uses of a shared expression after the first. Taken freely, different expressions would
pass for copies of one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from einsearch.derivation.state import Cursor, Position
from einsearch.derivation.trails import FirstUse, Known, Trail, log_probability_of
from einsearch.derivation.values import Environment, Shared

if TYPE_CHECKING:
    from einsearch.derivation.recognize import Recognizer


def copy(m: Recognizer, start: Any, end: Any) -> None:
    """The next expression repeats the decisions of its original.

    Args:
        start, end: trails, or positions in the copy that this one stands in.
    """
    if isinstance(start, Position):
        assert m.source is not None
        m.source = Cursor(m.source.values, start, end, is_copy=True)
    else:
        m.source = m.segments.between(start, end).cursor()


def use(m: Recognizer, shared: Shared) -> None:
    """A shared expression is derived, or repeats the decisions of its first use.

    A copy steps over those of a first use that its original made, where it is not the first for
    the copy as well.
    """
    key, source = m.structures.of((shared,)), m.source
    known = find(m, key)
    if known is not None:
        following = _following(source)
        m.push(_repeated, following[1] if following and following[0].shared == key else source)
        m.source = known.decided.cursor()
    elif source is None:
        m.push(_learn, (key, m.trail))
    elif (following := _following(source)) is not None:
        m.push(_learn_again, (following[0]._replace(shared=key), following[1]))
        m.source = following[0].decided.cursor()


def find(m: Recognizer, key: int) -> FirstUse | None:
    """The first use of a shared expression, by the number of its structure."""
    return next((use for use in m.known if use.shared == key), None)


def _following(source: Cursor | None) -> tuple[FirstUse, Cursor] | None:
    """The first use that a copy comes to next, and what is behind it."""
    if source is None or source.position == source.end:
        return None
    item = source.values[source.position]
    behind = source._replace(position=source.position + 1)
    return (item, behind) if isinstance(item, FirstUse) else None


def _learn(m: Any, data: tuple[int, Trail | None]) -> None:
    """A shared expression was used first, and decided since that trail."""
    key, start = data
    use = FirstUse(key, m.segments.between(start, m.trail))
    m.trail = Trail(start, use, log_probability_of(m.trail))
    m.known |= {use}


def _learn_again(m: Any, data: tuple[FirstUse, Cursor]) -> str | None:
    """The same, in a copy."""
    m.known |= {data[0]}
    return _repeated(m, data[1])


def _repeated(m: Any, behind: Cursor | None) -> str | None:
    """A use that repeats decisions is over."""
    if m.source.position != m.source.end:
        return "a copy takes fewer decisions than its original"
    m.source = behind
    return None


def enter_copy(m: Recognizer, before: Known, environment: Environment) -> None:
    """A copy enters a rule. Its decisions are fixed, so others who enter it are not waited for."""
    m.push(_leave_copy, (before, environment))


def _leave_copy(m: Any, data: tuple[Known, Environment]) -> None:
    m.known = known_after(m, data[0], m.known, data[1])


def known_after(m: Recognizer, before: Known, inside: Known, environment: Environment) -> Known:
    """Shared expressions that were used, for whoever goes on behind a rule: of those used inside
    the ones that he can name."""
    return before | m.structures.reachable(inside, environment)
