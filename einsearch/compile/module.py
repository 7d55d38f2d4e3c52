"""`build_module`: a program as an `nn.Module` that runs a flat list of steps."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn

from einsearch.compile.plan import Plan, Step, make_plan
from einsearch.primitives.base import Layer
from einsearch.primitives.program import Program

Observer = Callable[[Step, tuple[torch.Tensor, ...]], None]
"""Is shown every step with the tensors that it made."""


class Backbone(nn.Module):
    """A network up to its last features.

    Its submodules are named after their primitives: `conv2d_1.weight` is the weight of the first
    `conv2d`. Tensors that nothing reads any more are freed while it runs.

    Attributes:
        plan: the instructions that it follows.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        for name, layer in plan.modules:
            self.add_module(name, build_layer(layer))
        self._tape = [
            (step, dict(step.layer.kwargs), dead)
            for step, dead in zip(plan.steps, plan.dead_after(), strict=True)
        ]

    def forward(self, *tensors: torch.Tensor) -> Any:
        """Incoming tensors (batch, *shape) to the outgoing one, or a tuple of several."""
        return self.run(tensors, None)

    def run(self, tensors: tuple[torch.Tensor, ...], observer: Observer | None) -> Any:
        """`forward` that shows an observer what every step made."""
        values: list[Any] = [*tensors, *[None] * (self.plan.tensors - len(tensors))]
        modules = self._modules
        for step, kwargs, dead in self._tape:
            read = [values[number] for number in step.inputs]
            if step.layer.is_module:
                made = modules[step.module](*read)  # type: ignore[index, misc]
            elif step.module is None:
                made = step.layer.target(*read, *step.layer.args, **kwargs)
            else:
                made = step.layer.target(*read, modules[step.module], *step.layer.args, **kwargs)
            if len(step.outputs) == 1:
                made = (made,) if isinstance(made, torch.Tensor) else made
            for number, tensor in zip(step.outputs, made, strict=True):
                values[number] = tensor
            if observer is not None:
                observer(step, tuple(made))
            for number in dead:
                values[number] = None
        leaving = [values[number] for number in self.plan.outputs]
        return leaving[0] if len(leaving) == 1 else tuple(leaving)


def build_layer(layer: Layer) -> nn.Module:
    """The module of one layer; it makes the networks of the expressions in its arguments itself."""
    args = [_maker(value) for value in layer.args]
    module: nn.Module = layer.target(*args, **dict(layer.kwargs))
    return module


def _maker(value: Any) -> Any:
    plan = make_plan(value) if isinstance(value, Program) else value
    return partial(Backbone, plan) if isinstance(plan, Plan) else value


def build_module(program: Program, seed: int = 0, *, fuse: bool = True) -> Backbone:
    """Builds the network that a program denotes, without a head.

    Args:
        program: the architecture; it is simplified first.
        seed: determines all initial weights; the global random state stays as it was.
        fuse: whether to run convolutions and attention as one kernel each.

    Raises:
        EinsearchError: calls share weights but need different ones.
    """
    plan = make_plan(program, fuse=fuse)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Backbone(plan)
