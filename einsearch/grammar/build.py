"""What Lark's parser finds -> the nodes of a syntax tree.

Values and guards may be nested so deep that whatever walks over them may recurse; expressions have
no such limit, since nothing that walks over them recurses.
"""

from __future__ import annotations

import math
from typing import Any, Final

from lark import Token, v_args
from lark.visitors import Transformer_NonRecursive

from einsearch.grammar import syntax as s

MOST_LEVELS: Final = 100
"""Of arithmetic, domains and guards inside each other; a sum of n terms has n - 1 levels."""
LARGEST: Final = 2**63
"""Integers stay below; anything larger is a size that ran away."""
_DIGITS: Final = 19


class Refused(Exception):
    """A node that follows the syntax, but is refused: what, where, and what to do."""

    def __init__(self, message: str, at: s.At, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.at, self.hint = message, at, hint


def _at(meta: Any) -> s.At:
    return (meta.line, meta.column) if hasattr(meta, "line") else (1, 1)


def _token_at(token: Token) -> s.At:
    return (token.line or 1, token.column or 1)


def _number(text: str, at: s.At) -> int | float:
    """A number as written; of very long ones only the length is looked at."""
    if text.isdigit():
        if len(text) > _DIGITS or int(text) >= LARGEST:
            shown = (
                f"{text} is"
                if len(text) <= 2 * _DIGITS
                else f"an integer of {len(text):,} digits is"
            )
            raise Refused(f"{shown} too large", at, "integers are below 2^63")
        return int(text)
    shown = text if len(text) <= 2 * _DIGITS else f"{text[:_DIGITS]}..."
    value = float(text)
    if math.isinf(value):
        raise Refused(f"{shown} is too large", at, "reals go up to about 1.8e308")
    if value == 0 and text.lower().partition("e")[0].strip("0."):
        raise Refused(f"{shown} is too small", at, "write 0, or a number above 1e-307")
    return value


def _levels(at: s.At, *parts: Any) -> int:
    levels = 1 + max((getattr(part, "levels", 0) for part in parts), default=0)
    if levels > MOST_LEVELS:
        raise Refused(
            f"more than {MOST_LEVELS} levels of values or conditions inside each other",
            at,
            "every +, -, *, /, not, and, or, comparison, domain and range is a level",
        )
    return levels


def _arithmetic(at: s.At, operator: str, left: s.Node, right: s.Node) -> s.Arithmetic:
    return s.Arithmetic(at, operator, left, right, _levels(at, left, right))


@v_args(meta=True)
class TreeBuilder(Transformer_NonRecursive[Token, Any]):
    """One method a rule of the syntax: makes its node from those of its parts."""

    def number(self, meta: Any, children: list[Any]) -> s.Number:
        return s.Number(_at(meta), _number(str(children[0]), _at(meta)))

    def string(self, meta: Any, children: list[Any]) -> s.Text:
        return s.Text(_at(meta), str(children[0])[1:-1])

    def name(self, meta: Any, children: list[Any]) -> s.Name:
        return s.Name(_at(meta), str(children[0]))

    def call(self, meta: Any, children: list[Any]) -> s.Call:
        name, *arguments = children
        positional = tuple(value for key, value in filter(None, arguments) if key is None)
        named = tuple((str(key), value) for key, value in filter(None, arguments) if key)
        return s.Call(_at(meta), str(name), positional, named)

    def positional(self, meta: Any, children: list[Any]) -> tuple[None, s.Node]:
        return (None, children[0])

    def named(self, meta: Any, children: list[Any]) -> tuple[str, s.Node]:
        return (str(children[0]), children[1])

    def group(self, meta: Any, children: list[Any]) -> Any:
        return children[0]

    def parallel(self, meta: Any, children: list[Any]) -> s.ParallelLiteral:
        return s.ParallelLiteral(_at(meta), tuple(filter(None, children)))

    def item(self, meta: Any, children: list[Any]) -> s.DomainItem:
        return s.DomainItem(children[0], children[1])

    def domain(self, meta: Any, children: list[Any]) -> s.DomainLiteral:
        items = tuple(filter(None, children))
        parts = [part for item in items for part in (item.value, item.weight)]
        return s.DomainLiteral(_at(meta), items, _levels(_at(meta), *parts))

    def range(self, meta: Any, children: list[Any]) -> s.RangeLiteral:
        levels = _levels(_at(meta), *children)
        return s.RangeLiteral(_at(meta), children[0], children[1], False, levels)

    def log_range(self, meta: Any, children: list[Any]) -> s.RangeLiteral:
        levels = _levels(_at(meta), *children)
        return s.RangeLiteral(_at(meta), children[0], children[1], True, levels)

    def plus(self, meta: Any, children: list[Any]) -> s.Arithmetic:
        return _arithmetic(_at(meta), "+", *children)

    def minus(self, meta: Any, children: list[Any]) -> s.Arithmetic:
        return _arithmetic(_at(meta), "-", *children)

    def times(self, meta: Any, children: list[Any]) -> s.Arithmetic:
        return _arithmetic(_at(meta), "*", *children)

    def over(self, meta: Any, children: list[Any]) -> s.Arithmetic:
        return _arithmetic(_at(meta), "/", *children)

    def negative(self, meta: Any, children: list[Any]) -> s.Node:
        operand = children[0]
        if isinstance(operand, s.Number):
            return s.Number(_at(meta), -operand.value)
        return _arithmetic(_at(meta), "-", s.Number(_at(meta), 0), operand)

    def weight(self, meta: Any, children: list[Any]) -> s.Node:
        return children[0]  # type: ignore[no-any-return]

    def guard(self, meta: Any, children: list[Any]) -> tuple[str, s.Guard]:
        return ("when", children[0])

    def or_(self, meta: Any, children: list[Any]) -> s.Logic:
        return s.Logic(_at(meta), "or", tuple(children), _levels(_at(meta), *children))

    def and_(self, meta: Any, children: list[Any]) -> s.Logic:
        return s.Logic(_at(meta), "and", tuple(children), _levels(_at(meta), *children))

    def not_(self, meta: Any, children: list[Any]) -> s.Logic:
        return s.Logic(_at(meta), "not", tuple(children), _levels(_at(meta), *children))

    def compare(self, meta: Any, children: list[Any]) -> s.Comparison:
        left, operator, right = children
        levels = _levels(_at(meta), left, right)
        return s.Comparison(_at(meta), str(operator), left, right, levels)

    def series(self, meta: Any, children: list[Any]) -> s.Node:
        if len(children) == 1:
            return children[0]  # type: ignore[no-any-return]
        items: list[s.Node] = []
        for child in children:
            items.extend(child.items if isinstance(child, s.SeriesLiteral) else [child])
        return s.SeriesLiteral(_at(meta), tuple(items))

    def alternative(self, meta: Any, children: list[Any]) -> s.Option:
        body, weight, guard = children
        return s.Option(_at(meta), body, weight, guard[1] if guard else None)

    def alternative_guard_first(self, meta: Any, children: list[Any]) -> s.Option:
        body, guard, weight = children
        return s.Option(_at(meta), body, weight, guard[1])

    def choice(self, meta: Any, children: list[Any]) -> s.Node:
        first = children[0]
        if len(children) == 1 and first.weight is None and first.guard is None:
            return first.body  # type: ignore[no-any-return]
        return s.ChoiceLiteral(_at(meta), tuple(children))

    def assign(self, meta: Any, children: list[Any]) -> s.Assignment:
        return s.Assignment(_at(meta), (str(children[0]),), False, children[1])

    def assign_bundle(self, meta: Any, children: list[Any]) -> s.Assignment:
        inside = str(children[0]).rpartition(")")[0].lstrip("( ")
        names = tuple(name.strip() for name in inside.split(",") if name.strip())
        return s.Assignment(_at(meta), names, True, children[1])

    def block(self, meta: Any, children: list[Any]) -> s.BlockLiteral:
        return s.BlockLiteral(_at(meta), tuple(children))

    def formal(self, meta: Any, children: list[Any]) -> tuple[str, s.Node | None]:
        return (str(children[0]), children[1])

    def header(self, meta: Any, children: list[Any]) -> s.Header:
        name, *formals = children
        return s.Header(_at(meta), str(name), tuple(filter(None, formals)))

    def binding(self, meta: Any, children: list[Any]) -> tuple[str, s.Node]:
        return (str(children[0]), children[1])

    def bindings(self, meta: Any, children: list[Any]) -> tuple[tuple[str, s.Node], ...]:
        return tuple(children)

    def rule(self, meta: Any, children: list[Any]) -> s.RuleStatement:
        return self._rule("", meta, children)

    def extend(self, meta: Any, children: list[Any]) -> s.RuleStatement:
        return self._rule("extend", meta, children)

    def replace(self, meta: Any, children: list[Any]) -> s.RuleStatement:
        return self._rule("replace", meta, children)

    def seed(self, meta: Any, children: list[Any]) -> s.RuleStatement:
        header = s.Header(_token_at(children[0]), str(children[0]), ())
        return self._rule("seed", meta, [header, *children[1:]])

    def _rule(self, keyword: str, meta: Any, children: list[Any]) -> s.RuleStatement:
        header, body, bindings = children
        span = (meta.start_pos, meta.end_pos)
        return s.RuleStatement(_at(meta), keyword, header, body, bindings or (), span)

    def import_(self, meta: Any, children: list[Any]) -> s.ImportStatement:
        path, *names = children
        named = tuple((str(n), _token_at(n)) for n in names if n)
        return s.ImportStatement(_at(meta), str(path)[1:-1], named)

    def start(self, meta: Any, children: list[Any]) -> s.NamesStatement:
        return self._names("start", meta, children)

    def require(self, meta: Any, children: list[Any]) -> s.NamesStatement:
        return self._names("require", meta, children)

    def language(self, meta: Any, children: list[Any]) -> s.NamesStatement:
        return self._names("language", meta, children)

    def _names(self, keyword: str, meta: Any, children: list[Any]) -> s.NamesStatement:
        named = tuple((str(n), _token_at(n)) for n in children)
        return s.NamesStatement(_at(meta), keyword, named)

    def file(self, meta: Any, children: list[Any]) -> tuple[s.Statement, ...]:
        return tuple(children)

    def architecture(
        self, meta: Any, children: list[Any]
    ) -> tuple[s.Node, tuple[tuple[str, s.Node], ...]]:
        return (children[0], children[1] or ())
