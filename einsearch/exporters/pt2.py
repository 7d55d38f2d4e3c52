"""Format `pt2`: a `torch.export` program, which runs without the network's source."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from einsearch.errors import ExportError
from einsearch.exporters.base import Exporter, TrainedModel, compare, reason
from einsearch.exporters.clean_process import answer_in_clean_process
from einsearch.exporters.registry import register

if TYPE_CHECKING:
    import torch

FILE: Final = "network.pt2"

_SCRIPT: Final = """
import pathlib, torch
program = torch.export.load(pathlib.Path(sys.argv[1], "network.pt2"))
answer(program.module(), sys.argv[2], sys.argv[3])
"""


def trace(model: TrainedModel) -> torch.export.ExportedProgram:
    """The network as a graph of torch operations, for any size of the batch.

    Raises:
        ExportError: torch cannot trace it.
    """
    import torch

    batch = torch.export.Dim("batch", min=1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.export.export(
                model.ready(), (model.random_input(),), dynamic_shapes=({0: batch},)
            )
    except Exception as error:
        raise ExportError(f"torch.export cannot trace this network: {reason(error)}") from error


@register
class TorchExport(Exporter):
    """`network.pt2`, for `torch.export.load` and AOTInductor; its extra file `einsearch` is what
    `TrainedModel.described` gives."""

    name: ClassVar[str] = "pt2"

    def write(self, model: TrainedModel, folder: Path) -> None:
        import torch

        described = {"einsearch": model.described()}
        torch.export.save(trace(model), folder / FILE, extra_files=described)

    def verify(self, model: TrainedModel, folder: Path) -> None:
        x = model.random_input(batch=3, seed=1)
        compare(FILE, answer_in_clean_process(_SCRIPT, folder, x), model.answer(x))
