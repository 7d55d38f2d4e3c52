"""The contract of a primitive: argument schema, shape rule, cost rule, signal rule, layer.

A primitive is one class with one `@register`. Shape, cost and signal are plain arithmetic on
`TensorSpec`s, so that thousands of candidates are checked before any tensor exists; torch is
imported inside `layer` alone.
"""

from __future__ import annotations

import abc
import difflib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Final, TypeVar

from einsearch.errors import ArgumentError, ShapeError
from einsearch.plugins import RegistrationError, check_class, is_same, load_plugins, lost_plugin
from einsearch.primitives.arguments import Arguments, Kind, Parameter, bind, signature
from einsearch.primitives.signals import Signal as Signal
from einsearch.primitives.work import Work, usual_work
from einsearch.specs import Bundle, TensorSpec, describe

BYTES_PER_ELEMENT: Final = 4
"""Activations and weights are counted as float32."""

MANY: Final = 2**31
"""No upper bound on the number of incoming tensors."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one call costs.

    Attributes:
        parameters: number of trainable scalars.
        flops: floating-point operations for one example, two per multiply-add; elementwise
            work is not counted (as in `torch.utils.flop_counter`).
        memory: bytes of activations that training keeps for one example.
    """

    parameters: int = 0
    flops: int = 0
    memory: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.parameters + other.parameters,
            self.flops + other.flops,
            self.memory + other.memory,
        )


