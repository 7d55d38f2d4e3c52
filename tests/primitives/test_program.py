"""Programs: specs of references, and costs of shared weights."""

from __future__ import annotations

from dataclasses import replace

from einsearch.primitives.base import Cost
from einsearch.primitives.program import INPUT, Program, Ref
from einsearch.specs import tokens, vector
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
