"""Grammar learning: what is learned from, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from einsearch.errors import SearcherError
from einsearch.grammar.load import load_grammar_text
from einsearch.searchers.base import Proposal, Searcher, SearchSpace
from einsearch.searchers.grammar_learning import GrammarLearningSearcher
from einsearch.specs import image
from einsearch.study.searchspace import search_space
from einsearch.trial import Trial, TrialState
from tests.derivation.spaces import draw
from tests.searchers.bits import bits_space, finish, proposed

OPERATIONS = ("relu", "tanh", "gelu", "silu", "sigmoid", "softmax")
RULES = load_grammar_text(
    f"start x\nx = op >> op >> op >> op >> op >> op\nop = {' | '.join(OPERATIONS)}", "six.ein"
)
WANTED = "gelu >> gelu >> gelu >> tanh >> tanh >> relu"
Outcome = Callable[[Proposal], Trial]


def space() -> SearchSpace:
    return search_space(RULES, image(3, 4, 4), directions={"ones": "maximize"})


def hits(trial: Trial) -> float:
    pairs = zip(trial.text.split(" >> "), WANTED.split(" >> "), strict=True)
    return float(sum(one == other for one, other in pairs))


def scored(proposal: Proposal) -> Trial:
    trial = proposed(proposal)
    return finish(trial, TrialState.COMPLETE, ones=hits(trial))


def run(searcher: Searcher, count: int, outcome: Outcome = scored) -> list[Proposal]:
    proposals = []
    for _ in range(count):
        proposals.append(searcher.ask())
        searcher.tell(outcome(proposals[-1]))
    return proposals


def test_samples_until_there_is_something_to_learn_from() -> None:
    origins = [p.origin for p in run(GrammarLearningSearcher(space(), start=5), 9)]
    assert origins == [*["sample"] * 5, *["learned"] * 4]


def test_finds_what_is_hidden() -> None:
    """One of 46,656; random search would find 3 of 6 places."""
    proposals = run(GrammarLearningSearcher(space(), seed=1), 200)
    assert max(hits(proposed(proposal)) for proposal in proposals) == 6


def test_the_learned_grammar_draws_what_was_good() -> None:
    searcher = GrammarLearningSearcher(space(), seed=1, entropy=0.0)
    run(searcher, 200)
    text = searcher.learned_grammar()
    assert text is not None
    learned = load_grammar_text(text, "learned.ein")
    drawn = [draw(learned, seed).text.split(" >> ") for seed in range(50)]
    same = sum(a == b for row in drawn for a, b in zip(row, WANTED.split(" >> "), strict=True))
    assert same / 300 > 0.7


def test_only_the_best_are_learned_from() -> None:
    searcher = GrammarLearningSearcher(space(), elites=2, start=1)
    proposals = run(searcher, 5, lambda p: finish(proposed(p), TrialState.COMPLETE, ones=p.number))
    expected = GrammarLearningSearcher(space(), elites=2, start=1)
    for proposal in proposals[:5]:
        expected.recall(proposed(proposal))
    for proposal in proposals[3:]:
        expected.tell(finish(proposed(proposal), TrialState.COMPLETE, ones=proposal.number))
    mine, other = searcher.learned_grammar(), expected.learned_grammar()
    assert mine.split("\n", 1)[1] == other.split("\n", 1)[1]


@pytest.mark.parametrize("state", [TrialState.FAILED, TrialState.REJECTED, TrialState.DUPLICATE])
def test_nothing_is_learned_from_what_is_no_result(state: TrialState) -> None:
    searcher = GrammarLearningSearcher(space(), start=1)
    run(searcher, 20, lambda p: finish(proposed(p), state, ones=9.0))
    assert "[" not in searcher.learned_grammar()


def test_a_paused_trial_counts_once_and_by_its_last_value() -> None:
    searcher = GrammarLearningSearcher(space(), elites=1)
    proposals = [searcher.ask() for _ in range(2)]
    for proposal, value in zip(proposals, (9.0, 5.0), strict=True):
        searcher.tell(finish(proposed(proposal), TrialState.PRUNED, ones=value))
    searcher.tell(finish(proposed(proposals[0]), TrialState.COMPLETE, ones=1.0))
    other = GrammarLearningSearcher(space(), elites=1)
    other.recall(proposed(proposals[0]))
    other.tell(finish(proposed(proposals[0]), TrialState.COMPLETE, ones=1.0))
    mine = searcher.learned_grammar().split("\n", 1)[1]
    assert mine == other.learned_grammar().split("\n", 1)[1]


def test_what_breaks_a_constraint_comes_last() -> None:
    searcher = GrammarLearningSearcher(space(), elites=1)
    proposals = [searcher.ask() for _ in range(2)]
    kept = finish(proposed(proposals[0]), TrialState.COMPLETE, ones=1.0)
    broken = finish(proposed(proposals[1]), TrialState.COMPLETE, ones=9.0)
    searcher.tell(kept)
    before = searcher.learned_grammar().split("\n", 1)[1]
    searcher.tell(replace(broken, excess={"latency": 0.5}))
    assert searcher.learned_grammar().split("\n", 1)[1] == before


def test_needs_a_grammar() -> None:
    with pytest.raises(SearcherError, match="needs a space that has a grammar"):
        GrammarLearningSearcher(bits_space())
