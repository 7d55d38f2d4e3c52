"""`draw_svg`: a network as a picture that stands alone, for pages and reports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from einsearch.graph.heads import Head
from einsearch.graph.layout import Layout, layered_layout
from einsearch.graph.outline import Group, Outline, caption, family, outline
from einsearch.primitives.program import INPUT, Program, Ref
from einsearch.shown import escape
from einsearch.specs import describe

if TYPE_CHECKING:
    import networkx as nx

PALETTE: Final = {
    "linear": ("#dbeafe", "#2563eb"),
    "conv": ("#dbeafe", "#2563eb"),
    "norm": ("#dcfce7", "#16a34a"),
    "activation": ("#fef3c7", "#d97706"),
    "pool": ("#cffafe", "#0891b2"),
    "routing": ("#f3e8ff", "#9333ea"),
    "combine": ("#f1f5f9", "#475569"),
    "elementwise": ("#fef3c7", "#d97706"),
    "moments": ("#dcfce7", "#16a34a"),
    "position": ("#e0e7ff", "#4f46e5"),
    "sources": ("#e0e7ff", "#4f46e5"),
    "attention": ("#fee2e2", "#dc2626"),
    "experts": ("#fae8ff", "#a21caf"),
    "sparse": ("#fae8ff", "#a21caf"),
    "input": ("#1e293b", "#1e293b"),
    "output": ("#1e293b", "#1e293b"),
}
"""(fill, line) by family of primitives."""
_OTHER: Final = ("#fce7f3", "#db2777")

_ROW: Final = 62.0
_HEIGHT: Final = 28.0
_CHARACTER: Final = 7.3
_MARGIN: Final = 34.0

_SMALL: Final = 6.2
"""Pixels of a character of shapes, captions and foot, whose letters are smaller."""

_STYLE: Final = """
.network text{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#0f172a}
.network .node{text-anchor:middle;dominant-baseline:central}.network .end{fill:#fff}
.network .shape,.network .foot{font-size:10px;fill:#64748b}
.network .group{font-size:10px;fill:#475569;font-weight:600}
.network .shape,.network .group{paint-order:stroke;stroke:#fff;stroke-width:3px;\
stroke-linejoin:round}
.network .edge{fill:none;stroke:#94a3b8;stroke-width:1.4}.network .passing{stroke-dasharray:3 4}
.network .frame{fill:#f8fafc;stroke:#cbd5e1;stroke-width:1.2}
"""

_DARK: Final = """
.network .ground{fill:#151a22}.network text{fill:#e4e8ef}
.network .shape,.network .foot{fill:#98a2b3}.network .group{fill:#b6c0ce}
.network .shape,.network .group{stroke:#151a22}
.network .edge{stroke:#7a8698}.network .frame{fill:#1c232e;stroke:#3a4556}
.network .ends{fill:#cbd5e1;stroke:#cbd5e1}.network .end{fill:#0f172a}
"""
"""In place of some of these where a page or picture is shown on a dark ground."""


def _style() -> str:
    """The style sheet: light, and dark where the viewer asks for it."""
    boxes = "".join(
        f".network .{kind}{{fill:{line}4d}}\n"
        for kind, (_, line) in {**PALETTE, "other": _OTHER}.items()
        if kind not in ("input", "output")
    )
    return f"<style>{_STYLE}@media (prefers-color-scheme:dark){{{_DARK}{boxes}}}\n</style>"


def draw_svg(program: Program, *, fold: bool = True, head: Head | None = None) -> str:
    """Draws a network from top to bottom, as one `<svg>` element; light, or dark where the viewer
    asks for it.

    Args:
        program: the architecture; it is simplified first.
        fold: whether repeated blocks and equal branches are drawn once, in a frame.
        head: what the task puts at the end; None where that is not known.
    """
    return _Picture(outline(program, fold=fold), head).draw()


class _Picture:
    def __init__(self, sketch: Outline, head: Head | None = None) -> None:
        self.sketch = sketch
        self.head = head
        self.calls = sketch.program.calls
        self.graph = self._graph()
        self.widths = {node: self._width(node) for node in self.graph}
        late = frozenset(
            item.number for item in sketch.items if self.calls[item.number].primitive.is_source
        )
        self.layout: Layout = layered_layout(self.graph, self.widths, late)
        self.shift = 0.0
        self.frames = {group: self._box(group) for group in self.sketch.groups}
        left, right = self._extent()
        self.shift = _MARGIN - left
        self.frames = {group: self._box(group) for group in self.sketch.groups}
        foot = len(self._told()) * _SMALL
        self.width = max(right - left, foot) + 2 * _MARGIN
        self.height = max(self.layout.layer.values()) * _ROW + 3 * _MARGIN + _HEIGHT / 2

    def _graph(self) -> nx.MultiDiGraph[Any]:
        import networkx as nx

        graph: nx.MultiDiGraph[Any] = nx.MultiDiGraph()
        for port in range(len(self.sketch.program.input)):
            graph.add_node(("input", port))
        for item in self.sketch.items:
            graph.add_node(item.number)
            self._connect(graph, item.reads, item.number, passing=False)
            self._connect(graph, item.passing, item.number, passing=True)
        last = "output" if self.head is None else "head"
        graph.add_node(last)
        self._connect(graph, self.sketch.outputs, last, passing=False)
        if self.head is not None:
            graph.add_edge("head", "output", ref=None, passing=False)
        return graph

    def _connect(
        self, graph: nx.MultiDiGraph[Any], refs: Sequence[Ref], target: Any, *, passing: bool
    ) -> None:
        for ref in refs:
            source = ("input", ref.port) if ref.call == INPUT else ref.call
            graph.add_edge(source, target, ref=ref, passing=passing)

    def _label(self, node: Any) -> str:
        if node == "output":
            return "output"
        if node == "head" and self.head is not None:
            return self.head.label
        return caption(self.calls[node]) if isinstance(node, int) else "input"

    def _width(self, node: Any) -> float:
        return max(64.0, len(self._label(node)) * _CHARACTER + 22)

    def _place(self, node: Any) -> tuple[float, float]:
        return self.layout.x[node] + self.shift, self.layout.layer[node] * _ROW + 2 * _MARGIN

    # --- elements ---

    def draw(self) -> str:
        groups = sorted(self.sketch.groups, key=lambda g: -len(g.members))
        parts = [
            *[self._frame(group) for group in groups],
            *[self._edge(*edge) for edge in self.graph.edges(keys=True)],
            *[self._node(node) for node in self.graph],
            *[self._shape(node) for node in self.graph],
            self._foot(),
        ]
        size = f"{self.width:.0f} {self.height:.0f}"
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="network" viewBox="0 0 {size}" '
            f'width="{self.width:.0f}" height="{self.height:.0f}" '
            f'style="--natural:{self.width:.0f}px">\n{_style()}\n'
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
            'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#94a3b8"/></marker>'
            '</defs>\n<rect class="ground" width="100%" height="100%" rx="12" fill="#fff"/>\n'
            + "\n".join(part for part in parts if part)
            + "\n</svg>\n"
        )

    def _node(self, node: Any) -> str:
        x, y = self._place(node)
        width = self.widths[node]
        is_layer = isinstance(node, int) or node == "head"
        kind = family(self.calls[node]) if isinstance(node, int) else "linear"
        kind = (kind if kind in PALETTE else "other") if is_layer else "ends"
        fill, line = PALETTE["input"] if kind == "ends" else PALETTE.get(kind, _OTHER)
        end = "" if is_layer else " end"
        radius = 6 if is_layer else _HEIGHT / 2
        return (
            f'<rect class="{kind}" x="{x - width / 2:.1f}" y="{y - _HEIGHT / 2:.1f}" '
            f'width="{width:.1f}" '
            f'height="{_HEIGHT:.0f}" rx="{radius:.0f}" fill="{fill}" stroke="{line}"/>'
            f'<text class="node{end}" x="{x:.1f}" y="{y:.1f}">{escape(self._label(node))}</text>'
        )

    def _shape(self, node: Any) -> str:
        """Shape of a node's outcome, beside the edge that leaves it."""
        if not (sizes := self._sizes(node)):
            return ""
        x, y = self._place(node)
        return f'<text class="shape" x="{x + 7:.1f}" y="{y + _HEIGHT / 2 + 14:.1f}">{sizes}</text>'

    def _sizes(self, node: Any) -> str:
        """The shape of a node's outcome as people write it."""
        if node == "output":
            return ""
        if node == "head" and self.head is not None:
            spec = self.head.output
        elif isinstance(node, int):
            spec = self.calls[node].outputs[0]
        else:
            spec = self.sketch.program.input[node[1]]
        return "×".join(map(str, spec.shape))  # noqa: RUF001

    def _extent(self) -> tuple[float, float]:
        """How far the drawing reaches to the left and to the right."""
        lefts = [self.layout.x[n] - self.widths[n] / 2 for n in self.graph]
        rights = [self.layout.x[n] + self.widths[n] / 2 for n in self.graph]
        rights += [self.layout.x[n] + 7 + len(self._sizes(n)) * _SMALL for n in self.graph]
        bends = [bend for bends in self.layout.bends.values() for bend in bends]
        lefts += [self.layout.x[bend] for bend in bends]
        rights += [self.layout.x[bend] for bend in bends]
        lefts += [left for left, _, _, _ in self.frames.values()]
        rights += [right + 8 for _, _, right, _ in self.frames.values()]
        return min(lefts), max(rights)

    def _edge(self, source: Any, target: Any, key: Any) -> str:
        """A line from the foot of one node to the head of another, straight in every layer."""
        x, y = self._place(source)
        path = f"M{x:.1f} {y + _HEIGHT / 2:.1f}"
        at = y + _HEIGHT / 2
        for bend in self.layout.bends[source, target, key]:
            bx, by = self._place(bend)
            path += _curve(x, at, bx, by - _HEIGHT / 2) + f"V{by + _HEIGHT / 2:.1f}"
            x, at = bx, by + _HEIGHT / 2
        tx, ty = self._place(target)
        path += _curve(x, at, self._head(target, x, tx), ty - _HEIGHT / 2 - 1)
        passing = " passing" if self.graph.edges[source, target, key]["passing"] else ""
        return f'<path class="edge{passing}" d="{path}" marker-end="url(#tip)"/>'

    def _head(self, target: Any, start: float, centre: float) -> float:
        """Where an edge meets its target: nearer to where it comes from, so that tips part."""
        reach = self.widths[target] / 2 - 14
        return centre + max(-reach, min(reach, (start - centre) / 3))

    def _box(self, group: Group) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of a frame; wide enough for its caption."""
        members = {*group.members}
        nodes: list[Any] = [*group.members]
        top_layer = min(self.layout.layer[node] for node in members)
        for edge, bends in self.layout.bends.items():
            if edge[1] in members:
                nodes += [bend for bend in bends if bend.layer >= top_layer]
        depth = sum(members < {*other.members} for other in self.sketch.groups)
        pad = max(6.0, 18.0 - 6.0 * depth)
        half = {node: self.widths.get(node, 0.0) / 2 for node in nodes}
        left = min(self._place(n)[0] - half[n] for n in nodes) - pad
        right = max(self._place(n)[0] + half[n] for n in nodes) + pad + 14
        top = min(self._place(n)[1] for n in nodes) - _HEIGHT / 2 - pad
        bottom = max(self._place(n)[1] for n in nodes) + _HEIGHT / 2 + pad
        return left, top, max(right, left + len(group.caption) * _SMALL + 16), bottom

    def _frame(self, group: Group) -> str:
        left, top, right, bottom = self.frames[group]
        cards = [8, 4, 0] if not group.in_series else [0]
        rects = "".join(
            f'<rect class="frame" x="{left + d:.1f}" y="{top + d:.1f}" rx="9" '
            f'width="{right - left:.1f}" height="{bottom - top:.1f}"/>'
            for d in cards
        )
        return (
            f'{rects}<text class="group" x="{right - 8:.1f}" y="{bottom - 8:.1f}" '
            f'text-anchor="end">{escape(group.caption)}</text>'
        )

    def _told(self) -> str:
        """What stands above the drawing: what enters and leaves, and what it costs."""
        program = self.sketch.program
        cost = program.cost
        leaving = describe(program.output) if self.head is None else str(self.head.output)
        head = "" if self.head is None else f" + {self.head.parameters:,} in the head"
        return (
            f"{describe(program.input)} to {leaving} · {cost.parameters:,} parameters{head} · "
            f"{cost.flops / 1e6:,.1f} MFLOPs"
        )

    def _foot(self) -> str:
        place = f'x="{_MARGIN:.0f}" y="{_MARGIN / 2 + 6:.0f}"'
        return f'<text class="foot" {place}>{escape(self._told())}</text>'


def _curve(x: float, y: float, to_x: float, to_y: float) -> str:
    middle = (y + to_y) / 2
    return f"C{x:.1f} {middle:.1f} {to_x:.1f} {middle:.1f} {to_x:.1f} {to_y:.1f}"
