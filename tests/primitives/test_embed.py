"""Codes as vectors, against torch's embedding."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from einsearch.errors import ShapeError
from einsearch.primitives.base import cost, get_primitive, infer
from einsearch.specs import TensorSpec, image, tokens, vector
from tests.primitives.calling import call
from tests.primitives.recurrences import export_everywhere
from tests.support import series


@pytest.mark.parametrize("spec", [tokens(5, 1), image(1, 2, 3), vector(1)])
def test_is_a_row_of_the_table_for_each_code(spec: TensorSpec) -> None:
    network = call("embed", 4, 7, on=spec)
    codes = torch.randint(7, (3, *spec.shape))
    made = network(codes.float())[0].movedim(1 + spec.feature_axis, -1)
    expected = F.embedding(codes.squeeze(1 + spec.feature_axis), network.inner.weight)
    assert torch.equal(made, expected)
    assert network(codes.float())[0].shape == (3, *infer_one(spec).shape)


def infer_one(spec: TensorSpec) -> TensorSpec:
    primitive = get_primitive("embed")
    (made,) = infer(primitive, primitive.bind(4, 7), (spec,))
    return made


@given(code=st.floats(-1e6, 1e6), count=st.integers(1, 40))
def test_what_is_no_code_is_the_nearest_one(code: float, count: int) -> None:
    network = call("embed", 2, count, on=vector(1))
    nearest = min(range(count), key=lambda known: abs(known - code))
    made = network(torch.tensor([[code]], dtype=torch.float64))[0][0]
    rows = network.inner.weight
    between = abs(abs(code - nearest) - 0.5) < 1e-9
    assert torch.equal(made, rows[nearest]) or (between and torch.equal(made, rows[nearest + 1]))


def test_codes_are_told_apart_where_half_precision_cannot() -> None:
    network = call("embed", 2, 4000, on=tokens(1, 1))
    with torch.autocast("cpu", torch.bfloat16):
        made = [network(torch.full((1, 1, 1), float(code)))[0] for code in (3001, 3002)]
    assert torch.equal(made[0][0, 0], network.inner.weight[3001])
    assert not torch.equal(*made)


def test_only_rows_that_were_read_get_a_gradient() -> None:
    network = call("embed", 2, 5, on=tokens(2, 1))
    network(torch.tensor([[[1.0], [3.0]]]))[0].sum().backward()
    assert network.inner.weight.grad.any(1).tolist() == [False, True, False, True, False]


def test_costs_its_table_alone() -> None:
    primitive = get_primitive("embed")
    costs = cost(primitive, primitive.bind(8, 50), (tokens(9, 1),))
    assert (costs.parameters, costs.flops, costs.memory) == (400, 0, 4 * 9 * 8)


def test_is_exported(tmp_path: Path) -> None:
    export_everywhere(series(tokens(6, 1), ("embed", 4, 3), ("attention", 2, True)), tmp_path)


def test_says_why_it_rejects() -> None:
    primitive = get_primitive("embed")
    with pytest.raises(ShapeError, match="codes have one feature, and there are 3"):
        infer(primitive, primitive.bind(4), (tokens(5, 3),))
