"""Spaces, options and plays for the contract of searchers: real grammars, small and fast."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

from einsearch.derivation.derivation import Derivation
from einsearch.derivation.limits import Limits
from einsearch.derivation.replay import replay
from einsearch.grammar.load import load_grammar_text
from einsearch.grammar.searched import with_settings
from einsearch.graph.requirements import requirement
from einsearch.searchers.base import Proposal, Searcher, SearchSpace
from einsearch.searchers.registry import make_searcher
from einsearch.specs import image
from einsearch.study.describing import describe, trial_of
from einsearch.study.encoding import Entry, decode_proposal, encode_proposal
from einsearch.study.searchspace import search_space, seed_derivations
from einsearch.trial import Trial, TrialState

_SMALL: Final[Mapping[str, Mapping[str, Any]]] = {
    "bayesian": {"initial": 5, "candidates": 8, "parents": 4},
    "evolution": {"population": 6, "tournament": 3},
    "grammar-learning": {"elites": 3, "start": 5},
    "guided-evolution": {"initial": 4, "parents": 4, "children": 6},
    "local": {"starts": 3, "patience": 6},
    "nsga2": {"population": 6},
    "optuna": {"startup": 5, "options": {"n_ei_candidates": 6}},
    "pareto-evolution": {"population": 6, "tournament": 3},
}
_MEMBERS: Final = ("evolution", "local", "grammar-learning", "mcts")
SMALL: Final[Mapping[str, Mapping[str, Any]]] = {
    **_SMALL,
    "portfolio": {
        "searchers": [{"name": name, **_SMALL.get(name, {})} for name in _MEMBERS],
        "floor": 0.6,
    },
}
"""Options that let a searcher learn within the few trials of a test."""

MAXIMIZE: Final[Mapping[str, str]] = {"worth": "maximize"}
MINIMIZE: Final[Mapping[str, str]] = {"worth": "minimize"}
TWO: Final[Mapping[str, str]] = {"worth": "maximize", "nodes": "minimize"}

INPUT: Final = image(3, 4, 4)
LIMITS: Final = Limits(nodes=12, depth=4, parameters=400)

GRAMMAR: Final = load_grammar_text(
    """
language 1
start network
require input, nonlinearity

network = part >> tail(d) >> norm where d = {2, 3, 4}
part = step [0.6] | part >> part [0.3] | (part, identity) >> add [0.1]
step = conv2d(channels, {1, 3}) | relu | max_pool(2..4) | dropout(0.0..0.5) | mix
     | repeat({1, 2}, tanh)
