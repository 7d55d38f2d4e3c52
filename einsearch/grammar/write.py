"""`write_grammar`: rules -> one grammar file that imports nothing and means the same.

Names may be handed in, and probabilities too, so that a rule can be written several times, once for
each place that it is called from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from einsearch.grammar import expressions as e
from einsearch.grammar.format import format_text
from einsearch.grammar.model import Grammar, nodes_of
from einsearch.grammar.show import Probabilities, Writer, own_probabilities
from einsearch.primitives.base import all_primitives
from einsearch.specs import ATTRIBUTES, Layout

_WORDS: Final = frozenset(
    "language start require import extend replace seed where when and or not log "
    "in out any all each repeat chain tied unused true false depth".split()
)
"""Names with a meaning of their own in the language."""


@dataclass(frozen=True)
class Statement:
    """A rule as it is to be written.

    Attributes:
        name: of the rule in the file.
        rule: the rule.
        callees: label of a call -> name of the rule that it calls.
        probabilities: of its choices and domains.
    """

    name: str
    rule: e.Rule
    callees: Mapping[str, str]
    probabilities: Probabilities = own_probabilities


def write_grammar(grammar: Grammar) -> str:
    """Text of a file with all rules that a grammar's start and its seeds reach.

    Raises:
        GrammarError: the grammar has no start rule.
    """
    start = grammar.start_rule
    keys = reached(grammar, [start])
    names = unique_names(grammar, {key: grammar.rules[key].name for key in keys})
    statements = [statement_of(grammar.rules[key], names) for key in keys]
    return write_statements(grammar, names[start.key], statements, names)


def write_statements(
    grammar: Grammar,
    start: str,
    statements: Sequence[Statement],
    names: Mapping[str, str],
    comment: str = "",
) -> str:
    """Text of a file, in canonical layout.

    Args:
        grammar: has the requirements, and the seeds, with rules that only they use.
        start: name of the start rule.
        statements: the rules.
        names: key of a rule -> the name by which seeds call it.
        comment: first lines of the file.
    """
    parts = ["\n".join(f"# {row}" for row in comment.splitlines())] if comment else []
    parts.append(f"language 1\nstart {start}")
    if grammar.require:
        parts.append(f"require {', '.join(grammar.require)}")
    parts += map(_text, statements)
    parts += _seeds(grammar, names, {statement.name for statement in statements})
    return format_text("\n\n".join(parts) + "\n", "written.ein")


def statement_of(rule: e.Rule, names: Mapping[str, str]) -> Statement:
    """A rule where every rule has one name, by key."""
    callees = {call.label: names[call.rule] for call in calls_of(rule)}
    return Statement(names[rule.key], rule, callees)


def calls_of(rule: e.Rule) -> list[e.RuleCall]:
    """All calls of rules, those in arguments and bindings too, by label."""
    found = [node for node in nodes_of(rule) if isinstance(node, e.RuleCall)]
    return sorted(found, key=lambda call: call.label)


def reached(grammar: Grammar, rules: Iterable[e.Rule]) -> list[str]:
    """Keys of rules that others call, and that those call, in the order in which they are met."""
    found: dict[str, None] = {rule.key: None for rule in rules if rule.key in grammar.rules}
    pending = list(rules)
    while pending:
        for call in calls_of(pending.pop(0)):
            if call.rule not in found:
                found[call.rule] = None
                pending.append(grammar.rules[call.rule])
    return list(found)


def unique_names(
    grammar: Grammar, wanted: Mapping[Any, str], taken: Iterable[str] = ()
) -> dict[Any, str]:
    """Names that stand for nothing else in a file: no primitive, parameter, tensor or word.

    Args:
        grammar: whose parameters, bindings, tensors and symbols are kept free.
        wanted: what is to be named -> the name that it has if that is free, else one with a number.
        taken: names that are not free, beside those.
    """
    used = {*taken, *all_primitives(), *ATTRIBUTES, *map(str, Layout), *_WORDS, *_inside(grammar)}
    found = {}
    for thing, name in wanted.items():
        unique, number = name, 2
        while unique in used:
            unique, number = f"{name}_{number}", number + 1
        used.add(unique)
        found[thing] = unique
    return found


def _inside(grammar: Grammar) -> set[str]:
    """Names that rules use inside: parameters, bindings, tensors, symbols."""
    used: set[str] = set()
    for rule in [*grammar.rules.values(), *(seed.rule for seed in grammar.seeds.values())]:
        used.update(rule.parameters)
        used.update(binding.name for binding in rule.bindings)
        for node in nodes_of(rule):
            if isinstance(node, e.Assign):
                used.update(node.names)
            elif isinstance(node, e.Constant) and isinstance(node.value, str):
                used.add(node.value)
    return used


def _text(statement: Statement) -> str:
    lines = [f"## {line}" for line in statement.rule.documentation.splitlines()]
    writer = Writer(statement.callees, statement.probabilities)
    return "\n".join([*lines, writer.rule(statement.rule, statement.name)])


def _seeds(grammar: Grammar, names: Mapping[str, str], written: set[str]) -> list[str]:
    """Seeds, and the rules that nothing else uses."""
    rules = [seed.rule for seed in grammar.seeds.values()]
    others = {key: grammar.rules[key].name for key in reached(grammar, rules) if key not in names}
    known = {**names, **unique_names(grammar, others, written)}
    parts = [_text(statement_of(grammar.rules[key], known)) for key in others]
    for name, seed in grammar.seeds.items():
        callees = {call.label: known[call.rule] for call in calls_of(seed.rule)}
        parts.append(f"seed {name} = {Writer(callees).body(seed.rule)}")
    return parts
