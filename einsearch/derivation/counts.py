"""How many networks a grammar derives: exactly, by dynamic programming, never by listing them.

Counted are derivations: what can be derived in two ways counts twice. Guards on the number of
tensors and on values hold; guards that ask for shapes or depth are taken for true, and shapes are
ignored, so that the networks that are valid on an input may be fewer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from einsearch.derivation.counts_series import MOST_BITS, Endless, TooLarge
from einsearch.derivation.counts_values import Uncountable
from einsearch.derivation.counts_walk import Walker
from einsearch.grammar.model import Grammar

SIZES: Final = (10, 20, 50, 100)
"""Numbers of nodes up to which derivations are counted."""
MOST_DIGITS: Final = MOST_BITS * 3 // 10
_LONGEST_EXACT: Final = 30
"""Digits of the largest number that is written out."""


@dataclass(frozen=True)
class Counts:
    """How many derivations a grammar has.

    Attributes:
        total: of any size; None where they are infinitely many.
        sizes: (nodes, how many derivations have at most so many), copies counted as built.
        is_bound: these are upper bounds: guards that ask for shapes or depth were taken for true.
        has_reals: a range of reals counts as one value.
        unknown: why nothing is counted; empty otherwise.
    """

    total: int | None
    sizes: tuple[tuple[int, int], ...]
    is_bound: bool
    has_reals: bool
    unknown: str = ""


def count(grammar: Grammar) -> Counts:
    """Counts the derivations of a grammar with a start rule.

    Raises:
        GrammarError: it has no start rule.
    """
    rule = grammar.start_rule.key
    walker = Walker(grammar)
    try:
        root = walker.root(rule)
        circuit = walker.circuit
        total = circuit.count(root)
        if total is None:
            numbers = circuit.coefficients(root, SIZES[-1])
        else:
            numbers = circuit.finite_coefficients(root, SIZES[-1], total)
    except Uncountable as error:
        return Counts(None, (), False, walker.has_reals, str(error))
    except TooLarge:
        unknown = f"there are more than 10^{MOST_DIGITS:,}, or too many cases to be told apart"
        return Counts(None, (), walker.is_bound, walker.has_reals, unknown)
    except Endless:
        unknown = "infinitely many derivations have the same nodes: a rule leads back to itself"
        return Counts(None, (), walker.is_bound, walker.has_reals, unknown)
    sizes = tuple((most, sum(numbers[: most + 1])) for most in SIZES)
    return Counts(total, sizes, walker.is_bound, walker.has_reals)


def show_count(number: int) -> str:
    """A number for people: `15,625`, `7.47e12 (exactly 7,474,295,088,540)`, `about 10^57`."""
    digits = len(str(number))
    if digits <= 9:
        return f"{number:,}"
    if digits <= _LONGEST_EXACT:
        mantissa, exponent = f"{number:.2e}".split("e")
        return f"{mantissa}e{int(exponent)} (exactly {number:,})"
    return f"about 10^{digits - 1}"


def describe_counts(counts: Counts) -> dict[str, str]:
    """Lines for people: what is counted, and how many there are."""
    if counts.unknown:
        return {"derivations": f"not counted: {counts.unknown}"}
    most = "at most " if counts.is_bound else ""
    lines = {"derivations": "infinitely many"}
    if counts.total is not None:
        lines["derivations"] = f"{most}{show_count(counts.total)}  (shapes ignored)"
    shown = {n: number for n, number in counts.sizes if number and number != counts.total}
    lines |= {f"of up to {n} nodes": most + show_count(number) for n, number in shown.items()}
    return lines