mix = { a = in >> relu  b = any >> tanh  out = all(unused) >> add }
tail(d) = linear(d) | sigmoid when channels < 4
""",
    "contract.ein",
)
"""Every kind of decision: guarded alternatives, sets, ranges of integers and reals, `any`."""

THREE: Final = load_grammar_text("start network\nnetwork = relu | tanh | sigmoid", "three.ein")
ONE: Final = load_grammar_text("start network\nnetwork = relu", "one.ein")

SEEDS: Final = ("relu >> sigmoid >> norm", "tanh >> conv2d(3, 1) >> linear(4) >> norm")

Play = Callable[[Proposal], Trial]
"""What becomes of a proposal."""


@lru_cache
def space(objectives: str = "maximize", seeded: bool = False) -> SearchSpace:
    """The space of `GRAMMAR`; `objectives` is "maximize", "minimize" or "two"."""
    directions = {"maximize": MAXIMIZE, "minimize": MINIMIZE, "two": TWO}[objectives]
    seeds = seed_derivations(GRAMMAR, INPUT, SEEDS, LIMITS) if seeded else ()
    return search_space(GRAMMAR, INPUT, directions=directions, limits=LIMITS, seeds=seeds)


DOMAINS: Final[Mapping[str, str]] = {
    "lr": "log 1e-4..1e-2",
    "weight_decay": "{0, 0.01, 0.1}",
    "augment": "{none, flip}",
    "batch": "16..64",
}
SEARCHED: Final = with_settings(GRAMMAR, DOMAINS)
"""Settings of training are decisions, too."""


@lru_cache
def searched_space(seeded: bool = False) -> SearchSpace:
    """The space of `SEARCHED`."""
    seeds = seed_derivations(SEARCHED, INPUT, SEEDS, LIMITS) if seeded else ()
    return search_space(SEARCHED, INPUT, directions=MAXIMIZE, limits=LIMITS, seeds=seeds)


@lru_cache
def tiny_space(count: int) -> SearchSpace:
    """A space of three architectures, or of one."""
    return search_space({3: THREE, 1: ONE}[count], INPUT, directions=MAXIMIZE)


def make(name: str, space: SearchSpace, seed: int = 0) -> Searcher:
    return make_searcher({"name": name, **SMALL.get(name, {})}, space, seed)


def learned(proposals: Iterable[Proposal]) -> list[Proposal]:
    """Those that were not merely drawn, or given as seeds."""
    drawn = ("sample", "seed")
    return [one for one in proposals if one.origin.rpartition(": ")[2] not in drawn]


def running(proposal: Proposal) -> Trial:
    """The trial of a proposal as a record gives it back before it has run."""
    trial = trial_of(proposal, describe(proposal.derivation), seed=0, seconds=0.0)
    return decode_proposal(trial.number, encode_proposal(Entry(trial))).trial


def worth(trial: Trial) -> float:
    """A free objective: non-linear operations, and something from every other decision."""
    drawn = [float(v) for _, _, v in trial.decisions if isinstance(v, (int, float))]
    return trial.text.count("relu") + trial.text.count("tanh") + math.fsum(drawn) / 100


def finish(trial: Trial, state: TrialState, **values: float) -> Trial:
    """A trial in its last state; a complete one has both objectives unless given others."""
    if state is TrialState.COMPLETE and not values:
        values = {"worth": worth(trial), "nodes": float(trial.text.count(">>"))}
    return replace(trial, state=state, values=values, seconds=1.0)


def complete(proposal: Proposal) -> Trial:
    return finish(running(proposal), TrialState.COMPLETE)


def play(searcher: Searcher, count: int, outcome: Play = complete) -> list[Proposal]:
    """Asks and tells in turn."""
    proposals = []
    for _ in range(count):
        proposals.append(searcher.ask())
        searcher.tell(outcome(proposals[-1]))
    return proposals


def key(proposal: Proposal) -> tuple[Any, ...]:
    """What is the same for proposals that are the same."""
    derivation = proposal.derivation
    return proposal.number, proposal.origin, proposal.parents, derivation.text, derivation.decisions


def keys(proposals: Iterable[Proposal]) -> list[tuple[Any, ...]]:
    return [key(proposal) for proposal in proposals]


def check(proposals: Sequence[Proposal]) -> None:
    """Numbers without a gap, parents that came before, valid candidates inside the limits."""
    assert [proposal.number for proposal in proposals] == list(range(len(proposals)))
    for proposal in proposals:
        assert all(0 <= parent < proposal.number for parent in proposal.parents)
        assert not (proposal.parents and proposal.origin in ("sample", "seed"))
        check_derivation(proposal.derivation)


def check_derivation(derivation: Derivation) -> None:
    """Its decisions derive it under the grammar, and it keeps limits and requirements."""
    assert replay(derivation.grammar, INPUT, derivation.decisions).text == derivation.text
    if derivation.grammar is SEARCHED:
        assert derivation.training.keys() == DOMAINS.keys()
    if derivation.grammar in (GRAMMAR, SEARCHED):
        known = describe(derivation)
        assert derivation.nodes <= (LIMITS.nodes or 0)
        assert derivation.depth <= (LIMITS.depth or 0)
        assert known.parameters <= (LIMITS.parameters or 0)
        judge = requirement(GRAMMAR.require)
        assert judge is not None
        assert judge(derivation.program) is None
