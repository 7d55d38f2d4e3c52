"""Format `onnx-int8`: weights and activations in 8 bits, for large networks a quarter of the size.

Static quantisation of ONNX Runtime with unsigned activations and signed weights by channel.
The range is reduced by one bit, because processors without VNNI add pairs of products in 16
bits and saturate.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from einsearch.errors import ExportError
from einsearch.exporters.base import Exporter, TrainedModel
from einsearch.exporters.onnx import INPUT_NAME, describe_onnx, run_onnx, silence, write_onnx
from einsearch.exporters.registry import register
from einsearch.specs import Layout

if TYPE_CHECKING:
    import torch

FILE: Final = "network-int8.onnx"
EXAMPLES: Final = 256
"""How many examples calibrate the ranges of activations."""
LARGEST_ERROR: Final = 0.03
"""Norm of the difference from the network's answer, relative to the norm of that answer."""
LEAST_AGREEMENT: Final = 0.99
"""Share of examples of which both answers have the same largest entry, for vectors."""


def _examples(model: TrainedModel) -> torch.Tensor:
    """Input for calibration (n, *input shape)."""
    if model.examples is not None and len(model.examples):
        return model.examples[:EXAMPLES].float().cpu()
    return model.random_input(EXAMPLES, seed=2)


class _Reader:
    """Hands out examples in batches, as the calibration asks for them."""

    def __init__(self, x: torch.Tensor) -> None:
        self._batches = (x[at : at + 32] for at in range(0, len(x), 32))

    def get_next(self) -> dict[str, Any] | None:
        batch = next(self._batches, None)
        return None if batch is None else {INPUT_NAME: batch.numpy()}


def _quantise(exact: Path, quantised: Path, reader: _Reader) -> None:
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    with silence():
        quantize_static(
            exact,
            quantised,
            reader,
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
        )


@register
class OnnxInt8(Exporter):
    """`network-int8.onnx`: input `x` and output `y` in float32, the batch free."""

    name: ClassVar[str] = "onnx-int8"
    needs: ClassVar[tuple[str, ...]] = ("onnx", "onnxscript", "onnxruntime")

    def write(self, model: TrainedModel, folder: Path) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            exact = Path(scratch, "exact.onnx")
            write_onnx(model, exact)
            try:
                _quantise(exact, folder / FILE, _Reader(_examples(model)))
            except Exception as error:
                raise ExportError(f"ONNX Runtime cannot quantise this network: {error}") from error
        describe_onnx(model, folder / FILE)

    def verify(self, model: TrainedModel, folder: Path) -> None:
        x = _examples(model)
        expected = model.answer(x)
        found = run_onnx(folder / FILE, x)
        error = float((found - expected).norm() / expected.norm())
        if not error <= LARGEST_ERROR:
            raise ExportError(
                f"in 8 bits the network's answer is off by {error:.1%}, more than "
                f"{LARGEST_ERROR:.0%}; export it as onnx instead"
            )
        if model.output.layout is Layout.VECTOR and model.output.features > 1:
            agreement = float((found.argmax(1) == expected.argmax(1)).float().mean())
            if agreement < LEAST_AGREEMENT:
                raise ExportError(
                    f"in 8 bits the network agrees with itself on {agreement:.1%} of the examples, "
                    f"less than {LEAST_AGREEMENT:.0%}; export it as onnx instead"
                )
