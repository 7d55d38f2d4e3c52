"""`check`: what is wrong with a grammar that loads, and what its author may not have meant."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from einsearch.derivation.analysis import analyse
from einsearch.derivation.arity import find_mismatches
from einsearch.derivation.bounds import bounds_of
from einsearch.derivation.endless import endless_groups
from einsearch.derivation.guarding import decided_guards, number_truths
from einsearch.derivation.leftopen import left_open
from einsearch.derivation.parse import CHOOSES_NOTHING, derive_rule
from einsearch.derivation.sample import sample
from einsearch.derivation.why import why
from einsearch.errors import InfeasibleSpace, Location, ParseError
from einsearch.grammar import expressions as e
from einsearch.grammar.model import Grammar, Seed, nodes_of
from einsearch.grammar.read import locate
from einsearch.specs import TensorSpec

_MOST_NAMED: Final = 4
"""Rules that one message names."""


class Severity(StrEnum):
    """How bad a problem is: an error makes draws or a seed impossible."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Problem:
    """One finding about a grammar.

    Attributes:
        severity: error or warning.
        message: what was found.
        file, line, column: where; lines and columns from 1.
        hint: what to do about it.
    """

    severity: Severity
    message: str
    file: str
    line: int
    column: int
    hint: str = ""
    source_line: str = ""

    def __str__(self) -> str:
        location = Location(self.file, self.line, self.column, self.source_line)
        parts = [f"{location}: {self.severity}: {self.message}"]
        if excerpt := location.excerpt():
            parts.append(excerpt)
        if self.hint:
            parts.append(f"  {self.hint}")
        return "\n".join(parts)


def check(grammar: Grammar, spec: TensorSpec | None = None) -> list[Problem]:
    """Everything that is found without training a network, errors first.

    Args:
        grammar: as loaded; errors of the language itself are raised while loading.
        spec: an incoming tensor on which every seed and one network are derived; without one they
            are not, and shapes are left out.
    """
    found = [*_endless(grammar), *_misfits(grammar), *_unused(grammar), *_sizes(grammar)]
    found += [*_guards(grammar), *_unread(grammar), *_open_seeds(grammar)]
    if spec is not None and grammar.start is not None:
        if all(problem.severity is not Severity.ERROR for problem in found):
            found += _infeasible(grammar, spec)
        found += _underivable(grammar, spec)
    return sorted(found, key=lambda p: (p.severity is not Severity.ERROR, p.file, p.line, p.column))


def _problem(
    grammar: Grammar, severity: Severity, message: str, file: str, at: e.At, hint: str = ""
) -> Problem:
    location = locate(file, grammar.sources.get(file, ""), at)
    return Problem(severity, message, file, *at, hint, location.source_line)


def _endless(grammar: Grammar) -> Iterator[Problem]:
    for group in endless_groups(grammar):
        rule, *others = (grammar.rules[key] for key in group)
        what = f"the rule {rule.name} can never end: everything it derives needs it again"
        if others:
            names = ", ".join(other.name for other in others[:_MOST_NAMED])
            more = ", ..." if len(others) > _MOST_NAMED else ""
            what += f", by way of {names}{more}"
        hint = "add an alternative that does not lead back to it"
        yield _problem(grammar, Severity.ERROR, what, rule.file, rule.at, hint)


def _misfits(grammar: Grammar) -> Iterator[Problem]:
    for misfit in find_mismatches(grammar):
        yield _problem(grammar, Severity.ERROR, misfit.message, misfit.file, misfit.at)


def _guards(grammar: Grammar) -> Iterator[Problem]:
    for rule, alternative, name in number_truths(grammar):
        message = f"{name} is a number wherever {rule.name} is called, but a guard is true or false"
        at = alternative.guard_at or alternative.at
        hint = f"compare it: when {name} >= 8"
        yield _problem(grammar, Severity.ERROR, message, alternative.file, at, hint)
    for found in decided_guards(grammar):
        alternative = found.alternative
        message = "this guard never holds: its alternative is never drawn"
        if found.always:
            message = "this guard always holds, so that it decides nothing"
        at = alternative.guard_at or alternative.at
        yield _problem(grammar, Severity.WARNING, message, alternative.file, at)


