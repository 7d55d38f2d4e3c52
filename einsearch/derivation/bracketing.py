"""Series of series: `x = x >> x` derives n parts in as many ways as there are bracketings.

All of them come to the same network with the same probability, so a recogniser looks at one: the
first part of such a series is no such series itself. Whatever is bracketed otherwise can be turned
into that, and n parts then cost n^2 steps in place of n^3.
"""

from __future__ import annotations

from collections.abc import Mapping

from einsearch.grammar import expressions as e
from einsearch.grammar.model import Grammar


def first_parts(grammar: Grammar) -> Mapping[int, int]:
    """The first parts of such series: identity of the call -> number of their alternative.

    Only of rules whose outcome does not depend on the bracketing: without parameters, `where` and
    a guard at that alternative, in grammars without guards on depth.
    """
    found: dict[int, int] = {}
    if grammar.uses_depth:
        return found
    for key, rule in grammar.rules.items():
        if rule.parameters or rule.bindings or not isinstance(rule.body, e.Choice):
            continue
        for number, alternative in enumerate(rule.body.alternatives):
            if alternative.guard is None and _is_twice(alternative.body, key):
                found[id(alternative.body.items[0])] = number  # type: ignore[union-attr]
                break
    return found


def _is_twice(body: e.Expression, key: str) -> bool:
    return (
        isinstance(body, e.Series)
        and len(body.items) == 2
        and all(isinstance(item, e.RuleCall) and item.rule == key for item in body.items)
    )