@dataclass(frozen=True)
class Layer:
    """How a call runs in PyTorch: a module to construct, or a function to call.

    The same value builds the module and prints its source, so the two cannot differ.

    Attributes:
        target: an `nn.Module` class (constructed with `args` and `kwargs`, then called with the
            incoming tensors), or a function, called with the incoming tensors followed by
            `args` and `kwargs`. Either comes from torch, or from a module below
            `einsearch.primitives.kernels`, whose source can stand on torch alone.
        args, kwargs: plain values: numbers, strings, booleans, tuples of them. Among `args` also a
            `Program`, the expression of a primitive: in its place the module gets a function that
            makes a network of it, with weights of its own each time it is called.
        is_module: whether `target` is a module class.
    """

    target: Callable[..., Any]
    args: tuple[Any, ...] = ()
    kwargs: tuple[tuple[str, Any], ...] = ()
    is_module: bool = False

    @staticmethod
    def module(cls: Callable[..., Any], *args: Any, **kwargs: Any) -> Layer:
        """A layer that constructs `cls(*args, **kwargs)`."""
        return Layer(cls, args, tuple(kwargs.items()), is_module=True)

    @staticmethod
    def function(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Layer:
        """A layer that calls `function(*tensors, *args, **kwargs)`."""
        return Layer(function, args, tuple(kwargs.items()))


class Primitive(abc.ABC):
    """A fundamental operation of the grammar language. Subclasses are stateless.

    Attributes:
        name: as written in a grammar.
        parameters: its argument schema, in positional order.
        arity: (fewest, most) incoming tensors.
        outputs: how many tensors leave: a number, or the name of the argument that says it; where
            it is None, that is found out by trying `infer`.
        commutative: whether the order of the incoming tensors does not matter.
        is_view: whether it only rearranges or passes on its input, so that training keeps nothing.
        ignores_input: whether it reads the shape of its input alone, never the values.
        is_source: whether it begins a line of its own in a block: it takes the tensor that enters
            the block, which it ignores but for the shape.
        is_affine: whether it is affine in its incoming tensors taken together, in training as in
            evaluation. `mul` and `matmul` are not, except where at most one operand depends on the
            network's input.
        is_multilinear: whether it is affine in each incoming tensor when the others are fixed.
        is_associative: whether it may take some of its tensors first and the outcome with the
            others after, as far as shapes and costs go.
        keeps_zero: whether it has no weights and makes zero of zeros, in training as in evaluation.
        is_causal: whether no token that leaves depends on a later one that enters, in training as
            in evaluation, where tokens of one length enter and leave.
        stops_gradient: whether it reads its input, but never differentiably.
        is_random: whether it draws random numbers in training, so that two calls on the same
            tensors differ, as dropout does. What its expression draws is the expression's.
        is_conditional: whether values decide what is computed, so that `flops` is an upper bound,
            and some weights get no gradient from some inputs.
        is_implied: whether a text may leave it out, as `clone` before a bundle and `identity`.
        is_setting: whether it says how the network is trained (`settings`), and passes its tensors
            on as they are: networks are built without it.
        scales_expression: of one that takes an expression, whether its outcome is zero where that
            of the expression is.
    """

    name: ClassVar[str]
    parameters: ClassVar[tuple[Parameter, ...]] = ()
    arity: ClassVar[tuple[int, int]] = (1, 1)
    outputs: ClassVar[int | str | None] = None
    commutative: ClassVar[bool] = False
    is_view: ClassVar[bool] = False
    ignores_input: ClassVar[bool] = False
    is_source: ClassVar[bool] = False
    is_affine: ClassVar[bool] = False
    is_multilinear: ClassVar[bool] = False
    is_associative: ClassVar[bool] = False
    keeps_zero: ClassVar[bool] = False
    is_causal: ClassVar[bool] = False
    stops_gradient: ClassVar[bool] = False
    is_random: ClassVar[bool] = False
    is_conditional: ClassVar[bool] = False
    is_implied: ClassVar[bool] = False
    is_setting: ClassVar[bool] = False
    scales_expression: ClassVar[bool] = False

    @abc.abstractmethod
    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        """Specs of the outgoing tensors.

        Raises:
            ShapeError: these tensors cannot be taken; the message says why.
        """

    @abc.abstractmethod
    def layer(self, specs: Bundle, args: Arguments) -> Layer | Callable[..., Any]:
        """The PyTorch layer. Tensors carry the batch as axis 0. A function, or a class of modules
        without arguments, stands for the `Layer` that it makes."""

    @abc.abstractmethod
    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        """Moments of the outgoing tensors at initialisation, one for each."""

    def affine_at(self, specs: Bundle, args: Arguments) -> bool:
        """Whether this call is affine in evaluation; batch norm is, though not in training."""
        return self.is_affine

    def within(self, specs: Bundle, values: Mapping[str, Any]) -> Bundle:
        """Specs of the tensors that enter its expression; `specs` unless overridden.

        Args:
            specs: of its own incoming tensors.
            values: its other arguments, by name.

        Raises:
            ShapeError: these tensors cannot be taken.
        """
        return specs

    def codes(self, args: Arguments) -> int | None:
        """How many codes this call tells apart, as `embed` does; None where it takes no codes."""
        return None

    def settings(self, args: Arguments) -> Mapping[str, Any]:
        """Settings of training that this call fixes, by name: numbers, truth values, symbols."""
        return {}

    def mixes_batch(self, specs: Bundle, args: Arguments) -> bool:
        """Whether examples of a batch meet in training, as in batch norm; not in evaluation."""
        return False

    def causal_at(self, specs: Bundle, args: Arguments) -> bool:
        """Whether this call is causal, tokens of one length entering and leaving."""
        return self.is_causal

    def weights(self, specs: Bundle, args: Arguments) -> int:
        """Number of trainable scalars; 0 unless overridden."""
        return 0

    def flops(self, specs: Bundle, args: Arguments) -> int:
        """Two per multiply-add, for one example; 0 unless overridden."""
        return 0

    def memory(self, specs: Bundle, outputs: Bundle, args: Arguments) -> int:
        """Bytes of activations that training keeps for one example."""
        return 0 if self.is_view else BYTES_PER_ELEMENT * sum(s.elements for s in outputs)

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        """What its kernels do for one example; from FLOPs and memory unless overridden."""
        return usual_work(
            specs,
            outputs,
            flops=self.flops(specs, args),
            memory=self.memory(specs, outputs, args),
            is_view=self.is_view,
            weights=self.weights(specs, args),
        )

    def bind(self, *positional: Any, **named: Any) -> Arguments:
        """Checked arguments, with defaults filled in. Raises ArgumentError."""
        return bind(self.name, self.parameters, positional, named)

    @classmethod
    def signature(cls) -> str:
        """How a call is written, with defaults."""
        return signature(cls.name, cls.parameters)

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def __reduce__(self) -> tuple[Callable[[str], Primitive], tuple[str]]:
        return get_primitive, (self.name,)


@lru_cache(maxsize=65_536)
def _infer_or_reason(primitive: Primitive, args: Arguments, specs: Bundle) -> Bundle | str:
    fewest, most = primitive.arity
    if not fewest <= len(specs) <= most:
        wanted = str(fewest) if fewest == most else f"{fewest} or more"
        plural = "" if wanted == "1" else "s"
        return f"{primitive.name} takes {wanted} tensor{plural}, {len(specs)} arrive"
    try:
        return primitive.infer(specs, args)
    except ShapeError as error:
        return f"{primitive.name} cannot take {describe(specs)}: {error}"


def infer_or_reason(primitive: Primitive, args: Arguments, specs: Bundle) -> Bundle | str:
    """Outgoing specs, or the reason why there are none; memoised, never raises ShapeError."""
    return _infer_or_reason(primitive, args, specs)


def infer(primitive: Primitive, args: Arguments, specs: Bundle) -> Bundle:
    """Outgoing specs; memoised. Raises ShapeError with the primitive's name and the reason."""
    outcome = _infer_or_reason(primitive, args, specs)
    if isinstance(outcome, str):
        raise ShapeError(outcome)
    return outcome


@lru_cache(maxsize=65_536)
def cost(primitive: Primitive, args: Arguments, specs: Bundle) -> Cost:
    """What a call costs; memoised. `specs` must be ones that `infer` takes."""
    outputs = infer(primitive, args, specs)
    return Cost(
        primitive.weights(specs, args),
        primitive.flops(specs, args),
        primitive.memory(specs, outputs, args),
    )


def layer_of(primitive: Primitive, specs: Bundle, args: Arguments) -> Layer:
    """How a call runs in PyTorch. What `layer` may give in place of a `Layer`: a class of modules
    that is constructed without arguments, and a function that is called with the tensors.

    Raises:
        ArgumentError: it gives something else.
    """
    found: Any = primitive.layer(specs, args)
    if isinstance(found, Layer):
        return found
    if isinstance(found, type):
        return Layer.module(found)
    if inspect.isroutine(found):
        return Layer.function(found)
    raise ArgumentError(
        f"layer of the primitive {primitive.name} gives {type(found).__name__}: expected "
        "Layer.module(cls, *args), Layer.function(function, *args), or a plain function"
    )


@lru_cache(maxsize=4096)
def expressions_of(kind: type[Primitive]) -> tuple[Parameter, ...]:
    """The parameters of a primitive that take an expression; most have none."""
    return tuple(p for p in kind.parameters if p.kind is Kind.EXPRESSION)


_REGISTRY: dict[str, Primitive] = {}
_P = TypeVar("_P", bound=type[Primitive])


def register(cls: _P) -> _P:
    """Class decorator that makes a primitive known under its name.

    Raises:
        RegistrationError: it lacks something, or another one has its name.
    """
    check_class("primitive", cls, Primitive)
    if cls.name in _REGISTRY and not is_same(type(_REGISTRY[cls.name]), cls):
        raise RegistrationError(f"a primitive named {cls.name} is registered already")
    _REGISTRY[cls.name] = cls()
    return cls


@lru_cache(maxsize=1)
def _load_all() -> None:
    import einsearch.primitives.families  # noqa: F401  registers what ships with einsearch

    load_plugins("einsearch.primitives")


def all_primitives() -> dict[str, Primitive]:
    """Every known primitive by name, sorted, those of other packages' entry points included."""
    _load_all()
    return dict(sorted(_REGISTRY.items()))


def find_primitive(name: str) -> Primitive | None:
    """The primitive of that name, or None."""
    _load_all()
    return _REGISTRY.get(name)


def get_primitive(name: str) -> Primitive:
    """The primitive of that name.

    Raises:
        ArgumentError: there is none; the message names the nearest.
    """
    primitive = find_primitive(name)
    if primitive is None:
        near = difflib.get_close_matches(name, _REGISTRY, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        hint = f": {lost}" if (lost := lost_plugin(name)) else hint
        raise ArgumentError(f"no primitive is named {name}{hint}")
    return primitive


def resolve_axis(spec: TensorSpec, axis: int | str) -> int:
    """Index of an axis argument, without the batch.

    Raises:
        ShapeError: the tensor has no such axis.
    """
    if axis == "features":
        return spec.feature_axis
    if axis == "last":
        return spec.rank - 1
    if not isinstance(axis, int) or axis >= spec.rank:
        raise ShapeError(f"it has {spec.rank} axes, there is no axis {axis}")
    return axis
