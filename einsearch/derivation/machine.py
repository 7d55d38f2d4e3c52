"""The machine that derives: it walks resolved expressions over tensor specs.

One loop, no recursion: what remains to be done is a linked list of frames, so a derivation may be
thousands of levels deep, and a point where something was drawn can be returned to by restoring
a few registers. Sampling, replaying decisions and mutation (`Deriver`) and parsing (`Recognizer`)
run this machine; they differ in where drawn values come from and in what a call does.

The registers are public to `einsearch.derivation.steps`, which says what each kind of expression
does to them.
"""

from __future__ import annotations

import abc
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from einsearch.derivation.bounds import Bounds
from einsearch.derivation.decisions import Draw, Path
from einsearch.derivation.limits import NO_LIMITS, Limits
from einsearch.derivation.state import (
    Activation,
    BlockState,
    ChoicePoint,
    Context,
    Cursor,
    DeadEnd,
    Excess,
    Frame,
    Opening,
    Position,
    Prepaid,
    Refs,
    Retarget,
    Scope,
    Step,
    Taken,
)
from einsearch.derivation.values import Environment, Shared
from einsearch.grammar import expressions as e
from einsearch.primitives.program import INPUT, Call, Program, Ref
from einsearch.specs import Bundle, TensorSpec

if TYPE_CHECKING:
    from einsearch.derivation.derivation import Derivation
    from einsearch.derivation.known import Known
    from einsearch.derivation.splicing import Mark

Judge = Callable[["Machine"], "str | None"]
"""Sees a finished machine; a text turns it down."""

Then = Callable[["Machine", Any, Any], "str | None"]
"""Goes on with a drawn value: of the machine, data, and that value."""


class Chooser(Protocol):
    """Where drawn values come from."""

    def candidates(self, draw: Draw, path: Path, label: str) -> Iterator[Any]:
        """Values to try, in order."""


_REGISTERS: Final = (
    "expression",
    "site",
    "context",
    "frames",
    "refs",
    "specs",
    "block",
    "source",
    "shared",
    "prepaid",
    "reserved",
    "nodes",
    "parameters",
    "flops",
    "memory",
    "deepest",
    "log_probability",
    "level",
    "entries",
    "calls",
    "input",
    "tied",
    "scope",
    "marks",
    "key",
)
_LISTS: Final = ("calls", "decisions", "events", "activations")


@dataclass(frozen=True)
class Settings:
    """What stays the same while a machine runs.

    Attributes:
        rules: key -> rule.
        steps: what each kind of expression does.
        limits: upper bounds.
        bounds: cheapest completions, or None where nothing is drawn.
        chooser: where drawn values come from.
        accept: sees the finished program; a text turns it down.
        retarget: where drawn values come from inside one activation, and behind it.
        known: derivations that are not derived again.
    """

    rules: Mapping[str, e.Rule]
    chooser: Chooser
    steps: Mapping[type, Step]
    limits: Limits = NO_LIMITS
    bounds: Bounds | None = None
    accept: Judge | None = None
    retarget: Retarget | None = None
    known: Known | None = None


