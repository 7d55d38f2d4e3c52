"""What is read from programs agrees with what torch does."""

from __future__ import annotations

from typing import ClassVar

import pytest
import torch
from torch import Tensor

import einsearch as es
from einsearch.compile.module import build_module
from einsearch.cost import Features, features
from einsearch.derivation.replay import architecture
from einsearch.primitives.arguments import Arguments
from einsearch.primitives.base import Layer, Primitive, Signal
from einsearch.primitives.program import Program
from einsearch.primitives.work import FLOAT, Operation
from einsearch.specs import Bundle, TensorSpec

IMAGE = es.image(8, 12, 12)
TOKENS = es.tokens(48, 32)
BATCH = 16

EXACT = [
    (IMAGE, "conv2d(8, 3) >> relu"),
    (IMAGE, "conv2d(8, 3) >> norm >> gelu"),
    (IMAGE, "conv2d(8, 1) >> leaky_relu >> conv2d(4, 3, stride=2) >> tanh"),
    (IMAGE, "conv2d(16, 3) >> max_pool(2, stride=2) >> sigmoid"),
    (IMAGE, "conv2d(8, 3) >> (identity, silu) >> add >> exp"),
    (IMAGE, "conv2d(8, 3) >> (abs, silu) >> mul >> square"),
    (IMAGE, "linear(8, axis=1) >> neg >> gelu"),
    (IMAGE, "im2col(3) >> linear(16) >> norm >> col2im"),
    (TOKENS, "linear(64) >> gelu >> linear(32) >> softmax"),
    (TOKENS, "linear(16) >> split(2, axis=1) >> (relu, gelu) >> concat(axis=1)"),
    (TOKENS, 'linear(32) >> permute("ba") >> linear(8)'),
]
ABOUT = [
    (TOKENS, "linear(32) >> attention(4)"),
    (TOKENS, "linear(32) >> linear_attention(4)"),
    (TOKENS, "linear(32) >> selective_scan(8)"),
    (TOKENS, "linear(32) >> s4d(8)"),
    (TOKENS, "linear(32) >> kan(16, basis=bspline)"),
    (TOKENS, "linear(32) >> kan(16, basis=rbf)"),
    (TOKENS, "linear(32) >> rms_norm >> batch_norm"),
    (IMAGE, "conv2d(8, 3) >> signed_sqrt >> (std(layer), identity) >> safe_div"),
]


def program(spec: TensorSpec, text: str) -> Program:
    return architecture(text, spec).program


def of(spec: TensorSpec, text: str) -> Features:
    return features(program(spec, text))


def saved_bytes(made: Program) -> int:
    """What torch keeps for the gradient, weights left out."""
    module = build_module(made).train()
    weights = {p.untyped_storage().data_ptr() for p in module.parameters()}
    kept: dict[int, int] = {}
    alive = []

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        alive.append(tensor)
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    tensors = [torch.randn(BATCH, *spec.shape) for spec in made.input]
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        module(*tensors)
    return sum(kept.values())


@pytest.mark.parametrize(("spec", "text"), EXACT)
def test_what_is_kept_for_the_gradient_is_what_torch_keeps(spec: TensorSpec, text: str) -> None:
    kept, saved = of(spec, text).kept, saved_bytes(program(spec, text))
    # Means and deviations of norms come on top.
    assert kept.fixed + BATCH * kept.each == pytest.approx(saved, rel=0.1)


@pytest.mark.parametrize(("spec", "text"), ABOUT)
def test_of_layers_with_many_kernels_it_is_right_within_a_third(
    spec: TensorSpec, text: str
) -> None:
    kept = of(spec, text).kept
    assert 0.75 < (kept.fixed + BATCH * kept.each) / saved_bytes(program(spec, text)) < 1.5


def test_what_reads_the_input_without_weights_has_no_gradient() -> None:
    found = of(IMAGE, "relu >> conv2d(8, 3) >> relu")
    gradients = {x.part.operation: 0 for x in found.loads}
    for load in found.loads:
        gradients[load.part.operation] += load.gradients * load.times
    # Of two activations one is before all weights; the convolution needs that of its weights.
    assert gradients == {Operation.ELEMENTWISE: 1, Operation.CONVOLUTION: 1}


def test_a_convolution_by_unfolding_is_one_kernel() -> None:
    found = of(IMAGE, "im2col(3) >> linear(16) >> col2im")
    assert found.flops(Operation.CONVOLUTION) > 0
    assert found.flops(Operation.MATRIX) == 0
    assert found.kept.each == FLOAT * IMAGE.elements


def test_the_head_is_counted_where_a_task_is_given() -> None:
    made = program(IMAGE, "conv2d(8, 3)")
    without, with_head = features(made), features(made, output=es.vector(10))
    assert with_head.parameters - without.parameters == 9 * 10
    assert with_head.flops() > without.flops()


def test_elements_out_of_order_are_copied_where_a_kernel_wants_order() -> None:
    turned = of(TOKENS, 'linear(48) >> permute("ba") >> gelu >> linear(8)')
    straight = of(TOKENS, "linear(48) >> gelu >> linear(8)")
    assert turned.moved(Operation.COPY) > straight.moved(Operation.COPY) == 0


def test_an_expression_counts_for_every_copy() -> None:
    found = of(TOKENS, "experts(linear(32) >> gelu, 4, 2)")
    alone = of(TOKENS, "linear(32) >> gelu")
    assert found.flops(Operation.MATRIX) > 2 * alone.flops(Operation.MATRIX)
    assert found.kernels(Operation.MATRIX) >= 4


class Plain(Primitive):
    """A plug-in that says nothing but FLOPs and memory."""

    name: ClassVar[str] = "plain"

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        return specs

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        return Layer.function(torch.neg)

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        return incoming


class Counted(Plain):
    name: ClassVar[str] = "counted"

    def flops(self, specs: Bundle, args: Arguments) -> int:
        return 1000


class Viewed(Plain):
    name: ClassVar[str] = "viewed"
    is_view: ClassVar[bool] = True


@pytest.mark.parametrize(
    ("kind", "operation", "flops"),
    [
        (Plain, Operation.ELEMENTWISE, TOKENS.elements),
        (Counted, Operation.MATRIX, 1000),
        (Viewed, Operation.VIEW, 0),
    ],
)
def test_what_a_plug_in_declares_is_enough(
    kind: type[Plain], operation: Operation, flops: int
) -> None:
    work = kind().work((TOKENS,), (TOKENS,), Arguments((), ()))
    assert [(part.operation, part.flops) for part in work.parts] == [(operation, flops)]
    assert work.is_view == kind.is_view


def test_a_kernel_of_all_examples_is_made_once_a_step() -> None:
    found = of(TOKENS, "linear(32) >> s4d(8)")
    assert any(load.part.once for load in found.loads)
    assert found.kept.fixed > 0
