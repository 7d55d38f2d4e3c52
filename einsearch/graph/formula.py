"""`formula`: what a program computes, in mathematical notation.

For layers made of arithmetic, such as those of the grammar `evonorm`: `g * (x * sigmoid(v * x) /
std_group(x)) + b`. Whatever is not arithmetic stands as the language writes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Final, NamedTuple

from einsearch.graph.simplify import simplify
from einsearch.primitives.arguments import show_value
from einsearch.primitives.program import INPUT, Call, Program, Ref

SHORT: Final = 12
"""Characters of a term that is written out wherever it is read; longer ones get a name."""


class Binds(IntEnum):
    """How closely a term holds together; one that holds less needs parentheses."""

    SUM = 1
    QUOTIENT = 2
    PRODUCT = 3
    POWER = 4
    ATOM = 5


class Term(NamedTuple):
    """A part of a formula."""

    text: str
    binds: Binds = Binds.ATOM

    def within(self, least: Binds) -> str:
        """The text, in parentheses where it holds together less."""
        return self.text if self.binds >= least else f"({self.text})"


def formula(program: Program) -> str:
    """What a program computes from `x`, as lines `name = ...`; the last one is `y`.

    Calls that nothing reads are left out. Terms that are read more than once have a name: t1,
    t2. `v` are trained values, one a channel; `g` and `b` are a trained scale and offset;
    `std_batch(...)` is a moment, and its second word says over what.
    """
    return _Writer(simplify(program)).run()


class _Writer:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.lines: list[str] = []
        self.terms: dict[Ref, Term] = {
            Ref(INPUT, port): Term("x" if len(program.input) == 1 else f"x{port + 1}")
            for port in range(len(program.input))
        }
        self.names: dict[tuple[str, str], str] = {}
        self.readers = Counter(ref for call in program.calls for ref in call.inputs)
        self.readers.update(program.outputs)

    def run(self) -> str:
        for number, call in enumerate(self.program.calls):
            term = self._term(call)
            for port in range(len(call.outputs)):
                whole = len(call.outputs) == 1
                own = term if whole else Term(f"{term.within(Binds.ATOM)}[{port}]")
                self.terms[Ref(number, port)] = self._named(own, self.readers[Ref(number, port)])
        outcome = ", ".join(self.terms[ref].text for ref in self.program.outputs)
        return "\n".join([*self.lines, f"y = {outcome}"])

    def _named(self, term: Term, readers: int) -> Term:
        if readers < 2 or len(term.text) <= SHORT:
            return term
        name = f"t{len(self.lines) + 1}"
        self.lines.append(f"{name} = {term.text}")
        return Term(name)

    def _term(self, call: Call) -> Term:
        name = call.primitive.name
        terms = [self.terms[ref] for ref in call.inputs]
        if name == "constant":
            value = call.args.value
            return Term(show_value(value), Binds.ATOM if value >= 0 else Binds.SUM)
        if name == "parameter":
            return Term(self._weight("v", call))
        if name == "channel_affine":
            scaled = Term(self._weight("g", call))
            return _add([_multiply([scaled, *terms]), Term(self._weight("b", call))])
        if name in _MOMENTS:
            return Term(f"{_MOMENTS[name]}_{show_value(call.args.over)}({terms[0].text})")
        if name in _ARITHMETIC:
            return _ARITHMETIC[name](terms)
        operands = "" if call.primitive.ignores_input else f"({', '.join(t.text for t in terms)})"
        return Term(f"{call.text}{operands}")

    def _weight(self, letter: str, call: Call) -> str:
        """A name for trained values; calls that share weights share it."""
        key = (letter, call.weights)
        if key not in self.names:
            before = sum(known == letter for known, _ in self.names)
            self.names[key] = f"{letter}{before + 1}" if before else letter
        return self.names[key]


def _add(terms: Sequence[Term]) -> Term:
    text = terms[0].text
    for term in terms[1:]:
        text += f" - {term.text[1:]}" if term.text.startswith("-") else f" + {term.text}"
    return Term(text, Binds.SUM)


def _negate(terms: Sequence[Term]) -> Term:
    return Term(f"-{terms[0].within(Binds.QUOTIENT)}", Binds.SUM)


def _multiply(terms: Sequence[Term]) -> Term:
    return Term(" * ".join(term.within(Binds.PRODUCT) for term in terms), Binds.PRODUCT)


def _divide(terms: Sequence[Term]) -> Term:
    top, bottom = terms
    return Term(f"{top.within(Binds.PRODUCT)} / {bottom.within(Binds.POWER)}", Binds.QUOTIENT)


def _square(terms: Sequence[Term]) -> Term:
    return Term(f"{terms[0].within(Binds.ATOM)}^2", Binds.POWER)


def _larger(terms: Sequence[Term]) -> Term:
    return Term(f"max({', '.join(term.text for term in terms)})")


_ARITHMETIC: Final[dict[str, Callable[[Sequence[Term]], Term]]] = {
    "add": _add,
    "neg": _negate,
    "mul": _multiply,
    "safe_div": _divide,
    "square": _square,
    "maximum": _larger,
}
_MOMENTS: Final = {"mean": "mean", "std": "std", "root_mean_square": "rms"}
