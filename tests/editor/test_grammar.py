"""The TextMate grammar and the language do not drift apart: every token has the scope it should."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lark import Lark, Token, Tree
from lark.lexer import PatternStr

from einsearch.grammar.format import format_text
from einsearch.grammar.modules import BUILT_IN
from einsearch.grammar.values import GUARD_NAMES
from einsearch.primitives.base import all_primitives
from tests.editor.textmate import tokenize
from tests.grammar.texts import grammars, spaced

ROOT: Final = Path(__file__).resolve().parents[2]
GRAMMAR: Final = json.loads((ROOT / "docs/editor/einsearch.tmLanguage.json").read_text())
SYNTAX: Final = files("einsearch.grammar").joinpath("syntax.lark").read_text(encoding="utf-8")
(LISTED,) = (
    rule["match"]
    for rule in GRAMMAR["repository"]["word"]["patterns"]
    if rule["name"].startswith("support.function.primitive")
)
PRIMITIVES: Final = set(re.findall(r"\w{2,}", LISTED))
COMMENTS: Final[list[Token]] = []
PARSER: Final = Lark(
    SYNTAX,
    parser="lalr",
    start="file",
    keep_all_tokens=True,
    maybe_placeholders=False,
    lexer_callbacks={"COMMENT": COMMENTS.append},
)

SCOPES: Final = {
    **dict.fromkeys(["language", "start", "require"], "keyword.other.statement"),
    **dict.fromkeys(["extend", "replace", "seed"], "keyword.other.statement"),
    "import": "keyword.control.import",
    "where": "keyword.other.where",
    "when": "keyword.control.when",
    **dict.fromkeys(["and", "or", "not"], "keyword.operator.logical"),
    "log": "keyword.operator.log",
    ">>": "keyword.operator.series",
    "|": "keyword.operator.choice",
    "..": "keyword.operator.range",
    "=": "keyword.operator.assignment",
    **dict.fromkeys("+-*/", "keyword.operator.arithmetic"),
    **dict.fromkeys("()", "punctuation.section.parens"),
    **dict.fromkeys("[]", "punctuation.section.brackets"),
    **dict.fromkeys("{}", "punctuation.section.braces"),
    ",": "punctuation.separator.comma",
    "COMPARE": "keyword.operator.comparison",
    "NUMBER": "constant.numeric",
    "STRING": "string.quoted.double",
    "COMMENT": "comment.line",
}
"""Scope of each terminal of the syntax, which a keyword or sign stands for itself."""

DEFINED: Final = {
    "header": "entity.name.function.rule",
    "start": "entity.name.function.rule",
    "seed": "entity.name.function.rule",
    "import_": "entity.name.function.rule",
    "require": "support.constant.requirement",
    "formal": "variable.parameter",
    "named": "variable.parameter",
    "binding": "variable.other.definition.binding",
    "assign": "variable.other.definition.tensor",
}
"""Scope of a name by what it stands directly in; of `name` and `call` see `used`."""

ODD: Final = """\
language 1
start x
require input, gradient
import "evonorm.ein" (node,)
extend x = relu [1 / 2]
replace norm = rms_norm
x = linear(2 * d - -4 / 2 + 0) when height >= 8 and not (width < 3 or depth != 1.5e-3) | f(d, k={1, 3})
    where d = {8 [0.5], 16}, lr = log 1e-4..1e-1
    # what follows is still a binding
        , c = relu  ## no documentation
f(c, k=3) = { (p, q) = in >> clone(2) s = any(2, p, q) >> add out = all(unused) >> permute("b#a") }
g(c,
  k) = relu when channels == 3 and channels<=8 | zero when width>8
  ## Told of the seed.
