"""What every registered searcher must keep; a new one is tested as soon as it is registered."""

from __future__ import annotations

import inspect
import math
from dataclasses import replace
from itertools import cycle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from einsearch.searchers.base import Proposal, Searcher
from einsearch.searchers.registry import all_searchers, searcher_options
from einsearch.trial import Trial, TrialState
from tests.contracts.searching import (
    check,
    complete,
    finish,
    key,
    keys,
    learned,
    make,
    play,
    running,
    searched_space,
    space,
    tiny_space,
    worth,
)

EVERY = pytest.mark.parametrize("name", all_searchers())
LEARNING = pytest.mark.parametrize("name", [name for name in all_searchers() if name != "random"])
STATES = (
    TrialState.COMPLETE,
    TrialState.FAILED,
    TrialState.PRUNED,
    TrialState.REJECTED,
    TrialState.DUPLICATE,
)
ASK = 24
AGAIN = 23
EVENTS = st.lists(st.integers(0, 2 * ASK), min_size=4, max_size=24)
"""Half of them asks, most others complete trials."""


@EVERY
def test_equal_seeds_give_equal_searches(name: str) -> None:
    proposals = play(make(name, space(), seed=3), 40)
    check(proposals)
    assert keys(proposals) == keys(play(make(name, space(), seed=3), 40))
    assert keys(proposals) != keys(play(make(name, space(), seed=4), 40))


@EVERY
def test_settings_of_training_are_decisions_like_others(name: str) -> None:
    """They are drawn, varied and learned from, and a recorded search goes on alike."""
    searcher = make(name, searched_space(seeded=True), seed=3)
    proposals = play(searcher, 20)
    check(proposals)
    assert len({one.derivation.training["lr"] for one in proposals}) > 3
    assert len({str(one.derivation.training) for one in learned(proposals)}) > 1 or name == "random"
    rebuilt = make(name, searched_space(seeded=True), seed=3)
    for proposal in proposals:
        rebuilt.recall(running(proposal))
        rebuilt.tell(complete(proposal))
    assert key(rebuilt.ask()) == key(searcher.ask())


@LEARNING
def test_the_other_tests_see_more_than_samples(name: str) -> None:
    assert learned(play(make(name, space()), 12))


@EVERY
def test_seeds_of_the_space_come_first(name: str) -> None:
    seeded = space(seeded=True)
    proposals = play(make(name, seeded), 3)
    assert [proposal.derivation for proposal in proposals[:2]] == list(seeded.seeds)
    assert [proposal.origin == "seed" for proposal in proposals] == [True, True, False]


@EVERY
@settings(max_examples=10)
@given(data=st.data())
def test_what_is_recalled_and_told_again_goes_on_alike(name: str, data: st.DataObject) -> None:
    """A recorded search of many workers, cut anywhere, is rebuilt from its events. In half of the
    cases all have begun to learn before."""
    searcher = make(name, space(seeded=True))
    start = data.draw(st.sampled_from([0, 12]))
    proposals, recorded = eventful(searcher, start * [ASK, 5] + data.draw(EVENTS))
    rebuilt = make(name, space(seeded=True))
    for kind, trial in recorded:
        (rebuilt.recall if kind == "ask" else rebuilt.tell)(trial)
    for _ in range(8):
        proposals.append(searcher.ask())
        assert key(rebuilt.ask()) == key(proposals[-1])
        searcher.tell(complete(proposals[-1]))
        rebuilt.tell(complete(proposals[-1]))
    assert learned(proposals) or not start or name == "random"


def eventful(
    searcher: Searcher, events: list[int]
) -> tuple[list[Proposal], list[tuple[str, Trial]]]:
    """Plays events: ASK, and numbers that say which outstanding trial ends, and how."""
    proposals, recorded = list[Proposal](), list[tuple[str, Trial]]()
    outstanding, paused = list[Trial](), list[Trial]()
    for event in events:
        if event >= ASK or not outstanding:
            proposals.append(searcher.ask())
            outstanding.append(running(proposals[-1]))
            recorded.append(("ask", outstanding[-1]))
            continue
        if event == AGAIN and paused:
            trial = replace(finish(paused.pop(), TrialState.COMPLETE), budget=3.0)
        else:
            trial = outstanding.pop(event % len(outstanding))
            trial = finish(trial, STATES[event % 8] if event % 8 < 5 else TrialState.COMPLETE)
            if trial.state is TrialState.PRUNED:
                paused.append(trial)
                trial = replace(trial, values={"worth": worth(trial)}, budget=1.0)
        searcher.tell(trial)
        recorded.append(("tell", trial))
    return proposals, recorded


@EVERY
@pytest.mark.parametrize("state", [TrialState.FAILED, TrialState.REJECTED, TrialState.DUPLICATE])
def test_goes_on_when_nothing_succeeds(name: str, state: TrialState) -> None:
    check(play(make(name, space()), 40, lambda p: finish(running(p), state)))


