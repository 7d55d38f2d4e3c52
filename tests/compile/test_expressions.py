"""Networks inside of modules: built, printed, checked, pickled, exported."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from einsearch.compile.check import check_shapes
from einsearch.compile.head import attach_head
from einsearch.compile.module import build_module
from einsearch.compile.plan import make_plan
from einsearch.compile.source import python_source
from einsearch.derivation.limits import Limits
from einsearch.derivation.replay import architecture
from einsearch.errors import ExportError
from einsearch.exporters.base import TrainedModel
from einsearch.exporters.pt2 import trace
from einsearch.primitives.program import Program
from einsearch.specs import TensorSpec, tokens, vector
from tests.derivation.spaces import WITH_EXPRESSIONS, draw, grammar

SPEC = tokens(5, 8)
SPACE = grammar(WITH_EXPRESSIONS)


def read(text: str, spec: TensorSpec = SPEC) -> Program:
    return architecture(text, spec).program


def from_source(written: Program) -> Any:
    names: dict[str, Any] = {}
    exec(python_source(written), names)
    return names["Network"]()


def test_the_network_inside_is_what_its_text_says() -> None:
    text = "experts({ a = in >> linear(6)  b = a >> gelu  out = (a, b) >> mul }, 3, 3)"
    module = build_module(read(text))
    x = torch.randn(2, 5, 8)
    experts: Any = module.get_submodule("experts_1")
    shares = (x @ experts.router.weight.T).softmax(-1)
    expected: Tensor = torch.zeros(())
    for number, expert in enumerate(experts.experts):
        a = F.linear(x, expert.linear_1.weight, expert.linear_1.bias)
        expected = expected + shares[..., number : number + 1] * a * F.gelu(a)
    torch.testing.assert_close(module(x), expected)


def test_every_copy_has_weights_of_its_own() -> None:
    module = build_module(read("experts(c >> gelu >> c, 3, 1) where c = tied(linear(8))"))
    weights = {k: v for k, v in module.named_parameters() if k.endswith("linear_1.weight")}
    assert sorted(weights) == [f"experts_1.experts.{n}.linear_1.weight" for n in range(3)]
    assert not torch.equal(*list(weights.values())[:2])


def test_tied_calls_are_one_module_with_all_that_is_inside() -> None:
    module = build_module(read("c >> relu >> c where c = tied(experts(linear(8), 2, 1))"))
    assert [name for name, _ in module.named_children()] == ["experts_1"]


def test_a_seed_fixes_the_weights_inside() -> None:
    written = read("experts(linear(8), 2, 1) >> sparse_modular_activation(attention)")
    one, same, other = (build_module(written, seed).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert not torch.equal(one["experts_1.router.weight"], other["experts_1.router.weight"])


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_module_source_and_shapes_agree(seed: int) -> None:
    written = draw(SPACE, seed, SPEC, Limits(nodes=80, depth=7)).program
    module = build_module(written, seed % 1000)
    assert check_shapes(module, written) is None
    x = torch.randn(3, 5, 8)
    module(x).square().sum().backward()
    module.eval()
    printed = from_source(written)
    printed.load_state_dict(module.state_dict())
    torch.testing.assert_close(printed.eval()(x), module(x))
    plain = build_module(written, seed % 1000, fuse=False).eval()
    torch.testing.assert_close(plain(x), module(x), rtol=1e-4, atol=1e-5)


def test_equal_expressions_are_one_class() -> None:
    text = (
        "experts(linear(8), 2, 1) >> experts(linear(8), 4, 2) >> experts(e, 2, 1) where e = "
        "experts(linear(8), 3, 1) >> relu"
    )
    source = python_source(read(text))
    assert source.count("class Expression") == 2
    assert "PositionExperts(Expression1, 8, 4, 2, feature_axis=2)" in source
    with pytest.raises(ExportError, match="an expression is named Expression1 too"):
        python_source(read(text), class_name="Expression1")


def test_plans_inside_are_fused_as_others_are() -> None:
    text = "experts(im2col(3) >> linear(4) >> col2im, 2, 1, route=example)"
    written = read(text, TensorSpec("image", (2, 6, 6)))
    for fuse in (True, False):
        (_, layer), *_ = make_plan(written, fuse=fuse).modules
        inner = layer.args[0]
        assert len(inner.steps) == (2 if fuse else 3)


def test_modules_are_copied_and_pickled() -> None:
    module = build_module(read("experts(experts(linear(8), 2, 1) >> gelu, 2, 1)")).eval()
    x = torch.randn(2, 5, 8)
    for again in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert torch.equal(again(x), module(x))


def test_experts_can_be_traced_and_sparse_activation_says_why_not() -> None:
    def model(text: str) -> TrainedModel:
        written = read(text)
        return TrainedModel(written, vector(3), attach_head(build_module(written), SPEC, vector(3)))

    experts = model("experts(linear(8) >> gelu, 4, 2) >> layer_norm")
    x = torch.randn(7, 5, 8)
    torch.testing.assert_close(trace(experts).module()(x), experts.answer(x))
    with pytest.raises(ExportError, match="as many tokens as the input activates, which a fixed"):
        trace(model("sparse_modular_activation(linear(8))"))
