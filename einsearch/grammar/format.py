"""`format_text`: the one layout of a grammar file. Comments stay, the meaning stays.

Lines break at alternatives, then at `>>`; probabilities and conditions stand below each other, and
so do the `=` of neighbouring rules. Of blank lines one in a row is kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from einsearch.errors import EinsearchError
from einsearch.grammar.format_doc import Doc, word
from einsearch.grammar.format_layout import Definition, Layout
from einsearch.grammar.format_print import WIDTH, Printer
from einsearch.grammar.format_tokens import read_words
from einsearch.grammar.read import read_file
from einsearch.grammar.syntax import SourceFile, same_syntax


def format_text(text: str, name: str = "<text>") -> str:
    """A grammar file in its canonical layout; formatting the outcome again changes nothing.

    Args:
        text: the whole file.
        name: stands in messages.

    Raises:
        GrammarError: the text does not follow the syntax; with line and column.
    """
    source = read_file(text, name)
    text = source.text
    words = read_words(text)
    statements = Layout(words).transform(words.tree)
    printer = Printer()
    for doc in _with_aligned_names(statements):
        printer.print(doc)
    printer.print(word("", words.end.before))
    _check_unchanged(source, read_file(printer.text, name))
    return printer.text


def _with_aligned_names(statements: Sequence[Any]) -> list[Doc]:
    """Statements; neighbouring rules of one line have their `=` below each other."""
    docs: list[Doc] = []
    runs: list[list[Any]] = []
    for statement in statements:
        if runs and _belong_together(runs[-1][-1], statement):
            runs[-1].append(statement)
        else:
            runs.append([statement])
    for run in runs:
        if isinstance(run[0], Definition):
            width = max(item.name.size.width for item in run)
            if any(width + item.rest.size.width > WIDTH for item in run):
                width = 0
            docs += [item.doc(width) for item in run]
        else:
            docs += run
    return docs


def _belong_together(above: Any, below: Any) -> bool:
    if not isinstance(above, Definition) or not isinstance(below, Definition):
        return False
    is_next = above.keyword == below.keyword and not below.is_apart
    return is_next and above.is_one_line and below.is_one_line


def _check_unchanged(before: SourceFile, after: SourceFile) -> None:
    """Formatting must not change what a file says, whatever it contains."""
    same_comments = Counter(c.text for c in before.comments) == Counter(
        c.text for c in after.comments
    )
    if not same_comments or not same_syntax(before.statements, after.statements):
        raise EinsearchError(
            f"formatting {before.name} would change its meaning; this is a defect of einsearch, "
            "please report it with the file"
        )