@EVERY
@pytest.mark.parametrize("count", [1, 3])
def test_goes_on_in_a_tiny_space(name: str, count: int) -> None:
    """Everything in it is found; all that comes after repeats it."""
    seen = set[str]()

    def outcome(proposal: Proposal) -> Trial:
        is_new = proposal.derivation.text not in seen
        seen.add(proposal.derivation.text)
        trial = running(proposal)
        values = {"worth": float(len(trial.text))}
        return finish(trial, TrialState.COMPLETE if is_new else TrialState.DUPLICATE, **values)

    check(play(make(name, tiny_space(count)), 60, outcome))
    assert seen == {1: {"relu"}, 3: {"relu", "tanh", "sigmoid"}}[count]


@EVERY
def test_gives_64_proposals_before_any_result(name: str) -> None:
    searcher = make(name, space())
    proposals = [searcher.ask() for _ in range(64)]
    for proposal in proposals:
        searcher.tell(complete(proposal))
    check([*proposals, *(searcher.ask() for _ in range(16))])


@EVERY
def test_gives_64_proposals_after_some_results(name: str) -> None:
    searcher = make(name, space())
    proposals = play(searcher, 12)
    under_way = [searcher.ask() for _ in range(64)]
    for proposal in reversed(under_way):
        searcher.tell(complete(proposal))
    check([*proposals, *under_way, *(searcher.ask() for _ in range(8))])
    assert learned([*proposals, *under_way]) or name == "random"


@EVERY
def test_takes_results_in_any_order(name: str) -> None:
    searcher, proposals = make(name, space()), list[Proposal]()
    for _ in range(5):
        batch = [searcher.ask() for _ in range(8)]
        proposals += batch
        for proposal in reversed(batch[1:]):
            searcher.tell(complete(proposal))
    check(proposals)


@EVERY
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1.0])
def test_copes_with_values_that_say_nothing(name: str, value: float) -> None:
    def outcome(proposal: Proposal) -> Trial:
        return finish(running(proposal), TrialState.COMPLETE, worth=value)

    check(play(make(name, space()), 40, outcome))


@EVERY
def test_copes_with_everything_in_turn(name: str) -> None:
    """Good values, none, such that are not finite, and failures, mixed."""
    values = cycle([{"worth": 1.5}, {}, {"worth": math.nan}, {"worth": -math.inf}, {"nodes": 2.0}])
    states = cycle(STATES)

    def outcome(proposal: Proposal) -> Trial:
        return finish(running(proposal), next(states), **next(values))

    check(play(make(name, space()), 40, outcome))


@EVERY
def test_copes_with_pauses(name: str) -> None:
    """A trial that was paused with few epochs is told again when it has gone on."""
    searcher, proposals = make(name, space()), list[Proposal]()
    for number in range(40):
        proposals.append(searcher.ask())
        trial = running(proposals[-1])
        searcher.tell(replace(finish(trial, TrialState.PRUNED, worth=worth(trial)), budget=1.0))
        if number % 3 == 0:
            state = TrialState.COMPLETE if number % 2 == 0 else TrialState.FAILED
            searcher.tell(replace(finish(trial, state), budget=4.0))
    check(proposals)


@EVERY
def test_copes_with_pauses_before_all_objectives_are_known(name: str) -> None:
    """What is stopped early may have told of the main objective alone, or of others too late."""
    partial = cycle([{}, {"nodes": math.nan}, {"nodes": math.inf}])
    searcher, proposals = make(name, space("two")), list[Proposal]()
    for number in range(40):
        proposals.append(searcher.ask())
        trial = running(proposals[-1])
        values = {"worth": worth(trial), **next(partial)}
        searcher.tell(replace(finish(trial, TrialState.PRUNED, **values), budget=1.0))
        if number % 3 != 1:
            searcher.tell(replace(complete(proposals[-1]), budget=4.0))
    check(proposals)
    assert learned(proposals) or name == "random"


@EVERY
def test_copes_with_broken_constraints(name: str) -> None:
    def outcome(proposal: Proposal) -> Trial:
        return replace(complete(proposal), excess={"latency": (proposal.number % 3 - 1) / 2})

    check(play(make(name, space()), 40, outcome))


@EVERY
@pytest.mark.parametrize("objectives", ["minimize", "two"])
def test_takes_other_objectives(name: str, objectives: str) -> None:
    check(play(make(name, space(objectives)), 40))


@EVERY
def test_every_option_is_documented(name: str) -> None:
    documentation = inspect.getdoc(all_searchers()[name])
    assert documentation
    _, _, documented = documentation.partition("Args:")
    for option in searcher_options(name):
        assert f"    {option}: " in documented or f"    {option}, " in documented, option
