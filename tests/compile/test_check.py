"""The check of shape rules finds rules that lie."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings

from einsearch.compile.check import check_shapes
from einsearch.compile.module import build_module
from einsearch.primitives.base import get_primitive
from einsearch.primitives.program import Program
from einsearch.specs import image
from tests.graph.programs import programs
from tests.support import series

WRITTEN = series(image(3, 8, 8), ("conv2d", 4, 3), ("relu",), ("conv2d", 4, 3))


@settings(max_examples=40)
@given(programs)
def test_honest_rules_pass_and_nothing_changes(written: Program) -> None:
    module = build_module(written, 0)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    assert check_shapes(module, written) is None
    after = module.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(tensor.device.type == "cpu" for tensor in after.values())


def test_a_wrong_shape_rule_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    relu = type(get_primitive("relu"))
    monkeypatch.setattr(relu, "infer", lambda *_: (image(4, 8, 9),))
    get_primitive("relu")
    lying = _fresh(WRITTEN)
    assert check_shapes(build_module(lying), lying) == (
        "relu gives [(2, 4, 8, 8)], its shape rule says [(2, 4, 8, 9)], batch first"
    )


def _fresh(written: Program) -> Program:
    """The calls with what their rules say now; `infer` remembers what they said before."""
    calls = []
    for call in written.calls:
        outputs = call.primitive.infer(call.specs, call.args)
        calls.append(
            type(call)(call.primitive, call.args, call.inputs, call.specs, outputs, call.weights)
        )
    return Program(written.input, tuple(calls), written.outputs)


def test_a_call_that_cannot_run_is_named() -> None:
    module = build_module(WRITTEN)
    module.conv2d_2 = torch.nn.Conv2d(5, 4, 3)
    found = check_shapes(module, WRITTEN)
    assert found is not None
    assert found.startswith("conv2d cannot run: ")


def test_a_wrong_number_of_parameters_is_told() -> None:
    module = build_module(WRITTEN)
    module.conv2d_2.bias = None
    assert check_shapes(module, WRITTEN) == (
        "the network has 256 parameters, its cost rules say 260"
    )
