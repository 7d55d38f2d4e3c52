"""A `Why` for people: the derivation as a tree of lines, or what stands in the way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from einsearch.derivation.why_steps import Step
from einsearch.errors import Location
from einsearch.specs import describe

if TYPE_CHECKING:
    from einsearch.derivation.why import Failure, Why

MOST_LEVELS: Final = 16
"""Deeper steps are not indented any further; their level stands before them."""
MOST_COLUMNS: Final = 72
"""Of the tree; longer lines are cut."""
LONGEST_NAME: Final = 36
"""Of a rule with its arguments, or of a choice inside one; longer ones are cut."""
LONGEST_TEXT: Final = 400
"""Of a fragment or alternative; longer ones are cut."""


def print_why(found: Why) -> str:
    """All of it, without a line break at the end."""
    if found.failure is not None:
        return _failure(found, found.failure)
    rows = [row for step in found.steps for row in _rows(step)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    assert found.derivation is not None
    lines += ["", f"log-probability {found.derivation.log_probability:.4f}"]
    return "\n".join(lines)


def _rows(step: Step) -> Iterator[tuple[str, str, str, str]]:
    """Tree, probability, place, shapes; of the step and of each value drawn for it."""
    name = cut(step.name, LONGEST_NAME) if step.alternative else step.name
    shown = f"{name} = {step.alternative}" if step.alternative else name
    probability = "" if step.probability is None else f"{step.probability:.3g}"
    place = f"{step.place.file}:{step.place.line}" if step.place else ""
    yield _tree(step.level, shown), probability, place, _shapes(step)
    for drawn in step.drawn:
        text = f"{drawn.value} from {drawn.domain}"
        yield _tree(step.level + 1, text), f"{drawn.probability:.3g}", "", ""


def _tree(level: int, shown: str) -> str:
    number = f"({level}) " if level > MOST_LEVELS else ""
    return cut("  " * min(level, MOST_LEVELS) + number + shown, MOST_COLUMNS)


def _shapes(step: Step) -> str:
    if not step.incoming or not step.outgoing:
        return ""
    before, after = describe(step.incoming), describe(step.outgoing)
    return before if before == after else f"{before} -> {after}"


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
        lines += ["", "  Nothing else stands in the way."]
    if not failure.is_certain:
        lines += ["", "  There were too many ways to look at: one of them may derive it after all."]
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
        answer["certain"] = failure.is_certain
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
