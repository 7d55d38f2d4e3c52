"""Format `onnx`: for ONNX Runtime and every tool that reads ONNX."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from einsearch.errors import ExportError
from einsearch.exporters.base import Exporter, TrainedModel, compare, reason
from einsearch.exporters.clean_process import answer_in_clean_process
from einsearch.exporters.onnx_constants import merge_equal_constants
from einsearch.exporters.registry import register

if TYPE_CHECKING:
    import torch

FILE: Final = "network.onnx"
INPUT_NAME: Final = "x"
OUTPUT_NAME: Final = "y"


def write_onnx(model: TrainedModel, path: Path) -> None:
    """Writes the network in float32, for any size of the batch, in one file.

    Raises:
        ExportError: an operation of the network has no counterpart in ONNX.
    """
    import torch

    batch = torch.export.Dim("batch", min=1)
    try:
        with silence():
            torch.onnx.export(
                model.ready(),
                (model.random_input(),),
                path,
                dynamo=True,
                input_names=[INPUT_NAME],
                output_names=[OUTPUT_NAME],
                dynamic_shapes=({0: batch},),
                external_data=False,
                verbose=False,
            )
    except Exception as error:
        raise ExportError(f"torch.onnx cannot write this network: {reason(error)}") from error
    _drop_notes(path)


def _drop_notes(path: Path) -> None:
    """Takes away what torch notes of every operation: for small networks it is most of a file."""
    import onnx

    found = onnx.load(path)
    for part in (*found.graph.node, *found.graph.value_info, *found.graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    merge_equal_constants(found)
    onnx.save(found, path)


def describe_onnx(model: TrainedModel, path: Path, more: Mapping[str, Any] | None = None) -> None:
    """Adds what `TrainedModel.described` gives, and more, to the metadata of a file, as
    `einsearch`."""
    import onnx

    found = onnx.load(path)
    onnx.helper.set_model_props(found, {"einsearch": model.described(more)})
    onnx.save(found, path)


def read_described(path: Path) -> str:
    """What `describe_onnx` has written."""
    import onnx

    entries = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    return str(entries["einsearch"])


_SCRIPT: Final = """
import os, onnxruntime
path = os.path.join(sys.argv[1], FILE)
session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
answer_arrays(lambda x: session.run(["y"], {"x": x})[0], sys.argv[2], sys.argv[3])
"""


def run_onnx(path: Path, x: torch.Tensor) -> torch.Tensor:
    """What ONNX Runtime answers to an input (batch, *input shape), on the CPU, in a process of its
    own. Raises ExportError."""
    return answer_in_clean_process(f"FILE = {path.name!r}\n{_SCRIPT}", path.parent, x)


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """torch.onnx reports its progress on every channel there is."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


@register
class Onnx(Exporter):
    """`network.onnx`: input `x`, output `y`, the batch free."""

    name: ClassVar[str] = "onnx"
    needs: ClassVar[tuple[str, ...]] = ("onnx", "onnxscript", "onnxruntime")

    def write(self, model: TrainedModel, folder: Path) -> None:
        write_onnx(model, folder / FILE)
        describe_onnx(model, folder / FILE)

    def verify(self, model: TrainedModel, folder: Path) -> None:
        x = model.random_input(batch=3, seed=1)
        compare(FILE, run_onnx(folder / FILE, x), model.answer(x))
