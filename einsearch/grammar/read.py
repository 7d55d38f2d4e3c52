"""Text -> syntax tree, by Lark's LALR parser, with messages of our own.

Nothing here recurses, so that nesting may be thousands of levels deep.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

from lark import Lark, Token, UnexpectedInput, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedToken
from lark.visitors import Transformer_NonRecursive

from einsearch.errors import GrammarError, LocatedError, Location, ParseError
from einsearch.grammar import syntax as s

LANGUAGE_VERSION: Final = 1

KEYWORDS: Final = frozenset(
    "language start require import extend replace seed where when and or not log".split()
)

_TERMINALS: Final = {
    "NAME": "a name",
    "NUMBER": "a number",
    "STRING": "a text in double quotes",
    "EQUAL": "=",
    "LPAR": "(",
    "RPAR": ")",
    "LBRACE": "{",
    "RBRACE": "}",
    "LSQB": "[ (a probability)",
    "RSQB": "]",
    "COMMA": ",",
    "VBAR": "|",
    "__ANON_0": ">>",
    "__ANON_1": "..",
    "PLUS": "+",
    "MINUS": "-",
    "STAR": "*",
    "SLASH": "/",
    "COMPARE": "a comparison",
    "TARGETS": "(names) =",
    "$END": "the end of the text",
}


def _at(meta: Any) -> s.At:
    return (meta.line, meta.column) if hasattr(meta, "line") else (1, 1)


def _token_at(token: Token) -> s.At:
    return (token.line or 1, token.column or 1)


def _number(text: str) -> int | float:
    return int(text) if text.isdigit() else float(text)


@v_args(meta=True)
class _TreeBuilder(Transformer_NonRecursive[Token, Any]):
    """One method a rule of the syntax: makes its node from those of its parts."""

    def number(self, meta: Any, children: list[Any]) -> s.Number:
        return s.Number(_at(meta), _number(children[0]))

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
        return s.DomainLiteral(_at(meta), tuple(filter(None, children)))

    def range(self, meta: Any, children: list[Any]) -> s.RangeLiteral:
        return s.RangeLiteral(_at(meta), children[0], children[1], is_log=False)

    def log_range(self, meta: Any, children: list[Any]) -> s.RangeLiteral:
        return s.RangeLiteral(_at(meta), children[0], children[1], is_log=True)

    def plus(self, meta: Any, children: list[Any]) -> s.Arithmetic:
        return s.Arithmetic(_at(meta), "+", *children)

    def minus(self, meta: Any, children: list[Any]) -> s.Arithmetic:
        return s.Arithmetic(_at(meta), "-", *children)

    def times(self, meta: Any, children: list[Any]) -> s.Arithmetic:
        return s.Arithmetic(_at(meta), "*", *children)

    def over(self, meta: Any, children: list[Any]) -> s.Arithmetic:
        return s.Arithmetic(_at(meta), "/", *children)

    def negative(self, meta: Any, children: list[Any]) -> s.Node:
        operand = children[0]
        if isinstance(operand, s.Number):
            return s.Number(_at(meta), -operand.value)
        return s.Arithmetic(_at(meta), "-", s.Number(_at(meta), 0), operand)

    def weight(self, meta: Any, children: list[Any]) -> s.Node:
        return children[0]  # type: ignore[no-any-return]

    def guard(self, meta: Any, children: list[Any]) -> tuple[str, s.Guard]:
        return ("when", children[0])

    def or_(self, meta: Any, children: list[Any]) -> s.Logic:
        return s.Logic(_at(meta), "or", tuple(children))

    def and_(self, meta: Any, children: list[Any]) -> s.Logic:
        return s.Logic(_at(meta), "and", tuple(children))

    def not_(self, meta: Any, children: list[Any]) -> s.Logic:
        return s.Logic(_at(meta), "not", tuple(children))

    def compare(self, meta: Any, children: list[Any]) -> s.Comparison:
        left, operator, right = children
        return s.Comparison(_at(meta), str(operator), left, right)

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


_comments: list[Token] = []


@lru_cache(maxsize=1)
def _parser() -> Lark:
    text = files("einsearch.grammar").joinpath("syntax.lark").read_text(encoding="utf-8")
    return Lark(
        text,
        parser="lalr",
        start=["file", "architecture"],
        propagate_positions=True,
        maybe_placeholders=True,
        lexer_callbacks={"COMMENT": _comments.append},
    )


_STRING_OR_COMMENT: Final = re.compile(r'"[^"\n]*"|#[^\n]*')


def plain(text: str) -> str:
    """A piece of a file on one line, without comments."""
    kept = _STRING_OR_COMMENT.sub(lambda m: m[0] if m[0].startswith('"') else "", text)
    return " ".join(kept.split())


def locate(name: str, text: str, at: s.At) -> Location:
    """The place (line, column) of a text, with its line."""
    lines = text.split("\n")
    line = lines[at[0] - 1] if 0 < at[0] <= len(lines) else ""
    return Location(name, at[0], at[1], line if len(line) <= 200 else "")


def _expected(error: UnexpectedInput) -> str:
    wanted: set[str] = set(getattr(error, "accepts", None) or getattr(error, "expected", ()) or ())
    words = sorted({_TERMINALS.get(name, name.lower()) for name in wanted} - {"compare"})
    if len(words) > 8:
        words = [word for word in words if word.lower() not in KEYWORDS]
    return ", ".join(words)


def _syntax_error(
    error: UnexpectedInput, name: str, text: str, kind: type[LocatedError]
) -> LocatedError:
    if isinstance(error, UnexpectedEOF) or (
        isinstance(error, UnexpectedToken) and error.token.type == "$END"
    ):
        stripped = text.rstrip()
        line = stripped.count("\n") + 1
        at = (line, len(stripped) - (stripped.rfind("\n") + 1) + 1)
        found = "the text ends too early"
    elif isinstance(error, UnexpectedToken):
        at = (error.line, error.column)
        keyword = str(error.token) in KEYWORDS
        found = f"unexpected {str(error.token)!r}" + (" (a keyword)" if keyword else "")
    elif isinstance(error, UnexpectedCharacters):
        at = (error.line, error.column)
        found = f"unexpected character {error.char!r}"
    else:
        at, found = (1, 1), "cannot read this"
    expected = _expected(error)
    hint = f"expected {expected}" if expected else ""
    return kind(found, locate(name, text, at), hint)


def _parse(text: str, name: str, start: str, kind: type[LocatedError]) -> Any:
    _comments.clear()
    try:
        return _TreeBuilder().transform(_parser().parse(text, start=start))
    except UnexpectedInput as error:
        raise _syntax_error(error, name, text, kind) from None


def read_file(text: str, name: str = "<text>") -> s.SourceFile:
    """Reads the text of a grammar file.

    Raises:
        GrammarError: it does not follow the syntax; with line, column and what was expected.
    """
    statements = _parse(text, name, "file", GrammarError)
    comments = tuple(
        s.Comment((c.line or 1, c.column or 1), str(c).rstrip()) for c in list(_comments)
    )
    return s.SourceFile(name, text, statements, comments)


def read_architecture(
    text: str, name: str = "<text>"
) -> tuple[s.Node, tuple[tuple[str, s.Node], ...]]:
    """Reads an expression with its `where` bindings.

    Raises:
        ParseError: it does not follow the syntax; with line, column and what was expected.
    """
    return _parse(text, name, "architecture", ParseError)  # type: ignore[no-any-return]
