"""Text -> syntax tree, by Lark's LALR parser, with messages of our own.

Nothing here recurses, so that nesting may be thousands of levels deep.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

from lark import Lark, Token, UnexpectedInput
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedToken, VisitError

from einsearch.errors import GrammarError, LocatedError, Location, ParseError
from einsearch.grammar import syntax as s
from einsearch.grammar.build import Refused, TreeBuilder
from einsearch.grammar.source import BYTE_ORDER_MARK, oversize, oversize_network, shorten

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
        found = f"unexpected {shorten(str(error.token), 80)!r}" + (
            " (a keyword)" if keyword else ""
        )
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
        return TreeBuilder().transform(_parser().parse(text, start=start))
    except UnexpectedInput as error:
        raise _syntax_error(error, name, text, kind) from None
    except VisitError as error:
        refused = error.orig_exc
        if not isinstance(refused, Refused):
            raise
        raise kind(refused.message, locate(name, text, refused.at), refused.hint) from None


def read_file(text: str, name: str = "<text>", words: int = 0) -> s.SourceFile:
    """Reads the text of a grammar file; `words` have been read for the same grammar before.

    Raises:
        GrammarError: it does not follow the syntax, or is too large; with line, column and what
            was expected.
    """
    text = text.removeprefix(BYTE_ORDER_MARK)
    if excess := oversize(text, words):
        raise GrammarError(excess.message, locate(name, text, excess.at), excess.hint)
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
        ParseError: it does not follow the syntax, or is too large; with line, column and what was
            expected.
    """
    text = text.removeprefix(BYTE_ORDER_MARK)
    if excess := oversize_network(text):
        raise ParseError(excess.message, locate(name, text, excess.at), excess.hint)
    return _parse(text, name, "architecture", ParseError)  # type: ignore[no-any-return]
