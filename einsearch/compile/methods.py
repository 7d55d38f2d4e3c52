"""Methods of grammars, derivations and graphs that reach forward along the line.

`derivation.graph()` or `graph.module()` need what comes after them, so they are plain functions
here and are bound to their classes on import: by the facade, and wherever an objective runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from einsearch.compile.given import (
    generator_given,
    instance,
    judge_given,
    limits_given,
    spec_given,
    text_given,
    whole,
    wrong,
)
from einsearch.derivation import edit
from einsearch.derivation import sample as sampling
from einsearch.derivation.analysis import Analysis
from einsearch.derivation.check import Problem
from einsearch.derivation.derivation import Architecture, Derivation
from einsearch.derivation.limits import Limits
from einsearch.derivation.parse import derive_rule, parse
from einsearch.derivation.replay import replay
from einsearch.errors import ParseError
from einsearch.grammar.model import Grammar
from einsearch.grammar.modules import nearest
from einsearch.graph.canonical import canonical_hash
from einsearch.graph.graph import ArchitectureGraph
from einsearch.specs import TensorSpec

if TYPE_CHECKING:
    from torch import nn

    from einsearch.derivation.why import Why


_TEXT = "the text of an architecture"
SeedLike = int | np.random.Generator
GivenLimits = Limits | Mapping[str, Any] | None
"""Limits, also by name as in a file: {"nodes": 40, "parameters": "2M"}."""


def _sample(
    grammar: Grammar,
    spec: TensorSpec | str,
    seed: SeedLike = 0,
    limits: GivenLimits = None,
    require: str | Sequence[str] | None = None,
) -> Derivation:
    """Draws a valid derivation.

    Args:
        spec: the incoming tensor, also as text: "image:3x32x32".
        seed: a number, or a NumPy generator.
        limits: `Limits()` where None: 400 nodes, 40 levels; also {"nodes": 40}.
        require: what the network must have; the grammar's own `require` where None.

    Raises:
        InfeasibleSpace: nothing valid was found; names what stood in the way.
    """
    judge = judge_given(require, grammar.require)
    rng, kept = generator_given(seed), limits_given(limits)
    return sampling.sample(grammar, spec_given("the input", spec), rng, kept, judge)


def _parse(grammar: Grammar, text: str, spec: TensorSpec | str) -> Derivation:
    """How the grammar derives an architecture text. Raises ParseError."""
    return parse(grammar, text_given("the text", text, _TEXT), spec_given("the input", spec))


def _seed(grammar: Grammar, name: str, spec: TensorSpec | str) -> Derivation:
    """How the grammar derives one of its seeds.

    Raises:
        ParseError: it has no such seed, or cannot derive it.
    """
    spec = spec_given("the input", spec)
    if text_given("the seed", name, "the name of a seed") not in grammar.seeds:
        hint = nearest(name, grammar.seeds) or "it has " + (", ".join(grammar.seeds) or "none")
        raise ParseError(f"{grammar.name} has no seed named {name}", hint=hint)
    seed = grammar.seeds[name]
    return derive_rule(grammar, seed.rule, grammar, spec, seed.text)


def _why(grammar: Grammar, text: str, spec: TensorSpec | str) -> Why:
    """How the grammar derives a text or a seed, step by step; or the least part of it that it
    cannot derive, what came nearest, and why that does not fit.

    Args:
        text: an architecture, or the name of a seed.
        spec: the incoming tensor.

    Raises:
        ParseError: the text cannot be read.
    """
    from einsearch.derivation.why import why

    return why(grammar, text_given("the text", text, _TEXT), spec_given("the input", spec))


def _replay(grammar: Grammar, decisions: Iterable[Any], spec: TensorSpec | str) -> Derivation:
    """The derivation that recorded decisions fix. Raises ParseError."""
    spec = spec_given("the input", spec)
    try:
        return replay(grammar, spec, list(decisions))
    except (TypeError, IndexError, KeyError):
        wanted = "triples (address, domain, value), as derivation.decisions gives them"
        raise wrong("decisions", decisions, wanted) from None


def _check(grammar: Grammar, spec: TensorSpec | str | None = None) -> list[Problem]:
    """What is wrong with the grammar, errors first; with `spec` its seeds are derived too."""
    from einsearch.derivation.check import check

    return check(grammar, None if spec is None else spec_given("the input", spec))


def _analyse(grammar: Grammar) -> Analysis:
    """Probability that a draw ends, expected sizes as drawn and as built. Raises GrammarError."""
    from einsearch.derivation.analysis import analyse
    from einsearch.derivation.bounds import bounds_of

    least = bounds_of(grammar, None).least_of_rule(grammar.start_rule.key)
    return analyse(grammar, least)


def _mutate(
    derivation: Derivation,
    seed: SeedLike = 0,
    limits: GivenLimits = None,
    require: str | Sequence[str] | None = None,
) -> Derivation:
    """A valid neighbour with another canonical hash. Raises NoNeighbour."""
    judge = judge_given(require, derivation.grammar.require)
    rng, kept = generator_given(seed), limits_given(limits)
    return edit.mutate(derivation, rng, kept, judge, canonical_hash)


def _crossover(
    derivation: Derivation,
    other: Derivation,
    seed: SeedLike = 0,
    limits: GivenLimits = None,
    require: str | Sequence[str] | None = None,
) -> tuple[Derivation, Derivation]:
    """Two children that exchange subtrees of one rule. Raises NoCommonSymbol."""
    other = instance("the other", other, Derivation, "a derivation, as grammar.sample gives it")
    judge = judge_given(require, derivation.grammar.require)
    rng, kept = generator_given(seed), limits_given(limits)
    return edit.crossover(derivation, other, rng, kept, judge, canonical_hash)


def _graph(derived: Architecture) -> ArchitectureGraph:
    """The architecture as a graph."""
    return ArchitectureGraph(derived.program)


def _module(graph: ArchitectureGraph, seed: int = 0) -> nn.Module:
    """The network as a PyTorch module, without a head; initial weights from `seed`."""
    from einsearch.compile.module import build_module

    return build_module(graph.program, whole("seed", seed, "a whole number from 0 on"))


def _source(graph: ArchitectureGraph, class_name: str = "Network") -> str:
    """Python source of the same module; it imports torch alone."""
    from einsearch.compile.source import python_source

    if not isinstance(class_name, str) or not class_name.isidentifier():
        raise wrong("class_name", class_name, "a name of a Python class")
    return python_source(graph.program, class_name=class_name)


_METHODS: Mapping[type, Mapping[str, Callable[..., Any]]] = {
    Grammar: {
        "check": _check,
        "analyse": _analyse,
        "sample": _sample,
        "parse": _parse,
        "seed": _seed,
        "why": _why,
        "replay": _replay,
    },
    Architecture: {"graph": _graph},
    Derivation: {"mutate": _mutate, "crossover": _crossover},
    ArchitectureGraph: {"module": _module, "source": _source},
}


def bind_methods() -> None:
    """Binds every method; doing it again changes nothing."""
    for cls, functions in _METHODS.items():
        for name, function in functions.items():
            setattr(cls, name, function)


bind_methods()
