"""Joins seen in advance: what will take the tensors that parallel expressions yield.

Where two branches can never be added, the third need not be derived to find that out; and what
follows a concatenation depends on its outcome, not on the tensors that went into it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from einsearch.derivation.calls import bind_arguments
from einsearch.derivation.state import Frame
from einsearch.grammar import expressions as e
from einsearch.primitives.arguments import Arguments
from einsearch.primitives.base import infer_or_reason
from einsearch.specs import Bundle, TensorSpec


class Awaited(NamedTuple):
    """A join that takes what is being derived.

    Attributes:
        node: the call.
        args: its arguments.
        frame: of the series that it stands in.
    """

    node: e.PrimitiveCall
    args: Arguments
    frame: Frame

    def join(self, specs: Bundle) -> TensorSpec | str:
        """What the tensors so far are joined to, or the reason why they cannot be."""
        found = infer_or_reason(self.node.primitive, self.args, specs)
        return found if isinstance(found, str) else found[0]


def awaited(frame: Frame | None) -> Awaited | None:
    """The join that a frame begins with, if it may take some of its tensors first."""
    if frame is None or not isinstance(frame.data, tuple) or not frame.data:
        return None
    node = frame.data[0]
    if not isinstance(node, e.Series):
        return None
    item = node.items[frame.data[1]]
    args = _arguments(item) if isinstance(item, e.PrimitiveCall) else None
    return None if args is None else Awaited(item, args, frame)  # type: ignore[arg-type]


@lru_cache(maxsize=4096)
def _arguments(node: e.PrimitiveCall) -> Arguments | None:
    if not node.primitive.is_associative:
        return None
    names = tuple(name for name, _ in node.arguments)
    values = tuple(value.value for _, value in node.arguments if isinstance(value, e.Constant))
    if len(values) < len(names):
        return None
    args = bind_arguments(node.primitive, names, values, tuple(map(type, values)))
    return args if isinstance(args, Arguments) else None
