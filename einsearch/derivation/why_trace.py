"""Where the recognition of a text comes to its end, and what stood in the way there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from einsearch.derivation.matching import REGISTERS
from einsearch.derivation.recognize import Recognizer
from einsearch.derivation.repeating import find
from einsearch.derivation.state import Opening, Refs
from einsearch.derivation.target import Target, Token
from einsearch.derivation.values import Environment, Shared, holds
from einsearch.grammar import expressions as e
from einsearch.grammar.model import Grammar
from einsearch.primitives.program import Call
from einsearch.specs import Bundle

MOST_STEPS: Final = 600_000
"""Work spent on looking for a derivation of a text."""
MOST_UNREAD_STEPS: Final = 150_000
"""The same where the derivation may make calls that the text leaves out."""


class Miss(NamedTuple):
    """A call that the grammar would have made where the text goes on otherwise.

    Attributes:
        node: what would have made it: a call, or parallel expressions that share a tensor.
        name, args, inputs: as in `Token`.
        environment: names of the rule that `node` stands in.
        specs, depth: of the tensors at hand.
    """

    node: Any
    name: str
    args: Any
    inputs: Refs
    environment: Environment
    specs: Bundle
    depth: int


class RuledOut(NamedTuple):
    """An alternative whose condition was false."""

    position: int
    choice: e.Choice
    number: int
    environment: Environment
    specs: Bundle
    depth: int


@dataclass
class Seen:
    """Nodes that were passed, and how far the recognition had come when they were last."""

    node: Any
    position: int


class Tracer(Recognizer):
    """A recognizer that remembers what it could not match.

    It looks at copies, and at uses of a shared expression after the first, as if they were derived
    by themselves: so it sees whether that is all that stands in the way.

    Attributes:
        misses: calls that would have stood where the furthest thread ended.
        ruled_out: alternatives whose condition was false.
        matched: the nodes that made the calls before it, by position.
        passed: copies, parallel expressions and reads of tensors, as they were met.
    """

    def __init__(self, grammar: Grammar, goal: Target, unread: int = 0) -> None:
        super().__init__(grammar, goal, unread)
        self.most_steps = MOST_UNREAD_STEPS if unread else MOST_STEPS
        self.misses: list[Miss] = []
        self.ruled_out: dict[tuple[int, int], RuledOut] = {}
        self.matched: dict[int, Any] = {}
        self.passed: dict[int, Seen] = {}
        self._node: Any = None

    @property
    def is_complete(self) -> bool:
        """Whether a derivation was found, which another check then turned down."""
        return bool(self._complete)

    def _step(self) -> str | None:
        if self.expression is not None:
            self._pass(self.expression)
        return super()._step()

    def _pass(self, node: Any) -> None:
        self._node = node
        if isinstance(node, e.Choice):
            self._note_guards(node)
        elif isinstance(node, (e.Repeat, e.Each, e.Chain, e.AnyTensor, e.TensorUse, e.Parallel)):
            seen = self.passed.setdefault(id(node), Seen(node, self.position))
            seen.position = max(seen.position, self.position)

    def _note_guards(self, node: e.Choice) -> None:
        context, specs = self.context, self.specs
        for number, alternative in enumerate(node.alternatives):
            guard = alternative.guard
            if guard is None or holds(guard, context.environment, specs, context.depth):
                continue
            known = self.ruled_out.get((id(node), number))
            if known is None or known.position <= self.position:
                self.ruled_out[id(node), number] = RuledOut(
                    self.position, node, number, context.environment, specs, context.depth
                )

    def _resume(self, thread: tuple[Any, ...]) -> None:
        if len(thread) > REGISTERS:
            data = thread[REGISTERS + 1]
            self._node = data[1] if isinstance(data, tuple) else data
            if isinstance(self._node, Call):
                self._node = None
        super()._resume(thread)

    def use(self, shared: Shared) -> None:
        if find(self, self.structures.of((shared,))) is not None:
            self.context = self.context._replace(copies=0)
        elif self.context.copies:
            super().use(shared)

    def copy(self, start: Any, end: Any) -> None:
        pass

    def emit(self, call: Call, node: e.PrimitiveCall, drawn: tuple[Any, ...]) -> str | None:
        self._node = node
        return super().emit(call, node, drawn)

    def open(self, opening: Opening, entering: Bundle) -> str | None:
        self._node = opening.node
        return super().open(opening, entering)

    def complete(self, opening: Opening) -> str | None:
        self._node = opening.node
        return super().complete(opening)

    def _match(self, name: str, args: Any, inputs: Refs) -> Token | None:
        position, furthest = self.position, self.furthest
        token = super()._match(name, args, inputs)
        if self.furthest > furthest:
            self.misses.clear()
        if token is not None:
            self.matched[position] = self._node
            return token
        if position == self.furthest:
            context = self.context
            self.misses.append(
                Miss(self._node, name, args, inputs, context.environment, self.specs, context.depth)
            )
        return None
