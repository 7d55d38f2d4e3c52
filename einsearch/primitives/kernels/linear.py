"""Linear maps that torch has no module for."""

from __future__ import annotations

from torch import Tensor, nn


class AxisLinear(nn.Linear):
    """A linear map along one axis.

    Args:
        in_features, out_features: sizes of that axis, before and after.
        axis: counted with the batch.
        bias: whether an offset is added.
    """

    def __init__(
        self, in_features: int, out_features: int, axis: int = 1, bias: bool = True
    ) -> None:
        super().__init__(in_features, out_features, bias=bias)
        self.axis = axis

    def forward(self, x: Tensor) -> Tensor:
        """x (B, ..., in, ...) -> (B, ..., out, ...)."""
        return super().forward(x.movedim(self.axis, -1)).movedim(-1, self.axis)
