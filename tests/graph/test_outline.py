"""What is folded in a drawing, and what is not."""

from __future__ import annotations

from hypothesis import given

from einsearch.graph.outline import Outline, caption, outline
from einsearch.primitives.program import INPUT, Call, Program, Ref
from einsearch.specs import image
from tests.graph.programs import programs, rebuild
from tests.support import Line, program, series

SPEC = image(4, 8, 8)


def residual(lines: list[Line]) -> None:
    """Appends relu(x + conv(x))."""
    x = len(lines) - 1
    lines += [("conv2d", (4, 3), [x]), ("add", (), [x + 1, x]), ("relu", (), [x + 2])]


def shown(sketch: Outline) -> list[tuple[str, tuple[str, ...]]]:
    names = [call.primitive.name for call in sketch.program.calls]
    return [(group.caption, tuple(names[n] for n in group.members)) for group in sketch.groups]


def test_repeated_blocks_are_drawn_once() -> None:
    lines: list[Line] = [("conv2d", (4, 1), [INPUT])]
    for _ in range(5):
        residual(lines)
    sketch = outline(program(SPEC, lines))
    assert shown(sketch) == [("x 5", ("conv2d", "add", "relu"))]
    assert [item.number for item in sketch.items] == [0, 1, 2, 3]
    assert sketch.outputs == (Ref(3, 0),)


def test_repeats_inside_of_repeats() -> None:
    steps = [("norm",), ("relu",), ("relu",), ("relu",)]
    keyed = [("sigmoid",), ("dropout", 0.5), ("dropout", 0.5), ("dropout", 0.5)]
    assert shown(outline(series(SPEC, *steps)))[-1] == ("x 3", ("relu",))
    sketch = outline(series(SPEC, *keyed * 4))
    assert shown(sketch) == [("x 3", ("dropout",)), ("x 4", ("sigmoid", "dropout"))]
    assert len(sketch.items) == 2


def test_equal_branches_are_drawn_once() -> None:
    lines: list[Line] = []
    for _ in range(3):
        lines += [("conv2d", (4, 3), [INPUT]), ("relu", (), [len(lines)])]
    sketch = outline(program(SPEC, [*lines, ("concat", (0,), [1, 3, 5])]))
    assert shown(sketch) == [("x 3 side by side", ("conv2d", "relu"))]
    assert [item.number for item in sketch.items] == [0, 1, 6]
    assert sketch.items[-1].passing == (Ref(INPUT, 0),)


def test_parts_of_a_split_are_equal_branches() -> None:
    lines: list[Line] = [("split", (4, 0), [INPUT])]
    lines += [("conv2d", (1, 3), [Ref(0, port)]) for port in range(4)]
    sketch = outline(program(SPEC, [*lines, ("concat", (0,), [1, 2, 3, 4])]))
    assert shown(sketch) == [("x 4 side by side", ("conv2d",))]
    assert sketch.items[-1].passing == (Ref(0, 1),)


def test_branches_that_differ_are_all_drawn() -> None:
    lines: list[Line] = [("conv2d", (4, 3), [INPUT]), ("conv2d", (4, 1), [INPUT])]
    sketch = outline(program(SPEC, [*lines, ("add", (), [0, 1])]))
    assert sketch.groups == ()
    assert len(sketch.items) == 3


def test_branches_that_others_read_are_all_drawn() -> None:
    lines: list[Line] = [("conv2d", (4, 3), [INPUT])] * 2
    sketch = outline(program(SPEC, [*lines, ("add", (), [0, 1]), ("mul", (), [2, 1])]))
    assert sketch.groups == ()
    assert [item.reads for item in sketch.items][-1] == (Ref(2, 0), Ref(1, 0))


def test_shared_weights_are_said() -> None:
    chain = series(SPEC, *[("conv2d", 4, 3)] * 3)
    tied = rebuild(
        chain, lambda _, c: Call(c.primitive, c.args, c.inputs, c.specs, c.outputs, "one")
    )
    assert outline(tied).groups[0].caption == "x 3, sharing weights"


def test_a_run_begins_with_its_largest_piece() -> None:
    lines: list[Line] = [("conv2d", (4, 1), [INPUT]), ("relu", (), [0])]
    for _ in range(3):
        residual(lines)
    (group,) = outline(program(SPEC, lines)).groups
    assert group.times == 3
    assert group.members == (2, 3, 4)


def test_captions_leave_defaults_out() -> None:
    calls = series(SPEC, ("conv2d", 8, 3), ("conv2d", 8, 3, 2), ("relu",)).calls
    assert [caption(call) for call in calls] == [
        "conv2d(8, 3)",
        "conv2d(8, 3, stride=2)",
        "relu",
    ]


@given(programs)
def test_everything_read_is_drawn(written: Program) -> None:
    for fold in (True, False):
        sketch = outline(written, fold=fold)
        drawn = {INPUT} | {item.number for item in sketch.items}
        for item in sketch.items:
            assert {ref.call for ref in (*item.reads, *item.passing)} <= drawn
            assert all(ref.call < item.number for ref in item.reads)
        assert {ref.call for ref in sketch.outputs} <= drawn
        assert all(set(group.members) <= drawn for group in sketch.groups)
        counted = len(sketch.program.calls)
        assert len(sketch.items) == counted or (fold and sketch.groups)
