"""`features`: what the kernels of a network do, from its program alone.

It is the simplified program that is built, with the calls fused that one kernel runs; so that is
what is looked at. Nothing is built and no tensor is made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, NamedTuple

from einsearch.compile.fuse import Fusion, find_fusions
from einsearch.cost.timeline import (
    Event,
    Moment,
    evaluation_peaks,
    kept_for_gradient,
    training_peaks,
)
from einsearch.graph.simplify import simplify
from einsearch.primitives.arguments import Arguments
from einsearch.primitives.base import Primitive
from einsearch.primitives.program import INPUT, Program, Ref
from einsearch.primitives.work import FLOAT, Operation, Part, Work, size
from einsearch.specs import Bundle, TensorSpec

TENSORS: Final = 2
"""Weights of a module: a matrix and an offset."""


_ANY_ORDER: Final = (Operation.ELEMENTWISE, Operation.FUNCTION, Operation.VIEW)
"""Kernels that take elements in any order in memory, and leave them in it."""


class Load(NamedTuple):
    """Kernels of one kind.

    Attributes:
        part: what they do in the forward pass.
        gradients: how many gradients follow of a product's two operands: 0 where nothing before
            them is trained, 1 for those of the weights or of the input alone, 2 for both.
        times: how often the same occurs.
    """

    part: Part
    gradients: int
    times: int


@dataclass(frozen=True)
class Features:
    """What is known of a network. Loads are linear in the batch, but for parts that say `once`.

    Attributes:
        loads: its kernels, equal ones together.
        modules: calls that run, each with some Python around its kernels.
        parameters: trainable scalars, the head's included.
        tensors: how many tensors of weights there are.
        entering: bytes of an example.
        allocated: bytes of the tensors that a forward pass makes, the largest first, for one
            example.
        kept: bytes that stay for the gradient when the forward pass has ended.
        scratch: most bytes that a kernel needs for one example while it runs.
        training: bytes at the moments of a step at which most are in use, weights left out.
        evaluation: the same of a forward pass without gradients.
        calls: as built, those that were fused or are in expressions counted one by one.
    """

    loads: tuple[Load, ...]
    modules: int
    parameters: int
    tensors: int
    entering: float
    allocated: tuple[float, ...]
    kept: Moment
    scratch: float
    training: tuple[Moment, ...]
    evaluation: tuple[Moment, ...]
    calls: int

    def flops(self, operation: Operation | None = None) -> float:
        """Of the forward pass for one example, of one kind or of all."""
        return sum(x.times * x.part.flops for x in self._of(operation))

    def moved(self, operation: Operation | None = None) -> float:
        """Bytes read and written in the forward pass for one example."""
        return sum(x.times * x.part.moved for x in self._of(operation))

    def kernels(self, operation: Operation | None = None) -> float:
        """Kernels started in the forward pass."""
        return sum(x.times * x.part.calls for x in self._of(operation))

    @property
    def sequential(self) -> float:
        """Steps of recurrences, one after the other."""
        return self.kernels(Operation.SCAN)

    def _of(self, operation: Operation | None) -> Iterator[Load]:
        return (x for x in self.loads if operation is None or x.part.operation is operation)


@lru_cache(maxsize=65_536)
def work(primitive: Primitive, args: Arguments, specs: Bundle, outputs: Bundle) -> Work:
    """What a call does; memoised."""
    return primitive.work(specs, outputs, args)


def features(program: Program, *, output: TensorSpec | None = None) -> Features:
    """What is known of a network before it is built.

    Args:
        program: of the backbone; it is simplified first, as it is for building.
        output: what the task wants, so that the head is counted; None leaves it out.
    """
    simple = simplify(program)
    return _Reader(simple, find_fusions(simple), output).read()


class _Reader:
    """Goes over the calls once."""

    def __init__(
        self, program: Program, fusions: dict[int, Fusion], output: TensorSpec | None
    ) -> None:
        self.program = program
        self.fusions = fusions
        self.output = output
        self.absorbed = {n for fusion in fusions.values() for n in fusion.absorbed}
        self.sizes: list[float] = [float(size(program.input))]
        self.blocks: dict[Ref, int] = {Ref(INPUT, port): 0 for port in range(len(program.input))}
        self.trained: set[Ref] = set()
        self.turned: set[Ref] = set()
        self.loads: Counter[tuple[Part, int]] = Counter()
        self.events: list[Event] = []
        self.weights: set[str] = set()
        self.tensors = 0

    def read(self) -> Features:
        for number in range(len(self.program.calls)):
            if number not in self.absorbed:
                self._run(number)
        parameters = self.program.cost.parameters + self._head()
        leaving = [self.blocks[ref] for ref in self.program.outputs]
        return Features(
            loads=tuple(Load(part, g, count) for (part, g), count in self.loads.items()),
            modules=len(self.events),
            parameters=parameters,
            tensors=self.tensors,
            entering=self.sizes[0],
            allocated=tuple(sorted(self.sizes[1:], reverse=True)),
            kept=kept_for_gradient(self.events, self.sizes),
            scratch=max((event.work.scratch for event in self.events), default=0.0),
            training=training_peaks(self.events, self.sizes, leaving),
            evaluation=evaluation_peaks(self.events, self.sizes, leaving),
            calls=self.program.nodes,
        )

    def _run(self, number: int) -> None:
        call = self.program.calls[number]
        fusion = self.fusions.get(number)
        inputs = fusion.inputs if fusion else call.inputs
        found = fusion.work if fusion else work(call.primitive, call.args, call.specs, call.outputs)
        own = self._own_weights(number)
        wants = tuple(ref for ref in inputs if ref in self.trained)
        if call.primitive.stops_gradient or call.primitive.ignores_input:
            wants = ()
        gradients = bool(wants) + bool(call.cost.parameters)
        for part in found.parts:
            self.loads[part, gradients] += 1
        outputs = tuple(Ref(number, port) for port in range(len(call.outputs)))
        copied = self._turn(found, inputs, outputs, int(gradients > 0))
        found = replace(found, scratch=found.scratch + copied) if copied else found
        if gradients:
            self.trained.update(outputs)
        for ref, spec in zip(outputs, call.outputs, strict=True):
            self.blocks[ref] = self.blocks[inputs[0]] if found.is_view else self._block(spec)
        event = Event(
            found,
            tuple(self.blocks[ref] for ref in inputs),
            tuple(self.blocks[ref] for ref in outputs),
            gradients > 0,
            tuple(self.blocks[ref] for ref in wants),
            own,
        )
        self.events.append(event)

    def _turn(
        self, found: Work, inputs: tuple[Ref, ...], outputs: tuple[Ref, ...], gradients: int
    ) -> float:
        """Counts what it takes to bring elements into order where a kernel wants them so; bytes
        that are copied."""
        copied = 0.0
        turned = [ref for ref in inputs if ref in self.turned]
        follows = found.is_view or all(part.operation in _ANY_ORDER for part in found.parts)
        mixed = 0 < len(turned) < len(inputs)
        if turned and (mixed or not follows):
            copied = float(sum(size((self.program.spec(ref),)) for ref in turned))
            self.loads[Part(Operation.COPY, 0.0, 2 * copied, len(turned)), gradients] += 1
        stays = follows and bool(turned) and not mixed
        if stays != found.turns:
            self.turned.update(outputs)
        return copied

    def _block(self, spec: TensorSpec) -> int:
        self.sizes.append(float(FLOAT * spec.elements))
        return len(self.sizes) - 1

    def _own_weights(self, number: int) -> float:
        """Bytes of the weights of a call, where no call before has the same."""
        call = self.program.calls[number]
        if not call.cost.parameters or call.weights in self.weights:
            return 0.0
        self.weights.add(call.weights)
        copies = sum(inner.copies * inner.program.nodes for inner in call.inner)
        self.tensors += TENSORS * max(1, copies)
        return float(FLOAT * call.cost.parameters)

    def _head(self) -> int:
        """Counts the head; its parameters."""
        if self.output is None or len(self.program.output) != 1:
            return 0
        spec = self.program.output[0]
        trained = self.program.outputs[0] in self.trained
        rows = 1 if spec.layout is not self.output.layout else spec.elements // spec.features
        reduce = Part(Operation.REDUCTION, spec.elements, size((spec,)))
        flops = 2 * rows * spec.features * self.output.features
        linear = Part(Operation.MATRIX, flops, size((spec,)), width=spec.features, rows=rows)
        self.loads[reduce, int(trained)] += 1
        self.loads[linear, 1 + int(trained)] += 1
        self.tensors += TENSORS
        return (spec.features + 1) * self.output.features
