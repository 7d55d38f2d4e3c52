"""Normalisation, and the learned scale and offset that end a normalization-activation layer."""

from __future__ import annotations

from typing import Final

from einsearch.errors import ShapeError
from einsearch.primitives.arguments import Arguments, Kind, Parameter
from einsearch.primitives.base import Layer, Primitive, Signal, register
from einsearch.primitives.moments import groups_of
from einsearch.primitives.work import Operation, Part, Work, passes, size
from einsearch.specs import Bundle, Layout, TensorSpec

MOST: Final = 1e3
"""A bound for normalised elements: the root of how many are normalised together."""


ROW: Final = 16.0
"""Elements that starting a row of a normalisation is worth."""


class Normalisation(Primitive):
    """Base: one tensor, the same spec, a scale and an offset for every feature."""

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        return specs

    def weights(self, specs: Bundle, args: Arguments) -> int:
        return 2 * specs[0].features

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        spec = specs[0]
        by_batch = self.mixes_batch(specs, args)
        rows = 1 if by_batch else spec.elements // spec.features
        parts = [Part(Operation.NORM, spec.elements + ROW * rows, 2 * size(specs))]
        if by_batch == (spec.layout is Layout.TOKENS) and spec.layout is not Layout.VECTOR:
            # The axis that it goes along is not where torch wants it.
            parts.append(Part(Operation.COPY, 0.0, (5 if by_batch else 2) * size(specs), calls=2))
        turned = len(parts) > 1
        return Work(tuple(parts), keeps_inputs=True, scratch=size(specs) * turned, turns=turned)

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        signal = incoming[0]
        if self.keeps_features_apart(specs, args):
            factor = (signal.input_variance + 1e-5) ** -0.5
            # What differs between features alone is subtracted, and inputs make all that is left.
            return (_scaled(signal._replace(variance=signal.input_variance), signal.mean, factor),)
        return (_scaled(signal, signal.mean, (signal.variance + 1e-5) ** -0.5),)

    def keeps_features_apart(self, specs: Bundle, args: Arguments) -> bool:
        """Whether every feature is normalised by itself."""
        return self.mixes_batch(specs, args)


def _scaled(signal: Signal, offset: float, factor: float) -> Signal:
    """Moments of (x - offset) * factor; of so many normalised elements none is larger."""
    low, high = (signal.low - offset) * factor, (signal.high - offset) * factor
    moments = Signal(
        (signal.mean - offset) * factor,
        signal.variance * factor**2,
        by_inputs=signal.input_variance * factor**2,
    )
    return moments.between(min(max(low, -MOST), MOST), min(max(high, -MOST), MOST))


def _with_several_features(specs: Bundle) -> Bundle:
    if specs[0].features == 1:
        raise ShapeError("normalising one feature by itself leaves nothing of it")
    return specs


def _over_batch(spec: TensorSpec) -> Layer:
    from torch import nn

    from einsearch.primitives.kernels.norm import TokenBatchNorm

    if spec.layout is Layout.IMAGE:
        return Layer.module(nn.BatchNorm2d, spec.features)
    if spec.layout is Layout.TOKENS:
        return Layer.module(TokenBatchNorm, spec.features)
    return Layer.module(nn.BatchNorm1d, spec.features)


def _over_features(spec: TensorSpec) -> Layer:
    from torch import nn

    from einsearch.primitives.kernels.norm import ChannelLayerNorm

    if spec.layout is Layout.IMAGE:
        return Layer.module(ChannelLayerNorm, spec.features)
    return Layer.module(nn.LayerNorm, spec.features)


@register
class BatchNorm(Normalisation):
    """Over batch and positions (Ioffe and Szegedy, 2015); running statistics in evaluation."""

    name = "batch_norm"

    def affine_at(self, specs: Bundle, args: Arguments) -> bool:
        return True

    def mixes_batch(self, specs: Bundle, args: Arguments) -> bool:
        return True

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        return _over_batch(specs[0])


