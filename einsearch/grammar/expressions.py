"""Expressions with every name resolved: what a derivation walks over.

Two families: **values** (numbers, symbols, domains they are drawn from) and **expressions**
(maps from tensors to tensors). Nodes compare by identity; `at` is (line, column) in `file`.

A rule's parameters and `where` bindings live in an environment, addressed by `slot`. Whatever is
decided has a `label`, unique in its rule body, that names it in addresses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from einsearch.primitives.base import Primitive

At = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """A number, text, symbol or truth value."""

    value: Any


@dataclass(frozen=True, slots=True, eq=False)
class Local:
    """A parameter of the rule or a `where` binding: a value, or an expression derived once."""

    slot: int
    name: str
    at: At


@dataclass(frozen=True, slots=True, eq=False)
class Attribute:
    """`channels`, `height`, ... of the incoming tensors; `depth`."""

    name: str
    at: At


@dataclass(frozen=True, slots=True, eq=False)
class Arithmetic:
    operator: str
    left: Value
    right: Value
    at: At


@dataclass(frozen=True, slots=True, eq=False)
class Domain:
    """A finite set from which one value is drawn.

    Attributes:
        options: the values; they may depend on the environment and the incoming tensors.
        probabilities: one for each, summing to 1.
    """

    options: tuple[Value, ...]
    probabilities: tuple[float, ...]
    label: str
    at: At


@dataclass(frozen=True, slots=True, eq=False)
class IntegerRange:
    """`low..high`: integers, both included, equally probable."""

    low: Value
    high: Value
    label: str
    at: At


@dataclass(frozen=True, slots=True, eq=False)
class RealRange:
    """`low..high` of reals, uniform; with `is_log`, uniform in the logarithm."""

    low: Value
    high: Value
    is_log: bool
    label: str
    at: At


DomainLike = Domain | IntegerRange | RealRange
Value = Constant | Local | Attribute | Arithmetic | Domain | IntegerRange | RealRange


@dataclass(frozen=True, slots=True, eq=False)
class PrimitiveCall:
    """A primitive with its arguments, by the names of its schema.

    Attributes:
        arguments: (name, value or expression) as given; defaults are not filled in.
        draws: the domains inside the arguments, in the order in which they are drawn.
    """

    primitive: Primitive
    arguments: tuple[tuple[str, Argument], ...]
    draws: tuple[DomainLike, ...]
    at: At


@dataclass(frozen=True, slots=True, eq=False)
class RuleCall:
    """A call of a rule.

    Attributes:
        rule: key in `Grammar.rules`.
        arguments: one for each parameter, defaults filled in.
        draws: the domains inside the arguments, in the order in which they are drawn.
        label: names the call in addresses; unique in the rule body.
    """

    rule: str
    arguments: tuple[Argument, ...]
    draws: tuple[DomainLike, ...]
    label: str
    at: At


@dataclass(frozen=True, slots=True, eq=False)
class LocalUse:
    """A parameter or binding where an expression stands."""

    slot: int
    name: str
    at: At


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    items: tuple[Expression, ...]
    at: At


@dataclass(frozen=True, slots=True, eq=False)
class Parallel:
    items: tuple[Expression, ...]
    at: At


@dataclass(frozen=True, slots=True, eq=False)
class Each:
    """One derivation of `body`, a copy on every incoming tensor, or `count` on a single one."""

    body: Expression
    count: Value | None
    draws: tuple[DomainLike, ...]
    at: At


@dataclass(frozen=True, slots=True, eq=False)
class Repeat:
    """One derivation of `body`, `count` copies in series."""

    body: Expression
    count: Value
    draws: tuple[DomainLike, ...]
    at: At


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """`count` independent derivations of `body` in series."""

    body: Expression
    count: Value
    draws: tuple[DomainLike, ...]
    at: At


@dataclass(frozen=True, slots=True, eq=False)
class Tied:
    """Every use of this derivation of `body` shares its weights."""

    body: Expression
    label: str
    at: At


@dataclass(frozen=True, slots=True, eq=False)
class Alternative:
    """One alternative of a choice, with its probability when no guard rules any out.

    `file`: where it was written; `extend` adds alternatives from other files than the rule's.
    `guard_at`: where the guard is written.
    """

    body: Expression
    probability: float
    guard: Guard | None
    at: At
    file: str = ""
    guard_at: At | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """Alternatives, of which one is derived. A rule with one alternative and no guard has none.

    Attributes:
        label: names the choice in addresses; unique in the rule body.
    """

    alternatives: tuple[Alternative, ...]
    label: str
    at: At


@dataclass(frozen=True, slots=True, eq=False)
class Assign:
    """A statement of a block: names for the tensor that `body` yields, or for a bundle's parts."""

    names: tuple[str, ...]
    is_bundle: bool
    body: Expression
    at: At


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Named tensors; the one (or bundle) named `out` is the outcome."""

    assignments: tuple[Assign, ...]
    at: At


@dataclass(frozen=True, slots=True, eq=False)
class TensorUse:
    """A named tensor of the block, or `in`."""

    name: str
    at: At


@dataclass(frozen=True, slots=True, eq=False)
class AnyTensor:
    """`any`: tensors drawn from those named so far.

    Attributes:
        count: how many distinct ones, in the order in which they were named.
        unused: only tensors that nothing has read yet, where there is one.
        names: only these, or all where empty.
    """

    count: int
    unused: bool
    names: tuple[str, ...]
    label: str
    at: At


@dataclass(frozen=True, slots=True, eq=False)
class AllUnused:
    """`all(unused)`: every named tensor that nothing has read, in order."""

    at: At


Expression = (
    PrimitiveCall
    | RuleCall
    | LocalUse
    | Series
    | Parallel
    | Each
    | Repeat
    | Chain
    | Tied
    | Choice
    | Block
    | TensorUse
    | AnyTensor
    | AllUnused
)
Argument = Value | Expression
VALUE_TYPES = (Constant, Local, Attribute, Arithmetic, Domain, IntegerRange, RealRange)


@dataclass(frozen=True, slots=True, eq=False)
class LogicGuard:
    """`and`, `or`, `not`."""

    operator: str
    operands: tuple[Guard, ...]


@dataclass(frozen=True, slots=True, eq=False)
class CompareGuard:
    """A comparison; false where it asks for an attribute that the tensor does not have."""

    operator: str
    left: Value
    right: Value


@dataclass(frozen=True, slots=True, eq=False)
class LayoutGuard:
    """`image`, `tokens`, `vector`: whether every incoming tensor has that layout."""

    layout: str


@dataclass(frozen=True, slots=True, eq=False)
class TruthGuard:
    """A parameter that is true or false."""

    value: Value


Guard = LogicGuard | CompareGuard | LayoutGuard | TruthGuard


@dataclass(frozen=True, slots=True, eq=False)
class Binding:
    """A `where` binding: a value, drawn when the rule is entered, or an expression derived once."""

    name: str
    body: Argument
    draws: tuple[DomainLike, ...]
    at: At


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """A rule of the grammar.

    Attributes:
        key: unique in the grammar; the name, with its file in front where two files differ.
        name: as written.
        parameters: names, which take the first slots of the environment.
        bindings: of `where`, as far as anything reads them; they take the slots after the
            parameters.
        body: a `Choice` where there is something to choose.
        documentation: the `##` lines above it.
        file: where it was written.
        unread: what `where` binds and nothing reads, so that it is never derived.
    """

    key: str
    name: str
    parameters: tuple[str, ...]
    bindings: tuple[Binding, ...]
    body: Expression
    documentation: str
    file: str
    at: At
    unread: tuple[Binding, ...] = ()


NODE_TYPES = frozenset(
    {
        *(Constant, Local, Attribute, Arithmetic, Domain, IntegerRange, RealRange),
        *(PrimitiveCall, RuleCall, LocalUse, Series, Parallel, Each, Repeat, Chain, Tied),
        *(Alternative, Choice, Assign, Block, TensorUse, AnyTensor, AllUnused),
        *(LogicGuard, CompareGuard, LayoutGuard, TruthGuard),
    }
)
"""Every kind of node, for walks over whole rules."""
