"""Equal constants of a graph become one; what it computes stays."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from einsearch.exporters.onnx_constants import merge_equal_constants


def model() -> onnx.ModelProto:
    """y = two steps of a scan over x that adds `one`, plus `same`, minus `other`."""
    ones, twos = np.ones(3, np.float32), np.full(3, 2, np.float32)
    scalar = helper.make_tensor_value_info
    body = helper.make_graph(
        [
            helper.make_node("Add", ["state", "same"], ["sum"]),
            helper.make_node("Identity", ["sum"], ["seen"]),
        ],
        "body",
        [scalar("state", TensorProto.FLOAT, [3]), scalar("part", TensorProto.FLOAT, [3])],
        [scalar("sum", TensorProto.FLOAT, [3]), scalar("seen", TensorProto.FLOAT, [3])],
    )
    graph = helper.make_graph(
        [
            helper.make_node("Scan", ["one", "x"], ["last", "all"], body=body, num_scan_inputs=1),
            helper.make_node("Add", ["last", "same"], ["more"]),
            helper.make_node("Sub", ["more", "other"], ["y"]),
        ],
        "graph",
        [scalar("x", TensorProto.FLOAT, ["n", 3])],
        [scalar("y", TensorProto.FLOAT, [3])],
        [
            numpy_helper.from_array(ones, "one"),
            numpy_helper.from_array(ones, "same"),
            numpy_helper.from_array(twos, "other"),
            numpy_helper.from_array(ones.astype(np.float64), "double"),
            numpy_helper.from_array(ones.reshape(1, 3), "shaped"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def answer(made: onnx.ModelProto) -> np.ndarray:
    onnx.checker.check_model(made)
    session = onnxruntime.InferenceSession(
        made.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    found: np.ndarray = session.run(["y"], {"x": np.zeros((4, 3), np.float32)})[0]
    return found


def test_equal_constants_become_one_inside_of_loops_too() -> None:
    made = model()
    before = answer(made)
    assert merge_equal_constants(made) == 1
    names = [tensor.name for tensor in made.graph.initializer]
    assert names == ["one", "other", "double", "shaped"], "type and shape count"
    assert np.array_equal(answer(made), before)
    assert merge_equal_constants(made) == 0
