"""Calls of every primitive, made up from its argument schema alone."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from einsearch.compile.module import build_layer
from einsearch.derivation.replay import architecture
from einsearch.errors import ShapeError
from einsearch.primitives.arguments import (
    AXIS_SYMBOLS,
    Arguments,
    Kind,
    Parameter,
    Symbol,
)
from einsearch.primitives.base import Primitive, expressions_of, get_primitive, infer_or_reason
from einsearch.specs import Bundle, TensorSpec, describe, image, tokens, vector

POOL: Final[Bundle] = (
    image(4, 6, 6),
    image(4, 6, 5),
    image(2, 6, 6),
    image(64, 3, 3),
    image(1, 2, 2),
    image(3, 1, 1),
    tokens(6, 8),
    tokens(8, 6),
    tokens(9, 8, grid=(3, 3)),
    tokens(9, 4, grid=(3, 3)),
    tokens(1, 4),
    tokens(7, 1),
    vector(12),
    vector(1),
)
MOST_ARGUMENTS: Final = 40
MOST_CASES: Final = 12


@dataclass(frozen=True)
class Case:
    """One call that its primitive takes."""

    primitive: Primitive
    args: Arguments
    specs: Bundle
    outputs: Bundle

    def __str__(self) -> str:
        shown = ", ".join(map(str, self.args.values_in_order))
        return f"{self.primitive.name}({shown}) on {', '.join(map(str, self.specs))}"

    def network(self, seed: int = 0) -> Network:
        """The call as a module, with weights of its own."""
        torch.manual_seed(seed)
        return Network(self)

    def tensors(self, batch: int = 2, mean: float = 0.0, variance: float = 1.0) -> list[Tensor]:
        """Normal tensors that the call takes."""
        shapes = [(batch, *spec.shape) for spec in self.specs]
        return [mean + variance**0.5 * torch.randn(shape) for shape in shapes]


class Network(nn.Module):
    """One call; its outcome is always a tuple."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.layer = case.primitive.layer(case.specs, case.args)
        if self.layer.is_module:
            self.inner = build_layer(self.layer)

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        if self.layer.is_module:
            made = self.inner(*tensors)
        else:
            made = self.layer.target(*tensors, *self.layer.args, **dict(self.layer.kwargs))
        return (made,) if isinstance(made, Tensor) else tuple(made)


_NUMBERS: Final = (0.5, 1, 2, 3, 4, -1.5)
_VALUES: Final[dict[Kind, Callable[[Parameter], tuple[Any, ...]]]] = {
    Kind.INT: lambda p: tuple(n for n in (1, 2, 3, 4) if p.minimum <= n <= p.maximum),
    Kind.NUMBER: lambda p: tuple(n for n in _NUMBERS if p.minimum <= n <= p.maximum),
    Kind.BOOL: lambda p: (True, False),
    Kind.SYMBOL: lambda p: tuple(map(Symbol, p.symbols)),
    Kind.AXIS: lambda p: (0, 1, 2, *AXIS_SYMBOLS),
    Kind.TEXT: lambda p: p.examples,
    Kind.EXPRESSION: lambda p: p.examples,
    Kind.SETTING: lambda p: p.examples,
}


def arguments(primitive: Primitive) -> list[Arguments]:
    """Arguments drawn from the schema: the defaults, and a mixture of everything else.

    In the place of an expression stands its text: what it means depends on what enters it.
    """
    choices = []
    for parameter in primitive.parameters:
        default = () if parameter.is_required else (parameter.default,)
        choices.append((*default, *_VALUES[parameter.kind](parameter)))
    names = tuple(parameter.name for parameter in primitive.parameters)
    combined = [Arguments(names, accepted(primitive, v)) for v in itertools.product(*choices)]
    rest = random.Random(primitive.name).sample(combined, min(len(combined), MOST_ARGUMENTS))
    return list(dict.fromkeys([combined[0], *rest]))


