"""Prints terms as architecture text, on one line."""

from __future__ import annotations

from typing import Any

from einsearch.derivation.terms import (
    EXPRESSION,
    ShownCall,
    Term,
    free_tensors,
    merge,
    uses_by_binding,
)
from einsearch.derivation.values import Shared
from einsearch.primitives.base import all_primitives


def print_term(term: Term) -> str:
    """The canonical text: bindings used in several places come behind `where`."""
    shared, order = _worth_naming(term)
    names = _names(order, _tensor_names(term))
    text = _print(term, names)
    bindings = [f"{names[s]} = {_print(shared[s], names)}" for s in order]
    return f"{text} where {', '.join(bindings)}" if bindings else text


def _worth_naming(term: Term) -> tuple[dict[Shared, Term], list[Shared]]:
    """Shared expressions that stand in several places and can be written once, inner ones first."""
    merged = {
        shared: both
        for shared, uses in uses_by_binding(term).items()
        if len(uses) > 1 and (both := merge(uses)) is not None
        if not free_tensors(both) and not _is_small(both)
    }
    printed: dict[Shared, None] = {}
    pending: list[tuple[Term, Shared | None]] = [(term, None)]
    opened: set[Shared] = set()
    while pending:
        item, done = pending.pop()
        if done is not None:
            printed[done] = None
        elif item.kind == "use" and item.head in merged:
            if item.head not in opened:
                opened.add(item.head)
                pending += [(item, item.head), (merged[item.head], None)]
        else:
            pending.extend((part, None) for part in reversed(item.parts))
    return merged, list(printed)


def _is_small(term: Term) -> bool:
    """A lone call without arguments reads better where it stands."""
    return term.kind == "call" and not term.head.values


def _tensor_names(term: Term) -> set[str]:
    names: set[str] = set()
    pending = [term]
    while pending:
        item = pending.pop()
        if item.kind == "assign":
            names.update(item.head[0])
        pending.extend(item.parts)
    return names


def _names(order: list[Shared], taken: set[str]) -> dict[Shared, str]:
    used = taken | set(all_primitives()) | {"in", "out"}
    names: dict[Shared, str] = {}
    for shared in order:
        name, number = shared.name, 2
        while name in used:
            name, number = f"{shared.name}_{number}", number + 1
        used.add(name)
        names[shared] = name
    return names


def _print(term: Term, names: dict[Shared, str]) -> str:
    """Writes a term with an explicit stack of terms and closing pieces."""
    out: list[str] = []
    pending: list[Any] = [term]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            out.append(item)
        else:
            pending.extend(reversed(_pieces(item, names, outermost=item is term)))
    return "".join(out)


def _pieces(term: Term, names: dict[Shared, str], outermost: bool) -> list[Any]:
    kind = term.kind
    if kind == "call":
        return _call(term)
    if kind == "tensor":
        return [term.head]
    if kind == "use":
        return [names[term.head]] if not outermost and term.head in names else [term.parts[0]]
    if kind == "series":
        return _joined(term.parts, " >> ")
    if kind == "parallel":
        return ["(", *_joined(term.parts, ", "), ")"]
    if kind == "each":
        count = "" if term.head is None else f", {term.head}"
        return ["each(", term.parts[0], f"{count})"]
    if kind == "repeat":
        return [f"repeat({term.head}, ", term.parts[0], ")"]
    if kind == "tied":
        return ["tied(", term.parts[0], ")"]
    if kind == "assign":
        shown = ", ".join(term.head[0])
        return [f"({shown}) = " if term.head[1] else f"{shown} = ", term.parts[0]]
    return ["{ ", *_joined(term.parts, "  "), " }"]


def _call(term: Term) -> list[Any]:
    shown: ShownCall = term.head
    if not shown.values:
        return [shown.name]
    inner = iter(term.parts)
    pieces: list[Any] = [f"{shown.name}("]
    for number, value in enumerate(shown.values):
        pieces += [", "] if number else []
        pieces.append(next(inner) if value == EXPRESSION else value)
    return [*pieces, ")"]


def _joined(parts: tuple[Term, ...], separator: str) -> list[Any]:
    pieces: list[Any] = []
    for number, part in enumerate(parts):
        if number:
            pieces.append(separator)
        pieces.append(part)
    return pieces