def _unused(grammar: Grammar) -> Iterator[Problem]:
    if grammar.start is None:
        return
    reached: set[str] = set()
    pending = [grammar.rules[grammar.start], *(seed.rule for seed in grammar.seeds.values())]
    while pending:
        for node in nodes_of(pending.pop()):
            if isinstance(node, e.RuleCall) and node.rule not in reached:
                reached.add(node.rule)
                pending.append(grammar.rules[node.rule])
            elif isinstance(node, e.Alternative) and node.probability == 0:
                yield _problem(
                    grammar,
                    Severity.WARNING,
                    "this alternative has probability 0 and is never drawn",
                    node.file,
                    node.at,
                )
    for key, rule in grammar.rules.items():
        if key not in reached and key != grammar.start and rule.file == grammar.name:
            message = f"nothing uses the rule {rule.name}"
            yield _problem(grammar, Severity.WARNING, message, rule.file, rule.at)


def _unread(grammar: Grammar) -> Iterator[Problem]:
    """What `where` binds and nothing in its rule reads."""
    for rule in [*grammar.rules.values(), *(seed.rule for seed in grammar.seeds.values())]:
        for binding in rule.unread if rule.file == grammar.name else ():
            message = f"nothing in {rule.name} reads {binding.name}, which `where` binds"
            hint = "it is never drawn" if binding.draws else ""
            yield _problem(grammar, Severity.WARNING, message, rule.file, binding.at, hint)


def _sizes(grammar: Grammar) -> Iterator[Problem]:
    if grammar.start is None:
        return
    rule = grammar.start_rule
    least = bounds_of(grammar, None).least_of_rule(rule.key)
    if least >= bounds_of(grammar, None).UNBOUNDED:
        return
    found = analyse(grammar, least, counting=False)
    if found.termination < 1 - 1e-9:
        yield _problem(
            grammar,
            Severity.WARNING,
            f"without limits a draw ends with probability {found.termination:.3g} only",
            rule.file,
            rule.at,
            "raise the probability of alternatives that end; limits keep draws short meanwhile",
        )
    elif math.isinf(found.built_nodes):
        drawn = "infinite" if math.isinf(found.drawn_nodes) else f"{found.drawn_nodes:.3g}"
        yield _problem(
            grammar,
            Severity.WARNING,
            "without limits the expected number of nodes is infinite as built, copies counted "
            f"(as drawn: {drawn}; growth {found.built_growth:.3g} as built, "
            f"{found.drawn_growth:.3g} as drawn)",
            rule.file,
            rule.at,
            "a growth below 1 makes it finite; limits keep draws short meanwhile",
        )


def _infeasible(grammar: Grammar, spec: TensorSpec) -> Iterator[Problem]:
    """That not even one network takes this tensor, by a draw that tries all if it must."""
    rule = grammar.start_rule
    try:
        sample(grammar, spec, np.random.default_rng(0))
    except InfeasibleSpace as error:
        severity = Severity.ERROR if error.is_proven else Severity.WARNING
        yield _problem(grammar, severity, str(error), rule.file, rule.at)


def _open_seeds(grammar: Grammar) -> Iterator[Problem]:
    for seed in grammar.seeds.values():
        choice = left_open(grammar.rules, seed.rule)
        if choice is not None:
            message = f"the seed {seed.name} leaves a choice open: {choice}"
            file = seed.rule.file
            yield _problem(grammar, Severity.ERROR, message, file, seed.at, CHOOSES_NOTHING)


def _underivable(grammar: Grammar, spec: TensorSpec) -> Iterator[Problem]:
    for seed in grammar.seeds.values():
        if left_open(grammar.rules, seed.rule) is not None:
            continue
        try:
            derive_rule(grammar, seed.rule, grammar, spec, seed.text)
        except ParseError as error:
            yield _of_seed(grammar, seed, spec, error)


def _of_seed(grammar: Grammar, seed: Seed, spec: TensorSpec, error: ParseError) -> Problem:
    failure = why(grammar, seed.name, spec).failure
    message = f"the seed {seed.name} cannot be derived on {spec}"
    file, at, hint = seed.rule.file, seed.at, error.hint
    if failure is None:
        return _problem(grammar, Severity.ERROR, f"{message}: {error.message}", file, at, hint)
    if failure.location is not None:
        file, at = failure.location.file, (failure.location.line, failure.location.column)
    if failure.rule:
        hint = f"nearest is {failure.rule} = {failure.alternative}"
    message = f"{message}: `{failure.fragment}`: {failure.reason}"
    return _problem(grammar, Severity.ERROR, message, file, at, hint)
