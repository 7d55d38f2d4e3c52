"""Imported by the server of which workers are copies: it does what only the first candidate of a
process would need.

PyTorch imports hundreds of modules when it first builds and checks a network, which takes seconds.
No gradient is computed here: a process that has done so cannot be copied.
"""

from __future__ import annotations

import torch

from einsearch.compile.check import check_shapes
from einsearch.compile.head import attach_head
from einsearch.compile.module import build_module
from einsearch.derivation.replay import architecture
from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.optimizing import make_optimizer
from einsearch.specs import image, vector


def warm_up() -> None:
    """Builds and checks a small network, and makes its optimiser."""
    program = architecture("conv2d(2, 3) >> batch_norm >> relu", image(1, 4, 4)).program
    with torch.random.fork_rng([]):
        backbone = build_module(program, 0)
        check_shapes(backbone, program)
        network = attach_head(backbone, program.output[0], vector(2), 0)
        make_optimizer(network, TrainingConfig())


warm_up()
