"""Pieces of a grammar file as its author wrote them, by where they begin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from lark import Tree

from einsearch.grammar.format_tokens import syntax_tree
from einsearch.grammar.read import plain
from einsearch.grammar.syntax import At


@dataclass(frozen=True)
class Excerpts:
    """Texts on one line, without comments, by line and column.

    Attributes:
        expressions: bodies of rules and bindings, arguments.
        alternatives: alternatives, without probability and condition.
        guards: the condition of an alternative, by where the alternative begins.
        values: domains and ranges.
    """

    expressions: Mapping[At, str]
    alternatives: Mapping[At, str]
    guards: Mapping[At, str]
    values: Mapping[At, str]


@lru_cache(maxsize=16)
def excerpts(text: str) -> Excerpts:
    """Excerpts of a grammar file that follows the syntax."""
    found = Excerpts({}, {}, {}, {})
    for tree in syntax_tree(text).iter_subtrees():
        if tree.data in ("series", "choice"):
            _note(found.expressions, tree, tree, text)
        elif tree.data in ("domain", "range", "log_range"):
            _note(found.values, tree, tree, text)
        elif tree.data in ("alternative", "alternative_guard_first"):
            _note(found.alternatives, tree, tree.children[0], text)
            for child in tree.children[1:]:
                if isinstance(child, Tree) and child.data == "guard":
                    _note(found.guards, tree, child, text)
    return found


def _note(texts: Any, start: Tree[Any], piece: Any, text: str) -> None:
    """Keeps the longest piece that begins at a place."""
    at = (start.meta.line, start.meta.column)
    shown = plain(text[piece.meta.start_pos : piece.meta.end_pos])
    if len(shown) > len(texts.get(at, "")):
        texts[at] = shown
