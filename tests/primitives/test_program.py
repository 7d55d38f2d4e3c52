"""Programs: specs of references, costs of shared weights, programs inside."""

from __future__ import annotations

from dataclasses import replace

import pytest

from einsearch.errors import ShapeError
from einsearch.primitives.base import Cost
from einsearch.primitives.program import INPUT, Program, Ref
from einsearch.specs import image, tokens, vector
from tests.support import program, series


def test_specs_of_references() -> None:
    made = program(tokens(4, 6), [("split", (2, 1), (INPUT,))], [Ref(0, 1), Ref(INPUT, 0)])
    assert made.output == (tokens(4, 3), tokens(4, 6))


def test_cost_is_the_sum_of_the_calls() -> None:
    made = series(vector(5), ("linear", 3), ("relu",), ("linear", 2))
    assert made.cost == Cost(5 * 3 + 3 + 3 * 2 + 2, 2 * (15 + 6), 4 * (3 + 3 + 2))


def test_shared_weights_are_counted_once() -> None:
    made = series(vector(5), ("linear", 5), ("linear", 5))
    shared = Program(
        made.input, tuple(replace(call, weights="one") for call in made.calls), made.outputs
    )
    assert (made.cost.parameters, shared.cost.parameters) == (60, 30)
    assert made.cost.flops == shared.cost.flops == 100


def nested() -> Program:
    inner = series(vector(8), ("linear", 6), ("experts", series(vector(6), ("linear", 8)), 3, 2))
    return series(tokens(5, 8), ("relu",), ("experts", inner, 4, 2))


def test_nodes_count_every_copy_and_levels_how_deep_they_stand() -> None:
    assert nested().nodes == 2 + 4 * (2 + 3 * 1)
    assert (nested().levels, series(vector(2), ("relu",)).levels) == (2, 0)


def test_expressions_of_a_call() -> None:
    (inner,) = nested().calls[1].inner
    assert (inner.name, inner.copies, inner.program.input) == ("expression", 4, (vector(8),))
    assert nested().calls[0].inner == ()


def test_calls_run_on_other_tensors_with_all_that_is_inside() -> None:
    written = nested()
    longer = written.on((tokens(9, 8),))
    assert longer.output == (tokens(9, 8),)
    assert longer.on(written.input) == written
    wider = written.on((tokens(5, 12),))
    assert wider.calls[1].inner[0].program.input == (vector(12),)
    assert wider.output == (tokens(5, 8),)
    with pytest.raises(ShapeError, match="conv2d cannot take vector:4"):
        series(image(3, 4, 4), ("conv2d", 2, 3)).on((vector(4),))


def test_weights_keys_are_counted_from_the_first_use() -> None:
    made = series(vector(5), ("linear", 5), ("relu",), ("linear", 5))
    keys = ("b", "a", "b")
    calls = tuple(replace(call, weights=key) for call, key in zip(made.calls, keys, strict=True))
    own = Program(made.input, calls, made.outputs).with_own_keys()
    assert [call.weights for call in own.calls] == ["0", "1", "0"]
    assert own.with_own_keys() == own
