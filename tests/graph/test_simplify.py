"""Simplification keeps the function, drops what it says, and does nothing twice."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given

from einsearch.compile.module import build_module
from einsearch.graph.calls import label_of
from einsearch.graph.simplify import drop_unread, simplify
from einsearch.primitives.program import INPUT, Program, Ref
from einsearch.specs import image, tokens
from tests.graph.programs import programs, run_directly
from tests.support import program, series


def names(simplified: Program) -> list[str]:
    return [call.primitive.name for call in simplified.calls]


@given(programs)
def test_simplified_program_computes_the_same(written: Program) -> None:
    x = torch.randn(2, *written.input[0].shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        before, after = (run_directly(p, x)[0] for p in (written, simplify(written)))
    torch.testing.assert_close(after, before, rtol=1e-5, atol=1e-6, equal_nan=True)


@given(programs)
def test_twice_changes_nothing(written: Program) -> None:
    once = simplify(written)
    assert simplify(once) == once


@given(programs)
def test_calls_agree_with_the_tensors_that_they_read(written: Program) -> None:
    simple = simplify(written)
    for number, call in enumerate(simple.calls):
        assert all(ref.call < number for ref in call.inputs)
        assert tuple(map(simple.spec, call.inputs)) == call.specs
    assert simple.output == written.output


def test_identities_copies_and_unread_calls_go() -> None:
    written = program(
        image(3, 8, 8),
        [
            ("clone", (2,), [INPUT]),
            ("identity", (), [Ref(0, 1)]),
            ("conv2d", (4, 3), [Ref(0, 0)]),
            ("conv2d", (3, 3), [1]),
            ("norm", (), [2]),
            ("relu", (), [3]),
        ],
    )
    simple = simplify(written)
    assert names(simple) == ["conv2d", "relu"]
    assert simple.calls[0].inputs == (Ref(INPUT, 0),)
    assert simple.calls[0].weights == "w3"


@pytest.mark.parametrize(
    ("orders", "left"),
    [(("acb", "acb"), []), (("bca", "cab"), []), (("acb", "bac"), ["permute"]), (("abc",), [])],
)
def test_permutations_in_series_are_one_or_none(orders: tuple[str, ...], left: list[str]) -> None:
    written = series(image(2, 3, 5), *[("permute", order) for order in orders], ("relu",))
    simple = simplify(written)
    assert names(simple) == [*left, "relu"]
    assert simple.output == written.output


def test_joined_permutation_is_their_product() -> None:
    simple = simplify(series(image(2, 3, 5), ("permute", "bca"), ("permute", "bac"), ("relu",)))
    assert simple.calls[0].args.order == "cba"
    assert simple.output == (image(5, 3, 2),)


def test_split_that_is_concatenated_again_goes() -> None:
    same = program(
        image(4, 8, 8),
        [("split", (2, 0), [INPUT]), ("concat", (0,), [Ref(0, 0), Ref(0, 1)]), ("relu", (), [1])],
    )
    swapped = program(
        image(4, 8, 8),
        [("split", (2, 0), [INPUT]), ("concat", (0,), [Ref(0, 1), Ref(0, 0)]), ("relu", (), [1])],
    )
    assert names(simplify(same)) == ["relu"]
    assert names(simplify(swapped)) == ["split", "concat", "relu"]


def test_zeros_leave_a_sum_but_not_a_product() -> None:
    lines = [("zero", (), [INPUT]), ("relu", (), [INPUT])]
    assert names(simplify(program(image(1, 4, 4), [*lines, ("add", (), [0, 1])]))) == ["relu"]
    assert "mul" in names(simplify(program(image(1, 4, 4), [*lines, ("mul", (), [0, 1])])))


def test_what_makes_zero_of_zero_leaves_a_sum() -> None:
    steps = [("avg_pool", 3), ("relu",), ("permute", "acb"), ("dropout", 0.5)]
    lines = [("zero", (), [INPUT]), *[(s[0], s[1:], [n]) for n, s in enumerate(steps)]]
    written = program(image(1, 4, 4), [*lines, ("add", (), [4, INPUT]), ("relu", (), [5])])
    assert names(simplify(written)) == ["relu"]


@pytest.mark.parametrize("step", [("sigmoid",), ("norm",), ("conv2d", 1, 3), ("avg_pool", 2, 2)])
def test_what_may_make_more_of_zero_stays(step: tuple[Any, ...]) -> None:
    assert names(simplify(series(image(1, 4, 4), ("zero",), step))) == ["zero", step[0]]


def test_sums_of_sums_are_one_sum() -> None:
    lines = [
        ("relu", (), [INPUT]),
        ("tanh", (), [INPUT]),
        ("add", (), [0, 1]),
        ("sigmoid", (), [INPUT]),
        ("add", (), [3, INPUT]),
        ("add", (), [2, 4]),
    ]
    simple = simplify(program(image(1, 4, 4), lines))
    assert names(simple) == ["relu", "tanh", "sigmoid", "add"]
    assert [ref.call for ref in simple.calls[-1].inputs] == [0, 1, 2, INPUT]


def test_sums_that_others_read_or_of_another_kind_stay() -> None:
    lines = [("relu", (), [INPUT]), ("add", (), [0, INPUT])]
    read_twice = [*lines, ("add", (), [1, INPUT]), ("mul", (), [1, 2])]
    other = [*lines, ("maximum", (), [1, 0])]
    leaving = [*lines, ("add", (), [1, 0])]
    assert names(simplify(program(image(1, 4, 4), read_twice))) == ["relu", "add", "add", "mul"]
    assert names(simplify(program(image(1, 4, 4), other))) == ["relu", "add", "maximum"]
    assert names(simplify(program(image(1, 4, 4), leaving, [1, 2]))) == ["relu", "add", "add"]


def test_what_becomes_equal_when_sums_are_joined_is_merged() -> None:
    lines = [
        ("relu", (), [INPUT]),
        ("tanh", (), [INPUT]),
        ("add", (), [0, 1]),
        ("add", (), [2, INPUT]),
        ("add", (), [1, INPUT]),
        ("add", (), [0, 4]),
        ("mul", (), [3, 5]),
    ]
    assert names(simplify(program(image(1, 4, 4), lines))) == ["relu", "tanh", "add", "mul"]


def test_equal_calls_without_weights_are_one() -> None:
    written = program(
        tokens(4, 4),
        [
            ("relu", (), [INPUT]),
            ("relu", (), [INPUT]),
            ("linear", (4,), [0]),
            ("linear", (4,), [1]),
            ("add", (), [2, 3]),
            ("add", (), [3, 2]),
            ("mul", (), [4, 5]),
        ],
    )
    simple = simplify(written)
    assert names(simple) == ["relu", "linear", "linear", "add", "mul"]
    assert len(set(simple.calls[-1].inputs)) == 1


def test_dropout_is_never_merged() -> None:
    lines = [("dropout", (0.5,), [INPUT]), ("dropout", (0.5,), [INPUT]), ("add", (), [0, 1])]
    assert len(simplify(program(tokens(4, 4), lines)).calls) == 3


def test_calls_that_ask_for_a_shape_do_not_keep_others_alive() -> None:
    written = series(image(3, 4, 4), ("conv2d", 3, 3), ("constant", 2), ("relu",))
    assert names(simplify(written)) == ["constant", "relu"]


def test_drop_unread_keeps_the_rest_as_it_is() -> None:
    written = program(tokens(2, 2), [("relu", (), [-1]), ("sigmoid", (), [-1]), ("tanh", (), [1])])
    kept = drop_unread(written)
    assert names(kept) == ["sigmoid", "tanh"]
    assert drop_unread(kept) is kept


def test_labels_resolve_axes_and_kinds_of_numbers() -> None:
    last = series(tokens(3, 4), ("split", 2, 1)).calls[0]
    assert label_of(last) == "split(2,1)"
    assert label_of(series(tokens(3, 4), ("constant", 1)).calls[0]) == "constant(1.0):tokens:3x4"


def test_five_thousand_calls_in_a_row() -> None:
    written = series(image(1, 4, 4), *[("identity",), ("relu",)] * 2500)
    assert len(simplify(written).calls) == 2500
    assert build_module(written)(torch.ones(1, 1, 4, 4)).shape == (1, 1, 4, 4)
