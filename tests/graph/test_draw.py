"""Drawings in the terminal."""

from __future__ import annotations

from hypothesis import given
from rich.text import Text

from einsearch.graph.draw import draw_text
from einsearch.graph.outline import outline
from einsearch.primitives.program import INPUT, Program, Ref
from einsearch.specs import image
from tests.graph.programs import programs
from tests.support import program, series

RESIDUAL = program(
    image(3, 8, 8),
    [
        ("conv2d", (3, 3), [INPUT]),
        ("relu", (), [0]),
        ("conv2d", (3, 3), [1]),
        ("add", (), [2, INPUT]),
    ],
)


def test_a_residual_block() -> None:
    assert draw_text(RESIDUAL) == (
        "●    input         image:3x8x8\n"
        "├─╮\n"
        "│ ●  conv2d(3, 3)  image:3x8x8          84\n"
        "│ ●  relu          image:3x8x8\n"
        "│ ●  conv2d(3, 3)  image:3x8x8          84\n"
        "├─╯\n"
        "●    add           image:3x8x8\n"
        "●    output        image:3x8x8"
    )


def test_a_split_with_equal_branches() -> None:
    written = program(
        image(4, 8, 8),
        [
            ("split", (2, 0), [INPUT]),
            ("conv2d", (2, 1), [Ref(0, 0)]),
            ("conv2d", (2, 1), [Ref(0, 1)]),
            ("mul", (), [1, 2]),
        ],
    )
    assert draw_text(written) == (
        "●    input               image:4x8x8\n"
        "●    split(2, 0)         image:2x8x8\n"
        "├─╮\n"
        "│ │  ┌ x 2 side by side\n"
        "● │  │ conv2d(2, 1)      image:2x8x8           6\n"
        "│ │  └\n"
        "├─╯\n"
        "●    mul                 image:2x8x8\n"
        "●    output              image:2x8x8"
    )


def test_a_line_crosses_lanes_without_touching_them() -> None:
    written = program(
        image(4, 8, 8),
        [
            ("split", (4, 0), [INPUT]),
            ("relu", (), [Ref(0, 0)]),
            ("add", (), [1, Ref(0, 2)]),
            ("mul", (), [2, Ref(0, 1), Ref(0, 3)]),
        ],
    )
    assert draw_text(written) == (
        "●        input        image:4x8x8\n"
        "●        split(4, 0)  image:1x8x8\n"
        "├─┬─┬─╮\n"
        "● │ │ │  relu         image:1x8x8\n"
        "├─│─╯ │\n"
        "● │   │  add          image:1x8x8\n"
        "├─┴───╯\n"
        "●        mul          image:1x8x8\n"
        "●        output       image:1x8x8"
    )


def test_lanes_are_used_again() -> None:
    written = program(
        image(6, 8, 8),
        [
            ("split", (3, 0), [INPUT]),
            ("add", (), [Ref(0, 0), Ref(0, 1)]),
            ("split", (2, 1), [1]),
            ("concat", (1,), [Ref(2, 1), Ref(2, 0)]),
            ("mul", (), [3, Ref(0, 2)]),
        ],
    )
    assert draw_text(written).splitlines()[2:9] == [
        "├─┬─╮",
        "├─╯ │",
        "●   │  add          image:2x8x8",
        "●   │  split(2, 1)  image:2x4x8",
        "├─╮ │",
        "├─╯ │",
        "●   │  concat(1)    image:2x8x8",
    ]


def test_repeats_have_a_bracket() -> None:
    text = draw_text(series(image(3, 8, 8), *[("conv2d", 3, 3), ("relu",)] * 4))
    assert text.splitlines()[1:5] == [
        "│  ┌ x 4",
        "●  │ conv2d(3, 3)  image:3x8x8          84",
        "●  │ relu          image:3x8x8",
        "│  └",
    ]


def test_markup_says_the_same() -> None:
    written = series(image(3, 8, 8), ("permute", "acb"), ("relu",))
    assert Text.from_markup(draw_text(written, markup=True)).plain == draw_text(written)
    assert draw_text(written, markup=True) != draw_text(written)


@given(programs)
def test_every_call_has_a_line(written: Program) -> None:
    for fold in (True, False):
        sketch = outline(written, fold=fold)
        lines = draw_text(written, fold=fold).splitlines()
        assert sum("●" in line for line in lines) == len(sketch.items) + 2
        assert all(line == line.rstrip() for line in lines)


def test_five_thousand_calls_in_a_row() -> None:
    steps = [("conv2d", 2 + n % 7, 1) if n % 2 else ("relu",) for n in range(5000)]
    assert draw_text(series(image(2, 2, 2), *steps), fold=False).count("●") == 5002
    assert "x 357" in draw_text(series(image(2, 2, 2), *steps))
