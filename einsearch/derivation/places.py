"""`Places`: which rule of the grammar a decision belongs to, and by which calls that was reached.

The path of a decision names the calls that lead to it; what each of them calls, the grammar says.
So nothing has to be recorded beside the decisions.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from einsearch.derivation.decisions import Path
from einsearch.grammar import expressions as e
from einsearch.grammar.model import Grammar, nodes_of

LARGEST_RANGE: Final = 32
"""Integers of a range that are told apart; longer ranges have no table."""

Site = tuple[str, str]
"""A call: key of the rule that it stands in, and its label there."""


class Place(NamedTuple):
    """Where something stands.

    Attributes:
        rule: key of the rule in whose text it stands.
        context: the last calls that led into that rule, the innermost last.
    """

    rule: str
    context: tuple[Site, ...]


class Slot(NamedTuple):
    """A choice or domain of a rule.

    Attributes:
        is_production: whether it is a choice of alternatives.
        label: unique among those of its kind in the rule.
    """

    is_production: bool
    label: str


class Places:
    """Places in one grammar.

    Args:
        grammar: with a start rule.
        order: how many calls a context has.
    """

    def __init__(self, grammar: Grammar, order: int) -> None:
        self._order = order
        self._start = Place(grammar.start_rule.key, ())
        self._parameters = {key: rule.parameters for key, rule in grammar.rules.items()}
        self.callees: dict[str, dict[str, str]] = {}
        self.slots: dict[str, dict[Slot, Any]] = {}
        for key, rule in grammar.rules.items():
            nodes = list(nodes_of(rule))
            calls = [node for node in nodes if isinstance(node, e.RuleCall)]
            self.callees[key] = {
                call.label: call.rule for call in sorted(calls, key=lambda c: _natural(c.label))
            }
            slots = [(slot_of(node), node) for node in nodes]
            self.slots[key] = {slot: node for slot, node in slots if slot is not None}

    def place(self, path: Path, known: dict[bytes, Place]) -> Place:
        """Where the decisions of a path stand.

        Args:
            path: of a derivation of this grammar.
            known: places of this derivation by the digest of their path; filled here.
        """
        pending: list[Path] = []
        node = path
        while node.digest not in known:
            pending.append(node)
            if node.parent is None:
                known[node.digest] = self._start
                break
            node = node.parent
        for item in reversed(pending):
            if item.parent is not None:
                known[item.digest] = self._below(item, item.parent, known)
        return known[path.digest]

    def _below(self, path: Path, above: Path, known: dict[bytes, Place]) -> Place:
        outer = known[above.digest]
        if path.label in self.callees[outer.rule]:
            return self.called(outer, path.label)
        if path.label in self._parameters[outer.rule] and above.parent is not None:
            return known[above.parent.digest]  # an argument stands where the rule is called
        return outer

    def called(self, outer: Place, label: str) -> Place:
        """What a call leads to."""
        context = (*outer.context, (outer.rule, label))
        return Place(self.callees[outer.rule][label], context[max(0, len(context) - self._order) :])


def _natural(label: str) -> tuple[str, int]:
    """Orders op, op.2, op.10 as people do."""
    name, _, number = label.partition(".")
    return name, int(number or 1)


def slot_of(node: Any) -> Slot | None:
    """What a choice or a domain is called in its rule; None for whatever has no table."""
    if isinstance(node, e.Choice):
        return Slot(True, node.label)
    if isinstance(node, e.Domain) or (isinstance(node, e.IntegerRange) and _length(node)):
        return Slot(False, node.label)
    return None


def _length(node: e.IntegerRange) -> int:
    """How many integers a range has; 0 where that is not known, or too many."""
    if not isinstance(node.low, e.Constant) or not isinstance(node.high, e.Constant):
        return 0
    length = int(node.high.value - node.low.value) + 1
    return length if length <= LARGEST_RANGE else 0


def prior_of(node: Any) -> tuple[float, ...]:
    """Probabilities of a slot's values, as the grammar has them."""
    if isinstance(node, e.Choice):
        return tuple(alternative.probability for alternative in node.alternatives)
    if isinstance(node, e.Domain):
        return node.probabilities
    return (1 / _length(node),) * _length(node)
