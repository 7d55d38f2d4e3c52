"""Whether training fits into memory, predicted before it begins, and in how small pieces it does.

A batch that does not fit is computed in micro-batches whose gradients add up (gradient
accumulation): the effective batch stays what the configuration says. Only layers that look across
examples see the difference; batch norm takes its moments from the micro-batch.
"""

from __future__ import annotations

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


def free_memory(device: torch.device) -> int | None:
    """Bytes that a device has left; None where it does not say."""
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + unused
    try:
        lines = _MEMINFO.read_text().splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return 1024 * int(found[0]) if found else None


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
