"""From what went wrong to a kind and a reason that a trial can carry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import torch

from einsearch.compile.head import Network
from einsearch.compile.module import Backbone
from einsearch.compile.plan import Step
from einsearch.errors import EinsearchError
from einsearch.graph.simplify import simplify
from einsearch.primitives.program import Program
from einsearch.shown import shortened
from einsearch.trial import FailureKind

_CPU_MEMORY_MESSAGES: Final = (
    "DefaultCPUAllocator",
    "not enough memory",
    "can't allocate memory",
    "bad_alloc",
    "Cannot allocate memory",
    "could not create a memory",
)
"""How torch says that the CPU's memory is used up; it has no class of its own for that."""


class CandidateFault(EinsearchError):
    """A candidate failed in a known way. It becomes a value: of the outcome of a job, or, where
    `LayerScore` raises it, of the trial."""

    def __init__(self, kind: FailureKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


@dataclass(frozen=True)
class Fault:
    """What a failed trial reports.

    Attributes:
        kind: the first word of the reason.
        message: the rest of it.
        has_place: whether running the network forward again may show the primitive at fault.
    """

    kind: FailureKind
    message: str
    has_place: bool

    @property
    def reason(self) -> str:
        """As a trial carries it: "error: RuntimeError: ... (in matmul)"."""
        return f"{self.kind}: {self.message}"

    def at(self, primitive: str | None) -> Fault:
        """The same fault with its place, if that is known."""
        if primitive is None:
            return self
        return Fault(self.kind, f"{self.message} (in {primitive})", has_place=False)


def describe_fault(error: Exception) -> Fault:
    """Kind and message of an exception."""
    if isinstance(error, CandidateFault):
        is_numeric = error.kind is FailureKind.NOT_FINITE
        return Fault(error.kind, shortened(error.message), has_place=is_numeric)
    if is_out_of_memory(error):
        message = shortened(str(error)) or "it asked for more memory than there is for it"
        return Fault(FailureKind.OUT_OF_MEMORY, message, has_place=False)
    if isinstance(error, EinsearchError):
        return Fault(FailureKind.ERROR, shortened(str(error)), has_place=False)
    named = f"{type(error).__name__}: {error}"
    return Fault(FailureKind.ERROR, shortened(named), has_place=True)


def is_out_of_memory(error: Exception) -> bool:
    """Whether memory of the machine or of a GPU was used up."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(
        message in str(error) for message in _CPU_MEMORY_MESSAGES
    )


def find_culprit(network: Network, program: Program, x: torch.Tensor) -> str | None:
    """Runs a batch forward and names the primitive where it first fails or is not finite.

    Args:
        network: with a backbone made from `program`.
        x: (n, *input shape).

    Returns:
        The primitive's name; None where forward is in order.
    """
    backbone = network.backbone
    if not isinstance(backbone, Backbone):
        return None
    calls = simplify(program).calls
    done: list[int] = []
    not_finite: list[str] = []

    def observe(step: Step, tensors: tuple[Any, ...]) -> None:
        done.append(step.call)
        if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors):
            not_finite.append(calls[step.call].primitive.name)

    try:
        with torch.no_grad():
            backbone.run((x,), observe)
    except Exception:  # the error itself was reported; this looks for the place alone
        undone = [step for step in backbone.plan.steps if step.call not in done]
        return calls[undone[0].call].primitive.name if undone else None
    return not_finite[0] if not_finite else None
