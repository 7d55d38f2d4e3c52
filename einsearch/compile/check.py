"""`check_shapes`: whether a network's tensors have the shapes that were inferred for them."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import nn

from einsearch.compile.module import Backbone, Observer
from einsearch.compile.plan import Step
from einsearch.graph.simplify import simplify
from einsearch.primitives.program import Program

_BATCH: Final = 2


class _Watched(nn.Module):
    """Runs a backbone under the eyes of an observer."""

    def __init__(self, backbone: Backbone, observer: Observer) -> None:
        super().__init__()
        self.backbone = backbone
        self.observer = observer

    def forward(self, *tensors: torch.Tensor) -> Any:
        return self.backbone.run(tensors, self.observer)


def check_shapes(module: Backbone, program: Program) -> str | None:
    """Runs a network once on tensors without data; nothing is computed and no weight changes.

    Returns:
        What is wrong: the call whose outcome is not what its shape rule says, or that cannot
        run, or a wrong number of parameters. None where all is as inferred.
    """
    calls = simplify(program).calls
    wrong: list[str] = []
    done: list[int] = []

    def observe(step: Step, tensors: tuple[torch.Tensor, ...]) -> None:
        done.append(step.call)
        found = [tuple(tensor.shape) for tensor in tensors]
        expected = [(_BATCH, *spec.shape) for spec in step.specs]
        if found != expected:
            name = calls[step.call].primitive.name
            wrong.append(f"{name} gives {found}, its shape rule says {expected}, batch first")

    watched = _Watched(module, observe)
    state = {
        name: tensor.detach().to("meta")
        for name, tensor in (*watched.named_parameters(), *watched.named_buffers())
    }
    tensors = tuple(torch.empty(_BATCH, *spec.shape, device="meta") for spec in program.input)
    try:
        torch.func.functional_call(watched, state, tensors)
    except (RuntimeError, ValueError, TypeError, IndexError, NotImplementedError) as error:
        if wrong:
            return wrong[0]
        failed = next(step for step in module.plan.steps if step.call not in done)
        return f"{calls[failed.call].primitive.name} cannot run: {error}"
    return wrong[0] if wrong else _check_parameters(module, program)


def _check_parameters(module: Backbone, program: Program) -> str | None:
    found = sum(parameter.numel() for parameter in module.parameters())
    expected = simplify(program).cost.parameters
    if found == expected:
        return None
    return f"the network has {found} parameters, its cost rules say {expected}"
