"""A `Why` for people: the derivation as a tree of lines, or what stands in the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from einsearch.derivation.why_steps import Drawn, Step
from einsearch.errors import Location
from einsearch.specs import describe

if TYPE_CHECKING:
    from einsearch.derivation.why import Failure, Why

MOST_LEVELS: Final = 16
"""Deeper steps are not indented any further; their level stands before them."""
MOST_COLUMNS: Final = 72
"""Of the tree; longer lines are cut."""
LONGEST_TEXT: Final = 400
"""Of a fragment or alternative; longer ones are cut."""


def print_why(found: Why) -> str:
    """All of it, without a line break at the end."""
    if found.failure is not None:
        return _failure(found, found.failure)
    rows = [_row(step) for step in found.steps]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    assert found.derivation is not None
    lines += ["", f"log-probability {found.derivation.log_probability:.4f}"]
    return "\n".join(lines)


def _row(step: Step) -> tuple[str, str, str, str]:
    """Tree, probability, place, shapes."""
    shown = f"{step.name} = {step.alternative}" if step.alternative else step.name
    if step.drawn:
        shown += "   " + ", ".join(map(_drawn, step.drawn))
    if step.level > MOST_LEVELS:
        shown = f"({step.level}) {shown}"
    tree = cut("  " * min(step.level, MOST_LEVELS) + shown, MOST_COLUMNS)
    probability = "" if step.probability is None else f"{step.probability:.3g}"
    place = f"{step.place.file}:{step.place.line}" if step.place else ""
    shapes = ""
    if step.incoming and step.outgoing:
        shapes = f"{describe(step.incoming)} -> {describe(step.outgoing)}"
    return tree, probability, place, shapes


def _drawn(drawn: Drawn) -> str:
    return f"[{drawn.value} of {drawn.domain}: {drawn.probability:.3g}]"


def cut(text: str, length: int) -> str:
    """A text of at most that length."""
    return text if len(text) <= length else f"{text[: length - 3]}..."


def _failure(found: Why, failure: Failure) -> str:
    facts = {
        "fragment": f"{cut(failure.fragment, LONGEST_TEXT)}{_at(failure.location)}",
        "reason": failure.reason,
    }
    if failure.rule:
        near = f"{failure.rule} = {failure.alternative}"
        facts["nearest"] = f"{cut(near, LONGEST_TEXT)}{_at(failure.place)}"
    lines = [f"{found.grammar} cannot derive this on {found.spec}", ""]
    lines += [f"  {name:<10}{value}" for name, value in facts.items()]
    if failure.is_enough:
        lines += ["", "  Were it otherwise, the whole text could be derived."]
    return "\n".join(lines)


def _at(place: Location | None) -> str:
    return f"    {place}" if place is not None else ""


def as_json(found: Why) -> dict[str, Any]:
    """All of it as JSON values."""
    answer: dict[str, Any] = {
        "grammar": found.grammar,
        "text": found.text,
        "input": str(found.spec),
        "derivable": found.derivation is not None,
    }
    if found.derivation is not None:
        answer["log_probability"] = found.derivation.log_probability
        answer["steps"] = [_step(step) for step in found.steps]
    failure = found.failure
    if failure is not None:
        answer["fragment"] = failure.fragment
        answer["location"] = _place(failure.location)
        answer["reason"] = failure.reason
        answer["nearest"] = (
            {"rule": failure.rule, "alternative": failure.alternative, **_place(failure.place)}
            if failure.rule
            else None
        )
        answer["only_reason"] = failure.is_enough
    return answer


def _step(step: Step) -> dict[str, Any]:
    return {
        "level": step.level,
        "name": step.name,
        "alternative": step.alternative,
        "probability": step.probability,
        "drawn": [
            {"value": d.value, "domain": d.domain, "probability": d.probability} for d in step.drawn
        ],
        **_place(step.place),
        "incoming": list(map(str, step.incoming)),
        "outgoing": list(map(str, step.outgoing)),
    }


def _place(place: Location | None) -> dict[str, Any]:
    if place is None:
        return {"file": None, "line": None, "column": None}
    return {"file": place.file, "line": place.line, "column": place.column}
