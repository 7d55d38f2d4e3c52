"""Format `onnx-int8`: weights in 8 bits, a quarter of the size, and activations too where they bear
it.

First all weights become constants of the graph. Then weights and activations are quantised by ONNX
Runtime, with ranges that examples give (unsigned activations, signed weights by channel; the range
is reduced by one bit, because processors without VNNI add pairs of products in 16 bits and
saturate). Where the answers of that are off by too much, as they often are of recurrences and
attention, the weights alone are quantised and everything is computed in float32.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from einsearch.errors import ExportError
from einsearch.exporters.base import BATCH, Exporter, TrainedModel
from einsearch.exporters.onnx import describe_onnx, read_described, run_onnx, write_onnx
from einsearch.exporters.registry import register
from einsearch.specs import Layout

if TYPE_CHECKING:
    import torch

FILE: Final = "network-int8.onnx"
EXAMPLES: Final = 256
"""How many examples calibrate the ranges of activations, and are compared."""
FEWEST: Final = 100
"""How many are for networks that take long."""
_OPERATIONS: Final = 5e10
"""FLOPs of all examples together, as far as there are more than the fewest."""
LEAST_SHARE: Final = 0.5
"""Share of the numbers in a network that must get 8 bits, so that the format is worth its name."""
LARGEST_ERROR: Final = 0.03
"""Norm of the difference from the network's answer, relative to the norm of that answer."""
LEAST_AGREEMENT: Final = 0.99
"""Share of examples of which both answers have the same largest entry, for vectors."""
_CALIBRATION: Final = 2**28
"""Bytes of activations that the examples of a batch may have in calibration."""


@dataclass(frozen=True)
class Fidelity:
    """How near the answers in 8 bits are to the network's.

    Attributes:
        error: norm of the difference, relative.
        agreement: share of examples with the same largest entry; None where that means nothing.
    """

    error: float
    agreement: float | None

    @classmethod
    def of(cls, model: TrainedModel, path: Path) -> Fidelity:
        """Of a file, on the examples of its network. Raises ExportError."""
        x = _examples(model)
        expected, found = model.answer(x), run_onnx(path, x)
        agreement = None
        if model.output.layout is Layout.VECTOR and model.output.features > 1:
            agreement = float((found.argmax(1) == expected.argmax(1)).float().mean())
        scale = max(float(expected.norm()), 1e-12)
        return cls(float((found - expected).norm()) / scale, agreement)

    @property
    def fault(self) -> str:
        """What is wrong with it; empty where nothing is."""
        if not self.error <= LARGEST_ERROR:
            return (
                f"in 8 bits the network's answer is off by {self.error:.1%}, more than "
                f"{LARGEST_ERROR:.0%}"
            )
        if self.agreement is not None and self.agreement < LEAST_AGREEMENT:
            return (
                f"in 8 bits the network agrees with itself on {self.agreement:.1%} of the "
                f"examples, less than {LEAST_AGREEMENT:.0%}"
            )
        return ""


@register
class OnnxInt8(Exporter):
    """`network-int8.onnx`: input `x` and output `y` in float32, the batch free."""

    name: ClassVar[str] = "onnx-int8"
    needs: ClassVar[tuple[str, ...]] = ("onnx", "onnxscript", "onnxruntime")

    def write(self, model: TrainedModel, folder: Path) -> None:
        from einsearch.exporters.quantising import make_constants_plain

        with tempfile.TemporaryDirectory() as scratch:
            exact, plain = Path(scratch, "exact.onnx"), Path(scratch, "plain.onnx")
            write_onnx(model, exact)
            make_constants_plain(exact, plain)
            how = _quantise(model, plain, folder / FILE)
            told = _told(exact, plain, folder / FILE) | {"activations": how}
        describe_onnx(model, folder / FILE, {"quantised": told})

    def verify(self, model: TrainedModel, folder: Path) -> None:
        fault = Fidelity.of(model, folder / FILE).fault
        if fault:
            raise ExportError(f"{fault}; export it as onnx instead")

    def notes(self, files: Sequence[Path]) -> list[str]:
        told = json.loads(read_described(files[0]))["quantised"]
        before, after = _size(told["float32_bytes"]), _size(files[0].stat().st_size)
        share = f"{told['share']:.1%} of {told['weights']:,} weights have 8 bits"
        return [f"{share}, activations {told['activations']}; {before} in float32, {after} now"]


def _examples(model: TrainedModel) -> torch.Tensor:
    """Input for calibration (n, *input shape)."""
    count = int(max(FEWEST, min(EXAMPLES, _OPERATIONS // max(1, model.flops))))
    if model.examples is not None and len(model.examples):
        return model.examples[:count].float().cpu()
    return model.random_input(count, seed=2)


def _quantise(model: TrainedModel, plain: Path, made: Path) -> str:
    """Writes the file with as much in 8 bits as the answers bear; how activations are kept."""
    from einsearch.exporters.quantising import quantise_weights

    try:
        _quantise_activations(model, plain, made)
        if not Fidelity.of(model, made).fault:
            return "8 bits"
    except Exception:  # ONNX Runtime cannot calibrate it; that the weights alone can be, is enough
        made.unlink(missing_ok=True)
    try:
        quantise_weights(plain, made)
    except Exception as error:
        raise ExportError(f"ONNX Runtime cannot quantise this network: {error}") from error
    return "float32"


def _quantise_activations(model: TrainedModel, plain: Path, made: Path) -> None:
    from einsearch.exporters.quantising import quantise_all

    batch = max(1, min(BATCH, _CALIBRATION // max(1, model.activation_memory)))
    quantise_all(plain, made, _examples(model), batch)


def _told(exact: Path, plain: Path, made: Path) -> dict[str, Any]:
    """Sizes, and the share of weights that is quantised. Raises ExportError where it is small."""
    from einsearch.exporters.quantising import count_floats, count_quantised

    weights, quantised = count_floats(plain), count_quantised(made)
    share = quantised / max(1, weights)
    if share < LEAST_SHARE:
        raise ExportError(
            f"of {weights:,} weights {share:.1%} can have 8 bits, those of convolutions and "
            f"matrices, less than {LEAST_SHARE:.0%}; export it as onnx instead"
        )
    return {
        "weights": weights,
        "share": round(share, 4),
        "float32_bytes": exact.stat().st_size,
    }


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 10**6 else f"{count / 1e3:.1f} kB"
