"""Finds how a grammar derives a given program: a generalised, memoised descent.

After Scott and Johnstone (GLL parsing, 2010): a rule entered again in the same state joins those
who wait for its outcomes, so left recursion and ambiguity cost no more than polynomial time. The
state is the position in the program's calls, the tensors at hand, and the block's names.

The steps are those of the deriving machine; calls are matched instead of made, and every choice
forks. Copies are recognised freely; the caller replays the decisions to make sure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from einsearch.derivation.bracketing import first_parts
from einsearch.derivation.calls import yield_outputs
from einsearch.derivation.choosing import Never
from einsearch.derivation.decisions import Draw, Options, Path
from einsearch.derivation.deriver import settings_for
from einsearch.derivation.machine import Machine
from einsearch.derivation.padding import Padding, is_statement
from einsearch.derivation.rules import enter_rule
from einsearch.derivation.state import Frame, Opening, Refs, Taken
from einsearch.derivation.steps import STEPS
from einsearch.derivation.structures import Structures
from einsearch.derivation.target import (
    Freedom,
    Target,
    Token,
    opening_of,
    resolved_arguments,
)
from einsearch.derivation.trails import End, Entry, Trail, flatten, log_probability_of
from einsearch.derivation.values import Environment, Shared
from einsearch.errors import ParseError
from einsearch.grammar import expressions as e
from einsearch.grammar.model import Grammar
from einsearch.primitives.program import INPUT, Call, Ref
from einsearch.specs import Bundle, TensorSpec

MOST_STEPS: Final = 2_000_000
"""Work spent on one text before it is called too ambiguous."""
MOST_MORE_STEPS: Final = 200_000
"""Work spent on looking for a more probable derivation when one has been found."""
MOST_MORE_STEPS_OF_SYMMETRIC: Final = 20_000
"""The same where calls are left out and it does not matter which of them stands where."""
MOST_VALUES: Final = 64
"""Whole ranges up to this size are tried; of larger ones the numbers in the text."""


class Recognizer(Machine):
    """Runs threads of the machine over a target; `parses` yields lists of decided values.

    Args:
        grammar: with a start rule.
        goal: what is to be matched.
        unread: how many calls the derivation may make that nothing needs.

    Attributes:
        furthest: how many calls were matched at most.
        wanted: names of primitives that could have stood there.
        steps, most_steps: work done, and allowed.
        structures: of the environments met.
    """

    def __init__(self, grammar: Grammar, goal: Target, unread: int = 0) -> None:
        self.start_rule = grammar.start_rule
        super().__init__(self.start_rule, goal.input[0], settings_for(grammar, Never()))
        self.goal = goal
        self.position = 0
        self.trail: Trail | None = None
        self.known: frozenset[Any] = frozenset()
        self.table: dict[Any, Entry] = {}
        self.threads: list[tuple[Any, ...]] = []
        self.furthest = 0
        self.wanted: set[str] = set()
        self.unread = unread
        self._complete: list[Trail | None] = []
        self._first_found: int | None = None
        self.steps = 0
        self.most_steps = MOST_STEPS
        self._uses_depth = grammar.uses_depth
        self.structures = Structures()
        self._first_parts = first_parts(grammar)
        self._excluded: int | None = None
        self._padding = Padding(grammar) if unread > 0 else None
        self._symmetry = self._padding if self._padding and self._padding.is_symmetric else None

    def parses(self) -> Iterator[tuple[Any, ...]]:
        """Decided values of derivations, the most probable first; each is to be verified.

        Raises:
            ParseError: the work allowed is spent before one was found.
        """
        self.enter(self.start_rule, (), self.context.path)
        most = self.most_steps
        more = MOST_MORE_STEPS_OF_SYMMETRIC if self._symmetry else MOST_MORE_STEPS
        while self.steps < most:
            while self._step() is None:
                self.steps += 1
            if self._complete:
                most = min(most, self._found_at(self.steps) + more)
            if not self.threads:
                break
            self._resume(self.threads.pop())
        if not self._complete and self.steps >= self.most_steps:
            raise ParseError("the text is too ambiguous under this grammar to be parsed")
        for trail in sorted(self._complete, key=lambda trail: -log_probability_of(trail)):
            yield flatten(trail)

    def _found_at(self, steps: int) -> int:
        if self._first_found is None:
            self._first_found = steps
        return self._first_found

    def _step(self) -> str | None:
        expression = self.expression
        self.events.clear()
        if expression is not None:
            self.expression = None
            if type(expression) is e.RuleCall:
                self._excluded = self._first_parts.get(id(expression))
            return STEPS[type(expression)](self, expression)
        frame = self.frames
        if frame is None:
            return _ENDED
        self.frames = frame.next
        self.context = frame.context
        reason = frame.step(self, frame.data)
        if reason is None and self._symmetry is not None and is_statement(frame.data):
            return self._end_where(self._symmetry.knows_statement(self))
        return reason

    def _end_where(self, is_worse: bool) -> str | None:
        """Ends a thread that others are worth as much as."""
        if not is_worse:
            return None
        self.expression = self.frames = None
        return _ENDED

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
            return _ENDED
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

    def choose(self, draw: Draw, label: str, step: Any, data: Any) -> str | None:
        """Forks: every value is a thread, the most probable first."""
        values = self._values(draw)
        if self._symmetry is not None:
            values = self._symmetry.worth_trying(self, values, data)
        for value in reversed(values):
            self.threads.append((*self._state(), step, data, value, draw, label))
        return _ENDED

    def _values(self, draw: Draw) -> list[Any]:
        if isinstance(draw, Options):
            excluded, self._excluded = self._excluded, None
            order = sorted(draw.allowed, key=lambda i: -draw.probabilities[i])
            return [draw.values[i] for i in order if draw.values[i] != excluded]
        if draw.is_integer and draw.high - draw.low < MOST_VALUES:
            return list(range(int(draw.low), int(draw.high) + 1))
        return [v for v in self.goal.literals if draw.log_probability(v) is not None]

    def _state(self) -> tuple[Any, ...]:
        return (
            self.context,
            self.frames,
            self.refs,
            self.block,
            self.position,
            self.trail,
            self.known,
            self.unread,
        )

    def _resume(self, thread: tuple[Any, ...]) -> None:
        self.context, self.frames, self.refs, self.block = thread[:4]
        self.position, self.trail, self.known, self.unread = thread[4:8]
        self.specs = tuple(map(self.spec, self.refs))
        self.expression = self._excluded = None
        if len(thread) == 8:
            return
        step, data, value, draw, label = thread[8:]
        if draw is not None and self.context.copies:
            taken = Taken(self.context.path, label, draw.domain, value)
            total = log_probability_of(self.trail) + (draw.log_probability(value) or 0.0)
            self.trail = Trail(self.trail, taken, total)
        if step(self, data, value) is not None:
            self.frames = None
            self.expression = None

    def enter(self, rule: e.Rule, slots: Environment, path: Path) -> str | None:
        """Joins those who entered the rule in this state; the first one derives it."""
        key = (
            rule.key,
            self.structures.of(slots),
            self.context.depth if self._uses_depth else 0,
            self.context.copies > 0,
            self.position,
            self.refs,
            self.block,
            self.known,
            self.unread,
            self._excluded,
        )
        entry = self.table.get(key)
        is_new = entry is None
        if entry is None:
            entry = self.table[key] = Entry(is_root=not self.table)
        entry.waiting.append((self.frames, self.trail))
        if not is_new:
            for end, trail in list(entry.ends.items()):
                self._continue(entry.waiting[-1], end, trail)
            return _ENDED
        before = self.known
        self.frames, self.trail = None, None
        own = frozenset(self.structures.of((s,)) for s in slots if isinstance(s, Shared))
        self.push(_rule_done, (entry, before, own))
        return enter_rule(self, rule, slots, path)

    def _continue(
        self, waiting: tuple[Frame | None, Trail | None], end: End, trail: Trail | None
    ) -> None:
        frames, before = waiting
        whole = before
        if trail is not None:
            total = log_probability_of(before) + trail.log_probability
            whole = Trail(before, trail, total)
        state = (self.context, frames, end.refs, end.block, end.position, whole)
        self.threads.append((*state, end.known, end.unread))

    def finish_rule(self, entry: Entry, before: frozenset[Any], own: frozenset[Any]) -> str:
        """Hands a rule's outcome to all who wait for it."""
        # What was bound inside is out of reach now; forgetting it keeps states few.
        known = before | (self.known & own)
        end = End(self.position, self.refs, self.block, known, self.unread)
        if end in entry.ends and not (
            log_probability_of(self.trail) > log_probability_of(entry.ends[end]) + 1e-9
        ):
            return _ENDED
        entry.ends[end] = self.trail
        if entry.is_root and self._is_whole():
            self._complete.append(self.trail)
        for waiting in entry.waiting:
            self._continue(waiting, end, self.trail)
        return _ENDED

    def _is_whole(self) -> bool:
        return self.position == len(self.goal.tokens) and self.refs == self.goal.outputs

    def use(self, shared: Shared) -> None:
        """Uses after the first are recognised without noting their decisions."""
        key = self.structures.of((shared,))
        if key in self.known:
            self.context = self.context._replace(copies=0)
        elif self.context.copies:
            self.push(_learn, key)

    def copy(self, start: int, end: int) -> None:
        """Copies are recognised freely."""

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


def _learn(m: Any, key: Any) -> None:
    m.known = m.known | {key}


def _rule_done(m: Any, data: tuple[Entry, frozenset[Any], frozenset[Any]]) -> str:
    return m.finish_rule(*data)  # type: ignore[no-any-return]


_ENDED: Final = "this thread has ended"
