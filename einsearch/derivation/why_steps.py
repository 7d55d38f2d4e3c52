"""A derivation step by step: which rule took which alternative, with what was drawn and shapes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from einsearch.derivation.choosing import Never
from einsearch.derivation.decisions import Draw, Path
from einsearch.derivation.derivation import Derivation
from einsearch.derivation.deriver import Deriver, settings_for
from einsearch.derivation.state import Cursor, Opening
from einsearch.derivation.values import Environment, Shared
from einsearch.errors import Location
from einsearch.grammar import expressions as e
from einsearch.grammar.excerpt import Excerpts, excerpts
from einsearch.grammar.model import Grammar
from einsearch.grammar.read import locate
from einsearch.primitives.arguments import show_value
from einsearch.primitives.program import Call
from einsearch.specs import Bundle


@dataclass(frozen=True)
class Drawn:
    """A value with the domain that it was drawn from, and its probability there."""

    value: str
    domain: str
    probability: float


@dataclass
class Step:
    """One line of a derivation.

    Attributes:
        level: how deep it stands below the start rule.
        name: a rule with its arguments, a call, a tensor or value that was drawn.
        alternative: the right-hand side that was taken, as written; empty where there is none.
        probability: of that alternative among those whose conditions held; None without a choice.
        drawn: values drawn for it.
        place: of the alternative, or of the rule, in the grammar's files.
        incoming, outgoing: specs of the tensors.
    """

    level: int
    name: str
    alternative: str = ""
    probability: float | None = None
    drawn: tuple[Drawn, ...] = ()
    place: Location | None = None
    incoming: Bundle = ()
    outgoing: Bundle = ()


class Source:
    """Where the parts of a grammar stand, and how they were written."""

    def __init__(self, grammar: Grammar) -> None:
        self._sources = grammar.sources

    def place(self, file: str, at: e.At) -> Location | None:
        text = self._sources.get(file)
        return None if text is None else locate(file, text, at)

    def excerpts(self, file: str) -> Excerpts:
        return excerpts(self._sources.get(file, ""))

    def alternative(self, alternative: e.Alternative) -> str:
        """As written, without probability and condition."""
        return self.excerpts(alternative.file).alternatives.get(alternative.at, "")

    def body(self, rule: e.Rule) -> str:
        """The right-hand side of a rule."""
        body: Any = rule.body
        at = body.alternatives[0].at if isinstance(body, e.Choice) else body.at
        return self.excerpts(rule.file).expressions.get(at, "")


@dataclass
class _Open:
    """A rule whose body is being derived, and its step."""

    rule: e.Rule
    step: Step
    level: int


class _Teller(Deriver):
    """Derives again what decisions fix, and notes the steps."""

    splices: ClassVar[bool] = False

    def __init__(self, derivation: Derivation) -> None:
        grammar, values = derivation.grammar, derivation.values
        super().__init__(grammar.start_rule, derivation.input, settings_for(grammar, Never()))
        self.source = Cursor(values, 0, len(values), is_copy=False)
        self.told: list[Step] = []
        self._written = Source(grammar)
        self._below = 0
        self._open: list[_Open] = []
        self._drawn: list[Drawn] = []

    @property
    def _is_copying(self) -> bool:
        return self.source is not None and self.source.is_copy

    def _tell(self, name: str, **more: Any) -> Step:
        step = Step(self._below, name, drawn=tuple(self._drawn), **more)
        self._drawn = []
        self.told.append(step)
        return step

    def enter(self, rule: e.Rule, slots: Environment, path: Path) -> str | None:
        if not self._is_copying:
            step = self._tell(_shown_rule(rule, slots), incoming=self.specs)
            step.place = self._written.place(rule.file, rule.at)
            if not isinstance(rule.body, e.Choice):
                step.alternative = self._written.body(rule)
            self.push(_left, (step, self._below))
            self._open.append(_Open(rule, step, self._below))
            self._below += 1
        return super().enter(rule, slots, path)

    def left(self, step: Step, level: int) -> None:
        """A rule, a shared expression or a call with expressions is derived."""
        step.outgoing = self.specs
        self._below = level
        if self._open and self._open[-1].step is step:
            self._open.pop()

    def _take(self, draw: Draw, label: str, step: Any, data: Any, value: Any) -> str | None:
        probability = math.exp(draw.log_probability(value) or 0.0)
        if isinstance(data, e.Choice):
            self._tell_choice(data, data.alternatives[value], probability)
        elif isinstance(data, e.AnyTensor):
            self._tell(f"{label.partition('.')[0]}: {value}", probability=probability)
        else:
            self._drawn.append(Drawn(show_value(value), draw.domain, probability))
            self._tell_draws(data[1], len(data[2]) + 1)
        return super()._take(draw, label, step, data, value)

    def _tell_choice(self, node: e.Choice, taken: e.Alternative, probability: float) -> None:
        step = self._open[-1].step
        if self._open[-1].rule.body is not node or step.alternative:
            written = self._written.excerpts(taken.file).expressions.get(node.at, node.label)
            step = self._tell(f"({written})", incoming=self.specs)
        step.alternative = self._written.alternative(taken)
        step.probability = probability
        step.place = self._written.place(taken.file, taken.at)

    def _tell_draws(self, node: Any, number: int) -> None:
        """Draws of a call are told with the call, others by themselves when all are drawn."""
        if isinstance(node, (e.PrimitiveCall, e.RuleCall)) or number < len(node.draws):
            return
        what = node.name if isinstance(node, e.Binding) else type(node).__name__.lower()
        self._tell(f"{what}: {', '.join(drawn.value for drawn in self._drawn)}")

    def emit(self, call: Call, node: e.PrimitiveCall, drawn: tuple[Any, ...]) -> str | None:
        if not self._is_copying:
            self._tell(call.text, incoming=call.specs, outgoing=call.outputs)
        return super().emit(call, node, drawn)

    def use(self, shared: Shared) -> None:
        if not self._is_copying and shared in self.shared:
            self._tell(f"{shared.name}: as above", incoming=self.specs)
        elif not self._is_copying:
            step = self._tell(f"{shared.name}: derived once", incoming=self.specs)
            self.push(_left, (step, self._below))
            self._below += 1
        super().use(shared)

    def open(self, opening: Opening, entering: Bundle) -> str | None:
        if not self._is_copying:
            step = self._tell(f"inside {opening.name}", incoming=entering)
            self.push(_left, (step, self._below))
            self._below += 1
        return super().open(opening, entering)


def _left(m: Any, data: tuple[Step, int]) -> None:
    m.left(*data)


def _shown_rule(rule: e.Rule, slots: Environment) -> str:
    given = [
        name if isinstance(value, Shared) else f"{name}={show_value(value)}"
        for name, value in zip(rule.parameters, slots, strict=True)
    ]
    return f"{rule.name}({', '.join(given)})" if given else rule.name


def steps_of(derivation: Derivation) -> tuple[Step, ...]:
    """Every step of a derivation, in order; copies are told once."""
    teller = _Teller(derivation)
    teller.enter(derivation.grammar.start_rule, (), teller.context.path)
    teller.run()
    return tuple(teller.told)