@register
class Standardise(Normalisation):
    """As `batch_norm`, with nothing to learn: mean 0 and variance 1 for every feature."""

    name = "standardise"
    keeps_zero = True

    def affine_at(self, specs: Bundle, args: Arguments) -> bool:
        return True

    def mixes_batch(self, specs: Bundle, args: Arguments) -> bool:
        return True

    def weights(self, specs: Bundle, args: Arguments) -> int:
        return 0

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        learned = _over_batch(specs[0])
        return Layer.module(learned.target, *learned.args, affine=False)


@register
class LayerNorm(Normalisation):
    """Over the features of each position (Ba et al., 2016)."""

    name = "layer_norm"
    is_causal = True

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        return _with_several_features(specs)

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        return _over_features(specs[0])


@register
class Norm(Normalisation):
    """Batch norm of images, layer norm over the features of tokens and vectors."""

    name = "norm"
    is_causal = True

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        return specs if specs[0].layout is Layout.IMAGE else _with_several_features(specs)

    def affine_at(self, specs: Bundle, args: Arguments) -> bool:
        return self.mixes_batch(specs, args)

    def mixes_batch(self, specs: Bundle, args: Arguments) -> bool:
        return specs[0].layout is Layout.IMAGE

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        spec = specs[0]
        return _over_batch(spec) if spec.layout is Layout.IMAGE else _over_features(spec)


@register
class GroupNorm(Normalisation):
    """Over positions and the features of a group (Wu and He, 2018); fewer groups where needed."""

    name = "group_norm"
    parameters = (Parameter("groups", Kind.INT, 32, minimum=1, maximum=4096),)

    def keeps_features_apart(self, specs: Bundle, args: Arguments) -> bool:
        return groups_of(specs[0], args.groups) == specs[0].features

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        if specs[0].elements // groups_of(specs[0], args.groups) == 1:
            raise ShapeError("a group of one element leaves nothing of it")
        return specs

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        from torch import nn

        from einsearch.primitives.kernels.norm import TokenGroupNorm

        spec = specs[0]
        module = TokenGroupNorm if spec.layout is Layout.TOKENS else nn.GroupNorm
        return Layer.module(module, groups_of(spec, args.groups), spec.features)


@register
class RmsNorm(Normalisation):
    """Divides by the root mean square over features (Zhang and Sennrich, 2019); scale only."""

    name = "rms_norm"
    is_causal = True

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        return _with_several_features(specs)

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        from torch import nn

        from einsearch.primitives.kernels.norm import ChannelRMSNorm

        spec = specs[0]
        if spec.layout is Layout.IMAGE:
            return Layer.module(ChannelRMSNorm, spec.features)
        return Layer.module(nn.RMSNorm, spec.features, eps=1e-5)

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        part = passes(Operation.ELEMENTWISE, specs, outputs, calls=6, times=4)
        return Work((part,), keeps_inputs=True, kept=size(outputs), scratch=4 * size(outputs))

    def weights(self, specs: Bundle, args: Arguments) -> int:
        return specs[0].features

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        return (_scaled(incoming[0], 0.0, (incoming[0].second_moment + 1e-5) ** -0.5),)


@register
class ChannelAffine(Primitive):
    """A learned scale and offset for every channel (feature)."""

    name = "channel_affine"
    is_causal = True
    is_affine = True
    is_multilinear = True

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        return specs

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        from einsearch.primitives.kernels.sources import ChannelAffine as Kernel

        first = specs[0].layout is Layout.IMAGE
        return Layer.module(Kernel, specs[0].features, channels_first=first)

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        # Its gradients are sums over all positions.
        part = passes(Operation.ELEMENTWISE, specs, outputs, calls=3, times=1.5)
        summed = Part(Operation.REDUCTION, specs[0].elements, size(specs), calls=1)
        return Work((part, summed), keeps_inputs=True, scratch=size(outputs))

    def weights(self, specs: Bundle, args: Arguments) -> int:
        return 2 * specs[0].features

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        return incoming
