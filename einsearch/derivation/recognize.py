"""Finds how a grammar derives a given program: a generalised, memoised descent.

After Scott and Johnstone (GLL parsing, 2010): a rule entered again in the same state joins those
who wait for its outcomes, so left recursion and ambiguity cost no more than polynomial time. The
state is the position in the program's calls, the tensors at hand, and the block's names.

The steps are those of the deriving machine; calls are matched instead of made, and every choice
forks. Copies repeat the decisions of their original (`repeating`). That weights are tied where they
are in the text is left to the caller, who replays the decisions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from einsearch.derivation import repeating
from einsearch.derivation.bracketing import first_parts
from einsearch.derivation.decisions import Draw, Options, Path
from einsearch.derivation.matching import ENDED, REGISTERS, Matcher
from einsearch.derivation.padding import is_statement
from einsearch.derivation.rules import enter_rule
from einsearch.derivation.state import Taken
from einsearch.derivation.steps import STEPS
from einsearch.derivation.structures import Structures
from einsearch.derivation.target import Target
from einsearch.derivation.trails import (
    End,
    Entry,
    Known,
    Segments,
    Trail,
    Waiting,
    flatten,
    log_probability_of,
)
from einsearch.derivation.values import Environment, Shared
from einsearch.errors import ParseError
from einsearch.grammar import expressions as e
from einsearch.grammar.model import Grammar

MOST_STEPS: Final = 2_000_000
"""Work spent on one text before it is called too ambiguous."""
MOST_STEPS_APART: Final = 30_000
"""The same where derivations that make the same of the text are kept apart."""
MOST_MORE_STEPS: Final = 200_000
"""Work spent on looking for a more probable derivation when one has been found."""
MOST_MORE_STEPS_OF_SYMMETRIC: Final = 20_000
"""The same where calls are left out and it does not matter which of them stands where."""
MOST_VALUES: Final = 64
"""Whole ranges up to this size are tried; of larger ones the numbers in the text."""


class Recognizer(Matcher):
    """Runs threads of the machine over a target; `parses` yields lists of decided values.

    Args:
        grammar: with a start rule.
        goal: what is to be matched.
        unread: how many calls the derivation may make that nothing needs.
        is_apart: also keeps derivations of a rule that make the same of the text, and not the most
            probable one alone: copies of them on tensors of other specs can differ.

    Attributes, beside those of a `Matcher`:
        steps, most_steps: work done, and allowed.
        has_repeated: whether a copy was looked at.
        structures: of the environments met.
        segments: of the decisions that copies repeat.
    """

    def __init__(
        self, grammar: Grammar, goal: Target, unread: int = 0, is_apart: bool = False
    ) -> None:
        super().__init__(grammar, goal, unread)
        self.trail: Trail | None = None
        self.known: Known = frozenset()
        self.table: dict[Any, Entry] = {}
        self._complete: list[Trail | None] = []
        self._first_found: int | None = None
        self.steps = 0
        self.most_steps = MOST_STEPS_APART if is_apart else MOST_STEPS
        self.is_apart = is_apart
        self.has_repeated = False
        self._uses_depth = grammar.uses_depth
        self.structures = Structures()
        self.segments = Segments()
        self._first_parts = first_parts(grammar)
        self._excluded: int | None = None

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
            return ENDED
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
        return ENDED

    def choose(self, draw: Draw, label: str, step: Any, data: Any) -> str | None:
        """Forks: every value is a thread, the most probable first. A copy takes the value that
        its original took."""
        if self.source is not None:
            self._excluded, self.has_repeated = None, True
            return self._read(self.source, draw, label, step, data)
        values = self._values(draw)
        if self._symmetry is not None:
            values = self._symmetry.worth_trying(self, values, data)
        for value in reversed(values):
            self.threads.append((*self._state(), step, data, value, draw, label))
        return ENDED

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
            self.source,
        )

    def _resume(self, thread: tuple[Any, ...]) -> None:
        self.context, self.frames, self.refs, self.block = thread[:4]
        self.position, self.trail, self.known, self.unread, self.source = thread[4:REGISTERS]
        self.specs = tuple(map(self.spec, self.refs))
        self.expression = self._excluded = None
        if len(thread) == REGISTERS:
            return
        step, data, value, draw, label = thread[REGISTERS:]
        if draw is not None and self.context.copies:
            taken = Taken(self.context.path, label, draw.domain, value)
            total = log_probability_of(self.trail) + (draw.log_probability(value) or 0.0)
            self.trail = Trail(self.trail, taken, total)
        if step(self, data, value) is not None:
            self.frames = None
            self.expression = None

    def enter(self, rule: e.Rule, slots: Environment, path: Path) -> str | None:
        """Joins those who entered the rule in this state; the first one derives it."""
        before, environment = self.known, self.context.environment
        # What the rule cannot name does not matter in it; forgetting it keeps states few, and what
        # it binds itself is not taken for what an activation around it has bound.
        self.known = self.structures.reachable(before, slots)
        if self.source is not None:
            repeating.enter_copy(self, before, environment)
            return enter_rule(self, rule, slots, path)
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
        entry.waiting.append(Waiting(self.frames, self.trail, before, environment))
        if not is_new:
            for end, trail in list(entry.ends.items()):
                self._continue(entry.waiting[-1], end, trail)
            return ENDED
        self.frames, self.trail = None, None
        self.push(_rule_done, (entry, slots))
        return enter_rule(self, rule, slots, path)

    def _continue(self, waiting: Waiting, end: End, trail: Trail | None) -> None:
        whole = waiting.trail
        if trail is not None:
            total = log_probability_of(whole) + trail.log_probability
            whole = Trail(whole, trail, total)
        known = repeating.known_after(self, waiting.known, end.known, waiting.environment)
        state = (self.context, waiting.frames, end.refs, end.block, end.position, whole)
        self.threads.append((*state, known, end.unread, None))

    def finish_rule(self, entry: Entry, slots: Environment) -> str:
        """Hands a rule's outcome to all who wait for it."""
        known = self.structures.reachable(self.known, slots)
        decided = self.segments.between(None, self.trail) if self.is_apart else None
        end = End(self.position, self.refs, self.block, known, self.unread, decided)
        if end in entry.ends and not (
            log_probability_of(self.trail) > log_probability_of(entry.ends[end]) + 1e-9
        ):
            return ENDED
        entry.ends[end] = self.trail
        if entry.is_root and self._is_whole():
            self._complete.append(self.trail)
        for waiting in entry.waiting:
            self._continue(waiting, end, self.trail)
        return ENDED

    def use(self, shared: Shared) -> None:
        """Derives a shared expression, or repeats what its first use decided."""
        repeating.use(self, shared)

    def decided(self) -> Any:
        return self.trail if self.source is None else super().decided()

    def copy(self, start: Any, end: Any) -> None:
        """Copies repeat the decisions of their original."""
        repeating.copy(self, start, end)


def _rule_done(m: Any, data: tuple[Entry, Environment]) -> str:
    return m.finish_rule(*data)  # type: ignore[no-any-return]
