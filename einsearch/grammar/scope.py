"""What names can mean where an expression stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from typing import Any

from einsearch.grammar import syntax as s
from einsearch.grammar.modules import Meaning, Module
from einsearch.primitives.base import Primitive


@dataclass(frozen=True)
class Scope:
    """What a name can mean inside one rule body.

    Attributes:
        module: the file whose rules and primitives are seen.
        locals: parameter or binding -> slot.
        key: gives the key of a rule, which is linked later.
        tensors: names of the innermost block's tensors, or None outside a block.
        hidden: names of tensors outside of the expression of a primitive, which it cannot see.
        own_replacement: the name whose `replace` this body is; inside it has its old meaning.
        labels: how often each label has been given in the rule body.
    """

    module: Module
    locals: dict[str, int]
    key: Callable[[Meaning], str]
    tensors: frozenset[str] | None = None
    hidden: frozenset[str] = frozenset()
    own_replacement: str | None = None
    labels: Counter[str] = field(default_factory=Counter)

    def inside_block(self, tensors: frozenset[str]) -> Scope:
        """The scope of a statement of a block, behind those that name `tensors`."""
        return replace(self, tensors=tensors)

    def inside_primitive(self) -> Scope:
        """The scope of an expression that a primitive takes: a network with an `in` of its own."""
        hidden = self.hidden | (self.tensors or frozenset())
        return replace(self, tensors=frozenset(), hidden=hidden)

    def label(self, name: str) -> str:
        """A label that is unique in the rule body: name, name.2, name.3..."""
        self.labels[name] += 1
        return name if self.labels[name] == 1 else f"{name}.{self.labels[name]}"

    def meaning(self, name: str) -> Meaning | Primitive | None:
        """The rule or primitive of that name, or None."""
        return self.module.meaning(name, self.module if name == self.own_replacement else None)


Linking = Generator[tuple[s.Node, Scope], Any, Any]
"""Linking of one node: yields the parts that it needs, is sent them, returns the outcome."""
