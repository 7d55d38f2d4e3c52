"""Format `safetensors`: the weights, with architecture, specs and task in the file's header."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Final

from einsearch.errors import ExportError
from einsearch.exporters.base import Exporter, TrainedModel, compare
from einsearch.exporters.registry import register

FILE: Final = "network.safetensors"


def save_weights(model: TrainedModel, path: Path) -> None:
    """Writes all parameters and buffers of a network to one safetensors file.

    The header's `einsearch` entry is what `TrainedModel.described` gives.
    """
    from safetensors.torch import save

    tensors = {name: t.contiguous() for name, t in model.ready().state_dict().items()}
    # Not by save_file, whose files nobody but their owner may read.
    path.write_bytes(save(tensors, metadata={"einsearch": model.described()}))


@register
class SafetensorsWeights(Exporter):
    """`network.safetensors`, for networks rebuilt by `einsearch.compile` from the architecture."""

    name: ClassVar[str] = "safetensors"

    def write(self, model: TrainedModel, folder: Path) -> None:
        save_weights(model, folder / FILE)

    def verify(self, model: TrainedModel, folder: Path) -> None:
        from safetensors.torch import load_file

        from einsearch.compile.head import attach_head
        from einsearch.compile.module import build_module
        from einsearch.compile.selecting import prune_like

        backbone = build_module(model.program, seed=1)
        network = attach_head(backbone, model.program.output[0], model.output, seed=1)
        weights = load_file(folder / FILE)
        prune_like(network, weights)
        try:
            network.load_state_dict(weights)
        except RuntimeError as error:
            raise ExportError(f"the weights are not those of the architecture: {error}") from None
        rebuilt = TrainedModel(model.program, model.output, network)
        x = model.random_input()
        compare(FILE, rebuilt.answer(x), model.answer(x))
