"""`require`: why a network cannot learn, found by one symbolic pass and never with a tensor.

Facts about every tensor go from the input to the output, whether it depends on the input, is
affine in it, can change at all, and its two moments; then the reach of gradients goes back.
Moments at initialisation follow each primitive's signal rule (mean-field theory: Poole et al.,
2016), with an input of mean 0 and variance 1.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from einsearch.errors import EinsearchError
from einsearch.graph.calls import is_trainable, reads_shape_only
from einsearch.graph.simplify import drop_unread
from einsearch.primitives.arguments import Arguments, show_value
from einsearch.primitives.base import Primitive, Signal, expressions_of
from einsearch.primitives.causality import first_acausal
from einsearch.primitives.program import INPUT, Call, Program, Ref
from einsearch.specs import Bundle, describe

LEAST_VARIANCE: Final = 1e-10
GREATEST_VARIANCE: Final = 1e10
"""Outside of these bounds on the variance of an element a tensor has died or exploded."""

GREATEST_VALUE: Final = 1e15
"""So is one of which an element may be larger: sums of its squares must stay in float32."""


class Fact(NamedTuple):
    """What is known of one tensor.

    Attributes:
        signal: its moments at initialisation.
        depends: whether it depends on the network's input.
        affine: whether it is affine in the network's input.
        frozen: whether it is the same for all inputs and all values of the parameters.
        zero: whether it is frozen at zero.
    """

    signal: Signal
    depends: bool
    affine: bool
    frozen: bool
    zero: bool


@dataclass(frozen=True)
class Analysis:
    """Outcome of the pass over one program.

    Attributes:
        program: without the calls that nothing reads.
        facts: of every call's outgoing tensors.
        reached: whether gradients reach a call.
        incoming: facts of the incoming tensors.
        inner: outcomes for the expressions that each call takes.
    """

    program: Program
    facts: Sequence[tuple[Fact, ...]]
    reached: Sequence[bool]
    incoming: Sequence[Fact]
    inner: Sequence[tuple[Analysis, ...]]

    @property
    def outcome(self) -> tuple[Fact, ...]:
        """Facts of the outgoing tensors."""
        return tuple(map(self.fact, self.program.outputs))

    def fact(self, ref: Ref) -> Fact:
        """Fact of one tensor."""
        return self.incoming[ref.port] if ref.call == INPUT else self.facts[ref.call][ref.port]

    def name(self, number: int) -> str:
        """A call as a message names it: `conv2d(16, 3) (call 4 of 12)`."""
        call = self.program.calls[number]
        given = [
            show_value(value)
            for parameter, value in zip(
                call.primitive.parameters, call.args.values_in_order, strict=True
            )
            if parameter.is_required or value != parameter.default
        ]
        shown = f"{call.primitive.name}({', '.join(given)})" if given else call.primitive.name
        return f"{shown} (call {number + 1} of {len(self.program.calls)})"


_INCOMING: Final = Fact(Signal(), depends=True, affine=True, frozen=False, zero=False)


def analyse(program: Program, incoming: Sequence[Fact] = ()) -> Analysis:
    """The symbolic pass over a program; `incoming` is known of the tensors that enter it."""
    live = drop_unread(program)
    entering = incoming or [_INCOMING] * len(program.input)
    facts: list[tuple[Fact, ...]] = []
    inner: list[tuple[Analysis, ...]] = []
    for call in live.calls:
        known = tuple(
            [(entering if r.call == INPUT else facts[r.call])[r.port] for r in call.inputs]
        )
        if expressions_of(type(call.primitive)):
            inner.append(tuple(analyse(i.program, known) for i in call.inner))
            facts.append(_outcome(call, known, inner[-1]))
        else:
            inner.append(())
            facts.append(_plain(call.primitive, call.args, call.specs, call.outputs, known))
    return Analysis(live, facts, _reached(live, facts), entering, inner)


def violation(program: Program, require: tuple[str, ...]) -> str | None:
    """Why a program lacks what is required, naming the call at fault; None where it lacks nothing.

    `input`: the outcome depends on the incoming tensor. `parameters`: something trainable
    changes the outcome. `nonlinearity`: the outcome is not affine in the incoming tensor.
    `gradient`: every parameter is reached, and no tensor's variance explodes or dies. `causal`: no
    token of the outcome depends on a later one that enters.

    Raises:
        EinsearchError: there is no such requirement.
    """
    checks = [_requirement(name) for name in require]
    if not checks:
        return None
    analysis = analyse(program)
    return next((reason for check in checks if (reason := check(analysis))), None)


@dataclass(frozen=True)
class Requirement:
    """The judge of finished programs that asks for what `require` names."""

    require: tuple[str, ...]

    def __call__(self, program: Program) -> str | None:
        """As `violation`."""
        return violation(program, self.require)


def requirement(require: Sequence[str]) -> Requirement | None:
    """The judge that asks for what `require` names; None where it names nothing."""
    names = tuple(require)
    return Requirement(names) if names else None


def _requirement(name: str) -> Callable[[Analysis], str | None]:
    if name in REQUIREMENTS:
        return REQUIREMENTS[name]
    near = difflib.get_close_matches(name, REQUIREMENTS, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise EinsearchError(
        f"no requirement is named {name}; {hint}there are {', '.join(REQUIREMENTS)}"
    )


# --- facts ---------------------------------------------------------------------------------------


@lru_cache(maxsize=16_384)
def _plain(
    primitive: Primitive, args: Arguments, specs: Bundle, outputs: Bundle, known: tuple[Fact, ...]
) -> tuple[Fact, ...]:
    """Facts behind a call without expressions: the same wherever it stands."""
    return _outcome(Call(primitive, args, (), specs, outputs, ""), known, ())


def _outcome(call: Call, known: Sequence[Fact], inner: tuple[Analysis, ...]) -> tuple[Fact, ...]:
    primitive = call.primitive
    trainable = is_trainable(call)
    signals = _signals(call, known)
    if reads_shape_only(primitive):
        return tuple(_source(signal, frozen=not trainable) for signal in signals)
    affine = _is_affine(call, known)
    stuck = not trainable and all(fact.frozen for fact in known)
    empty = not trainable and _is_product(call) and any(fact.zero for fact in known)
    # What scales the outcome of an expression cannot make anything of zero, whatever it learns.
    empty |= primitive.scales_expression and any(fact.zero for a in inner for fact in a.outcome)
    varying = [fact.signal.variance > 0 for fact in known]
    # What is at zero only until its parameters are trained says nothing of later.
    settled = any(varying) and all(v or f.frozen for v, f in zip(varying, known, strict=True))
    outcomes = []
    for signal in signals:
        flat = not trainable and settled and signal.variance == 0
        frozen = stuck or empty or flat
        zero = empty or (frozen and signal.second_moment == 0)
        depends = not frozen and any(fact.depends for fact in known)
        outcomes.append(Fact(signal, depends, affine or not depends, frozen, zero))
    return tuple(outcomes)


def _source(signal: Signal, *, frozen: bool) -> Fact:
    zero = frozen and signal.second_moment == 0
    return Fact(signal, depends=False, affine=True, frozen=frozen, zero=zero)


def _signals(call: Call, known: Sequence[Fact]) -> tuple[Signal, ...]:
    incoming = tuple(fact.signal for fact in known)
    try:
        return call.signals(incoming)
    except OverflowError:
        return (Signal(0.0, float("inf")),) * len(call.outputs)


def _is_affine(call: Call, known: Sequence[Fact]) -> bool:
    dependent = [fact for fact in known if fact.depends]
    if not all(fact.affine for fact in dependent):
        return False
    alone = len(dependent) <= 1 and call.primitive.is_multilinear
    affine = call.primitive.affine_at(call.specs, call.args)
    return not dependent or affine or alone


def _is_product(call: Call) -> bool:
    """Whether one zero operand makes the outcome zero."""
    return call.primitive.is_multilinear and not call.primitive.is_affine


def _reached(program: Program, facts: list[tuple[Fact, ...]]) -> list[bool]:
    """Which calls a change of the outcome's gradient reaches; frozen tensors pass nothing on."""
    reached = [False] * len(program.calls)

    def mark(ref: Ref) -> None:
        if ref.call != INPUT and not facts[ref.call][ref.port].frozen:
            reached[ref.call] = True

    for ref in program.outputs:
        mark(ref)
    for number in range(len(program.calls) - 1, -1, -1):
        call = program.calls[number]
        passes = not (reads_shape_only(call.primitive) or call.primitive.stops_gradient)
        if reached[number] and passes:
            for ref in call.inputs:
                mark(ref)
    return reached


