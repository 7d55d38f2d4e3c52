"""Series, choices, blocks of named tensors, copies, and the ways to read tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from einsearch.grammar import expressions as e
from einsearch.grammar import syntax as s
from einsearch.grammar.guards import link_guard
from einsearch.grammar.modules import MOST_NAMES, nearest
from einsearch.grammar.scope import Linking, Scope
from einsearch.grammar.values import fold, link_probabilities, link_value, show_node
from einsearch.primitives.arguments import Kind, show_value

COPIES: Final[dict[str, tuple[tuple[str, ...], int]]] = {
    "each": (("expression", "n"), 1),
    "repeat": (("n", "expression"), 2),
    "chain": (("n", "expression"), 2),
    "tied": (("expression",), 1),
}
"""How they are written, and how many arguments they need at least."""
MOST_COPIES: Final = 1024
"""Of one expression, or derivations of it in a chain."""


def link_series(node: s.SeriesLiteral, scope: Scope) -> Linking:
    parts: list[e.Expression] = []
    for item in node.items:
        linked = yield item, scope
        if parts and isinstance(linked, (e.TensorUse, e.AnyTensor, e.AllUnused)):
            raise scope.module.fail(
                f"{show_node(item)} is a tensor and cannot stand after >>",
                item.at,
                "a tensor stands at the head of an expression",
            )
        parts.append(linked)
    return e.Series(tuple(parts), node.at)


def link_parallel(node: s.ParallelLiteral, scope: Scope) -> Linking:
    parts = []
    for item in node.items:
        parts.append((yield item, scope))
    return e.Parallel(tuple(parts), node.at)


def link_choice(
    options: list[tuple[Scope, s.Option]], label: str, at: s.At, added: Sequence[int] = ()
) -> Linking:
    probabilities = link_probabilities(options, label, added)
    alternatives = []
    for (scope, option), probability in zip(options, probabilities, strict=True):
        guard = link_guard(option.guard, scope) if option.guard else None
        body = yield option.body, scope
        file = scope.module.source.name
        guard_at = option.guard.at if option.guard else None
        alternatives.append(e.Alternative(body, probability, guard, option.at, file, guard_at))
    return e.Choice(tuple(alternatives), label, at)


def link_block(node: s.BlockLiteral, scope: Scope) -> Linking:
    known: set[str] = set()
    assignments = []
    if len(node.assignments) > MOST_NAMES:
        raise scope.module.fail(
            f"a block has more than {MOST_NAMES} statements", node.assignments[MOST_NAMES].at
        )
    for assignment in node.assignments:
        for name in assignment.names:
            if name in known:
                raise scope.module.fail(f"the tensor {name} is named twice", assignment.at)
            if name == "in":
                raise scope.module.fail("`in` is the incoming tensor, not a name", assignment.at)
        inner = scope.inside_block(frozenset(known))
        body = yield assignment.body, inner
        assignments.append(e.Assign(assignment.names, assignment.is_bundle, body, assignment.at))
        known.update(assignment.names)
    if not node.assignments or node.assignments[-1].names != ("out",):
        raise scope.module.fail(
            "a block must end with `out = ...`",
            node.assignments[-1].at if node.assignments else node.at,
            "`out` names the tensor that leaves the block",
        )
    return e.Block(tuple(assignments), node.at)


def link_copies(node: s.Call, scope: Scope) -> Linking:
    """`each`, `repeat`, `chain`, `tied`."""
    order, least = COPIES[node.name]
    if node.named or not least <= len(node.positional) <= len(order):
        raise scope.module.fail(f"{node.name} is written {node.name}({', '.join(order)})", node.at)
    draws: list[e.DomainLike] = []
    found: dict[str, Any] = dict.fromkeys(order)
    for role, value in zip(order, node.positional, strict=False):
        if role == "n":
            found[role] = link_value(value, scope, Kind.INT, node.name, draws)
            _check_count(node, found[role], value.at, scope)
        else:
            found[role] = yield value, scope
    body, number = found["expression"], found.get("n")
    if node.name == "tied":
        return e.Tied(body, scope.label("tied"), node.at)
    kind: Any = {"each": e.Each, "repeat": e.Repeat, "chain": e.Chain}[node.name]
    return kind(body, number, tuple(draws), node.at)


def _check_count(node: s.Call, value: e.Value, at: s.At, scope: Scope) -> None:
    for constant in fold(value):
        if not isinstance(constant, int) or isinstance(constant, bool) or constant < 1:
            shown = show_value(constant)
            raise scope.module.fail(
                f"{node.name} needs a whole number of at least 1, got {shown}", at
            )
        if constant > MOST_COPIES:
            raise scope.module.fail(
                f"{node.name} makes at most {MOST_COPIES:,} copies, got {constant:,}", at
            )


def link_all(node: s.Call, scope: Scope) -> e.AllUnused:
    names = [x.name for x in node.positional if isinstance(x, s.Name)]
    if names != ["unused"] or node.named:
        raise scope.module.fail("all is written all(unused)", node.at)
    return e.AllUnused(node.at)


def link_any(node: s.Call, scope: Scope) -> e.AnyTensor:
    number, unused, names = 1, False, []
    for argument in node.positional:
        if isinstance(argument, s.Number) and isinstance(argument.value, int):
            number = argument.value
        elif isinstance(argument, s.Name) and argument.name == "unused":
            unused = True
        elif isinstance(argument, s.Name):
            if argument.name != "in" and argument.name not in (scope.tensors or ()):
                raise scope.module.fail(
                    f"no tensor is named {argument.name} here",
                    argument.at,
                    nearest(argument.name, scope.tensors or ()),
                )
            names.append(argument.name)
        else:
            raise scope.module.fail(
                "any is written any, any(unused), any(2) or any(2, x, y, z)", argument.at
            )
    if number < 1 or (names and len(names) < number) or node.named:
        raise scope.module.fail(f"any cannot draw {number} of {len(names)} tensors", node.at)
    return e.AnyTensor(number, unused, tuple(names), scope.label("any"), node.at)
