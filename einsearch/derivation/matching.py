"""What a recogniser does with calls: it matches them, one by one, with those of a text."""

from __future__ import annotations

import abc
from typing import Any, Final

from einsearch.derivation.calls import yield_outputs
from einsearch.derivation.choosing import Never
from einsearch.derivation.deriver import settings_for
from einsearch.derivation.machine import Machine
from einsearch.derivation.padding import Padding
from einsearch.derivation.state import Opening, Refs
from einsearch.derivation.target import (
    Freedom,
    Target,
    Token,
    opening_of,
    resolved_arguments,
)
from einsearch.grammar import expressions as e
from einsearch.grammar.model import Grammar
from einsearch.primitives.program import INPUT, Call, Ref
from einsearch.specs import Bundle, TensorSpec

REGISTERS: Final = 9
"""What a thread begins with; behind it a draw and its value may stand."""
ENDED: Final = "this thread has ended"


class Matcher(Machine):
    """A machine whose calls are those of a target.

    Args:
        grammar: with a start rule.
        goal: what is to be matched.
        unread: how many calls the derivation may make that nothing needs.

    Attributes:
        position: how many calls were matched.
        furthest: how many at most, by any thread.
        wanted: names of primitives that could have stood there.
        threads: what is still to be looked at.
    """

    def __init__(self, grammar: Grammar, goal: Target, unread: int) -> None:
        self.start_rule = grammar.start_rule
        super().__init__(self.start_rule, goal.input[0], settings_for(grammar, Never()))
        self.goal = goal
        self.position = 0
        self.furthest = 0
        self.wanted: set[str] = set()
        self.threads: list[tuple[Any, ...]] = []
        self.unread = unread
        self._padding = Padding(grammar) if unread > 0 else None
        self._symmetry = self._padding if self._padding and self._padding.is_symmetric else None

    @abc.abstractmethod
    def _state(self) -> tuple[Any, ...]:
        """The registers that a thread begins with."""

    def spec(self, ref: Ref) -> TensorSpec:
        if ref.call < INPUT and self._padding is not None:
            return self._padding.spec(ref)
        outputs = self.goal.input if ref.call == INPUT else self.goal.specs[ref.call]
        return outputs[ref.port]

    def emit(self, call: Call, node: e.PrimitiveCall, drawn: tuple[Any, ...]) -> str | None:
        """Matches a call with the next one of the target."""
        name = call.primitive.name
        if name == "clone":
            refs = call.inputs * len(call.outputs)
            reason = self.clone(call.args.n)
            if reason is None:
                yield_outputs(self, call, refs)
            return reason
        if self.goal.freedom is not Freedom.NONE and name == "identity":
            yield_outputs(self, call, call.inputs)
            return None
        return self._pad(call) if self.unread > 0 else self._match_call(call)

    def _match_call(self, call: Call) -> str | None:
        token = self._match(call.primitive.name, resolved_arguments(call), call.inputs)
        if token is None:
            return f"{call.primitive.name} is not what the text has"
        yield_outputs(self, call, tuple(Ref(token.call, p) for p in range(len(call.outputs))))
        return None

    def _pad(self, call: Call) -> str | None:
        """Takes a call for one that the text leaves out, because nothing needs it.

        A call that could also be matched forks. Sources are matched first, other calls are left
        out first: seeds are shorter than the blocks that derive them, and their last call is the
        block's last.
        """
        if self._is_next(call.primitive.name, resolved_arguments(call), call.inputs):
            if call.primitive.is_source:
                self.threads.append((*self._state(), _pad_only, call, None, None, ""))
                return self._match_call(call)
            self.threads.append((*self._state(), _match_only, call, None, None, ""))
        return self.pad(call)

    def pad(self, call: Call) -> str | None:
        """Yields tensors that the text does not have."""
        assert self._padding is not None
        if self._symmetry is not None and self._symmetry.knows_call(self, call):
            return ENDED
        self.unread -= 1
        yield_outputs(self, call, self._padding.tensors(self.unread, call.outputs))
        return None

    def clone(self, number: int) -> str | None:
        """Matches a clone, written or implied."""
        found = self._match("clone", number, self.refs)
        return None if found else "clone is not what the text has"

    def _match(self, name: str, args: Any, inputs: Refs) -> Token | None:
        position = self.position
        if not self._is_next(name, args, inputs):
            if position == self.furthest:
                self.wanted.add(name)
            return None
        self.position = position + 1
        if self.position > self.furthest:
            self.furthest = self.position
            self.wanted.clear()
        return self.goal.tokens[position]

    def _is_next(self, name: str, args: Any, inputs: Refs) -> bool:
        if self.position >= len(self.goal.tokens):
            return False
        token = self.goal.tokens[self.position]
        return token.name == name and token.args == args and token.inputs == inputs

    def _is_whole(self) -> bool:
        return self.position == len(self.goal.tokens) and self.refs == self.goal.outputs

    def open(self, opening: Opening, entering: Bundle) -> str | None:
        name, given = opening_of(opening)
        token = self._match(name, given, opening.refs)
        if token is None:
            return f"{opening.name} is not what the text has"
        self.refs = tuple(Ref(token.call, port) for port in range(len(entering)))
        return None

    def close(self, opening: Opening) -> Refs:
        return self.refs

    def complete(self, opening: Opening) -> str | None:
        inner = tuple(ref for refs in opening.done for ref in refs)
        token = self._match(opening.name, (), inner + opening.refs)
        if token is None:
            return f"{opening.name} is not what the text has"
        self.block = self.block.reading(opening.refs)
        self.specs = self.goal.specs[token.call]
        self.refs = tuple(Ref(token.call, port) for port in range(len(self.specs)))
        return None


def _match_only(m: Any, call: Call, _: None) -> str | None:
    return m._match_call(call)  # type: ignore[no-any-return]


def _pad_only(m: Any, call: Call, _: None) -> str | None:
    return m.pad(call)  # type: ignore[no-any-return]