# --- requirements --------------------------------------------------------------------------------


def _lacks_input(analysis: Analysis) -> str | None:
    outputs = analysis.program.outputs
    if any(analysis.fact(ref).depends for ref in outputs):
        return None
    number = outputs[0].call
    while inputs := analysis.program.calls[number].inputs:
        earlier = [ref for ref in inputs if not analysis.fact(ref).depends]
        if len(earlier) < len(inputs) or reads_shape_only(analysis.program.calls[number].primitive):
            break
        number = earlier[0].call
    return f"the outcome does not depend on the input: {analysis.name(number)} is constant"


def _lacks_parameters(analysis: Analysis) -> str | None:
    trainable = [n for n, call in enumerate(analysis.program.calls) if is_trainable(call)]
    if any(analysis.reached[number] for number in trainable):
        return None
    if not trainable:
        return "nothing is trainable: no call has parameters"
    return f"nothing is trainable: the outcome does not depend on {analysis.name(trainable[-1])}"


def _lacks_nonlinearity(analysis: Analysis) -> str | None:
    outputs = analysis.program.outputs
    if not all(analysis.fact(ref).affine for ref in outputs):
        return None
    number = max(ref.call for ref in outputs)
    last = f": {analysis.name(number)} leaves it so" if number != INPUT else ""
    return f"the outcome is affine in the input{last}"


