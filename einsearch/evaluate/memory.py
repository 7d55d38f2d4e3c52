"""Whether training fits into memory, predicted before it begins, and in how small pieces it does.

A batch that does not fit is computed in micro-batches whose gradients add up (gradient
accumulation): the effective batch stays what the configuration says. Only layers that look across
examples see the difference; batch norm takes its moments from the micro-batch.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch

from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.faults import CandidateFault
from einsearch.graph.graph import ArchitectureGraph
from einsearch.primitives.program import Program
from einsearch.trial import FailureKind

_BYTES: Final = 4
_COPIES: Final = {"adamw": 4, "sgd": 3}
"""Of every parameter: itself, its gradient, and what the optimiser keeps."""
_BACKWARD: Final = 2.0
"""Peak of a step over the activations that it keeps: gradients and working memory come on top.
Of random einspace networks on a CPU it was 0.8 to 3.4, and 1.5 in the middle; what is predicted
too low is survived by smaller pieces."""
_MARGIN: Final = 0.9
"""Of what is free; allocators never use all of it."""
_MEMINFO: Final = Path("/proc/meminfo")
_STATM: Final = Path("/proc/self/statm")


@dataclass(frozen=True)
class Allowance:
    """What of a machine's memory a process may use, because others use the rest.

    Attributes:
        memory: bytes of the machine's, all that the process holds included; None for any number.
        gpu: share of a GPU's, from 0 to 1.
    """

    memory: int | None = None
    gpu: float = 1.0


UNLIMITED: Final = Allowance()


def free_memory(device: torch.device, allowance: Allowance = UNLIMITED) -> int | None:
    """Bytes that training can still use on a device; None where it does not say."""
    if device.type == "cuda":
        used = torch.cuda.memory_allocated(device)
        unused = torch.cuda.memory_reserved(device) - used
        free, total = torch.cuda.mem_get_info(device)
        return max(0, min(int(free) + unused, int(allowance.gpu * total) - used))
    known = [_left_by_machine(), _left_by(allowance)]
    return min((left for left in known if left is not None), default=None)


def keep_to(allowance: Allowance, device: torch.device) -> None:
    """Has the allocator of a GPU refuse what is beyond the share, so that candidates which want
    more run out of memory themselves, and not those beside them."""
    if device.type == "cuda" and allowance.gpu < 1:
        torch.cuda.set_per_process_memory_fraction(allowance.gpu, device.index)


def _left_by_machine() -> int | None:
    with suppress(OSError, ValueError, IndexError):
        lines = _MEMINFO.read_text().splitlines()
        found = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
        return 1024 * int(found[0])
    return None


def _left_by(allowance: Allowance) -> int | None:
    if allowance.memory is None:
        return None
    with suppress(OSError, ValueError, IndexError):
        pages = int(_STATM.read_text().split()[1])
        return max(0, allowance.memory - pages * os.sysconf("SC_PAGE_SIZE"))
    return allowance.memory


def micro_batch(program: Program, config: TrainingConfig, available: int | None) -> int:
    """The most examples, up to the batch, that a step can train at a time.

    Args:
        program: of the backbone.
        config: its batch and its optimiser matter.
        available: bytes; None for any number.

    Raises:
        CandidateFault: not even one example fits.
    """
    if available is None:
        return config.batch
    graph = ArchitectureGraph(program)
    fixed = _BYTES * _COPIES[config.optimizer] * graph.parameters
    entering = _BYTES * sum(spec.elements for spec in program.input)
    each = int(_BACKWARD * graph.activation_memory) + entering
    fitting = int(_MARGIN * available - fixed) // max(1, each)
    if fitting < 1:
        raise CandidateFault(
            FailureKind.OUT_OF_MEMORY,
            f"predicted: training it needs {_readable(fixed + each)} for one example and the "
            f"weights, and {_readable(available)} are free",
        )
    return min(config.batch, fitting)


def _readable(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"
