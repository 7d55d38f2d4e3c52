"""What is required of a network, each case decided by hand."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given

from einsearch.compile.module import build_module
from einsearch.errors import EinsearchError
from einsearch.graph.requirements import REQUIREMENTS, analyse, violation
from einsearch.primitives.program import INPUT, Program, Ref
from einsearch.specs import image, tokens
from tests.graph.programs import programs, run_directly
from tests.support import Line, program, series

ALL = tuple(name for name in REQUIREMENTS if name != "causal")
SPEC = image(3, 8, 8)


def of(*lines: Line) -> Program:
    return program(SPEC, lines)


LEARNS = [
    of(("conv2d", (8, 3), [INPUT]), ("relu", (), [0]), ("conv2d", (8, 3), [1])),
    of(("conv2d", (3, 3), [INPUT]), ("mul", (), [0, INPUT])),
    of(("linear", (4,), [INPUT]), ("norm", (), [0]), ("sigmoid", (), [1]), ("mul", (), [0, 2])),
    of(("constant", (2.0,), [INPUT]), ("conv2d", (3, 3), [INPUT]), ("maximum", (), [0, 1])),
]


@pytest.mark.parametrize("written", LEARNS)
def test_networks_that_learn_have_all(written: Program) -> None:
    assert violation(written, ALL) is None


def test_a_factor_that_is_zero_until_it_is_trained_passes_the_input_on() -> None:
    """The offset of a norm of a constant is zero at first; what it multiplies is not lost."""
    written = of(("constant", (1.0,), [INPUT]), ("norm", (), [0]), ("mul", (), [1, INPUT]))
    assert violation(written, ("input", "parameters")) is None
    assert "dies at mul" in str(violation(written, ("gradient",)))


def test_softmax_of_one_element_is_constant() -> None:
    written = series(image(3, 8, 1), ("conv2d", 3, 3), ("softmax",), ("relu",))
    assert "does not depend on the input: softmax" in str(violation(written, ("input",)))
    assert "trainable" in str(violation(written, ("parameters",)))


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (of(("zero", (), [INPUT]), ("relu", (), [0])), "zero (call 1 of 2) is constant"),
        (of(("constant", (1.0,), [INPUT]), ("conv2d", (4, 3), [0])), "constant(1.0) (call 1 of 2)"),
        (
            of(("constant", (0.0,), [INPUT]), ("relu", (), [INPUT]), ("mul", (), [0, 1])),
            "mul (call 3 of 3) is constant",
        ),
        (
            of(("zero", (), [INPUT]), ("conv2d", (3, 3), [0]), ("add", (), [0, 1])),
            "zero (call 1 of 3) is constant",
        ),
    ],
)
def test_input(written: Program, reason: str) -> None:
    found = violation(written, ("input",))
    assert found is not None
    assert found.startswith("the outcome does not depend on the input: ")
    assert reason in found


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (of(("relu", (), [INPUT])), "nothing is trainable: no call has parameters"),
        (
            of(("conv2d", (3, 3), [INPUT]), ("relu", (), [INPUT])),
            "nothing is trainable: no call has parameters",
        ),
        (
            of(("conv2d", (3, 3), [INPUT]), ("zero", (), [0]), ("add", (), [1, INPUT])),
            "nothing is trainable: the outcome does not depend on conv2d(3, 3) (call 1 of 3)",
        ),
    ],
)
def test_parameters(written: Program, reason: str) -> None:
    assert violation(written, ("parameters",)) == reason


@pytest.mark.parametrize(
    "written",
    [
        of(("conv2d", (8, 3), [INPUT]), ("permute", ("acb",), [0]), ("linear", (4,), [1])),
        of(("constant", (2.0,), [INPUT]), ("mul", (), [0, INPUT])),
        of(("constant", (2.0,), [INPUT]), ("sigmoid", (), [0]), ("add", (), [1, INPUT])),
        of(("relu", (), [INPUT]), ("zero", (), [0]), ("add", (), [1, INPUT])),
        of(("constant", (2.0,), [INPUT]), ("matmul", (), [INPUT, 0])),
        of(("split", (3, 0), [INPUT]), ("concat", (0,), [Ref(0, 2), Ref(0, 1)])),
    ],
)
def test_affine_networks_lack_nonlinearity(written: Program) -> None:
    found = violation(written, ("nonlinearity",))
    assert found is not None
    assert found.startswith("the outcome is affine in the input")
    _assert_affine(written)


def _assert_affine(written: Program) -> None:
    """f(x) + f(z) = f(y) + f(x + z - y) in evaluation mode, for random x, y, z."""
    module = build_module(written, 0).double().eval()
    x, y, z = torch.randn(3, 1, *written.input[0].shape, dtype=torch.double)
    torch.testing.assert_close(module(x) + module(z), module(y) + module(x + z - y))


@pytest.mark.parametrize(
    "lines",
    [
        [("mul", (), [INPUT, INPUT])],
        [("conv2d", (3, 3), [INPUT]), ("mul", (), [0, INPUT])],
        [("matmul", (), [INPUT, INPUT])],
        [("softmax", (), [INPUT]), ("conv2d", (3, 3), [0])],
    ],
)
def test_products_of_the_input_are_not_affine(lines: list[Line]) -> None:
    assert violation(program(SPEC, lines), ("nonlinearity",)) is None


@given(programs)
def test_what_is_called_affine_is_affine(written: Program) -> None:
    if violation(written, ("nonlinearity",)) is not None:
        _assert_affine(written)


@given(programs)
def test_what_is_said_to_miss_the_input_misses_it(written: Program) -> None:
    if violation(written, ("input",)) is None:
        return
    module = build_module(written, 0).eval()
    with torch.no_grad():
        x, y = torch.randn(2, 2, *written.input[0].shape)
        torch.testing.assert_close(module(x), module(y))


@given(programs)
def test_parameters_said_to_be_unreached_get_no_gradient(written: Program) -> None:
    analysis = analyse(written)
    calls = analysis.program.calls
    out, modules = run_directly(analysis.program, torch.randn(2, *written.input[0].shape), True)
    if out.requires_grad:
        out.square().sum().backward()
    reached = {calls[n].weights for n, is_reached in enumerate(analysis.reached) if is_reached}
    for key in modules.keys() - reached:
        assert all(p.grad is None or not p.grad.any() for p in modules[key].parameters())


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (
            of(
                ("conv2d", (3, 3), [INPUT]),
                ("zero", (), [0]),
                ("norm", (), [INPUT]),
                ("add", (), [1, 2]),
            ),
            "no gradient reaches the parameters of conv2d(3, 3) (call 1 of 4)",
        ),
        (
            of(
                ("conv2d", (3, 3), [INPUT]),
                ("constant", (0.0,), [INPUT]),
                ("mul", (), [0, 1]),
                ("add", (), [2, INPUT]),
            ),
            "no gradient reaches the parameters of conv2d(3, 3) (call 1 of 4)",
        ),
        (
            series(image(3, 8, 8), ("conv2d", 3, 3), *[("exp",)] * 3),
            "the signal explodes at exp (call 4 of 4): values up to 1e+30",
        ),
        (
            series(tokens(16, 64), ("linear", 64), *[("softmax",)] * 3),
            "the signal dies at softmax",
        ),
    ],
)
def test_gradient(written: Program, reason: str) -> None:
    found = violation(written, ("gradient",))
    assert found is not None
    assert found.startswith(reason)


def test_values_beyond_float32_are_found_though_moments_miss_them() -> None:
    """e^(e^x) of normal x: one element in 274,000 is infinite, in every fourth batch here."""
    exponentials = series(image(32, 8, 8), ("exp",), ("exp",), ("tanh",), ("channel_affine",))
    found = violation(exponentials, ("gradient",))
    assert found is not None
    assert found.startswith("the signal explodes at exp (call 2 of 4): values up to ")
    overflown = 0
    for seed in range(20):
        x = torch.randn(32, 32, 8, 8, generator=torch.manual_seed(seed))
        overflown += not torch.isfinite(x.exp().exp()).all()
    assert overflown


def test_what_is_infinite_spoils_what_does_not_depend_on_it() -> None:
    """x / x is 1, but infinity over infinity is not a number."""
    lines: list[Line] = [
        ("square", (), [INPUT]),
        *[("square", (), [n]) for n in range(5)],
        ("exp", (), [5]),
        ("safe_div", (), [6, 6]),
        ("mul", (), [7, INPUT]),
        ("channel_affine", (), [8]),
    ]
    assert "explodes at" in str(violation(program(SPEC, lines), ("gradient",)))


def test_the_sign_of_nothing_is_nothing() -> None:
    """signed_log(0) is 0 and no multiple of log(0), so that x / it is x times 100,000."""
    lines: list[Line] = [
        ("constant", (0.0,), [INPUT]),
        ("signed_log", (), [0]),
        ("safe_div", (), [INPUT, 1]),
        ("exp", (), [2]),
        ("channel_affine", (), [3]),
    ]
    assert "explodes at exp (call 4 of 5)" in str(violation(program(SPEC, lines), ("gradient",)))


def test_codes_pass_no_gradient_on() -> None:
    written = series(tokens(5, 2), ("linear", 1), ("embed", 4))
    reason = "no gradient reaches the parameters of linear(1) (call 1 of 2)"
    assert violation(written, ("gradient",)) == reason
    assert violation(series(tokens(5, 1), ("embed", 4), ("relu",)), ALL) is None


def test_unread_calls_are_no_fault() -> None:
    written = of(("conv2d", (3, 3), [INPUT]), ("norm", (), [INPUT]), ("relu", (), [0]))
    assert violation(written, ("gradient",)) is None


def test_reasons_come_in_the_order_of_the_requirements() -> None:
    written = of(("relu", (), [INPUT]), ("zero", (), [0]))
    assert "input" in str(violation(written, ("input", "parameters")))
    assert "trainable" in str(violation(written, ("parameters", "input")))
    assert violation(written, ()) is None


def test_unknown_requirement_names_the_nearest() -> None:
    with pytest.raises(EinsearchError) as caught:
        violation(LEARNS[0], ("gradients",))
    assert str(caught.value) == (
        "no requirement is named gradients; did you mean gradient? "
        "there are input, parameters, nonlinearity, gradient, causal"
    )


def test_moments_match_a_real_network() -> None:
    """Mean-field moments of a wide network against measured ones, over many initialisations."""
    written = series(image(32, 8, 8), ("conv2d", 64, 1), ("relu",), ("linear", 64), ("norm",))
    analysis = analyse(written)
    measured = []
    for seed in range(8):
        made: list[torch.Tensor] = []
        module = build_module(written, seed)
        module.run((torch.randn(16, 32, 8, 8),), lambda _, tensors, made=made: made.extend(tensors))
        measured.append([float(t.detach().square().mean()) for t in made])
    for number, call in enumerate(analysis.program.calls):
        moment = sum(row[number] for row in measured) / len(measured)
        expected = analysis.facts[number][0].signal.second_moment
        assert math.isclose(moment, expected, rel_tol=0.25), call.primitive.name


def test_five_thousand_calls_in_a_row() -> None:
    deep = series(image(2, 4, 4), *[("conv2d", 2, 3), ("norm",), ("relu",)] * 1700)
    assert violation(deep, ALL) is None
