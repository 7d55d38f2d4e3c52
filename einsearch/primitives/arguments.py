"""Arguments of primitives: their schema (`Parameter`) and their checked values (`Arguments`)."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from einsearch.errors import ArgumentError


class Symbol(str):
    """A bare name as a value: `forward`, `last`. Prints without quotes; a text prints with."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


Value = int | float | bool | str
"""What an argument can be once it is drawn. A `Symbol` is a str; an expression is a `Program`."""


class Kind(StrEnum):
    """What a parameter of a primitive takes."""

    INT = "an integer"
    NUMBER = "a number"
    BOOL = "true or false"
    SYMBOL = "a symbol"
    AXIS = "an axis: 0 (the first without the batch), 1, ..., features or last"
    TEXT = "a text in quotes"
    EXPRESSION = "an expression"
    SETTING = "a number, true, false or a name"


class _Required:
    def __repr__(self) -> str:
        return "required"


REQUIRED: Final = _Required()
AXIS_SYMBOLS: Final = (Symbol("features"), Symbol("last"))


@dataclass(frozen=True)
class Parameter:
    """One parameter of a primitive.

    Attributes:
        name: as in `name=value`.
        kind: what it takes.
        default: value when it is not given, or REQUIRED.
        symbols: the names it takes, for Kind.SYMBOL.
        minimum, maximum: inclusive bounds of numbers.
        examples: values that fit some tensors, for Kind.TEXT and (as texts) Kind.EXPRESSION: the
            contract tests of primitives draw from them.
        copies: of a Kind.EXPRESSION, the parameter that says how many copies of it there are, each
            with its own weights; one where empty.
    """

    name: str
    kind: Kind
    default: Any = REQUIRED
    symbols: tuple[str, ...] = ()
    minimum: float = -math.inf
    maximum: float = math.inf
    examples: tuple[Any, ...] = ()
    copies: str = ""

    @property
    def is_required(self) -> bool:
        return self.default is REQUIRED

    def expected(self) -> str:
        """What this parameter takes, in words."""
        if self.kind is Kind.SYMBOL:
            return "one of " + ", ".join(self.symbols)
        bounds = []
        if self.minimum > -math.inf:
            bounds.append(f"at least {_bound(self.minimum)}")
        if self.maximum < math.inf:
            bounds.append(f"at most {_bound(self.maximum)}")
        return " ".join([str(self.kind), " and ".join(bounds)]).strip()

    def accept(self, value: Any) -> Any:
        """The value in its canonical form.

        Raises:
            ArgumentError: the value is not what this parameter takes.
        """
        accepted = _ACCEPT[self.kind](self, value)
        if accepted is None:
            raise ArgumentError(self._refusal(value))
        return accepted

    def _refusal(self, value: Any) -> str:
        hint = ""
        if self.kind is Kind.SYMBOL and isinstance(value, str):
            near = difflib.get_close_matches(value, self.symbols, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
        shown = f'"{value}"' if type(value) is str else show_value(value)
        return f"{self.name} is {shown}, expected {self.expected()}{hint}"


def _bound(value: float) -> str:
    """The end of a range as people write it."""
    return f"{value:.0f}" if value == value // 1 and abs(value) < 1e9 else f"{value:g}"


def _within(parameter: Parameter, value: float) -> bool:
    return parameter.minimum <= value <= parameter.maximum


def _accept_int(parameter: Parameter, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value // 1:
        return None
    return int(value) if _within(parameter, value) else None


def _accept_number(parameter: Parameter, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if math.isfinite(value) and _within(parameter, value) else None


def _accept_axis(parameter: Parameter, value: Any) -> Any:
    if isinstance(value, Symbol):
        return value if value in AXIS_SYMBOLS else None
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if value >= 0 else None


def _accept_setting(parameter: Parameter, value: Any) -> Any:
    if isinstance(value, (bool, Symbol)):
        return value
    return _accept_number(parameter, value)


_ACCEPT: Final[Mapping[Kind, Callable[[Parameter, Any], Any]]] = {
    Kind.INT: _accept_int,
    Kind.NUMBER: _accept_number,
    Kind.BOOL: lambda _, value: value if isinstance(value, bool) else None,
    Kind.SYMBOL: lambda p, value: (
        value if isinstance(value, Symbol) and value in p.symbols else None
    ),
    Kind.AXIS: _accept_axis,
    Kind.TEXT: lambda _, value: value if type(value) is str else None,
    Kind.EXPRESSION: lambda _, value: value if hasattr(value, "calls") else None,
    Kind.SETTING: _accept_setting,
}


class Arguments(Mapping[str, Any]):
    """Checked values for all parameters of one primitive; hashable; `args.kernel` reads one."""

    __slots__ = ("_hash", "_names", "_values")

    def __init__(self, names: tuple[str, ...], values: tuple[Any, ...]) -> None:
        object.__setattr__(self, "_names", names)
        object.__setattr__(self, "_values", values)
        object.__setattr__(self, "_hash", hash((values, tuple(map(type, values)))))

    @property
    def values_in_order(self) -> tuple[Any, ...]:
        """The values in the order of the schema."""
        return self._values  # type: ignore[no-any-return]

    def replaced(self, name: str, value: Any) -> Arguments:
        """The same with another value of one parameter, which must be one that it takes."""
        values = tuple(value if n == name else v for n, v in self.items())
        return Arguments(self._names, values)

    def __getattr__(self, name: str) -> Any:
        try:
            return self._values[self._names.index(name)]
        except ValueError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("arguments are immutable")

    def __getitem__(self, name: str) -> Any:
        try:
            return self._values[self._names.index(name)]
        except ValueError:
            raise KeyError(name) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __hash__(self) -> int:
        return self._hash  # type: ignore[no-any-return]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Arguments):
            return NotImplemented
        return self is other or (
            self._hash == other._hash
            and self._values == other._values
            and self._names == other._names
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return Arguments, (self._names, self._values)

    def __repr__(self) -> str:
        return f"Arguments({', '.join(f'{n}={v!r}' for n, v in self.items())})"


def bind(
    owner: str, schema: Sequence[Parameter], positional: Sequence[Any], named: Mapping[str, Any]
) -> Arguments:
    """Checks values against a schema and fills in the defaults.

    Raises:
        ArgumentError: unknown, missing, repeated or unfitting arguments.
    """
    names = tuple(p.name for p in schema)
    if len(positional) > len(schema):
        raise ArgumentError(
            f"{owner} takes at most {len(schema)} arguments, {len(positional)} were given"
        )
    given = dict(zip(names, positional, strict=False))
    for name, value in named.items():
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = (
                f"; did you mean {near[0]}?" if near else f"; it takes {', '.join(names) or 'none'}"
            )
            raise ArgumentError(f"{owner} has no argument {name}{hint}")
        if name in given:
            raise ArgumentError(f"{owner} got {name} twice")
        given[name] = value
    missing = [p.name for p in schema if p.is_required and p.name not in given]
    if missing:
        raise ArgumentError(f"{owner} needs {' and '.join(missing)}: {signature(owner, schema)}")
    values = (p.accept(given[p.name]) if p.name in given else p.default for p in schema)
    try:
        return Arguments(names, tuple(values))
    except ArgumentError as error:
        raise ArgumentError(f"{owner}: {error}") from None


def signature(owner: str, schema: Sequence[Parameter]) -> str:
    """`conv2d(channels, kernel, stride=1)`: how a call is written."""
    if not schema:
        return owner
    shown = (p.name if p.is_required else f"{p.name}={show_value(p.default)}" for p in schema)
    return f"{owner}({', '.join(shown)})"


def show_value(value: Any) -> str:
    """A value as the grammar language writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Symbol):
        return str(value)
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e16:
        return f"{value:.1f}"
    return repr(value) if isinstance(value, (int, float)) else str(value)