def _lacks_gradient(analysis: Analysis) -> str | None:
    for number, call in enumerate(analysis.program.calls):
        if is_trainable(call) and not analysis.reached[number]:
            return f"no gradient reaches the parameters of {analysis.name(number)}"
        reason = _lacks_gradient_inside(analysis, number)
        if reason is not None:
            return reason
        # Infinity spoils even what it does not change: 0 times it is not 0.
        largest = max(fact.signal.farthest for fact in analysis.facts[number])
        if largest > GREATEST_VALUE:
            return f"the signal explodes at {analysis.name(number)}: values up to {largest:.3g}"
        if not analysis.reached[number]:
            continue
        for fact in analysis.facts[number]:
            variance = fact.signal.variance
            if fact.depends and not LEAST_VARIANCE <= variance <= GREATEST_VARIANCE:
                verb = "dies" if variance < LEAST_VARIANCE else "explodes"
                return f"the signal {verb} at {analysis.name(number)}: variance {variance:.3g}"
    return None


def _lacks_gradient_inside(analysis: Analysis, number: int) -> str | None:
    """What is wrong in the expressions of a call, where gradients reach it."""
    for inner in analysis.inner[number] if analysis.reached[number] else ():
        reason = _lacks_gradient(inner)
        if reason is not None:
            return f"in the expression of {analysis.name(number)}: {reason}"
        if any(fact.zero for fact in inner.outcome):
            return f"no gradient reaches {analysis.name(number)}: its expression is zero"
    return None


def _lacks_causality(analysis: Analysis) -> str | None:
    number = first_acausal(analysis.program)
    if number is None:
        return None
    if number == INPUT:
        return f"only tokens come in an order, and {describe(analysis.program.input)} enters"
    return f"a token may depend on later ones: {analysis.name(number)} mixes them"


REQUIREMENTS: Final[Mapping[str, Callable[[Analysis], str | None]]] = {
    "input": _lacks_input,
    "parameters": _lacks_parameters,
    "nonlinearity": _lacks_nonlinearity,
    "gradient": _lacks_gradient,
    "causal": _lacks_causality,
}
"""What a grammar can require, and what tells whether a network lacks it."""
