"""Which packaged grammar suits a task: the choice follows from what one example is."""

from __future__ import annotations

from typing import Final, NamedTuple

from einsearch.resources import find_resource
from einsearch.specs import Layout
from einsearch.tasks.base import Loss, Task


class Choice(NamedTuple):
    """A grammar.

    Attributes:
        name: of a packaged one.
        reason: what of the data asks for it, for people.
    """

    name: str
    reason: str


_NEXT: Final = ("characters",)
_CODES: Final = ("codes", "characters")
_BY_LAYOUT: Final = {
    Layout.IMAGE: ("images", "vision"),
    Layout.TOKENS: ("series",),
    Layout.VECTOR: ("tables", "kan"),
}
"""Grammars by what one example is, the best first: the first that this installation has counts."""


def grammar_for(task: Task) -> Choice:
    """The packaged grammar with which a search for a task begins."""
    if task.loss is Loss.NEXT_TOKEN:
        return Choice(_installed(_NEXT), "what follows each symbol is to be told")
    if task.vocabulary:
        return Choice(_installed(_CODES), "each example is a row of symbols")
    layout = task.input.layout
    told = {
        Layout.IMAGE: "each example is an image",
        Layout.TOKENS: "each example is a series of numbers",
        Layout.VECTOR: "each example is a row of a table",
    }
    return Choice(_installed(_BY_LAYOUT[layout]), told[layout])


def _installed(names: tuple[str, ...]) -> str:
    found = (name for name in names if find_resource("grammars", name, ".ein") is not None)
    return next(found, names[-1])