def accepted(primitive: Primitive, values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Values as the primitive's schema takes them; texts of expressions stay texts."""
    return tuple(
        value if parameter.kind is Kind.EXPRESSION else parameter.accept(value)
        for parameter, value in zip(primitive.parameters, values, strict=True)
    )


def tried(
    primitive: Primitive, args: Arguments, specs: Bundle
) -> tuple[Arguments, Bundle, Bundle | str]:
    """A call: arguments with expressions read, specs, the outgoing specs or why there are none."""
    for parameter in expressions_of(type(primitive)):
        try:
            (entering,) = primitive.within(specs, args)
            program = architecture(args[parameter.name], entering).program
        except ShapeError as error:
            return args, specs, f"{primitive.name} cannot take {describe(specs)}: {error}"
        args = args.replaced(parameter.name, program)
    return args, specs, infer_or_reason(primitive, args, specs)


def bundles(primitive: Primitive) -> Iterator[Bundle]:
    """Tensors of all layouts: alone, the same one several times, and pairs of different ones."""
    fewest, most = primitive.arity
    if fewest == 1:
        yield from ((spec,) for spec in POOL)
    if most > 1:
        yield from ((spec,) * count for spec in POOL for count in (2, 3) if count <= most)
        yield from itertools.permutations(POOL, 2)


@lru_cache
def attempts(name: str) -> tuple[tuple[Arguments, Bundle, Bundle | str], ...]:
    """Every call tried: arguments, specs, and the outgoing specs or the reason for none."""
    primitive = get_primitive(name)
    pairs = itertools.product(arguments(primitive), bundles(primitive))
    return tuple(tried(primitive, args, specs) for args, specs in pairs)


@lru_cache
def cases(name: str) -> tuple[Case, ...]:
    """Some calls that the primitive takes, of every layout and number of tensors that it takes."""
    primitive = get_primitive(name)
    taken = [Case(primitive, a, s, o) for a, s, o in attempts(name) if not isinstance(o, str)]
    random.Random(name).shuffle(taken)
    kinds: dict[Any, Case] = {}
    for case in taken:
        kinds.setdefault((case.specs[0].layout, len(case.specs)), case)
    return tuple(dict.fromkeys([*kinds.values(), *taken[:MOST_CASES]]))


@st.composite
def any_call(draw: st.DrawFn, primitive: Primitive) -> tuple[Arguments, Bundle, Bundle | str]:
    """A call with arguments that fit the schema, of as many tensors as it takes, of a layout that
    it takes; and what comes of it, as `tried` has it."""
    values = tuple(draw(any_value(parameter)) for parameter in primitive.parameters)
    known = draw(st.sampled_from(cases(primitive.name))).specs[0]
    sizes = st.integers(1, 12 if known.rank < 3 else 8)
    first = resized(known, tuple(draw(sizes) for _ in known.shape))
    fewest, most = primitive.arity
    bundle = [first]
    for _ in range(draw(st.integers(fewest, min(most, 4))) - 1):
        shape = draw(st.sampled_from([first.shape, first.shape[::-1]]))
        bundle.append(draw(st.sampled_from([first, resized(known, shape)])))
    names = tuple(parameter.name for parameter in primitive.parameters)
    return tried(primitive, Arguments(names, accepted(primitive, values)), tuple(bundle))


def any_value(parameter: Parameter) -> st.SearchStrategy[Any]:
    """Values of one parameter, small integers and numbers among them."""
    low, high = parameter.minimum, parameter.maximum
    values: dict[Kind, st.SearchStrategy[Any]] = {
        Kind.INT: st.integers(int(max(low, -6)), int(min(high, 6))),
        Kind.NUMBER: st.floats(max(low, -3.0), min(high, 3.0)),
    }
    listed = st.sampled_from(_VALUES[parameter.kind](parameter))
    fitting = values.get(parameter.kind, listed)
    return fitting if parameter.is_required else st.just(parameter.default) | fitting


def resized(known: TensorSpec, shape: tuple[int, ...]) -> TensorSpec:
    """A tensor of the same layout; where the known one has a grid, of any two sides."""
    if known.grid is None:
        return TensorSpec(known.layout, shape)
    side = max(n for n in range(1, shape[0] + 1) if shape[0] % n == 0 and n * n <= shape[0])
    return TensorSpec(known.layout, shape, (side, shape[0] // side))
