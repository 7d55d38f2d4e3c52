"""Networks built from programs: names, seeds, shared weights, and the function itself."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from hypothesis import given, settings

from einsearch.compile.module import build_module
from einsearch.compile.plan import make_plan
from einsearch.errors import EinsearchError
from einsearch.graph.graph import ArchitectureGraph
from einsearch.primitives.program import INPUT, Call, Program, Ref
from einsearch.specs import image, tokens
from tests.graph.programs import programs, rebuild
from tests.support import program, series


def tie(written: Program, *numbers: int) -> Program:
    """The program with calls that share the weights of the first."""
    key = written.calls[numbers[0]].weights
    return rebuild(
        written,
        lambda n, c: (
            c if n not in numbers else Call(c.primitive, c.args, c.inputs, c.specs, c.outputs, key)
        ),
    )


def test_names_count_by_primitive() -> None:
    module = build_module(
        series(image(3, 8, 8), ("conv2d", 4, 3), ("identity",), ("norm",), ("conv2d", 4, 3))
    )
    assert [name for name in module.state_dict() if "weight" in name or "bias" in name] == [
        "conv2d_1.weight",
        "conv2d_1.bias",
        "norm_1.weight",
        "norm_1.bias",
        "conv2d_2.weight",
        "conv2d_2.bias",
    ]


def test_equals_layers_called_by_hand() -> None:
    module = build_module(series(tokens(5, 4), ("linear", 8), ("relu",), ("linear", 2)), seed=3)
    torch.manual_seed(3)
    one, two = torch.nn.Linear(4, 8), torch.nn.Linear(8, 2)
    x = torch.randn(2, 5, 4)
    torch.testing.assert_close(module(x), two(torch.relu(one(x))))


def test_seed_decides_weights_and_leaves_the_global_state() -> None:
    written = series(image(3, 8, 8), ("conv2d", 4, 3))
    state = torch.get_rng_state()
    one, same, other = (build_module(written, seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(one.conv2d_1.weight, same.conv2d_1.weight)
    assert not torch.equal(one.conv2d_1.weight, other.conv2d_1.weight)


def test_shared_keys_are_one_module() -> None:
    written = series(tokens(5, 4), ("linear", 4), ("relu",), ("linear", 4))
    module = build_module(tie(written, 0, 2))
    assert list(module.state_dict()) == ["linear_1.weight", "linear_1.bias"]
    x = torch.randn(2, 5, 4)
    layer = module.linear_1
    torch.testing.assert_close(module(x), layer(torch.relu(layer(x))))


def test_shared_keys_of_different_shapes_are_an_error() -> None:
    written = series(tokens(5, 4), ("linear", 8), ("linear", 8))
    with pytest.raises(EinsearchError) as caught:
        build_module(tie(written, 0, 1))
    assert str(caught.value) == (
        "linear of tokens:5x4 and linear of tokens:5x8 share weights, but need different ones; "
        "weights can be tied only where the same tensors enter"
    )


@settings(max_examples=60)
@given(programs)
def test_gives_the_inferred_shapes_forward_and_backward(written: Program) -> None:
    module = build_module(written, 0)
    out = module(torch.randn(3, *written.input[0].shape))
    assert tuple(out.shape) == (3, *written.output[0].shape)
    if out.requires_grad:
        out.sum().backward()
    counted = sum(parameter.numel() for parameter in module.parameters())
    assert counted == ArchitectureGraph(written).parameters


def test_several_tensors_leave_as_a_tuple() -> None:
    written = program(image(4, 2, 2), [("split", (2, 0), [INPUT])], [Ref(0, 1), Ref(0, 0)])
    x = torch.randn(1, 4, 2, 2)
    second, first = build_module(written)(x)
    assert torch.equal(torch.cat([first, second], 1), x)


def test_tensors_are_freed_after_their_last_reader() -> None:
    plan = make_plan(
        program(
            image(2, 4, 4),
            [("relu", (), [INPUT]), ("sigmoid", (), [0]), ("tanh", (), [1]), ("mul", (), [2, 0])],
        )
    )
    assert plan.dead_after() == [(0,), (), (2,), (3, 1)] or plan.dead_after() == [
        (0,),
        (),
        (2,),
        (1, 3),
    ]


def test_copies_and_pickles() -> None:
    module = build_module(series(image(3, 8, 8), ("conv2d", 4, 3), ("norm",), ("relu",))).eval()
    x = torch.randn(2, 3, 8, 8)
    twin = copy.deepcopy(module)
    with torch.no_grad():
        twin.conv2d_1.weight.zero_()
    assert not torch.allclose(twin(x), module(x))
    torch.testing.assert_close(pickle.loads(pickle.dumps(module))(x), module(x))


def test_five_thousand_calls_in_a_row() -> None:
    module = build_module(series(image(1, 2, 2), *[("relu",), ("sigmoid",)] * 2500))
    assert module(torch.zeros(1, 1, 2, 2)).shape == (1, 1, 2, 2)
