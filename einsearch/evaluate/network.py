"""From an architecture to a network with the task's head, and its weights in and out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from einsearch.compile.head import Network, attach_head
from einsearch.compile.module import build_module
from einsearch.compile.selecting import prune_like
from einsearch.derivation.replay import architecture as read_architecture
from einsearch.errors import ShapeError
from einsearch.graph.requirements import violation
from einsearch.primitives.program import INPUT, Program
from einsearch.specs import describe
from einsearch.tasks.base import Task

Weights = Mapping[str, NDArray[Any]]
"""Everything that a network has learned, buffers included, by name. NumPy arrays, because tensors
sent between processes are handles to shared memory that can outlive their sender badly."""


def read_program(architecture: Program | str, task: Task) -> Program:
    """The program of an architecture that may be given as text.

    Raises:
        EinsearchError: the text cannot be read, or does not take the task's input.
    """
    if isinstance(architecture, Program):
        return architecture
    return read_architecture(architecture, task.input).program


def build_network(program: Program, task: Task, seed: int) -> Network:
    """The network of an architecture with the head that the task needs, freshly initialised.

    Args:
        program: takes the task's input and gives one tensor.
        task: whose output spec the head has.
        seed: determines all initial weights.

    Raises:
        ShapeError: the program takes other tensors, gives more than one, or lacks what the task
            requires of every network.
        EinsearchError: no head leads from its features to the task's output.
    """
    if program.input != (task.input,):
        raise ShapeError(f"it takes {describe(program.input)}, the task gives {task.input}")
    if len(program.output) != 1:
        raise ShapeError(f"it gives {describe(program.output)}, a head takes one tensor")
    reason = violation(program, task.require) or _confused(program, task)
    if reason is not None:
        raise ShapeError(f"it is not for the task {task.name}: {reason}")
    body_seed, head_seed = np.random.SeedSequence(seed).generate_state(2)
    backbone = build_module(program, int(body_seed))
    return attach_head(backbone, program.output[0], task.output, int(head_seed))


def _confused(program: Program, task: Task) -> str | None:
    """Why a network takes different codes of the task for one, or None."""
    for call in program.calls:
        codes = call.primitive.codes(call.args) if call.inputs[0].call == INPUT else None
        if codes is not None and codes < len(task.vocabulary):
            return (
                f"{call.text} tells {codes} codes apart, and there are "
                f"{len(task.vocabulary)}: give it a larger count"
            )
    return None


def weights_of(network: nn.Module) -> Weights:
    """Copies of all parameters and buffers, as NumPy arrays."""
    return {
        name: tensor.detach().cpu().numpy().copy() for name, tensor in network.state_dict().items()
    }


def load_weights(network: nn.Module, weights: Weights) -> None:
    """Sets all parameters and buffers, in place; prunes layers whose weights were pruned.

    Raises:
        ShapeError: names or shapes are not those of the network.
    """
    prune_like(network, weights)
    state = {name: torch.from_numpy(np.array(array)) for name, array in weights.items()}
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise ShapeError(f"these weights belong to another network: {error}") from None
