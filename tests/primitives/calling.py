"""One call of a primitive as a module, for tests that compare it with an oracle."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from einsearch.primitives.base import get_primitive, infer
from einsearch.specs import TensorSpec
from tests.contracts.primitive_cases import Case, Network


def call(name: str, *args: Any, on: TensorSpec | tuple[TensorSpec, ...], seed: int = 0) -> Network:
    """`call("conv2d", 8, 3, on=image(3, 6, 6))`: the call with fresh weights."""
    specs = on if isinstance(on, tuple) else (on,)
    primitive = get_primitive(name)
    bound = primitive.bind(*args)
    return Case(primitive, bound, specs, infer(primitive, bound, specs)).network(seed)


def outcome(name: str, *args: Any, of: Tensor | tuple[Tensor, ...], on: Any) -> Any:
    """What a call makes of tensors: one tensor, or a tuple of several."""
    made = call(name, *args, on=on)(*(of if isinstance(of, tuple) else (of,)))
    return made[0] if len(made) == 1 else made


def assert_equal(left: Tensor, right: Tensor) -> None:
    """Equal up to rounding."""
    torch.testing.assert_close(left, right, rtol=1e-5, atol=1e-6)
