"""`ShownParameters`: parameters of trials for Optuna's dashboard, plots and importances.

A network is a derivation, and no two derivations have the same decisions. What Optuna can compare
is what all trials have: the decisions near the root, how often each primitive occurs, and costs.
No searcher reads these; they are for people.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, Final

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from einsearch.grammar import expressions as e
from einsearch.grammar.model import Grammar
from einsearch.grammar.show import Writer
from einsearch.primitives.arguments import show_value
from einsearch.primitives.program import Program
from einsearch.trial import Trial

Shown = Mapping[str, tuple[BaseDistribution, Any]]
"""Name of a parameter -> what it can be, and what it is. Of one name, what it can be never changes:
Optuna asks for that."""

NEAR: Final = 3
"""Levels below the root whose decisions are parameters."""
MOST_DECISIONS: Final = 24
"""So many decisions of a trial are parameters, the first ones."""
LONGEST_NAME: Final = 120
LONGEST_CHOICE: Final = 60
"""Characters; some databases have room for no more."""

MOST_COUNTED: Final = 16
"""Of primitives that occur more often, this is shown. Importances weigh a whole range alike: one as
wide as the largest network would hide where the counts are."""

COSTS: Final = {"parameters": 1e10, "flops": 1e13, "activation_memory": 1e12}
"""Costs, and the largest that is shown as it is."""


class ShownParameters:
    """Gives the parameters of trials.

    Args:
        grammar: what is derived.
        limits: name of a cost -> the largest that a network may have; None for no limit.
    """

    def __init__(self, grammar: Grammar, limits: Mapping[str, float | None] | None = None) -> None:
        self._names = sorted({call.primitive.name for call in _calls(grammar)})
        self._choices = _alternatives(grammar)
        self._most = {
            name: max(2.0, float((limits or {}).get(name) or most)) for name, most in COSTS.items()
        }

    def of(self, trial: Trial, program: Program) -> Shown:
        """The parameters of a trial.

        Args:
            trial: with its decisions and costs.
            program: its network.
        """
        return {**self._decisions(trial), **self._counts(program), **self._costs(trial)}

    def _decisions(self, trial: Trial) -> Shown:
        found: dict[str, tuple[BaseDistribution, Any]] = {}
        for address, domain, value in trial.decisions:
            if len(found) == MOST_DECISIONS:
                break
            if address.startswith("~") or address.count("/") > NEAR:
                continue
            shown = self._decision(domain, value)
            if shown is not None:
                found[f"{address}: {domain}"[:LONGEST_NAME]] = shown
        return found

    def _decision(self, domain: str, value: Any) -> tuple[BaseDistribution, Any] | None:
        label, _, rest = domain.partition(": ")
        if domain.startswith("any: "):
            return _categorical(rest.split("|"), str(value))
        if domain.startswith("{"):
            return _categorical(domain[1:-1].split(", "), show_value(value))
        if rest.isdecimal() and isinstance(value, int):
            known = self._choices.get((label, int(rest)), ())
            names = [f"{n + 1} {known[n]}" if known else f"{n + 1}" for n in range(int(rest))]
            return _categorical(names, names[value]) if value < len(names) else None
        return _range(domain, value)

    def _counts(self, program: Program) -> Shown:
        counted = Counter(_primitives(program))
        names = {*self._names, *counted}
        counts = IntDistribution(0, MOST_COUNTED)
        return {f"count of {n}": (counts, min(counted[n], MOST_COUNTED)) for n in sorted(names)}

    def _costs(self, trial: Trial) -> Shown:
        found = {}
        for name, most in self._most.items():
            value = getattr(trial, name)
            if value is not None:  # a logarithm has no 0: what costs nothing stands at 1
                distribution = FloatDistribution(1.0, most, log=True)
                found[name] = (distribution, min(max(1.0, float(value)), most))
        return found


def _categorical(choices: Sequence[str], value: str) -> tuple[BaseDistribution, str] | None:
    if value not in choices or len(set(choices)) < len(choices):
        return None
    return CategoricalDistribution(list(choices)), value


def _range(domain: str, value: Any) -> tuple[BaseDistribution, Any] | None:
    """The parameter of a range such as `2..8` or `log 1e-4..0.1`; None for anything else."""
    is_log = domain.startswith("log ")
    low, _, high = domain.removeprefix("log ").partition("..")
    try:
        if isinstance(value, int):
            return IntDistribution(int(low), int(high)), value
        distribution = FloatDistribution(float(low), float(high), log=is_log)
    except ValueError:
        return None
    return (distribution, value) if math.isfinite(value) else None


def _primitives(program: Program) -> Iterator[str]:
    """Names of the primitives of a network, those inside of expressions too."""
    waiting = [program]
    while waiting:
        for call in waiting.pop().calls:
            yield call.primitive.name
            waiting.extend(inner.program for inner in call.inner)


def _nodes(rule: e.Rule) -> Iterator[Any]:
    """All parts of a rule's body and bindings."""
    waiting: list[Any] = [rule.body, rule.bindings]
    while waiting:
        node = waiting.pop()
        if isinstance(node, tuple):
            waiting.extend(node)
        elif is_dataclass(node):
            yield node
            waiting.extend(getattr(node, field.name) for field in fields(node))


def _calls(grammar: Grammar) -> Iterator[e.PrimitiveCall]:
    """The calls of primitives in the rules of a grammar."""
    for rule in grammar.rules.values():
        yield from (node for node in _nodes(rule) if isinstance(node, e.PrimitiveCall))


def _alternatives(grammar: Grammar) -> Mapping[tuple[str, int], Sequence[str]]:
    """(label of a choice, number of alternatives) -> texts of the alternatives; without those that
    several rules have."""
    found: dict[tuple[str, int], Sequence[str]] = {}
    several: set[tuple[str, int]] = set()
    for rule in grammar.rules.values():
        nodes = list(_nodes(rule))
        calls = (node for node in nodes if isinstance(node, e.RuleCall))
        writer = Writer({call.label: grammar.rules[call.rule].name for call in calls})
        for choice in (node for node in nodes if isinstance(node, e.Choice)):
            key = (choice.label, len(choice.alternatives))
            texts = (writer.expression(each.body) for each in choice.alternatives)
            several |= {key} & found.keys()
            found[key] = [text[:LONGEST_CHOICE] for text in texts]
    return {key: texts for key, texts in found.items() if key not in several}
