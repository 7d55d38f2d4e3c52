"""`draw_text`: a network for the terminal, one call a line, tensors as lanes at the left.

    ●    input                  image:3x32x32
    ├─╮
    │ ●  conv2d(3, 3)           image:3x32x32    84
    │ ●  relu                   image:3x32x32
    ├─╯
    ●    add                    image:3x32x32

Repeated blocks and equal branches are drawn once, with the number of copies. The expression that a
primitive takes is drawn above it, between brackets.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

from einsearch.graph.heads import Head
from einsearch.graph.outline import Item, Outline, caption, family, outline
from einsearch.primitives.program import INPUT, Call, Program, Ref
from einsearch.specs import describe

FAMILY_COLOURS: Final = {
    "linear": "blue",
    "conv": "blue",
    "norm": "green",
    "activation": "yellow",
    "pool": "cyan",
    "routing": "magenta",
    "combine": "bold",
    "elementwise": "yellow",
    "moments": "green",
    "position": "bright_blue",
    "sources": "bright_blue",
    "attention": "red",
    "experts": "magenta",
    "sparse": "magenta",
}
"""Colours of a terminal by family of primitives; others are white."""

_GLYPHS: Final = {
    (True, True, False, False): "│",
    (True, True, False, True): "├",
    (True, True, True, False): "┤",
    (True, True, True, True): "┼",
    (True, False, False, True): "╰",
    (True, False, True, False): "╯",
    (True, False, True, True): "┴",
    (False, True, False, True): "╭",
    (False, True, True, False): "╮",
    (False, True, True, True): "┬",
}
"""Box drawing by (up, down, left, right)."""


@dataclass(frozen=True, slots=True)
class _Row:
    lanes: str
    text: str = ""
    shape: str = ""
    parameters: int = 0
    colour: str = ""


def draw_text(
    program: Program, *, fold: bool = True, markup: bool = False, head: Head | None = None
) -> str:
    """Draws a network as lines of text.

    Args:
        program: the architecture; it is simplified first.
        fold: whether repeated blocks and equal branches are drawn once.
        markup: whether to colour the calls by family, in Rich's markup.
        head: what the task puts at the end; None where that is not known.

    Returns:
        The lines: lanes, call, shape of its outcome, number of its parameters.
    """
    rows = _Rows(outline(program, fold=fold), fold=fold, head=head).run()
    lanes = max(len(row.lanes) for row in rows)
    text = max(len(row.text) for row in rows)
    shape = max(len(row.shape) for row in rows)
    return "\n".join(_line(row, lanes, text, shape, markup=markup) for row in rows)


def _line(row: _Row, lanes: int, text: int, shape: int, *, markup: bool) -> str:
    count = f"{row.parameters:,}" if row.parameters else ""
    shown = row.text.ljust(text)
    if markup:
        shown = shown.replace("[", "\\[")
        if row.colour:
            shown = f"[{row.colour}]{shown}[/]"
    return f"{row.lanes.ljust(lanes)}  {shown}  {row.shape.ljust(shape)}  {count:>10}".rstrip()


class _Rows:
    """Lays the items of an outline onto lanes; a lane carries one tensor that is still read."""

    def __init__(self, sketch: Outline, *, fold: bool, head: Head | None = None) -> None:
        self.sketch = sketch
        self.fold = fold
        self.head = head
        self.lanes: list[Ref | None] = []
        self.rows: list[_Row] = []
        self.left = Counter(r for item in sketch.items for r in {*item.reads, *item.passing})
        self.left.update(set(sketch.outputs))
        self.heads: dict[int, list[str]] = {}
        self.tails: dict[int, list[str]] = {}
        for group in sorted(sketch.groups, key=lambda g: (g.members[0], -len(g.members))):
            self.heads.setdefault(group.members[0], []).append(group.caption)
            self.tails.setdefault(group.members[-1], []).insert(0, "└")
        self.depth = 0

    def run(self) -> list[_Row]:
        for port, spec in enumerate(self.sketch.program.input):
            self.lanes.append(Ref(INPUT, port))
            self._add(self._bars(port, "●"), _Row("", "input", str(spec)))
        for item in self.sketch.items:
            for text in self.heads.get(item.number, []):
                self._add(self._bars(), _Row("", f"┌ {text}"))
                self.depth += 1
            self._place(item)
            for _ in self.tails.get(item.number, []):
                self.depth -= 1
                self._add(self._bars(), _Row("", "└"))
        self._leave()
        return self.rows

    def _add(self, lanes: str, row: _Row) -> None:
        text = "│ " * self.depth + row.text
        self.rows.append(_Row(lanes, text, row.shape, row.parameters, row.colour))

    def _place(self, item: Item) -> None:
        column = self._enter((*item.reads, *item.passing))
        call = self.sketch.program.calls[item.number]
        row = _Row(
            "",
            caption(call),
            describe(call.outputs) if len(set(call.outputs)) > 1 else str(call.outputs[0]),
            call.cost.parameters,
            FAMILY_COLOURS.get(family(call), ""),
        )
        self._draw_inner(call)
        self.lanes[column] = Ref(item.number, 0)
        self._add(self._bars(column, "●"), row)
        self._fork(column, item.number, len(call.outputs))

    def _draw_inner(self, call: Call) -> None:
        """The expressions of a call, each as a drawing of its own above it."""
        for inner in call.inner:
            times = f" x {inner.copies}" if inner.copies > 1 else ""
            self._add(self._bars(), _Row("", f"┌ {inner.name}{times}"))
            drawn = _Rows(outline(inner.program, fold=self.fold), fold=self.fold).run()
            width = max(len(row.lanes) for row in drawn)
            for row in drawn:
                text = f"│ {row.lanes.ljust(width)}  {row.text}".rstrip()
                shown = _Row("", text, row.shape, row.parameters, row.colour)
                self._add(self._bars(), shown)
            self._add(self._bars(), _Row("", "└"))

    def _leave(self) -> None:
        column = self._enter(self.sketch.outputs)
        shape = describe(self.sketch.program.output)
        if self.head is not None:
            shape = str(self.head.output)
            row = _Row("", self.head.label, shape, self.head.parameters, FAMILY_COLOURS["linear"])
            self._add(self._bars(column, "●"), row)
        self._add(self._bars(column, "●"), _Row("", "output", shape))

    def _enter(self, reads: tuple[Ref, ...]) -> int:
        """Leads the lanes of what is read to one column, which is returned."""
        refs = list(dict.fromkeys(reads))
        columns = [self.lanes.index(ref) for ref in refs]
        self.left.subtract(refs)
        dying = [c for c, ref in zip(columns, refs, strict=True) if self.left[ref] == 0]
        target = min(dying) if dying else self._free(max(columns))
        before = list(self.lanes)
        for column in dying:
            self.lanes[column] = None
        self.lanes[target] = Ref(INPUT, -1)
        if columns != [target]:
            self._add(self._connect(before, target, {*columns, target}), _Row(""))
        return target

    def _fork(self, column: int, number: int, ports: int) -> None:
        """Opens a lane for every further outcome that somebody reads."""
        read = [Ref(number, port) for port in range(ports) if self.left[Ref(number, port)] > 0]
        before = [*self.lanes]
        self.lanes[column] = read[0] if read else None
        opened = {column}
        for ref in read[1:]:
            free = self._free(max(opened))
            self.lanes[free] = ref
            opened.add(free)
        if len(opened) > 1:
            self._add(self._connect(before, column, opened), _Row(""))
        while self.lanes and self.lanes[-1] is None:
            self.lanes.pop()

    def _free(self, after: int) -> int:
        for column in range(after + 1, len(self.lanes)):
            if self.lanes[column] is None:
                return column
        self.lanes.append(None)
        return len(self.lanes) - 1

    def _bars(self, column: int = -1, mark: str = "") -> str:
        signs = ["│" if ref is not None else " " for ref in self.lanes]
        if mark:
            signs[column] = mark
        return " ".join(signs)

    def _connect(self, before: list[Ref | None], target: int, joined: set[int]) -> str:
        """A line across the lanes; those that it does not join pass through."""
        low, high = min(joined), max(joined)
        text = ""
        for column, after in enumerate(self.lanes):
            up = column < len(before) and before[column] is not None
            inside = low <= column <= high
            if column in joined:
                sides = (up, after is not None, column > low, column < high)
                text += _GLYPHS[sides]
            else:
                through = up or after is not None
                text += "│" if through else "─" if inside else " "
            text += "─" if low <= column < high else " "
        return text.rstrip()
