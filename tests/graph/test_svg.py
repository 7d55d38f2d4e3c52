"""Drawings as SVG, and the layout behind them."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree

import networkx as nx
from hypothesis import given

from einsearch.graph.heads import head_for
from einsearch.graph.layout import GAP, layered_layout
from einsearch.graph.outline import outline
from einsearch.graph.svg import draw_svg
from einsearch.primitives.program import INPUT, Program
from einsearch.specs import image, vector
from tests.graph.programs import programs
from tests.support import program, series

SVG = "{http://www.w3.org/2000/svg}"


def test_shows_calls_shapes_and_costs() -> None:
    text = draw_svg(series(image(3, 8, 8), ("conv2d", 16, 3), ("permute", "acb")))
    words = ["".join(part.itertext()) for part in ElementTree.fromstring(text).iter(f"{SVG}text")]
    assert {"input", "conv2d(16, 3)", 'permute("acb")', "output"} <= set(words)
    assert {"3×8×8", "16×8×8"} <= set(words)  # noqa: RUF001  as the drawing writes sizes
    assert "image:3x8x8 to image:16x8x8 · 448 parameters · 0.1 MFLOPs" in words


def test_repeats_stand_in_a_frame() -> None:
    text = draw_svg(series(image(3, 8, 8), *[("conv2d", 3, 3), ("relu",)] * 4))
    assert text.count('class="frame"') == 1
    assert ">x 4<" in text


def test_copies_side_by_side_are_a_stack_of_cards() -> None:
    lines = [("conv2d", (3, 3), [INPUT])] * 3
    text = draw_svg(program(image(3, 8, 8), [*lines, ("add", (), [0, 1, 2])]))
    assert text.count('class="frame"') == 3
    assert text.count('class="edge passing"') == 1


@given(programs)
def test_is_a_picture_with_every_node_inside(written: Program) -> None:
    root = ElementTree.fromstring(draw_svg(written))
    width, height = float(root.get("width", "0")), float(root.get("height", "0"))
    nodes = [rect for rect in root.iter(f"{SVG}rect") if rect.get("stroke")]
    assert len(nodes) == len(outline(written).items) + 2
    for rect in nodes:
        x, y = float(rect.get("x", "-1")), float(rect.get("y", "-1"))
        assert 0 <= x <= width - float(rect.get("width", "0"))
        assert 0 <= y <= height - float(rect.get("height", "0"))
    numbers = re.findall(r"-?\d+\.\d", "".join(p.get("d", "") for p in root.iter(f"{SVG}path")))
    assert all(abs(float(number)) < 1e5 for number in numbers)


@given(programs)
def test_layout_keeps_distance_and_points_down(written: Program) -> None:
    graph = nx.MultiDiGraph()
    graph.add_node(INPUT)
    for number, call in enumerate(written.calls):
        graph.add_edges_from((ref.call, number) for ref in call.inputs)
    layout = layered_layout(graph, dict.fromkeys(graph, 40.0))
    assert all(layout.layer[a] < layout.layer[b] for a, b in graph.edges())
    for at in set(layout.layer.values()):
        row = [layout.x[node] for node in graph if layout.layer[node] == at]
        assert all(b - a >= 40.0 + GAP - 1e-6 for a, b in pairwise(sorted(row)))


def test_a_chain_beside_a_skip_is_straight() -> None:
    graph = nx.MultiDiGraph([(0, 1), (1, 2), (2, 3), (3, 4), (1, 3)])
    layout = layered_layout(graph, dict.fromkeys(graph, 40.0))
    assert len({layout.x[node] for node in range(5)}) == 1
    (bend,) = layout.bends[1, 3, 0]
    assert abs(layout.x[bend] - layout.x[2]) > 20


def texts_of(text: str) -> list[tuple[float, float, str]]:
    """Left and right end of every text, about, and the text."""
    found = []
    for part in ElementTree.fromstring(text).iter(f"{SVG}text"):
        words, x = "".join(part.itertext()), float(part.get("x", "0"))
        is_small = part.get("class") in ("shape", "group", "foot")
        length = len(words) * (6.0 if is_small else 7.2)
        middle = "node" in part.get("class", "")
        left = x - length / 2 if middle else x - length if part.get("text-anchor") else x
        found.append((left, left + length, words))
    return found


@given(programs)
def test_no_text_is_cut_at_the_side(written: Program) -> None:
    text = draw_svg(written)
    width = float(ElementTree.fromstring(text).get("width", "0"))
    for left, right, words in texts_of(text):
        assert left >= 0, words
        assert right <= width, words


def test_the_captions_of_a_narrow_network_fit() -> None:
    written = series(image(3, 8, 8), *[("relu",), ("gelu",)] * 5)
    text = draw_svg(written, head=head_for(written.output, vector(10)))
    width = float(ElementTree.fromstring(text).get("width", "0"))
    assert all(left >= 0 and right <= width for left, right, _ in texts_of(text))


def test_the_head_stands_between_the_features_and_the_output() -> None:
    written = series(image(3, 8, 8), ("conv2d", 16, 3))
    text = draw_svg(written, head=head_for(written.output, vector(10)))
    words = [words for _, _, words in texts_of(text)]
    assert "head: mean over positions, linear(10)" in words
    assert "image:3x8x8 to vector:10 · 448 parameters + 170 in the head · 0.1 MFLOPs" in words
    assert text.count('class="edge"') == 3
    assert "head" not in draw_svg(written)


def test_a_dark_page_gets_a_dark_picture() -> None:
    text = draw_svg(series(image(3, 8, 8), ("conv2d", 16, 3), ("relu",)))
    dark = text.split("@media (prefers-color-scheme:dark){")[1].split("</style>")[0]
    kinds = {rect.get("class") for rect in ElementTree.fromstring(text).iter(f"{SVG}rect")}
    assert kinds == {"ground", "ends", "conv", "activation"}
    assert all(f".network .{kind}{{fill:" in dark for kind in kinds)
