"""Pictures and pages of rules: everything is in them, in its place, and escaped."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

import pytest

from einsearch.grammar import expressions as e
from einsearch.grammar.diagram import anchor_of, rules_to_draw
from einsearch.grammar.diagram_page import draw_rules_html, draw_rules_svg
from einsearch.grammar.load import load_grammar_text
from einsearch.grammar.model import Grammar, nodes_of
from tests.derivation.spaces import packaged

SVG: Final = "{http://www.w3.org/2000/svg}"
LINK: Final = "{http://www.w3.org/1999/xlink}href"
IMAGES: Final = Path(__file__).resolve().parents[2] / "docs" / "images"
GRAMMARS: Final = ["darts", "digits", "einspace", "evonorm", "nasbench201"]


def picture(grammar: Grammar) -> ElementTree.Element:
    return ElementTree.fromstring(
        draw_rules_svg(grammar, rules_to_draw(grammar, with_unreached=True))
    )


def texts(element: ElementTree.Element) -> list[str]:
    return ["".join(part.itertext()) for part in element.iter(f"{SVG}text")]


@pytest.mark.parametrize("name", GRAMMARS)
def test_a_picture_holds_every_rule_with_every_call_and_alternative(name: str) -> None:
    grammar = packaged(name)
    groups = {group.get("id"): group for group in picture(grammar).findall(f"{SVG}g")}
    assert len(groups) == len(grammar.rules)
    for rule in grammar.rules.values():
        group = groups[anchor_of(rule)]
        shown = texts(group)
        assert shown[0].split("(")[0] == rule.name
        for node in nodes_of(rule):
            if isinstance(node, e.PrimitiveCall):
                assert any(text.startswith(node.primitive.name) for text in shown)
            elif isinstance(node, e.RuleCall):
                called = grammar.rules[node.rule].name
                assert any(re.match(rf"{called}\b", text) for text in shown)
            elif isinstance(node, e.Alternative):
                assert f"[{node.probability:.3g}]" in shown
                assert node.guard is None or any(text.startswith("when ") for text in shown)


def test_nothing_reaches_beyond_the_picture() -> None:
    for name in GRAMMARS:
        root = picture(packaged(name))
        width, height = float(root.get("width", 0)), float(root.get("height", 0))
        bottom = 0.0
        for inner in root.iter(f"{SVG}svg"):
            if inner is not root:
                top = float(inner.get("y", 0))
                assert top >= bottom
                bottom = top + float(inner.get("height", 0))
                assert float(inner.get("x", 0)) + float(inner.get("width", 0)) <= width
        assert bottom <= height


@pytest.mark.parametrize("name", GRAMMARS)
def test_every_link_leads_to_a_rule(name: str) -> None:
    root = picture(packaged(name))
    places = {f"#{group.get('id')}" for group in root.findall(f"{SVG}g")}
    links = [link.get(LINK) for link in root.iter(f"{SVG}a")]
    assert links
    assert set(links) <= places


def test_signs_of_markup_are_escaped() -> None:
    text = 'start x\n## a <b> & "c"\nx = relu when height < 8 | permute("<&>") | y\ny = relu\n'
    grammar = load_grammar_text(text, "a<b>.ein")
    shown = texts(picture(grammar))
    assert "when height < 8" in shown
    assert 'permute("<&>")' in shown
    assert 'a <b> & "c"' in shown
    page = draw_rules_html(grammar, rules_to_draw(grammar))
    assert "<title>Rules of a&lt;b&gt;.ein</title>" in page
    assert "<p>a &lt;b&gt; &amp; &quot;c&quot;</p>" in page
    assert "<b>" not in page


def test_a_page_has_sections_with_links_and_documentation() -> None:
    grammar = packaged("einspace")
    page = draw_rules_html(grammar, rules_to_draw(grammar))
    sections = re.findall(r'<section id="([^"]+)">', page)
    assert sections[0] == "rule-network"
    assert "rule-stage" not in sections
    assert set(re.findall(r'href="#([^"]+)"', page)) == set(sections)
    assert "<p>The root is never a lone computation.</p>" in page
    assert page.count("<svg") == page.count("</svg>") == len(sections)


@pytest.mark.parametrize("name", ["einspace", "evonorm"])
def test_pictures_in_the_guide_show_the_grammars_as_they_are(name: str) -> None:
    grammar = packaged(name)
    drawn = ElementTree.fromstring(draw_rules_svg(grammar, rules_to_draw(grammar)))
    kept = ElementTree.parse(IMAGES / f"{name}-rules.svg").getroot()
    assert texts(kept) == texts(drawn)
