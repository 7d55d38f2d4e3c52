"""What a seed or a text leaves open, though an architecture chooses nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from einsearch.derivation.endless import inside
from einsearch.grammar import expressions as e
from einsearch.grammar.show import Writer


def left_open(rules: Mapping[str, e.Rule], rule: e.Rule) -> str | None:
    """The first choice that a rule leads to, in words, or None."""
    pending: list[tuple[Any, e.Rule]] = [(rule.body, rule)]
    seen: set[int] = set()
    while pending:
        node, owner = pending.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        for drawn in getattr(node, "draws", ()):
            if not isinstance(drawn, e.Domain) or len(drawn.options) > 1:
                shown = Writer({}).value(drawn)
                return f"{drawn.label} of `{owner.name}` (line {owner.at[0]}) is one of {shown}"
        number = len(node.alternatives) if isinstance(node, e.Choice) else 1
        if number > 1:
            return f"`{owner.name}` (line {owner.at[0]}) is one of {number} alternatives"
        if isinstance(node, e.RuleCall) and node.rule in rules:
            called = rules[node.rule]
            pending.append((called.body, called))
        pending += [(part, owner) for part in reversed(inside(node, owner))]
    return None