seed s = norm >> tied(repeat(2, each(chain(2, relu))))
"""  # noqa: E501


def terminals() -> set[str]:
    found = {
        t.pattern.value if isinstance(t.pattern, PatternStr) else t.name: t
        for t in PARSER.terminals
    }
    return {name for name in found if not name.startswith("__IGNORE")}


def shipped() -> list[str]:
    texts = [path.read_text() for path in sorted((ROOT / "grammars").glob("*.ein"))]
    guide = (ROOT / "docs" / "language.md").read_text()
    return [*texts, *re.findall(r"^```ein\n(.*?)^```", guide, re.DOTALL | re.MULTILINE), ODD]


def used(name: str, is_call: bool) -> str:
    """Scope of a name in an expression."""
    if name in {"repeat", "chain", "each", "tied"}:
        return "keyword.control.copies" if is_call else "variable"
    if name in {"any", "all", "unused"}:
        return "keyword.other.tensor"
    if name in {"true", "false"}:
        return "constant.language"
    if name in {"in", "out"}:
        return "variable.language.tensor"
    if name in GUARD_NAMES:
        return "variable.language.attribute"
    if name in PRIMITIVES:
        return "support.function.primitive"
    return "variable.function.rule" if is_call else "variable.other"


def expected(text: str) -> Iterator[tuple[int, int, str, str]]:
    """Start, end, terminal and scope of every token."""
    COMMENTS.clear()
    tree = PARSER.parse(text)
    for comment in COMMENTS:
        start = comment.start_pos or 0
        line = text[: start + 2].rpartition("\n")[2].strip()
        kind = "documentation" if line == "##" else "number-sign"
        yield start, start + len(comment), "COMMENT", f"comment.line.{kind}"
    pending: list[Tree[Token]] = [tree]
    while pending:
        parent = pending.pop()
        for number, child in enumerate(parent.children):
            if isinstance(child, Tree):
                pending.append(child)
            else:
                yield from _of_token(child, parent.data, number)


def _of_token(token: Token, parent: str, number: int) -> Iterator[tuple[int, int, str, str]]:
    start = token.start_pos or 0
    if token.type == "NAME":
        scope = DEFINED.get(parent) or used(token, parent == "call" and number == 0)
        yield start, start + len(token), "NAME", scope
    elif token.type == "TARGETS":
        for piece in re.finditer(r"\w+|\S", token):
            name = piece[0].isidentifier()
            scope = DEFINED["assign"] if name else SCOPES[piece[0]]
            yield start + piece.start(), start + piece.end(), "TARGETS", scope
    else:
        terminal = str(token) if str(token) in SCOPES else token.type
        yield start, start + len(token), terminal, SCOPES[terminal]


def scopes_of(text: str) -> list[tuple[str, ...]]:
    """The scopes of every character."""
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    found: list[tuple[str, ...]] = [()] * (len(text) + 1)
    for piece in tokenize(GRAMMAR, text):
        start, end = starts[piece.line] + piece.start, starts[piece.line] + piece.end
        found[start:end] = [piece.scopes] * (end - start)
    return found[: len(text)]


def wrong(text: str, but: tuple[str, ...] = ()) -> list[tuple[str, str, set[tuple[str, ...]]]]:
    """Tokens with a scope that they should not have: as written, what it should be, what it is."""
    found = scopes_of(text)
    return [
        (text[start:end], scope, set(found[start:end]))
        for start, end, terminal, scope in expected(text)
        if terminal not in but
        and not all(
            any(name.startswith(scope) for name in scopes[1:])
            # A comment or string is one piece; of all else the innermost scope counts.
            and (terminal in ("COMMENT", "STRING") or scopes[-1].startswith(scope))
            for scopes in found[start:end]
        )
    ]


def test_every_terminal_has_a_scope_and_is_tried() -> None:
    assert terminals() == {*SCOPES, "NAME", "TARGETS"}
    seen = {terminal for text in shipped() for _, _, terminal, _ in expected(text)}
    assert seen >= terminals()


@pytest.mark.parametrize("number", range(len(shipped())))
def test_shipped_texts(number: int) -> None:
    text = shipped()[number]
    assert wrong(text) == []
    everywhere = scopes_of(text)
    tokens = {n for start, end, _, _ in expected(text) for n in range(start, end)}
    bare = {n for n, scopes in enumerate(everywhere) if not scopes or len(scopes) == 1}
    assert not bare & tokens


@given(grammars().flatmap(spaced))
@settings(max_examples=25, deadline=None)
def test_any_layout(text: str) -> None:
    """A name shows what it is by its context, which an editor sees on the same line only."""
    assert wrong(text, but=("NAME", "TARGETS")) == []


@given(grammars())
@settings(max_examples=10, deadline=None)
def test_the_canonical_layout(words: list[str]) -> None:
    assert wrong(format_text(" ".join(words))) == []


def test_comments_and_strings_hold_nothing_else() -> None:
    text = 'x = permute("b#a") # relu "not a string" {\ny = relu\n'
    found = scopes_of(text)
    assert found[text.index("#a")][1].startswith("string")
    assert len(found[text.index("{")]) == 2
    assert found[text.index("y =")][1].startswith("entity.name.function.rule")


def test_words_of_the_language_are_known() -> None:
    assert {used(name, True) for name in BUILT_IN} <= {
        *("keyword.control.copies", "keyword.other.tensor"),
        *("constant.language", "variable.language.tensor"),
    }
    missing = set(all_primitives()) - PRIMITIVES
    assert not missing, "add them to `word` in docs/editor/einsearch.tmLanguage.json"
    for name in sorted(all_primitives()):
        assert wrong(f"x = {name} | {name}_of | {name}(1)") == []
    for name in sorted(GUARD_NAMES):
        assert wrong(f"x = relu when {name} == 1") == []


@given(st.text(alphabet='abr(){}[]|>=,."# \n12', max_size=60))
@settings(max_examples=50, deadline=None)
def test_any_text_comes_to_an_end_and_nothing_is_left_out(text: str) -> None:
    pieces = list(tokenize(GRAMMAR, text))
    lines = text.split("\n")
    made = [
        "".join(lines[n][p.start : p.end] for p in pieces if p.line == n) for n in range(len(lines))
    ]
    assert made == lines
