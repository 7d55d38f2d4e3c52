"""The words of a grammar file with their comments, at the places where the layout puts them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from typing import Any

from lark import Lark, Token, Tree

from einsearch.grammar.format_doc import Note

_comments: list[Token] = []


@dataclass(slots=True)
class Piece:
    """A token with what stands around it.

    Attributes:
        token: as read.
        before: comments on lines of their own above it.
        behind: the comment behind it on its line.
        is_apart: whether a blank line stands before it.
    """

    token: Token
    before: list[Note] = field(default_factory=list)
    behind: str = ""
    is_apart: bool = False


@dataclass(frozen=True, eq=False)
class Words:
    """A file as the layout needs it.

    Attributes:
        tree: the syntax tree with all its tokens but commas before a closing bracket.
        pieces: by where their token starts.
        end: what stands behind the last token.
        tight: where operators start that take no spaces: those of probabilities.
    """

    tree: Tree[Token]
    pieces: dict[int, Piece]
    end: Piece
    tight: frozenset[int]


@lru_cache(maxsize=1)
def _parser() -> Lark:
    text = files("einsearch.grammar").joinpath("syntax.lark").read_text(encoding="utf-8")
    return Lark(
        text,
        parser="lalr",
        start="file",
        keep_all_tokens=True,
        propagate_positions=True,
        maybe_placeholders=False,
        lexer_callbacks={"COMMENT": _comments.append},
    )


def syntax_tree(text: str) -> Tree[Token]:
    """The tree of a text that follows the syntax, with every token and all positions."""
    _comments.clear()
    return _parser().parse(text)


def read_words(text: str) -> Words:
    """The words of a text that follows the syntax."""
    tree = syntax_tree(text)
    tokens = sorted(_tokens(tree), key=_start)
    end = Piece(Token("END", "", start_pos=len(text), end_pos=len(text)))
    pieces = [*map(Piece, tokens), end]
    _attach(text, pieces, list(_comments))
    roles = _Roles(tree)
    _rearrange(pieces, roles)
    by_start = {_start(piece.token): piece for piece in pieces[:-1]}
    for guard, weight in roles.swapped:
        _swap(by_start[guard], by_start[weight])
    for subtree in tree.iter_subtrees():
        subtree.children = [c for c in subtree.children if _place(c) not in roles.dropped]
    return Words(tree, by_start, end, frozenset(roles.tight))


def _start(token: Token) -> int:
    return token.start_pos or 0


def _place(item: Any) -> int:
    return _start(item) if isinstance(item, Token) else -1


def _tokens(tree: Tree[Token]) -> Iterator[Token]:
    pending: list[Any] = [tree]
    while pending:
        item = pending.pop()
        if isinstance(item, Token):
            yield item
        else:
            pending.extend(item.children)


def _attach(text: str, pieces: list[Piece], comments: list[Token]) -> None:
    """Gives every comment to the token before it on its line, or else to the next one."""
    pending = sorted(comments, key=_start)
    place, last = 0, None
    for piece in pieces:
        start = _start(piece.token)
        while pending and _start(pending[0]) < start:
            comment = pending.pop(0)
            gap = text[place : _start(comment)]
            if last is not None and not last.behind and "\n" not in gap:
                last.behind = comment.rstrip()
            else:
                piece.before.append(Note(comment.rstrip(), gap.count("\n") > 1))
            place = comment.end_pos or 0
        piece.is_apart = text[place:start].count("\n") > 1
        place = piece.token.end_pos or 0
        last = piece


class _Roles:
    """Where tokens start that the layout treats in a way of their own.

    Attributes:
        leading: operators and commas that begin a line where it breaks.
        dropped: commas before a closing bracket.
        tight: operators inside of probabilities.
        spaced: tokens before which a blank line is kept.
        swapped: ends of conditions that were written before their probability, and its end.
    """

    def __init__(self, tree: Tree[Token]) -> None:
        self.leading: set[int] = set()
        self.dropped: set[int] = set()
        self.tight: set[int] = set()
        self.spaced: set[int] = set()
        self.swapped: list[tuple[int, int]] = []
        for subtree in tree.iter_subtrees():
            self._note(subtree.data, subtree.children)

    def _note(self, kind: str, children: list[Any]) -> None:
        own = {str(child): _start(child) for child in children if isinstance(child, Token)}
        commas = [_start(c) for c in children if isinstance(c, Token) and c == ","]
        closing = children[-1] if children and isinstance(children[-1], Token) else ""
        if commas and closing in (")", "}") and children[-2] == ",":
            self.dropped.add(commas.pop())
        if kind in ("call", "parallel"):
            self.leading.update(commas)
        elif kind in ("series", "choice"):
            operators = [_start(child) for child in children[1::2]]
            self.leading.update(operators)
            self.spaced.update(operators if kind == "choice" else ())
        elif kind in ("and_", "or_"):
            self.leading.add(own["and" if kind == "and_" else "or"])
        elif kind == "weight":
            inside = Tree("inside", children)
            self.tight.update(_start(t) for t in _tokens(inside) if t in ("*", "/"))
        elif kind == "block":
            self.spaced.update(_start(_first(child)) for child in children[2:])
        elif kind == "file":
            self.spaced.update(_start(_first(child)) for child in children)
        elif kind == "alternative_guard_first":
            self.swapped.append((_start(_last(children[1])), _start(_last(children[2]))))


def _first(item: Any) -> Token:
    while not isinstance(item, Token):
        item = item.children[0]
    return item


def _last(item: Any) -> Token:
    while not isinstance(item, Token):
        item = item.children[-1]
    return item


def _rearrange(pieces: list[Piece], roles: _Roles) -> None:
    """Moves comments round an operator before it, and those of dropped commas to neighbours."""
    for number, piece in enumerate(pieces):
        start = _start(piece.token)
        if start in roles.leading:
            _hoist(pieces[number - 1], piece, pieces[number + 1])
        elif start in roles.dropped:
            _drop(pieces[number - 1], piece, pieces[number + 1])
        if start not in roles.spaced and piece.token.type != "END":
            piece.before = [Note(note.text, False) for note in piece.before]
            piece.is_apart = False


def _hoist(previous: Piece, operator: Piece, following: Piece) -> None:
    if operator.behind and not operator.before and not previous.behind:
        previous.behind = operator.behind
    elif operator.behind:
        operator.before.append(Note(operator.behind, False))
    operator.behind = ""
    operator.is_apart |= following.is_apart and not following.before
    operator.before += following.before
    following.before = []


def _drop(previous: Piece, comma: Piece, following: Piece) -> None:
    notes = list(comma.before)
    if comma.behind and not notes and not previous.behind:
        previous.behind = comma.behind
    elif comma.behind:
        notes.append(Note(comma.behind, False))
    following.before = notes + following.before


def _swap(guard: Piece, weight: Piece) -> None:
    if weight.behind and not guard.behind:
        guard.behind, weight.behind = weight.behind, ""
