"""Random programs, and changes of them that keep or change what they compute."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import torch
from hypothesis import strategies as st
from torch import nn

from einsearch.primitives.base import get_primitive, infer_or_reason
from einsearch.primitives.program import INPUT, Call, Program, Ref
from einsearch.specs import TensorSpec, image

SPEC = image(4, 6, 6)

STEPS: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("conv2d", (4, 3)),
    ("conv2d", (4, 1)),
    ("linear", (4,)),
    ("norm", ()),
    ("relu", ()),
    ("sigmoid", ()),
    ("identity", ()),
    ("clone", (2,)),
    ("split", (2, 0)),
    ("add", ()),
    ("mul", ()),
    ("maximum", ()),
    ("concat", (0,)),
    ("matmul", ()),
    ("permute", ("acb",)),
    ("zero", ()),
    ("constant", (1.0,)),
    ("dropout", (0.5,)),
)
"""Primitives and arguments; each takes one tensor or two of the same shape."""


def make(
    name: str, args: tuple[Any, ...], refs: tuple[Ref, ...], specs: Any, key: str
) -> Call | None:
    """A call, or None where the primitive cannot take these tensors."""
    primitive = get_primitive(name)
    bound = primitive.bind(*args)
    outputs = infer_or_reason(primitive, bound, specs)
    return None if isinstance(outputs, str) else Call(primitive, bound, refs, specs, outputs, key)


def random_program(seed: int, calls: int, shared: float = 0.2, spec: TensorSpec = SPEC) -> Program:
    """A valid program whose last call leaves it; some of its calls may be unread."""
    rng = random.Random(seed)
    made: list[Call] = []
    tensors: list[tuple[Ref, TensorSpec]] = [(Ref(INPUT, 0), spec)]
    while len(made) < calls:
        name, args = rng.choice(STEPS)
        fewest, most = get_primitive(name).arity
        count = rng.randint(max(2, fewest), min(3, most)) if most > 1 else 1
        read = [rng.choice(tensors[-6:]) for _ in range(count)]
        earlier = [
            c.weights
            for c in made
            if (c.primitive.name, tuple(c.args.values())[: len(args)]) == (name, args)
        ]
        key = rng.choice(earlier) if earlier and rng.random() < shared else f"k{len(made)}"
        call = make(name, args, tuple(r for r, _ in read), tuple(s for _, s in read), key)
        if call is None or any(s.elements > 4096 for s in call.outputs) or not _fits(call, made):
            continue
        made.append(call)
        tensors += [(Ref(len(made) - 1, port), s) for port, s in enumerate(call.outputs)]
    return Program((spec,), tuple(made), (tensors[-1][0],))


def _fits(call: Call, made: list[Call]) -> bool:
    """Whether calls that share weights with it take the same tensors."""
    return all(c.specs == call.specs for c in made if c.weights == call.weights)


programs = st.builds(random_program, st.integers(0, 2**32), st.integers(1, 25))


def rebuild(program: Program, change: Callable[[int, Call], Call]) -> Program:
    """The program with every call replaced."""
    calls = tuple(change(number, call) for number, call in enumerate(program.calls))
    return Program(program.input, calls, program.outputs)


def reorder(program: Program, rng: random.Random) -> Program:
    """The same calls in another order in which they can run."""
    waiting = {n: {r.call for r in c.inputs} - {INPUT} for n, c in enumerate(program.calls)}
    order: list[int] = []
    while waiting:
        ready = [n for n, needed in waiting.items() if needed <= set(order)]
        order.append(rng.choice(ready))
        del waiting[order[-1]]
    place = {number: index for index, number in enumerate(order)} | {INPUT: INPUT}
    calls = tuple(
        Call(
            c.primitive,
            c.args,
            tuple(Ref(place[r.call], r.port) for r in c.inputs),
            c.specs,
            c.outputs,
            c.weights,
        )
        for c in (program.calls[number] for number in order)
    )
    return Program(program.input, calls, tuple(Ref(place[r.call], r.port) for r in program.outputs))


def insert(
    program: Program, at: int, name: str, args: tuple[Any, ...] = (), *, read: bool
) -> Program:
    """A call put behind call `at`; where `read`, its first outcome takes the tensor's place."""
    old = Ref(at, 0)
    spec = program.spec(old)
    new = make(name, args, (old,), (spec,), "inserted")
    assert new is not None

    def moved(ref: Ref) -> Ref:
        if read and ref == old:
            return Ref(at + 1, 0)
        return Ref(ref.call + (ref.call > at), ref.port)

    later = tuple(
        Call(c.primitive, c.args, tuple(map(moved, c.inputs)), c.specs, c.outputs, c.weights)
        for c in program.calls[at + 1 :]
    )
    calls = (*program.calls[: at + 1], new, *later)
    return Program(program.input, calls, tuple(map(moved, program.outputs)))


def run_directly(
    written: Program, x: torch.Tensor, training: bool = False
) -> tuple[torch.Tensor, dict[str, nn.Module]]:
    """Runs every call by its own layer, in order; weights are a function of the key alone.

    Returns:
        The first outgoing tensor, and the modules by weights key.
    """
    values: dict[Ref, torch.Tensor] = {Ref(INPUT, 0): x}
    modules: dict[str, nn.Module] = {}
    for number, call in enumerate(written.calls):
        layer = call.primitive.layer(call.specs, call.args)
        read = [values[ref] for ref in call.inputs]
        if layer.is_module:
            if call.weights not in modules:
                torch.manual_seed(sum(call.weights.encode()))
                module = layer.target(*layer.args, **dict(layer.kwargs))
                modules[call.weights] = module.train(training)
            made = modules[call.weights](*read)
        else:
            made = layer.target(*read, *layer.args, **dict(layer.kwargs))
        several = made if len(call.outputs) > 1 else [made]
        values.update({Ref(number, port): tensor for port, tensor in enumerate(several)})
    return values[written.outputs[0]], modules
