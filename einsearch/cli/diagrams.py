"""The command on pictures of grammars: draw."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from einsearch.cli.options import GrammarArgument, read_grammar
from einsearch.cli.output import WrongCall, write_file
from einsearch.cli.terminal import say

if TYPE_CHECKING:
    from einsearch.grammar.expressions import Rule
    from einsearch.grammar.model import Grammar


class Format(StrEnum):
    """What `draw` makes."""

    SVG = "svg"
    HTML = "html"


def draw(
    grammar: GrammarArgument,
    rule: Annotated[
        list[str] | None,
        typer.Option("--rule", "-r", metavar="NAME", help="Only this rule; may be repeated."),
    ] = None,
    all: Annotated[
        bool, typer.Option("--all", help="Also rules that only seeds use, or nothing.")
    ] = False,
    format: Annotated[
        Format | None,
        typer.Option("--format", "-f", help="What to make.", show_default="as FILE ends, or svg"),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write to this file instead."),
    ] = None,
) -> None:
    """Draw the rules of a grammar as railroad diagrams.

    A line that branches is a choice, with probabilities and conditions; a dashed frame holds
    branches side by side, copies or named tensors. Names of rules are links.

    Example: [cyan]einsearch draw einspace -o einspace.html[/]
    """
    from einsearch.grammar.diagram import rules_to_draw
    from einsearch.grammar.diagram_page import draw_rules_html, draw_rules_svg

    loaded: Grammar = read_grammar(grammar)
    rules = _named(loaded, rule) if rule else rules_to_draw(loaded, with_unreached=all)
    format = format or _format_of(output)
    make = draw_rules_html if format is Format.HTML else draw_rules_svg
    text = make(loaded, rules)
    if output is None:
        say(text)
    else:
        write_file(output, text + "\n")


def _format_of(output: Path | None) -> Format:
    """What the name of the file asks for. Raises WrongCall."""
    suffix = "" if output is None else output.suffix.lower()
    if suffix in (".html", ".htm"):
        return Format.HTML
    if suffix in ("", ".svg"):
        return Format.SVG
    raise WrongCall(
        f"--output: {output} ends in neither .svg nor .html, which can be made; "
        "say which by --format for any name"
    )


def _named(grammar: Grammar, names: list[str]) -> list[Rule]:
    from einsearch.grammar.modules import nearest

    found = []
    for name in names:
        rules = [rule for rule in grammar.rules.values() if rule.name == name]
        if not rules:
            names_there = [rule.name for rule in grammar.rules.values()]
            hint = nearest(name, names_there) or f"it has {', '.join(names_there)}"
            raise WrongCall(f"--rule: {grammar.name} has no rule {name}; {hint}")
        found += rules
    return found
