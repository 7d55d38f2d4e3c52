"""The numbers that decide whether a space is usable: does drawing end, and how large are networks?

A grammar is a branching process with a type for every rule (Harris, 1963). The probability that a
draw ends is the least fixed point of the rules' equations. Expected sizes solve a linear system
and are finite where the spectral radius of the matrix of mean calls is below 1: once with every
derivation counted once (as drawn), once with copies counted (as built). Guards, shapes and limits
are ignored.
"""

from __future__ import annotations

from dataclasses import dataclass

from einsearch.derivation.counts import Counts, count
from einsearch.derivation.growth import expected
from einsearch.derivation.means import Case, Means
from einsearch.derivation.termination import termination
from einsearch.grammar.model import Grammar


@dataclass(frozen=True)
class Analysis:
    """What is known of a grammar without drawing from it.

    Attributes:
        rules: number of rules that the start rule reaches.
        termination: probability that a draw without limits ends.
        drawn_nodes: expected number of primitive calls, copies counted once; may be infinite.
        built_nodes: the same with copies counted.
        drawn_growth, built_growth: spectral radii of the mean matrices; finite below 1.
        least_nodes: of the smallest network, copies counted.
        counts: how many derivations there are; None where that was not asked for.
    """

    rules: int
    termination: float
    drawn_nodes: float
    built_nodes: float
    drawn_growth: float
    built_growth: float
    least_nodes: int
    counts: Counts | None = None


def analyse(grammar: Grammar, least_nodes: int, *, counting: bool = True) -> Analysis:
    """Analyses a grammar with a start rule; `least_nodes` comes from `Bounds`.

    Args:
        counting: whether to count derivations, too, which may take seconds.

    Raises:
        GrammarError: it has no start rule.
    """
    table = Means(grammar)
    start = Case(grammar.start_rule.key, (), 1.0)
    table.explore(start)
    drawn, drawn_growth = expected(table.means, start, 0)
    built, built_growth = expected(table.means, start, 1)
    return Analysis(
        rules=len({case.rule for case in table.means}),
        termination=termination(grammar),
        drawn_nodes=drawn,
        built_nodes=built,
        drawn_growth=drawn_growth,
        built_growth=built_growth,
        least_nodes=least_nodes,
        counts=count(grammar) if counting else None,
    )
