"""A program as instructions: which modules to construct, then which steps to run in order.

The same plan builds the module and prints its source, so the two cannot differ. Where a layer
takes an expression, its plan stands among the arguments of the layer.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from einsearch.compile.fuse import Fusion, find_fusions
from einsearch.errors import EinsearchError
from einsearch.graph.simplify import simplify
from einsearch.primitives.base import Layer, layer_of
from einsearch.primitives.program import INPUT, Call, Program, Ref
from einsearch.specs import Bundle, describe


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction.

    Attributes:
        layer: what is run. A function gets the tensors, then `module`, then its arguments.
        module: name of the module that runs, or that the function takes; None without one.
        inputs, outputs: numbers of the tensors read and made.
        specs: specs of the tensors made.
        call: number of the call in the simplified program; of a fusion the last one.
    """

    layer: Layer
    module: str | None
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    specs: Bundle
    call: int


@dataclass(frozen=True)
class Plan:
    """A network as instructions. Tensors are numbered, those of the input first.

    Attributes:
        input: specs of the incoming tensors.
        modules: name and layer of every module, in the order of construction; plans stand in the
            place of expressions.
        steps: the instructions.
        outputs: numbers of the outgoing tensors.
        tensors: how many tensors there are.
    """

    input: Bundle
    modules: tuple[tuple[str, Layer], ...]
    steps: tuple[Step, ...]
    outputs: tuple[int, ...]
    tensors: int

    @property
    def output(self) -> Bundle:
        """Specs of the outgoing tensors."""
        specs = dict(enumerate(self.input))
        for step in self.steps:
            specs.update(zip(step.outputs, step.specs, strict=True))
        return tuple(specs[number] for number in self.outputs)

    def dead_after(self) -> list[tuple[int, ...]]:
        """For every step the tensors that nothing reads later, so that they can be freed."""
        seen = set(self.outputs)
        dead: list[tuple[int, ...]] = []
        for step in reversed(self.steps):
            last = dict.fromkeys(n for n in (*step.inputs, *step.outputs) if n not in seen)
            seen.update(last)
            dead.append(tuple(last))
        return dead[::-1]


def make_plan(program: Program, *, fuse: bool = True) -> Plan:
    """Instructions for a program, simplified first.

    Modules are named after their primitive and counted, `conv2d_1`, `conv2d_2`; calls with
    equal weights keys use one module. Fusing changes neither the modules nor their names.

    Raises:
        EinsearchError: calls share weights but need different ones.
    """
    simple = simplify(program)
    return _Planner(simple, fuse).run()


class _Planner:
    def __init__(self, program: Program, fuse: bool) -> None:
        self.program = program
        self.fuse = fuse
        self.fusions: dict[int, Fusion] = find_fusions(program) if fuse else {}
        self.absorbed = {number for fusion in self.fusions.values() for number in fusion.absorbed}
        self.modules: list[tuple[str, Layer]] = []
        self.by_key: dict[str, tuple[str, Layer, Call]] = {}
        self.counted: Counter[str] = Counter()
        self.slots: dict[Ref, int] = {}
        self.names: list[str | None] = []

    def run(self) -> Plan:
        for port in range(len(self.program.input)):
            self.slots[Ref(INPUT, port)] = port
        steps = []
        for number, call in enumerate(self.program.calls):
            layer = layer_of(call.primitive, call.specs, call.args)
            self.names.append(self._module(call, layer))
            if number not in self.absorbed:
                steps.append(self._step(number, call, layer))
        return Plan(
            self.program.input,
            tuple(self.modules),
            tuple(steps),
            tuple(self.slots[ref] for ref in self.program.outputs),
            len(self.slots),
        )

    def _step(self, number: int, call: Call, layer: Layer) -> Step:
        fusion = self.fusions.get(number)
        refs = fusion.inputs if fusion else call.inputs
        name = self.names[number]
        if fusion:
            name = None if fusion.module is None else self.names[fusion.module]
        outputs = []
        for port in range(len(call.outputs)):
            self.slots[Ref(number, port)] = len(self.slots)
            outputs.append(self.slots[Ref(number, port)])
        inputs = tuple(self.slots[ref] for ref in refs)
        run = fusion.layer if fusion else layer
        return Step(run, name, inputs, tuple(outputs), call.outputs, number)

    def _module(self, call: Call, layer: Layer) -> str | None:
        """Name of the module that a call runs, shared where the weights key is known."""
        if not layer.is_module:
            return None
        known = self.by_key.get(call.weights)
        if known is None:
            self.counted[call.primitive.name] += 1
            name = f"{call.primitive.name}_{self.counted[call.primitive.name]}"
            self.modules.append((name, self._planned(layer)))
            self.by_key[call.weights] = name, layer, call
            return name
        name, first, owner = known
        if first != layer:
            raise EinsearchError(
                f"{owner.primitive.name} of {describe(owner.specs)} and {call.primitive.name} of "
                f"{describe(call.specs)} share weights, but need different ones; weights can be "
                "tied only where the same tensors enter"
            )
        return name

    def _planned(self, layer: Layer) -> Layer:
        """The layer with plans in the place of expressions."""
        if not any(isinstance(value, Program) for value in layer.args):
            return layer
        return replace(layer, args=tuple(map(self._plan_of, layer.args)))

    def _plan_of(self, value: Any) -> Any:
        return make_plan(value, fuse=self.fuse) if isinstance(value, Program) else value
