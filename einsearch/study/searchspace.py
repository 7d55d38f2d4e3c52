"""`search_space`: a grammar, the incoming tensor, limits and requirements, for a searcher."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, Final

import numpy as np

from einsearch.derivation.derivation import Derivation
from einsearch.derivation.edit import crossover, mutate, recombine
from einsearch.derivation.limits import Limits
from einsearch.derivation.operators import OPERATORS, SETTING_OPERATORS, Operator
from einsearch.derivation.parse import derive_rule
from einsearch.derivation.replay import replay
from einsearch.derivation.sample import Accept, guided, sample
from einsearch.errors import NoNeighbour, ParseError
from einsearch.grammar.load import architecture_rule
from einsearch.grammar.model import Grammar
from einsearch.graph.canonical import canonical_hash
from einsearch.graph.graph import ArchitectureGraph
from einsearch.graph.requirements import requirement
from einsearch.primitives.program import Program
from einsearch.searchers.base import SearchSpace
from einsearch.specs import TensorSpec

Sizes = tuple[int, int]
"""Smallest and largest number of nodes that samples have, drawn log-uniformly."""

_MOST_DRAWS: Final = 12
"""Draws for one sample of a wanted size. Recursive grammars mostly fill the limit at once."""
_SETTINGS: Final = 0.25
"""How often a mutation changes settings of training, where the search decides them."""
_NEAR: Final = 0.75
"""Fraction of the wanted size that is large enough."""


def search_space(
    grammar: Grammar,
    spec: TensorSpec,
    *,
    directions: Mapping[str, str],
    limits: Limits | None = None,
    require: Sequence[str] | None = None,
    seeds: Sequence[Derivation] = (),
    sizes: Sizes | None = None,
) -> SearchSpace:
    """What a searcher may draw from.

    Args:
        grammar: with a start rule.
        spec: the tensor that enters every network.
        directions: objective name -> "maximize" or "minimize".
        limits: that every proposal keeps; `Limits()` where None.
        require: what every proposal has; the grammar's own `require` where None.
        seeds: start architectures, which `seed_derivations` gives.
        sizes: of samples; None for the grammar's own distribution.
    """
    kept = room_of(grammar, limits or Limits())
    accept = requirement(grammar.require if require is None else require)

    def draw(rng: np.random.Generator) -> Derivation:
        if sizes is None:
            return sample(grammar, spec, rng, kept, accept)
        return _sample_sized(grammar, spec, rng, kept, accept, sizes)

    operators = {**OPERATORS, **(SETTING_OPERATORS if grammar.setting_names else {})}

    def vary(parent: Derivation, rng: np.random.Generator) -> Derivation:
        if grammar.setting_names and rng.random() < _SETTINGS:
            with suppress(NoNeighbour):
                return vary_by(operators["training"], parent, rng)
        return mutate(parent, rng, kept, accept, canonical_hash)

    def cross(
        left: Derivation, right: Derivation, rng: np.random.Generator
    ) -> tuple[Derivation, Derivation]:
        return crossover(left, right, rng, kept, accept, canonical_hash)

    def mix(left: Derivation, right: Derivation, rng: np.random.Generator) -> Derivation:
        return recombine(left, right, rng, kept, accept, canonical_hash)

    def vary_by(operator: Operator, parent: Derivation, rng: np.random.Generator) -> Derivation:
        return operator(parent, rng, kept, accept, canonical_hash)

    # A partial, because worker processes get it too, and a function in here would not pickle.
    return SearchSpace(
        draw,
        vary,
        cross,
        tuple(seeds),
        directions,
        partial(replay, grammar, spec),
        {name: partial(vary_by, operator) for name, operator in operators.items()},
        mix,
        partial(guided, grammar, spec, kept, accept),
        grammar,
    )


def room_of(grammar: Grammar, limits: Limits) -> Limits:
    """Limits within which a grammar derives networks of so many nodes: settings of training, which
    are no part of a network, count as a node while they are derived."""
    if grammar.plain is None or limits.nodes is None:
        return limits
    return replace(limits, nodes=limits.nodes + 1)


def seed_derivations(
    grammar: Grammar,
    spec: TensorSpec,
    seeds: Sequence[str],
    limits: Limits | None = None,
    require: Sequence[str] | None = None,
    usual: Mapping[str, Any] | None = None,
) -> tuple[Derivation, ...]:
    """How the grammar derives start architectures.

    Args:
        seeds: names of the grammar's seeds, or architecture texts.
        limits, require: as in `search_space`.
        usual: settings of training; a seed gets those of the grammar's domains that are nearest
            to its own, or else to these.

    Raises:
        ParseError: the grammar cannot derive one, or it breaks a limit or requirement.
    """
    accept = requirement(grammar.require if require is None else require)
    found = []
    for seed in seeds:
        derivation = _derive(grammar, spec, seed, usual or {})
        reason = excess(derivation, limits or Limits())
        if reason is None and accept is not None:
            reason = accept(derivation.program)
        if reason is not None:
            raise ParseError(f"the seed {_short(seed)} cannot start this search: {reason}")
        found.append(derivation)
    return tuple(found)


def _derive(grammar: Grammar, spec: TensorSpec, seed: str, usual: Mapping[str, Any]) -> Derivation:
    if seed in grammar.seeds:
        named = grammar.seeds[seed]
        try:
            return derive_rule(grammar, named.rule, grammar, spec, named.text, usual)
        except ParseError as error:
            raise ParseError(
                f"the seed {seed}: {error.message}", error.location, error.hint
            ) from None
    try:
        rule, scope = architecture_rule(seed, grammar)
        return derive_rule(grammar, rule, scope, spec, seed, usual)
    except ParseError as error:
        message = f"the seed {_short(seed)}: {error.message}"
        if not seed.isidentifier():
            raise ParseError(message, error.location, error.hint) from None
        known = ", ".join(grammar.seeds) or "none"
        raise ParseError(message, None, f"the seeds of {grammar.name} are: {known}") from None


def excess(derivation: Derivation, limits: Limits) -> str | None:
    """Which limit an architecture breaks, with its figure, or None."""
    graph = ArchitectureGraph(derivation.program)
    figures = {
        "nodes": derivation.nodes,
        "depth": derivation.depth,
        "parameters": graph.parameters,
        "flops": graph.flops,
        "activation_memory": graph.activation_memory,
    }
    for name, figure in figures.items():
        limit = getattr(limits, name)
        if limit is not None and figure > limit:
            return f"it has {figure:,} {name.replace('_', ' ')}, the limit is {limit:,}"
    return None


def _sample_sized(
    grammar: Grammar,
    spec: TensorSpec,
    rng: np.random.Generator,
    limits: Limits,
    accept: Accept | None,
    sizes: Sizes,
) -> Derivation:
    """A sample near a size that is drawn log-uniformly: the largest of a few draws below it."""
    low, high = sizes
    if limits.nodes is not None:
        high = min(high, limits.nodes)
    size = min(high, math.floor(low * ((high + 1) / low) ** rng.random()))

    def judge(program: Program) -> str | None:
        if program.nodes < low:
            return f"fewer nodes than the {low} that `sampling` asks for"
        return accept(program) if accept is not None else None

    found: list[Derivation] = []
    while len(found) < _MOST_DRAWS and (not found or found[-1].nodes < _NEAR * size):
        found.append(sample(grammar, spec, rng, replace(limits, nodes=size), judge))
    return max(found, key=lambda derivation: derivation.nodes)


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
