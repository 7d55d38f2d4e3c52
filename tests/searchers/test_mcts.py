"""Tree search sees small spaces whole, learns fast, and goes on from any record."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, cast

import numpy as np
import pytest

from einsearch.derivation.decisions import Draw, Interval, Options, Path
from einsearch.derivation.derivation import Derivation
from einsearch.derivation.limits import Limits
from einsearch.derivation.machine import Chooser
from einsearch.derivation.state import DeadEnd
from einsearch.grammar.load import load_grammar_text
from einsearch.searchers.base import Proposal, Searcher, SearchSpace
from einsearch.searchers.registry import make_searcher
from einsearch.specs import image
from einsearch.study.searchspace import search_space
from einsearch.trial import Trial, TrialState
from tests.searchers.bits import bits_space, complete, finish, from_text, proposed

WITH_DEAD_ENDS = load_grammar_text(
    """
start network
network = pool >> part >> pool
pool = identity | max_pool(2..5)
part = relu | conv2d({2, 4, 64}, {1, 3}) | part >> part
""",
    "deadends.ein",
)
"""Pools that do not fit, convolutions with too many parameters: many walks fail, some late."""

LIMITS = Limits(nodes=4, parameters=150)


def space_with_dead_ends() -> SearchSpace:
    return search_space(
        WITH_DEAD_ENDS, image(3, 4, 4), directions={"worth": "maximize"}, limits=LIMITS
    )


def mcts(space: SearchSpace, seed: int = 0, **options: Any) -> Searcher:
    return make_searcher({"name": "mcts", **options}, space, seed)


def trial_of(proposal: Proposal, value: float | None) -> Trial:
    values = {} if value is None else {"worth": value}
    state = TrialState.FAILED if value is None else TrialState.COMPLETE
    decisions = proposal.derivation.decisions
    text = proposal.derivation.text
    return Trial(proposal.number, text, state, decisions, hash=text, values=values)


class Prefix:
    """Takes given values and nothing else; notes what could be decided behind them."""

    def __init__(self, values: tuple[Any, ...]) -> None:
        self._values = values
        self._place = 0
        self.following: list[Any] = []

    def candidates(self, draw: Draw, path: Path, label: str) -> Iterator[Any]:
        self._place += 1
        if self._place <= len(self._values):
            return iter(self._values[self._place - 1 : self._place])
        if isinstance(draw, Interval):
            self.following = list(range(int(draw.low), int(draw.high) + 1))
        else:
            self.following = [draw.values[place] for place in draw.allowed]
        return iter(())


def everything(space: SearchSpace) -> set[tuple[Any, ...]]:
    """Values of all derivations, found one decision at a time."""
    found, pending = set[tuple[Any, ...]](), [tuple[Any, ...]()]
    while pending:
        prefix = pending.pop()
        chooser = Prefix(prefix)
        try:
            found.add(space.guided(chooser).values)
        except DeadEnd:
            pending += [(*prefix, value) for value in chooser.following]
    return found


@pytest.mark.parametrize("seed", [0, 1])
def test_a_space_with_dead_ends_is_enumerated_once_and_ends(seed: int) -> None:
    space = space_with_dead_ends()
    expected = everything(space)
    assert len(expected) > 500
    searcher, found = mcts(space, seed), list[tuple[Any, ...]]()
    for number in range(len(expected)):
        proposal = searcher.ask()
        assert proposal.origin == "tree"
        found.append(proposal.derivation.values)
        searcher.tell(trial_of(proposal, None if number % 7 == 3 else float(number % 5)))
    assert len(set(found)) == len(found)
    assert set(found) == expected
    assert [searcher.ask().origin for _ in range(3)] == ["sample"] * 3


def test_all_can_be_under_way_at_once() -> None:
    searcher = mcts(bits_space(6))
    proposals = [searcher.ask() for _ in range(64)]
    assert {proposal.origin for proposal in proposals} == {"tree"}
    assert len({proposal.derivation.text for proposal in proposals}) == 64
    for proposal in reversed(proposals):
        searcher.tell(complete(proposal))
    assert searcher.ask().origin == "sample"


def test_finds_the_best_of_4096_within_200_trials() -> None:
    for seed in range(4):
        searcher = mcts(bits_space(12), seed)
        best = 0.0
        for _ in range(200):
            trial = complete(searcher.ask())
            searcher.tell(trial)
            best = max(best, trial.values["ones"])
        assert best == 12


def test_only_the_order_of_values_matters() -> None:
    def play(bend: Callable[[float], float]) -> list[str]:
        searcher, texts = mcts(bits_space(10), 3), []
        for _ in range(60):
            proposal = searcher.ask()
            texts.append(proposal.derivation.text)
            ones = float(proposal.derivation.text.count("1"))
            searcher.tell(complete(proposal, ones=bend(ones)))
        return texts

    assert play(lambda ones: ones) == play(lambda ones: math.exp(ones) - 1e6)


def test_duplicates_do_not_hold_it_back() -> None:
    """Half of the space repeats one network that is the best: what is new is found all the same."""
    searcher, seen = mcts(bits_space(9)), set[str]()
    for _ in range(400):
        trial = proposed(searcher.ask())
        name = "best" if trial.text.startswith("1") else trial.text
        state = TrialState.DUPLICATE if name in seen else TrialState.COMPLETE
        seen.add(name)
        values = {"ones": 99.0 if name == "best" else 1.0}
        searcher.tell(replace(finish(trial, state, **values), hash=name))
    assert len(seen) > 200


def test_a_duplicate_is_no_failure() -> None:
    """A branch whose every second proposal repeats is visited more than where these fail."""

    def visits(state: TrialState, seed: int) -> int:
        searcher, count = mcts(bits_space(9), seed), 0
        for _ in range(100):
            trial = proposed(searcher.ask())
            if not trial.text.startswith("1"):
                searcher.tell(finish(trial, TrialState.COMPLETE, ones=1.0))
                continue
            count += 1
            good = finish(trial, TrialState.COMPLETE, ones=2.0)
            searcher.tell(good if count % 2 else finish(trial, state))
        return count

    repeated = sum(visits(TrialState.DUPLICATE, seed) for seed in range(3))
    assert repeated > sum(visits(TrialState.FAILED, seed) for seed in range(3))


def test_paths_to_equal_networks_share_a_reward() -> None:
    """Where all is equal to one good network, more is tried if that is known by the hash."""

    def tries(shares: bool, seed: int) -> int:
        searcher, count = mcts(bits_space(9), seed), 0
        for _ in range(120):
            trial = proposed(searcher.ask())
            if not trial.text.startswith("11"):
                searcher.tell(finish(trial, TrialState.COMPLETE, ones=1.0))
                continue
            count += 1
            if count == 1:
                found = finish(trial, TrialState.COMPLETE, ones=2.0)
            else:
                found = finish(trial, TrialState.DUPLICATE)
            searcher.tell(replace(found, hash="good" if shares or count == 1 else trial.text))
        return count

    shared = [tries(True, seed) for seed in range(4)]
    assert sum(shared) > 1.2 * sum(tries(False, seed) for seed in range(4))


def apart(texts: Sequence[str]) -> float:
    """In how many places two of them differ on average."""
    return float(np.mean([sum(map(str.__ne__, *pair)) for pair in combinations(texts, 2)]))


def test_workers_are_kept_apart() -> None:
    """Proposals under way differ more than as many whose results are waited for."""
    together, in_turn = list[float](), list[float]()
    for seed in range(8):
        for texts, waits in ((together, False), (in_turn, True)):
            searcher, found = mcts(bits_space(14), seed, exploration=0.1), list[str]()
            for number in range(124):
                proposal = searcher.ask()
                if number >= 100:
                    found.append(proposal.derivation.text)
                if number < 100 or waits:
                    searcher.tell(complete(proposal))
            assert len(set(found)) == 24
            texts.append(apart(found))
    assert np.mean(together) > 1.1 * np.mean(in_turn)


def test_seeds_teach() -> None:
    """What is proposed next is more like the seed, before anything else is known."""
    seed = from_text("1" * 10)
    searcher = mcts(bits_space(10, seeds=[seed]))
    first = searcher.ask()
    assert (first.derivation, first.origin) == (seed, "seed")
    searcher.tell(complete(first))
    following = [searcher.ask() for _ in range(30)]
    assert seed.text not in {proposal.derivation.text for proposal in following}
    ones = Counter("".join(proposal.derivation.text for proposal in following))
    assert ones["1"] > 1.5 * ones["0"]


def test_a_record_of_other_proposals_is_taken_as_it_is() -> None:
    """As when an option has changed since: the searcher goes on from what was really proposed."""
    searcher = mcts(bits_space(8), 1)
    recorded = mcts(bits_space(8), 2)
    texts = []
    for _ in range(20):
        trial = complete(recorded.ask())
        texts.append(trial.text)
        searcher.recall(replace(trial, state=TrialState.RUNNING, values={}))
        searcher.tell(trial)
    following = [searcher.ask() for _ in range(100)]
    assert not {proposal.derivation.text for proposal in following} & set(texts)


def test_a_record_that_the_space_cannot_derive_is_passed_over() -> None:
    searcher = mcts(space_with_dead_ends())
    trial = Trial(0, "gone", TrialState.RUNNING, (("network/gone", "gone: 9", 8),))
    searcher.recall(trial)
    searcher.tell(replace(trial, state=TrialState.COMPLETE, values={"worth": 1.0}))
    assert searcher.ask().number == 1


@dataclass(frozen=True)
class Knobs:
    """Stands in for a derivation: positions of some knobs."""

    values: tuple[int, ...]

    @property
    def text(self) -> str:
        return str(self.values)

    @property
    def decisions(self) -> tuple[tuple[str, str, int], ...]:
        return tuple((f"knob{i}", "{...}", value) for i, value in enumerate(self.values))


def knobs_space(number: int, positions: int) -> SearchSpace:
    """Knobs whose positions are in order; far more of them than can be tried."""
    draw = Options(range(positions), [1 / positions] * positions, range(positions), "{...}")

    def guided(chooser: Chooser) -> Derivation:
        paths = [Path(None, f"knob{i}") for i in range(number)]
        values = tuple(next(chooser.candidates(draw, path, "position")) for path in paths)
        return cast(Derivation, Knobs(values))

    def sample(rng: np.random.Generator) -> Derivation:
        return cast(Derivation, Knobs(tuple(rng.integers(positions, size=number).tolist())))

    def never(*_: Any) -> Any:
        raise AssertionError

    return SearchSpace(sample, never, never, directions={"worth": "maximize"}, guided=guided)


def best_of_64(config: dict[str, Any], seed: int) -> float:
    """True worth of what a noisy objective shows to be the best of 64."""
    rng = np.random.default_rng((7, seed))
    target = rng.integers(32, size=6)
    searcher, best = make_searcher(config, knobs_space(6, 32), seed), (-math.inf, 0.0)
    for _ in range(64):
        proposal = searcher.ask()
        values = cast(Knobs, proposal.derivation).values
        worth = 1 - float(np.mean(np.abs(np.array(values) - target))) / 31
        measured = worth + 0.05 * float(rng.standard_normal())
        best = max(best, (measured, worth))
        searcher.tell(trial_of(proposal, measured))
    return best[1]


def test_bisection_pays_where_values_are_in_order() -> None:
    def bests(**config: Any) -> np.ndarray:
        return np.array([best_of_64(config, seed) for seed in range(40)])

    halved = bests(name="mcts")
    for other in (bests(name="mcts", bisection=False), bests(name="random")):
        error = math.sqrt((halved.var(ddof=1) + other.var(ddof=1)) / 40)
        assert halved.mean() - other.mean() > 2 * error


def test_what_others_propose_in_a_portfolio_throws_nothing_away() -> None:
    """The tree is left only once everything in the space has been proposed."""
    members = ["mcts", "random"]
    searcher = make_searcher({"name": "portfolio", "searchers": members}, bits_space(6))
    seen = set[str]()
    while len(seen) < 64:
        proposal = searcher.ask()
        assert proposal.origin in ("mcts: tree", "random: sample")
        seen.add(proposal.derivation.text)
        searcher.tell(complete(proposal))


def test_a_record_that_went_another_way_throws_nothing_away() -> None:
    other, searcher = mcts(bits_space(5), seed=1), mcts(bits_space(5), seed=2)
    seen = set[str]()
    for _ in range(16):
        trial = complete(other.ask())
        other.tell(trial)
        searcher.recall(replace(trial, state=TrialState.RUNNING, values={}))
        searcher.tell(trial)
        seen.add(trial.text)
    proposals = [searcher.ask() for _ in range(16)]
    assert {proposal.origin for proposal in proposals} == {"tree"}
    assert len(seen | {proposal.derivation.text for proposal in proposals}) == 32
