"""Anchors: fixed networks with a place for a layer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from einsearch.derivation.replay import architecture
from einsearch.errors import EinsearchError
from einsearch.primitives.program import Program
from einsearch.specs import TensorSpec

PLACE: Final = "layer"
"""The word that a candidate takes the place of."""

_PLACE: Final = re.compile(rf"\b{PLACE}\b")


@dataclass(frozen=True)
class Anchor:
    """A network with a place for a layer.

    Attributes:
        name: of the anchor; the objective that it gives is called so.
        text: of the architecture, in which the word `layer` stands for the layer, wherever and
            however often, on tensors of any size.
    """

    name: str
    text: str

    def __post_init__(self) -> None:
        if not _PLACE.search(self.text):
            raise EinsearchError(
                f"the anchor {self.name} has no place for a layer: write `{PLACE}`"
            )

    def with_layer(self, layer: str, incoming: TensorSpec) -> Program:
        """The network that has a layer in all its places, each with weights of its own.

        Args:
            layer: text of the layer.
            incoming: spec of the network's input.

        Raises:
            EinsearchError: the layer does not fit there.
        """
        # A function, because a text may hold what stands for something in a replacement.
        return architecture(_PLACE.sub(lambda _: f"({layer})", self.text), incoming).program


PLAIN: Final = Anchor(
    "plain",
    "conv2d(16, 3) >> layer >> conv2d(16, 3) >> layer >> conv2d(32, 3, stride=2) >> layer"
    " >> conv2d(32, 3) >> layer",
)
"""Convolutions one behind the other, as in VGG (Simonyan and Zisserman, 2015)."""

RESIDUAL: Final = Anchor(
    "residual",
    "conv2d(16, 3) >> (layer >> conv2d(16, 3) >> layer >> conv2d(16, 3), identity) >> add"
    " >> layer >> conv2d(32, 3, stride=2)"
    " >> (layer >> conv2d(32, 3) >> layer >> conv2d(32, 3), identity) >> add >> layer",
)
"""Pre-activation residual blocks (He, Zhang, Ren and Sun, 2016)."""

SEPARABLE: Final = Anchor(
    "separable",
    "conv2d(16, 3) >> layer"
    " >> (conv2d(32, 1) >> layer >> conv2d(32, 3, groups=32) >> layer >> conv2d(16, 1), identity)"
    " >> add >> conv2d(64, 1) >> layer >> conv2d(64, 3, stride=2, groups=64) >> layer"
    " >> conv2d(32, 1) >> layer",
)
"""Inverted residual blocks, as in MobileNetV2 (Sandler et al., 2018).

A layer comes last: behind a convolution alone, ascent on the gradient's norm (`filters.py`) has no
bound, whatever the layers before it.
"""

DENSE: Final = Anchor(
    "dense",
    "conv2d(16, 3) >> (layer >> conv2d(16, 3), identity) >> concat(axis=0)"
    " >> (layer >> conv2d(16, 3), identity) >> concat(axis=0) >> layer"
    " >> conv2d(32, 1, stride=2) >> (layer >> conv2d(16, 3), identity) >> concat(axis=0) >> layer",
)
"""Every layer reads all before it, as in DenseNet (Huang et al., 2017)."""

ANCHORS: Final[Mapping[str, Anchor]] = {
    anchor.name: anchor for anchor in (PLAIN, RESIDUAL, SEPARABLE, DENSE)
}
"""Those that ship, for small images, by name."""
