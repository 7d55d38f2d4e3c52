"""Chains of calls that one kernel computes faster, found in a simplified program.

`im2col >> linear` is a convolution, and `softmax(q @ k^T) @ v` is attention. The function stays
the same up to rounding, and so do modules, their names and their parameters.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from einsearch.primitives.base import Layer, resolve_axis
from einsearch.primitives.program import INPUT, Call, Program, Ref
from einsearch.primitives.work import Operation, Part, Work, size


@dataclass(frozen=True)
class Fusion:
    """One kernel in place of several calls. It makes the outcome of the last of them.

    Attributes:
        layer: the kernel.
        inputs: the tensors that it reads.
        module: number of the call whose module it takes after the tensors, or None.
        absorbed: numbers of the calls that need not run any more, without the last.
        work: what the kernel does for one example.
    """

    layer: Layer
    inputs: tuple[Ref, ...]
    module: int | None
    absorbed: tuple[int, ...]
    work: Work


def find_fusions(program: Program) -> dict[int, Fusion]:
    """Fusions by the number of their last call."""
    chains = _Chains(program)
    found: dict[int, Fusion] = {}
    for number, call in enumerate(program.calls):
        if call.primitive.name == "linear":
            fusion = _patch_linear(chains, number, call)
        elif call.primitive.name == "matmul":
            fusion = _attention(chains, call)
        else:
            continue
        if fusion is not None:
            found[number] = fusion
    return found


class _Chains:
    """Which calls are read exactly once, so that nobody misses their outcome."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.readers: Counter[int] = Counter(ref.call for ref in program.outputs)
        for call in program.calls:
            self.readers.update(ref.call for ref in call.inputs)

    def before(self, ref: Ref, name: str) -> Call | None:
        """The call of that primitive that makes a tensor for one reader alone."""
        if ref.call == INPUT or self.readers[ref.call] != 1:
            return None
        call = self.program.calls[ref.call]
        return call if call.primitive.name == name else None


def _patch_linear(chains: _Chains, number: int, call: Call) -> Fusion | None:
    from einsearch.compile.kernels import patch_linear

    unfold = chains.before(call.inputs[0], "im2col")
    if unfold is None or resolve_axis(call.specs[0], call.args.axis) != call.specs[0].feature_axis:
        return None
    kernel, stride = unfold.args.kernel, unfold.args.stride
    padding = (kernel - 1) // 2 if kernel % 2 else 0
    layer = Layer.function(patch_linear, kernel=kernel, stride=stride, padding=padding)
    moved = size(unfold.specs) + size(call.outputs)
    width = min(unfold.specs[0].features, call.args.features)
    part = Part(Operation.CONVOLUTION, call.cost.flops, moved, width=width)
    work = Work((part,), keeps_inputs=True, scratch=2 * moved, turns=True)
    return Fusion(layer, unfold.inputs, number, (call.inputs[0].call,), work)


def _attention(chains: _Chains, call: Call) -> Fusion | None:
    """`matmul(softmax(matmul(q, permute(k))), v)`; the outer product must not be scaled."""
    from einsearch.compile.kernels import attend

    softmax = chains.before(call.inputs[0], "softmax")
    scores = chains.before(softmax.inputs[0], "matmul") if softmax else None
    turned = chains.before(scores.inputs[1], "permute") if scores else None
    if call.args.scaled or softmax is None or scores is None or turned is None:
        return None
    if not _swaps_last_axes(turned):
        return None
    query, value = scores.inputs[0], call.inputs[1]
    width = scores.specs[0].shape[-1]
    layer = Layer.function(attend, scale=width**-0.5 if scores.args.scaled else 1.0)
    absorbed = (call.inputs[0].call, softmax.inputs[0].call, scores.inputs[1].call)
    flops = scores.cost.flops + call.cost.flops
    kept = size(scores.outputs)
    moved = 4 * kept + size(scores.specs) + size(call.outputs)
    work = Work(
        (Part(Operation.BATCHED, flops, moved, 4, width=min(width, value_width(call))),),
        keeps_inputs=True,
        keeps_outputs=True,
        kept=2 * kept,
        scratch=kept,
    )
    return Fusion(layer, (query, turned.inputs[0], value), None, absorbed, work)


def value_width(call: Call) -> int:
    return call.specs[1].shape[-1]


def _swaps_last_axes(permute: Call) -> bool:
    letters = "abcdefgh"[: permute.specs[0].rank]
    return bool(permute.args.order == letters[:-2] + letters[-1] + letters[-2])
