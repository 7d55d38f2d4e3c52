"""Format `safetensors`: the weights, with architecture, specs and task in the file's header."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from einsearch.errors import ExportError
from einsearch.exporters.base import Exporter, TrainedModel, compare
from einsearch.exporters.registry import register

if TYPE_CHECKING:
    from torch import nn

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

        from einsearch.compile.selecting import prune_like

        network = _rebuilt(model)
        weights = load_file(folder / FILE)
        prune_like(network, weights)
        try:
            network.load_state_dict(weights)
        except RuntimeError as error:
            raise ExportError(f"the weights are not those of the architecture: {error}") from None
        rebuilt = replace(model, module=network)
        x = model.random_input()
        compare(FILE, rebuilt.answer(x), model.answer(x))


def _rebuilt(model: TrainedModel) -> nn.Module:
    """The network as its architecture gives it, with fresh weights."""
    from einsearch.compile.blending import Blend
    from einsearch.compile.head import attach_head
    from einsearch.compile.module import build_module

    members = [
        attach_head(build_module(program, seed=1), program.output[0], model.output, seed=1)
        for program in model.programs
    ]
    if isinstance(model.module, Blend):
        return Blend(members, model.module.shares, model.module.kind)
    return members[0]
