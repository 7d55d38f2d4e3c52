"""`Grammar`: rules with resolved names, the start symbol, requirements and seeds; immutable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from einsearch.errors import GrammarError
from einsearch.grammar.expressions import NODE_TYPES, At, Attribute, Block, PrimitiveCall, Rule
from einsearch.grammar.modules import Module

REQUIREMENTS = ("input", "parameters", "nonlinearity", "gradient", "causal")
"""What `require` may ask of every sample."""


class Seed(str):
    """A named architecture of the grammar: the expression as written, on one line.

    Attributes:
        name: as in `seed NAME = ...`.
        rule: the expression with its names resolved, as a rule without parameters.
        at: where it is written.
    """

    __slots__ = ("at", "name", "rule")

    name: str
    rule: Rule
    at: At

    def __new__(cls, name: str, text: str, rule: Rule, at: At) -> Seed:
        seed = super().__new__(cls, text)
        seed.name, seed.rule, seed.at = name, rule, at
        return seed

    def __getnewargs__(self) -> tuple[str, str, Rule, At]:  # type: ignore[override]
        return self.name, str(self), self.rule, self.at

    @property
    def text(self) -> str:
        """The expression as a plain string."""
        return str(self)


@dataclass(frozen=True, eq=False)
class Grammar:
    """A search space.

    Attributes:
        name: file name, for messages.
        start: key of the start rule, or None for a file of building blocks.
        rules: key -> rule; every rule that the file defines or reaches.
        scope: name -> key, as the file sees it.
        require: what every sample must have, in the order written.
        seeds: name -> named architecture.
        sources: file name -> text, of the file itself (first) and of what it imports.
        root: the file's names, for texts that use its rules.
        plain: the grammar as written, where this one has settings of training in front of its
            start rule.
    """

    name: str
    start: str | None
    rules: Mapping[str, Rule]
    scope: Mapping[str, str]
    require: tuple[str, ...] = ()
    seeds: Mapping[str, Seed] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    root: Module | None = None
    plain: Grammar | None = None

    @property
    def start_rule(self) -> Rule:
        """The rule that every sample is derived from.

        Raises:
            GrammarError: the file has no `start`.
        """
        if self.start is None:
            raise GrammarError(
                f"{self.name} has no start rule, so nothing can be drawn from it",
                hint="add a line `start NAME`, or import its rules into a grammar that has one",
            )
        return self.rules[self.start]

    @property
    def text(self) -> str:
        """Text of the grammar file itself."""
        return next(iter(self.sources.values()), "")

    @cached_property
    def uses_depth(self) -> bool:
        """Whether anything in it depends on `depth`."""
        return any(
            isinstance(node, Attribute) and node.name == "depth"
            for rule in self.rules.values()
            for node in nodes_of(rule)
        )

    @cached_property
    def setting_names(self) -> frozenset[str]:
        """Settings of training that its rules decide or fix."""
        return frozenset(
            name
            for rule in self.rules.values()
            for node in nodes_of(rule)
            if isinstance(node, PrimitiveCall) and node.primitive.is_setting
            for name, _ in node.arguments
        )

    @cached_property
    def has_blocks(self) -> bool:
        """Whether any rule has a block of named tensors."""
        return any(isinstance(n, Block) for rule in self.rules.values() for n in nodes_of(rule))

    def __repr__(self) -> str:
        return f"<Grammar {self.name}: {len(self.rules)} rules, start {self.start}>"


def nodes_of(rule: Rule) -> Iterator[Any]:
    """Every node of a rule's body and bindings."""
    return nodes_under(rule.body, *(binding.body for binding in rule.bindings))


def nodes_under(*expressions: Any) -> Iterator[Any]:
    """Every node of expressions and values."""
    pending: list[Any] = [*expressions]
    while pending:
        item = pending.pop()
        if isinstance(item, tuple):
            pending.extend(item)
        elif (parts := _PARTS.get(type(item))) is not None:
            yield item
            pending.extend([getattr(item, name) for name in parts])


_PARTS: Final = {
    kind: tuple(
        name for name in vars(kind)["__slots__"] if name not in ("at", "label", "name", "names")
    )
    for kind in NODE_TYPES
}
"""Where nodes may have nodes inside, by kind."""
