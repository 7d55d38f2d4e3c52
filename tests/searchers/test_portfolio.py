"""A portfolio: who makes proposals, who hears of what, how trials are shared."""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar

import numpy as np
import pytest

from einsearch.errors import SearcherError
from einsearch.searchers.base import FOREIGN, Proposal, Searcher, SearchSpace
from einsearch.searchers.portfolio import PortfolioSearcher
from einsearch.searchers.registry import check_searcher
from einsearch.trial import Trial, TrialState
from tests.contracts.searching import complete, keys, play, running
from tests.contracts.searching import space as real_space
from tests.searchers.bits import bits_space, finish, from_text, proposed

PAIR: Any = ["random", "evolution"]


class Listener(Searcher):
    """Draws samples, and keeps what it hears."""

    name: ClassVar[str] = "listener"

    def __init__(self, space: SearchSpace, seed: int = 0) -> None:
        super().__init__(space, seed)
        self.heard: list[tuple[str, int, str]] = []

    def _propose(self, number: int, rng: np.random.Generator) -> Proposal:
        return Proposal(number, self.space.sample(rng), origin="heard")

    def _recall(self, trial: Trial) -> None:
        self.heard.append(("recall", trial.number, trial.origin))

    def _learn(self, trial: Trial) -> None:
        self.heard.append(("tell", trial.number, trial.origin))


def listening(*seeds: str) -> tuple[PortfolioSearcher, list[Listener]]:
    """A portfolio whose members have been replaced by listeners."""
    space = bits_space(seeds=[from_text(seed) for seed in seeds])
    portfolio = PortfolioSearcher(space, searchers=PAIR)
    members = {name: Listener(space) for name in ("one", "other")}
    portfolio._members = dict(members)
    portfolio._credit = type(portfolio._credit)(list(members), 0.3)
    return portfolio, list(members.values())


def test_proposals_say_who_made_them() -> None:
    proposals = play(PortfolioSearcher(real_space(), searchers=PAIR), 40)
    assert {p.origin.partition(": ")[0] for p in proposals} == {"random", "evolution"}
    assert "random: sample" in {p.origin for p in proposals}


def test_all_hear_of_every_proposal_and_every_result() -> None:
    portfolio, members = listening()
    for _ in range(20):
        portfolio.tell(finish(proposed(portfolio.ask()), TrialState.COMPLETE))
    for member in members:
        told = [(number, origin) for what, number, origin in member.heard if what == "tell"]
        recalled = [(number, origin) for what, number, origin in member.heard if what == "recall"]
        assert [number for number, _ in told] == list(range(20))
        own = {number for number, origin in told if origin == "heard"}
        assert recalled == [(number, FOREIGN) for number in range(20) if number not in own]
        assert {origin for number, origin in told if number not in own} == {FOREIGN}
    [first, second] = [
        {n for what, n, origin in member.heard if (what, origin) == ("tell", "heard")}
        for member in members
    ]
    assert first | second == set(range(20))
    assert not first & second


def test_seeds_are_nobodys() -> None:
    portfolio, members = listening("0" * 12, "1" * 12)
    proposals = [portfolio.ask() for _ in range(3)]
    assert [p.origin == "seed" for p in proposals] == [True, True, False]
    for proposal in proposals[:2]:
        portfolio.tell(finish(proposed(proposal), TrialState.COMPLETE))
    for member in members:
        assert member.heard[:2] == [("recall", 0, "seed"), ("recall", 1, "seed")]
        assert member.heard[-1] == ("tell", 1, "seed")


def test_the_searcher_whose_results_rank_high_gets_more_trials() -> None:
    def good_or_bad(proposal: Proposal) -> Trial:
        value = 1.0 if proposal.origin.startswith("evolution") else 0.0
        values = {"worth": value + proposal.number / 1e4}
        return finish(running(proposal), TrialState.COMPLETE, **values)

    portfolio = PortfolioSearcher(real_space(), searchers=PAIR, floor=0.2)
    made = Counter(p.origin.partition(":")[0] for p in play(portfolio, 150, good_or_bad)[50:])
    assert made["evolution"] > 60
    assert made["random"] >= 5


def test_equal_shares_where_the_floor_is_one() -> None:
    portfolio = PortfolioSearcher(real_space(), searchers=PAIR, floor=1.0)
    made = Counter(p.origin.partition(":")[0] for p in play(portfolio, 300))
    assert 120 < made["random"] < 180


def test_failures_are_no_gain() -> None:
    def outcome(proposal: Proposal) -> Trial:
        if proposal.origin.startswith("evolution"):
            return finish(running(proposal), TrialState.FAILED)
        return complete(proposal)

    portfolio = PortfolioSearcher(real_space(), searchers=PAIR, floor=0.2)
    made = Counter(p.origin.partition(":")[0] for p in play(portfolio, 150, outcome)[50:])
    assert made["random"] > 70


def test_the_same_searcher_with_other_options() -> None:
    both: Any = [
        {"name": "evolution", "population": 4, "operators": ["value"]},
        {"name": "evolution", "population": 4, "operators": ["subtree"]},
    ]
    origins = {p.origin for p in play(PortfolioSearcher(real_space(), searchers=both), 60)}
    assert {"evolution: value", "evolution 2: subtree"} <= origins
    assert "evolution: subtree" not in origins


def test_any_two_runs_with_one_seed_are_equal() -> None:
    searchers: Any = ["local", "nsga2", "grammar-learning"]
    first = play(PortfolioSearcher(real_space(), 3, searchers=searchers), 40)
    second = play(PortfolioSearcher(real_space(), 3, searchers=searchers), 40)
    assert keys(first) == keys(second)


def test_the_learned_grammar_is_that_of_the_member_that_has_one() -> None:
    portfolio = PortfolioSearcher(real_space())
    play(portfolio, 30)
    text = portfolio.learned_grammar()
    assert text is not None
    assert text.startswith("# Learned in ")
    assert PortfolioSearcher(real_space(), searchers=PAIR).learned_grammar() is None


@pytest.mark.parametrize(
    ("searchers", "message"),
    [
        (["evolutoin"], "no searcher is named evolutoin: did you mean evolution?"),
        ([{"name": "evolution", "size": 3}], "the searcher evolution has no option size"),
        (["random", "portfolio"], "a portfolio cannot have a portfolio among its searchers"),
        ([{"population": 3}], "a searcher needs a name"),
    ],
)
def test_mistakes_are_named(searchers: Any, message: str) -> None:
    with pytest.raises(SearcherError, match=message.replace("?", r"\?")):
        check_searcher({"name": "portfolio", "searchers": searchers})
