"""Pictures and pages of rules: their railroad diagrams one below the other, linked."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

import railroad

from einsearch.grammar.diagram import RuleDiagram, diagrams_of
from einsearch.grammar.expressions import Rule
from einsearch.grammar.model import Grammar
from einsearch.shown import escape

STYLE: Final = """
.railroad-diagram path{fill:none;stroke:#94a3b8;stroke-width:1.5}
.railroad-diagram rect{fill:#eff6ff;stroke:#2563eb;stroke-width:1.2}
.railroad-diagram .rule rect{fill:#fff;stroke:#475569}
.railroad-diagram .local rect{fill:#fef3c7;stroke:#d97706}
.railroad-diagram .tensor rect{fill:#dcfce7;stroke:#16a34a}
.railroad-diagram .group-box{fill:none;stroke:#94a3b8;stroke-dasharray:5 4}
.railroad-diagram text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;
text-anchor:middle;fill:#0f172a}
.railroad-diagram text.comment{font-size:11px;fill:#475569}
.railroad-diagram .guard text{font-style:italic;fill:#b45309}
.railroad-diagram a text{fill:#1d4ed8}
"""
_TEXT: Final = """
.picture{font:13px ui-sans-serif,system-ui,sans-serif;fill:#475569}
.picture .caption{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#0f172a}
.picture .head{font-weight:700;font-size:14px}
"""
_PAGE: Final = """
body{font:15px/1.5 ui-sans-serif,system-ui,sans-serif;color:#0f172a;background:#fff;
max-width:70rem;margin:2rem auto;padding:0 1rem}
h2,p.caption{font:700 15px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;margin:2rem 0 .3rem}
p.caption{font-weight:400;margin-top:.8rem}
p{margin:.2rem 0;color:#475569}
nav{margin:1rem 0;font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
a{color:#1d4ed8}
.wide{overflow-x:auto}
:target h2{background:#fef9c3}
"""
_MARGIN: Final = 16.0
_LINE: Final = 20.0
_COLUMNS: Final = 100
_CHARACTER: Final = 7.9


def draw_rules_svg(grammar: Grammar, rules: Sequence[Rule]) -> str:
    """One `<svg>` element with the diagrams of rules, which stands alone."""
    y, width, parts = _MARGIN, 0.0, []
    for drawn in diagrams_of(grammar, rules):
        parts.append(f'<g id="{drawn.anchor}">')
        for text, kind, diagram in _lines(drawn):
            if diagram is not None:
                parts.append(_svg(diagram, y))
                y += float(diagram.attrs["height"])
                width = max(width, float(diagram.attrs["width"]))
                continue
            y += _LINE
            parts.append(f'<text class="{kind}" x="{_MARGIN}" y="{y - 6:g}">{escape(text)}</text>')
            width = max(width, len(text) * _CHARACTER + _MARGIN)
        parts.append("</g>")
        y += _LINE
    size = f'width="{width + _MARGIN:g}" height="{y:g}" viewBox="0 0 {width + _MARGIN:g} {y:g}"'
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'class="picture" {size}>\n<title>Rules of {escape(grammar.name)}</title>\n'
        f'<style>{STYLE}{_TEXT}</style>\n<rect width="100%" height="100%" fill="#fff"/>\n'
        + "\n".join(parts)
        + "\n</svg>"
    )


def draw_rules_html(grammar: Grammar, rules: Sequence[Rule]) -> str:
    """A page with the diagrams of rules; each call of a rule is a link to it."""
    drawn = diagrams_of(grammar, rules)
    title = f"Rules of {escape(grammar.name)}"
    links = [f'<a href="#{item.anchor}">{escape(item.rule.name)}</a>' for item in drawn]
    parts = [
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        f"<title>{title}</title>\n<style>{STYLE}{_PAGE}</style>",
        f"<h1>{title}</h1>\n<nav>{' · '.join(links)}</nav>",
    ]
    for item in drawn:
        parts.append(f'<section id="{item.anchor}">\n<h2>{escape(item.rows[0].caption)}</h2>')
        if item.rule.documentation:
            parts.append(f"<p>{escape(item.rule.documentation)}</p>")
        for number, row in enumerate(item.rows):
            if number:
                parts.append(f'<p class="caption">{escape(row.caption)}</p>')
            if row.diagram is not None:
                parts.append(f'<div class="wide">{_svg(row.diagram)}</div>')
        parts.append("</section>")
    return "\n".join([*parts, "</html>"])


def _lines(drawn: RuleDiagram) -> Iterator[tuple[str, str, railroad.Diagram | None]]:
    """Text, class and diagram of each line of a picture: one of both is there."""
    for number, row in enumerate(drawn.rows):
        yield row.caption, "caption" if number else "caption head", None
        if not number:
            for line in drawn.rule.documentation.splitlines():
                for part in textwrap.wrap(line, _COLUMNS):
                    yield part, "told", None
        if row.diagram is not None:
            yield "", "", row.diagram


def _svg(diagram: railroad.Diagram, y: float | None = None) -> str:
    if y is not None:
        diagram.attrs |= {"x": f"{_MARGIN - 8:g}", "y": f"{y:g}"}
    text = io.StringIO()
    diagram.writeSvg(text.write)
    return text.getvalue()
