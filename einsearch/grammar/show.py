"""Resolved expressions, values and guards as the grammar language writes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from einsearch.grammar import expressions as e
from einsearch.primitives.arguments import show_value

Drawn = e.Choice | e.DomainLike
"""What has probabilities."""

Probabilities = Callable[[Drawn], Sequence[float] | None]
"""Of alternatives, options, or the integers of a range, in order; None where they are its own."""

DIGITS: Final = 6
"""Significant digits of a written probability."""


def own_probabilities(node: Drawn) -> None:
    """For whatever keeps the probabilities that it has."""


@dataclass(frozen=True)
class Writer:
    """Writes one rule.

    Attributes:
        callees: label of a call -> name of the rule that it calls.
        probabilities: of choices and domains.
    """

    callees: Mapping[str, str]
    probabilities: Probabilities = own_probabilities

    def rule(self, rule: e.Rule, head: str) -> str:
        """A statement: `head(parameters) = body where bindings`."""
        parameters = f"({', '.join(rule.parameters)})" if rule.parameters else ""
        return f"{head}{parameters} = {self.body(rule)}"

    def body(self, rule: e.Rule) -> str:
        """What stands behind the `=`."""
        text = self.expression(rule.body)
        if rule.bindings:
            bound = (f"{b.name} = {self.argument(b.body)}" for b in rule.bindings)
            text += f" where {', '.join(bound)}"
        return text

    def expression(self, node: Any) -> str:
        """An expression that stands alone; a choice is not in parentheses."""
        if isinstance(node, e.Choice):
            weights = self.probabilities(node) or [a.probability for a in node.alternatives]
            rows = zip(node.alternatives, _weights(weights), strict=True)
            return " | ".join(self._alternative(a, weight) for a, weight in rows)
        if isinstance(node, e.Series):
            return " >> ".join(map(self._inner, node.items))
        return self._inner(node)

    def argument(self, node: Any) -> str:
        """A value or an expression."""
        return self.value(node) if isinstance(node, e.VALUE_TYPES) else self.expression(node)

    def _inner(self, node: Any) -> str:
        """An expression as a part of another."""
        if isinstance(node, (e.Choice, e.Series)):
            return f"({self.expression(node)})"
        if isinstance(node, e.Parallel):
            return f"({', '.join(map(self.expression, node.items))})"
        if isinstance(node, e.PrimitiveCall):
            return self._primitive(node)
        if isinstance(node, e.RuleCall):
            return _call(self.callees[node.label], [self.argument(a) for a in node.arguments])
        if isinstance(node, (e.LocalUse, e.TensorUse)):
            return node.name
        return self._construct(node)

    def _primitive(self, node: e.PrimitiveCall) -> str:
        """Required arguments by position, options by name."""
        given = {name: self.argument(value) for name, value in node.arguments}
        rows = [
            given[parameter.name]
            if parameter.is_required
            else f"{parameter.name}={given[parameter.name]}"
            for parameter in node.primitive.parameters
            if parameter.name in given
        ]
        return _call(node.primitive.name, rows)

    def _construct(self, node: Any) -> str:
        if isinstance(node, e.Each):
            count = [] if node.count is None else [self.value(node.count)]
            return _call("each", [self.expression(node.body), *count])
        if isinstance(node, (e.Repeat, e.Chain)):
            name = "repeat" if isinstance(node, e.Repeat) else "chain"
            return _call(name, [self.value(node.count), self.expression(node.body)])
        if isinstance(node, e.Tied):
            return _call("tied", [self.expression(node.body)])
        if isinstance(node, e.AllUnused):
            return "all(unused)"
        if isinstance(node, e.AnyTensor):
            count = [str(node.count)] if node.count > 1 else []
            return _call("any", [*count, *(["unused"] if node.unused else []), *node.names])
        rows = (f"{_targets(a)} = {self.expression(a.body)}" for a in node.assignments)
        return f"{{ {'  '.join(rows)} }}"

    def _alternative(self, node: e.Alternative, weight: str) -> str:
        guard = "" if node.guard is None else f" when {self.guard(node.guard)}"
        # A choice that is an alternative would lose its own probabilities without parentheses.
        inner = self._inner if isinstance(node.body, e.Choice) else self.expression
        return f"{inner(node.body)}{weight}{guard}"

    def value(self, node: Any) -> str:
        """A value that stands alone; arithmetic is not in parentheses."""
        if isinstance(node, e.Constant):
            return show_value(node.value)
        if isinstance(node, (e.Local, e.Attribute)):
            return node.name
        if isinstance(node, e.Arithmetic):
            return f"{self._operand(node.left)} {node.operator} {self._operand(node.right)}"
        if isinstance(node, e.RealRange):
            log = "log " if node.is_log else ""
            return f"{log}{self._operand(node.low)}..{self._operand(node.high)}"
        weights = self.probabilities(node)
        if isinstance(node, e.Domain):
            options = [self.value(option) for option in node.options]
            return _domain(options, weights or node.probabilities)
        if weights is None:
            return f"{self._operand(node.low)}..{self._operand(node.high)}"
        first = node.low.value
        return _domain([str(first + i) for i in range(len(weights))], weights)

    def _operand(self, node: Any) -> str:
        return f"({self.value(node)})" if isinstance(node, e.Arithmetic) else self.value(node)

    def guard(self, node: e.Guard) -> str:
        """A condition."""
        if isinstance(node, e.LayoutGuard):
            return node.layout
        if isinstance(node, e.TruthGuard):
            return self.value(node.value)
        if isinstance(node, e.CompareGuard):
            return f"{self._operand(node.left)} {node.operator} {self._operand(node.right)}"
        parts = [self._condition(operand) for operand in node.operands]
        return f"not {parts[0]}" if node.operator == "not" else f" {node.operator} ".join(parts)

    def _condition(self, node: e.Guard) -> str:
        return f"({self.guard(node)})" if isinstance(node, e.LogicGuard) else self.guard(node)


def _call(name: str, arguments: Sequence[str]) -> str:
    return f"{name}({', '.join(arguments)})" if arguments else name


def _targets(node: e.Assign) -> str:
    return f"({', '.join(node.names)})" if node.is_bundle else node.names[0]


def _domain(options: Sequence[str], weights: Sequence[float]) -> str:
    rows = zip(options, _weights(weights), strict=True)
    return f"{{{', '.join(option + weight for option, weight in rows)}}}"


def _weights(weights: Sequence[float]) -> list[str]:
    """As they stand behind what they belong to; nothing where all are the same."""
    if len(set(weights)) == 1:
        return [""] * len(weights)
    return [f" [{weight:.{DIGITS}g}]" for weight in weights]
