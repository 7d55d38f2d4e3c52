"""`Derivation`: an architecture together with how the grammar derives it; frozen.

`Architecture` is the same without a grammar: a text that was read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from einsearch.derivation.decisions import Decision
from einsearch.derivation.known import known_of
from einsearch.derivation.machine import Machine
from einsearch.derivation.state import Activation, Taken
from einsearch.derivation.terms import build_term
from einsearch.derivation.text import print_term
from einsearch.grammar.model import Grammar
from einsearch.primitives.program import Program
from einsearch.specs import TensorSpec


@dataclass(frozen=True, eq=False)
class Architecture:
    """What a text denotes for a given input.

    Attributes:
        input: spec of the incoming tensor.
        program: the calls, copies written out.
        nodes: number of calls as built: expressions count for all their copies.
        depth: levels of nested branches, copies and blocks.
        events: structure, from which the text is printed.
    """

    input: TensorSpec
    program: Program
    nodes: int
    depth: int
    events: tuple[tuple[Any, ...], ...] = field(repr=False)

    @property
    def output(self) -> TensorSpec:
        """Spec of the outgoing tensor."""
        return self.program.output[0]

    @property
    def training(self) -> Mapping[str, Any]:
        """How it asks to be trained, such as {"lr": 0.003}: settings that the search decides, by
        name; numbers, truth values and names. Empty where the search decides none."""
        return self.program.settings

    @cached_property
    def text(self) -> str:
        """The canonical expression, on one line; parses back to the same architecture."""
        return print_term(build_term(self.events))

    def __repr__(self) -> str:
        text = self.text
        shown = text if len(text) <= 80 else f"{text[:77]}..."
        return f"<{type(self).__name__} {self.input} -> {self.output}: {shown}>"


@dataclass(frozen=True, eq=False, repr=False)
class Derivation(Architecture):
    """An architecture as derived by a grammar.

    Attributes:
        grammar: the rules.
        taken: the decisions, with what is needed to replay them.
        activations: every use of a rule, in the order in which they ended.
        log_probability: of the decisions under the grammar, guards renormalised; a density where
            reals were drawn.
        counted: nodes as limits count them while deriving; copies when their original is derived.
    """

    grammar: Grammar
    taken: tuple[Taken, ...] = field(repr=False)
    activations: tuple[Activation, ...] = field(repr=False)
    log_probability: float
    counted: int

    @cached_property
    def decisions(self) -> tuple[Decision, ...]:
        """Every decision in the order of derivation: (address, domain, value)."""
        return tuple(taken.decision() for taken in self.taken)

    @property
    def values(self) -> tuple[Any, ...]:
        """The decided values alone; with grammar and input they fix the derivation."""
        return tuple(taken.value for taken in self.taken)


def from_machine(machine: Machine, grammar: Grammar) -> Derivation:
    """What a finished machine has derived."""
    if machine.recalled is not None:
        return machine.recalled
    derivation = Derivation(
        machine.input[0],
        machine.program,
        machine.program.nodes,
        machine.deepest,
        tuple(machine.events),
        grammar,
        tuple(machine.decisions),
        tuple(machine.activations),
        machine.log_probability,
        machine.nodes,
    )
    if machine.splices:
        known_of(grammar).add(machine, derivation)
    return derivation


def architecture_from_machine(machine: Machine) -> Architecture:
    """What a finished machine has read."""
    events = tuple(machine.events)
    return Architecture(
        machine.input[0], machine.program, machine.program.nodes, machine.deepest, events
    )
