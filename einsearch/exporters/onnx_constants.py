"""Constants of an ONNX graph: equal ones become one, so that weights which a network shares are in
its file once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

Content = tuple[int, tuple[int, ...], bytes]
"""What makes two constants equal: type, dimensions, and a digest of their numbers."""


def merge_equal_constants(model: onnx.ModelProto) -> int:
    """Lets a constant stand for all that are equal to it, in place.

    Names of outputs stay. Bodies of loops may read the constants of the graph around them, and are
    gone through too.

    Args:
        model: as loaded.

    Returns:
        how many constants went.
    """
    graph = model.graph
    kept: dict[Content, str] = {}
    renamed: dict[str, str] = {}
    outputs = {value.name for value in graph.output}
    for tensor in list(graph.initializer):
        first = kept.setdefault(_content(tensor), tensor.name)
        if first != tensor.name and tensor.name not in outputs:
            renamed[tensor.name] = first
            graph.initializer.remove(tensor)
    _rename(graph, renamed)
    return len(renamed)


def _content(tensor: onnx.TensorProto) -> Content:
    from onnx import numpy_helper

    digest = hashlib.sha256(numpy_helper.to_array(tensor).tobytes()).digest()
    return tensor.data_type, tuple(tensor.dims), digest


def _rename(graph: onnx.GraphProto, renamed: dict[str, str]) -> None:
    """Reads constants by their new names, in a graph and in the bodies of its loops."""
    waiting = [(graph, renamed)] if renamed else []
    while waiting:
        current, names = waiting.pop()
        for node in current.node:
            for place, name in enumerate(node.input):
                if name in names:
                    node.input[place] = names[name]
            waiting += [(body, _visible(body, names)) for body in _bodies(node)]


def _bodies(node: onnx.NodeProto) -> Iterable[onnx.GraphProto]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _visible(body: onnx.GraphProto, names: dict[str, str]) -> dict[str, str]:
    """Names that mean in a body what they mean around it."""
    own = {value.name for value in (*body.input, *body.initializer)}
    own |= {name for node in body.node for name in node.output}
    return {name: first for name, first in names.items() if name not in own}