class Machine(abc.ABC):
    """Registers, and the loop that runs them; see the module's text."""

    saved: ClassVar[tuple[str, ...]] = _REGISTERS
    """Registers that a return to an earlier draw restores."""
    shortened: ClassVar[tuple[str, ...]] = _LISTS
    """Lists that it cuts to their length."""
    splices: ClassVar[bool] = False
    """Whether copies may be made without a step for each of their calls."""

    def __init__(self, rule: e.Rule, spec: TensorSpec, settings: Settings) -> None:
        self.settings = settings
        self._save, self._shorten = attrgetter(*self.saved), attrgetter(*self.shortened)
        self.rules = settings.rules
        self.input: Bundle = (spec,)
        self.entering = spec
        self.key = hash((rule, spec))
        path = Path(None, rule.name)
        self.expression: e.Expression | None = None
        self.site: e.Expression | None = None
        self.context = Context((), 0, path, 1, None)
        self.frames: Frame | None = None
        self.refs: Refs = (Ref(INPUT, 0),)
        self.specs: Bundle = (spec,)
        self.block = BlockState(self.refs, (("in", self.refs[0]),), frozenset())
        self.source: Cursor | None = None
        self.shared: dict[Shared, tuple[Position, Position]] = {}
        self.prepaid: dict[Shared, Prepaid] = {}
        self.reserved = 0
        self.nodes = self.parameters = self.flops = self.memory = 0
        self.deepest = self.level = self.entries = 0
        self.log_probability = 0.0
        self.calls: list[Call] = []
        self.decisions: list[Taken] = []
        self.events: list[tuple[Any, ...]] = []
        self.activations: list[Activation] = []
        self.tied: dict[str, int] = {}
        self.scope: Scope | None = None
        self.marks: Mark | None = None
        self.points: list[ChoicePoint] = []
        self.failures = 0
        self.excess: Excess | None = None
        self.reasons: Counter[str] = Counter()
        self.recalled: Derivation | None = None
        self._finished: Program | None = None

    def run(self, most_failures: int = 0) -> Machine:
        """Runs to the end; returns itself.

        Args:
            most_failures: how often it may return to an earlier draw.

        Raises:
            DeadEnd: it found no way to the end.
        """
        steps = self.settings.steps
        while True:
            expression = self.expression
            if expression is not None:
                self.expression = None
                self.site = expression
                reason = steps[type(expression)](self, expression)
            elif self.frames is not None:
                frame = self.frames
                self.frames = frame.next
                self.context = frame.context
                reason = frame.step(self, frame.data)
            else:
                reason = self._finish()
                if reason is None:
                    return self
            while reason is not None:
                reason = self._return_to_draw(reason, most_failures)

    @property
    def pending_nodes(self) -> int:
        """Nodes that pending frames need at the least, but for those that are counted already."""
        return (self.frames.rest if self.frames is not None else 0) - self.reserved

    def push(self, step: Step, data: Any, pending: int = 0) -> None:
        """Something to do later, in the present context. `pending`: its nodes, at the least."""
        self.frames = Frame(step, self.context, data, self.frames, pending)

    def choose(self, draw: Draw, label: str, step: Then, data: Any) -> str | None:
        """Draws a value, or reads it from the source; goes on with `step(self, data, value)`."""
        source = self.source
        if source is not None:
            return self._read(source, draw, label, step, data)
        remaining = self.settings.chooser.candidates(draw, self.context.path, label)
        value = next(remaining, _NOTHING)
        if value is _NOTHING:
            return f"{self.context.path.label}: every choice of {label} breaks a limit"
        self.points.append(ChoicePoint(self._registers(), remaining, draw, label, step, data))
        return self._take(draw, label, step, data, value)

    def _read(self, source: Cursor, draw: Draw, label: str, step: Then, data: Any) -> str | None:
        values, position, end, is_copy = source
        if position >= end:
            return f"{self.context.path.label}: no decision is left for {label}"
        found = values[position]
        value = found.value if isinstance(found, Taken) else draw.recorded(found)
        self.source = Cursor(values, position + 1, end, is_copy)
        if is_copy:
            if draw.log_probability(value) is None:
                return f"{self.context.path.label}: a copy cannot have {label} = {value}"
            return step(self, data, value)
        return self._take(draw, label, step, data, value)

    def _take(self, draw: Draw, label: str, step: Then, data: Any, value: Any) -> str | None:
        probability = draw.log_probability(value)
        if probability is None:
            return f"{self.context.path.label}: {label} cannot be {value} here"
        self.log_probability += probability
        self.decisions.append(Taken(self.context.path, label, draw.domain, value))
        self.key = hash((self.key, value, type(value)))
        return None if self.recall() else step(self, data, value)

    def _registers(self) -> tuple[Any, ...]:
        return (*self._save(self), *map(len, self._shorten(self)))

    def _restore(self, registers: tuple[Any, ...]) -> None:
        for name, value in zip(self.saved, registers, strict=False):
            setattr(self, name, value)
        for name, length in zip(self.shortened, registers[len(self.saved) :], strict=True):
            del getattr(self, name)[length:]

    def _return_to_draw(self, reason: str, most_failures: int) -> str | None:
        """Takes up an earlier draw; every second failure one further back, every fourth two..."""
        self.failures += 1
        self.reasons[reason] += 1
        if self.failures > most_failures:
            raise DeadEnd(reason, self.reasons)
        back = self.failures & -self.failures
        if back > 1:
            del self.points[max(1, len(self.points) - back + 1) :]
        while self.points:
            point = self.points[-1]
            value = next(point.remaining, _NOTHING)
            if value is _NOTHING:
                self.points.pop()
                continue
            self._restore(point.registers)
            return self._take(point.draw, point.label, point.step, point.data, value)
        raise DeadEnd(reason, self.reasons)

    def spec(self, ref: Ref) -> TensorSpec:
        """Spec of a tensor."""
        return self.input[ref.port] if ref.call == INPUT else self.calls[ref.call].outputs[ref.port]

    def foresee(self, refs: Refs) -> str | None:
        """Why tensors that others are to join can never be joined; None where nothing is known."""
        return None

    def narrow(self, node: Any, drawn: tuple[Any, ...], draw: Draw) -> Draw | str:
        """A draw for a node without what is known to fail; or why nothing is left of it."""
        return draw

    def fitting(
        self, node: e.Choice, numbers: Sequence[int], allowed: Sequence[int]
    ) -> Sequence[int] | str:
        """Positions of alternatives that are not known to fail; or why there are none."""
        return allowed

    def recall(self) -> bool:
        """Comes to an end at once where what follows is known."""
        return False

    def decided(self) -> Any:
        """Where in the decisions taken, or read by a copy, the next one is; as `copy` takes it."""
        if self.source is not None and self.source.is_copy:
            return Position(self.source.position)
        return Position(len(self.decisions))

    def next_key(self) -> str:
        """Key of the weights of the next call; empty where calls are not made."""
        return ""

    @abc.abstractmethod
    def emit(self, call: Call, node: e.PrimitiveCall, drawn: tuple[Any, ...]) -> str | None:
        """Takes a call whose shapes fit."""

    @abc.abstractmethod
    def clone(self, number: int) -> str | None:
        """The tensor at hand goes to several expressions without a `clone` being written."""

    @abc.abstractmethod
    def enter(self, rule: e.Rule, slots: Environment, path: Path) -> str | None:
        """Enters a rule with its arguments."""

    @abc.abstractmethod
    def use(self, shared: Shared) -> None:
        """Prepares the use of a shared expression."""

    @abc.abstractmethod
    def copy(self, start: Any, end: Any) -> None:
        """The next expression repeats the decisions from `start` to `end`."""

    @abc.abstractmethod
    def open(self, opening: Opening, entering: Bundle) -> str | None:
        """The expression of a call begins, which those tensors enter; they become `refs`."""

    @abc.abstractmethod
    def close(self, opening: Opening) -> Any:
        """The expression ends; what it came to."""

    @abc.abstractmethod
    def complete(self, opening: Opening) -> str | None:
        """Takes a call whose expressions are all derived."""

    def _finish(self) -> str | None:
        if self.recalled is not None:
            return self._judge(self.recalled.program)
        if len(self.refs) != 1:
            return f"the network ends with {len(self.refs)} tensors; expected one"
        if self.source is not None and self.source.position < self.source.end:
            return "decisions are left over"
        return self._judge(Program(self.input, tuple(self.calls), self.refs))

    def _judge(self, program: Program) -> str | None:
        self._finished = program
        reason = self.settings.accept(self) if self.settings.accept else None
        if reason is not None:
            self._finished = self.recalled = None
        return reason

    @property
    def program(self) -> Program:
        """What was derived; of a finished machine always the same object."""
        return self._finished or Program(self.input, tuple(self.calls), self.refs)


_NOTHING: Final = object()
