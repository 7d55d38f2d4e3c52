"""What a machine's registers hold: contexts, frames, cursors, blocks, decisions, activations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from einsearch.derivation.decisions import Decision, Draw, Path
from einsearch.derivation.values import Environment
from einsearch.errors import EinsearchError
from einsearch.grammar import expressions as e
from einsearch.primitives.arguments import Arguments
from einsearch.primitives.program import Call, Ref
from einsearch.specs import Bundle

if TYPE_CHECKING:
    from einsearch.derivation.machine import Machine

Refs = tuple[Ref, ...]


class Tie(NamedTuple):
    """Inside `tied`: calls share the weights of those with the same key and position."""

    key: str
    first_call: int


class Context(NamedTuple):
    """Where in the grammar the machine is: what names mean, how deep, how often it is copied.

    Attributes:
        environment: parameters and bindings of the rule, by slot.
        depth: enclosing branches, copies and blocks.
        path: addresses of what is decided here begin with it.
        copies: how many nodes of the network one call stands for; 0 inside a copy that was
            counted when its original was derived.
        tie: the innermost `tied`.
    """

    environment: Environment
    depth: int
    path: Path
    copies: int
    tie: Tie | None


class Cursor(NamedTuple):
    """Drawn values are read from a list instead of being drawn.

    Attributes:
        values: the list; the machine's own decisions for a copy (`is_copy`).
        position, end: what is left of it.
        is_copy: a copy repeats decisions that are recorded already.
    """

    values: Sequence[Any]
    position: int
    end: int
    is_copy: bool


class Position(int):
    """How many decisions had been taken somewhere; copies repeat what follows."""

    __slots__ = ()


class Prepaid(NamedTuple):
    """Uses to come whose nodes have been counted.

    Attributes:
        uses: how many copies of the expression.
        least: what pending frames reserve for each of them.
    """

    uses: int
    least: int


class Origin(NamedTuple):
    """Where copies begin: decisions and costs up to the first of them."""

    position: Any
    parameters: int
    flops: int
    memory: int


class Excess(NamedTuple):
    """How far a call goes over a limit.

    Attributes:
        limit: name of the limit.
        total: what everything up to the call comes to.
        own: what the call adds.
        most: what is allowed.
    """

    limit: str
    total: int
    own: int
    most: int


class BlockState(NamedTuple):
    """The innermost block being derived: its named tensors, and which were read.

    Attributes:
        incoming: the tensors that enter it.
        names: of tensors, in the order of naming; `in` first.
        read: those that were read.
        named: those of `names`, but for `in`.
    """

    incoming: Refs
    names: tuple[tuple[str, Ref | None], ...]
    read: frozenset[Ref]
    named: frozenset[Ref] = frozenset()

    def naming(self, names: tuple[str, ...], refs: Refs) -> BlockState:
        """The state after `refs` have been named."""
        both = tuple(zip(names, refs, strict=True))
        return BlockState(self.incoming, self.names + both, self.read, self.named.union(refs))

    def reading(self, refs: Refs) -> BlockState:
        """The state after `refs` have been read."""
        incoming, names, read, named = self
        new = [r for r in refs if (r in named or r in incoming) and r not in read]
        return BlockState(incoming, names, read.union(new), named) if new else self


class Opening(NamedTuple):
    """A call whose expressions are being derived.

    Attributes:
        node, drawn: the call, and what was drawn for its arguments.
        given: its other arguments.
        refs, specs: the tensors that enter it.
        block: the block that it stands in.
        done: what its expressions came to, as far as they are derived.
    """

    node: e.PrimitiveCall
    drawn: tuple[Any, ...]
    given: Arguments
    refs: Refs
    specs: Bundle
    block: BlockState
    done: tuple[Any, ...]

    @property
    def name(self) -> str:
        """Of the primitive."""
        return self.node.primitive.name


class Scope(NamedTuple):
    """What waits outside while the expression of a primitive is derived.

    Attributes:
        calls, length: the calls, and how many there were.
        input: specs of the incoming tensors.
        tied: first call by weights key.
        outer: what waits outside of that.
        level: how many scopes there are.
    """

    calls: list[Call]
    length: int
    input: Bundle
    tied: dict[str, int]
    outer: Scope | None
    level: int


class Frame:
    """What is to be done when the expression at hand has yielded its tensors."""

    __slots__ = ("context", "data", "next", "rest", "step")

    def __init__(
        self, step: Step, context: Context, data: Any, next_: Frame | None, pending: int
    ) -> None:
        self.step = step
        self.context = context
        self.data = data
        self.next = next_
        self.rest: int = pending + (next_.rest if next_ is not None else 0)


Step = Callable[["Machine", Any], "str | None"]
"""What a frame or an expression does to the machine; a text is the reason why it cannot."""


class Taken(NamedTuple):
    """A decision with the domain it came from; addresses are spelled out on demand."""

    path: Path
    label: str
    domain: str
    value: Any

    def decision(self) -> Decision:
        return Decision(f"{self.path}/{self.label}", self.domain, self.value)


class Entered(NamedTuple):
    """What an `Activation` begins with."""

    entry: int
    rule: str
    decisions: int
    nodes: int
    depth: int
    incoming: Bundle
    level: int
    path: Path


class Activation(NamedTuple):
    """One use of a rule in a derivation: which decisions and calls are its own.

    Attributes:
        entry: how many rules were entered before it; names it in this derivation.
        rule: key of the rule.
        decisions: half-open range of its decisions.
        nodes: how many nodes were counted before and after it.
        depth: where it stands.
        incoming, outgoing: specs.
        level: enclosing activations.
        path: addresses of its decisions begin with it.
    """

    entry: int
    rule: str
    decisions: tuple[int, int]
    nodes: tuple[int, int]
    depth: int
    incoming: Bundle
    outgoing: Bundle
    level: int
    path: Path


class Retarget(NamedTuple):
    """Another derivation of one activation.

    Attributes:
        entry: which activation.
        inside: where its decisions come from; None: they are drawn.
        after: where those behind it come from.
        nodes_after: nodes that the derivation counts behind it.
    """

    entry: int
    inside: Cursor | None
    after: Cursor
    nodes_after: int


@dataclass(slots=True)
class ChoicePoint:
    """A draw that can be returned to: the registers before it, and the values still to try."""

    registers: tuple[Any, ...]
    remaining: Iterator[Any]
    draw: Draw
    label: str
    step: Callable[[Machine, Any, Any], str | None]
    data: Any


class DeadEnd(EinsearchError):
    """No continuation was found; `reasons` counts what stood in the way."""

    def __init__(self, message: str, reasons: Counter[str]) -> None:
        super().__init__(message)
        self.reasons = reasons
