"""8-bit weights in ONNX graphs: constants made plain, weights found, quantised and counted."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from einsearch.exporters.onnx import INPUT_NAME, silence
from einsearch.exporters.onnx_constants import merge_equal_constants

if TYPE_CHECKING:
    import onnx
    import torch

OPERATIONS: Final = ("Conv", "ConvTranspose", "MatMul", "Gemm")
"""Operations whose weights are quantised, and that can run in integers; rows of a table that a
Gather picks from are quantised too."""
GROWTH: Final = 2.0
"""Constants are made plain unless the file gets larger than so many times."""
_LARGEST: Final = 127


def make_constants_plain(exact: Path, plain: Path) -> None:
    """Computes what depends on weights alone: transposed, reshaped and combined weights become
    constants, which can be quantised.

    Args:
        exact: a file in float32.
        plain: the file to write. It has the same graph as `exact` where constants, computed, would
            be much larger, such as long convolutions that few numbers make.
    """
    import onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(plain)
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(exact), options, providers=["CPUExecutionProvider"])
    found = onnx.load(plain)
    if merge_equal_constants(found):
        onnx.save(found, plain)
    if plain.stat().st_size > GROWTH * exact.stat().st_size + 2**16:
        plain.write_bytes(exact.read_bytes())


class _Reader:
    """Hands out examples in batches, as the calibration asks for them."""

    def __init__(self, x: torch.Tensor, batch: int) -> None:
        self._batches = (x[at : at + batch] for at in range(0, len(x), batch))

    def get_next(self) -> dict[str, Any] | None:
        batch = next(self._batches, None)
        return None if batch is None else {INPUT_NAME: batch.numpy()}


def quantise_all(plain: Path, made: Path, examples: torch.Tensor, batch: int) -> None:
    """Weights and activations in 8 bits, by ranges that activations have for examples."""
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    with silence():
        quantize_static(
            plain,
            made,
            _Reader(examples, batch),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=list(OPERATIONS),
            per_channel=True,
            reduce_range=True,
            extra_options={"MatMulConstBOnly": True},
        )
    model = onnx.load(made)
    _quantise_left(model)
    onnx.save(model, made)


def quantise_weights(plain: Path, made: Path) -> None:
    """Weights in 8 bits, activations in float32."""
    import onnx

    model = onnx.load(plain)
    _quantise_left(model)
    onnx.save(model, made)


def count_floats(path: Path) -> int:
    """How many numbers the float constants of a file are: weights, biases, scales of norms."""
    import onnx

    return sum(
        math.prod(tensor.dims)
        for tensor in onnx.load(path).graph.initializer
        if tensor.data_type in (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE)
    )


def count_quantised(path: Path) -> int:
    """How many weights of a file have 8 bits."""
    import onnx

    graph = onnx.load(path).graph
    weights = {node.input[0] for node in graph.node if node.op_type == "DequantizeLinear"}
    return sum(
        math.prod(tensor.dims)
        for tensor in graph.initializer
        if tensor.name in weights and tensor.data_type == onnx.TensorProto.INT8
    )


def _quantise_left(model: onnx.ModelProto) -> None:
    """Quantises the float weights of a graph, by channel and symmetrically, in place."""
    import onnx
    from onnx import numpy_helper

    graph = model.graph
    floats = {
        tensor.name: tensor
        for tensor in graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT and len(tensor.dims) > 1
    }
    axes: dict[str, int] = {}
    for node in graph.node:
        for name, axis in _weights(node, lambda name: len(floats[name].dims), floats):
            axes.setdefault(name, axis)
    nodes = []
    for name, axis in axes.items():
        whole, scale = _rounded(numpy_helper.to_array(floats[name]), axis)
        graph.initializer.remove(floats[name])
        graph.initializer.extend(
            (
                numpy_helper.from_array(whole, f"{name}_int8"),
                numpy_helper.from_array(scale, f"{name}_int8_scale"),
            )
        )
        given = [f"{name}_int8", f"{name}_int8_scale"]
        nodes.append(onnx.helper.make_node("DequantizeLinear", given, [name], axis=axis))
    for node in reversed(nodes):
        graph.node.insert(0, node)


def _weights(
    node: onnx.NodeProto, rank: Callable[[str], int], known: Any
) -> Iterator[tuple[str, int]]:
    """Names of the weights that a node reads, with the axis of their channels."""
    given = list(node.input)
    if node.op_type == "Gather" and given[0] in known:
        yield given[0], 0
    elif node.op_type == "Conv" and given[1] in known:
        yield given[1], 0
    elif node.op_type == "ConvTranspose" and given[1] in known:
        yield given[1], 1
    elif node.op_type == "Gemm" and given[1] in known:
        transposed = any(a.name == "transB" and a.i for a in node.attribute)
        yield given[1], 0 if transposed else 1
    elif node.op_type == "MatMul":
        if given[1] in known:
            yield given[1], rank(given[1]) - 1
        if given[0] in known:
            yield given[0], rank(given[0]) - 2


def _rounded(array: np.ndarray[Any, Any], axis: int) -> tuple[Any, Any]:
    """Whole numbers from -127 to 127, and the scale of each channel, float32."""
    others = tuple(n for n in range(array.ndim) if n != axis)
    scale = np.abs(array).max(axis=others) / _LARGEST
    scale = np.where(scale > 0, scale, 1.0).astype(np.float32)
    shape = [1] * array.ndim
    shape[axis] = -1
    whole = np.rint(array / scale.reshape(shape)).clip(-_LARGEST, _LARGEST)
    return whole.astype(np.int8), scale
