"""Tests of Optuna's samplers on bit strings and on a grammar with numbers."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from einsearch.errors import SearcherError
from einsearch.searchers.optuna import OptunaSearcher
from einsearch.searchers.optuna_samplers import SAMPLERS, kind_of
from einsearch.searchers.registry import make_searcher
from einsearch.trial import Trial, TrialState
from tests.searchers.bits import bits_space, complete, finish, proposed

LEARNING = {
    "tpe": {"n_ei_candidates": 8},
    "nsga2": {"population_size": 8},
    "gp": {},
    "cmaes": {},
}
"""Samplers that make something of results, with options; the others only draw."""


def searcher(sampler: str, seed: int = 0, length: int = 12, **options: object) -> OptunaSearcher:
    return OptunaSearcher(bits_space(length), seed, sampler=sampler, **options)  # type: ignore[arg-type]


def best_of(search: OptunaSearcher, trials: int) -> float:
    found = []
    for _ in range(trials):
        trial = complete(search.ask())
        found.append(trial.values["ones"])
        search.tell(trial)
    return max(found)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_proposals_are_the_samplers_once_there_is_something_to_learn_from(sampler: str) -> None:
    search = searcher(sampler, startup=5)
    origins = []
    for _ in range(12):
        proposal = search.ask()
        origins.append(proposal.origin)
        search.tell(complete(proposal))
    assert origins[:5] == ["sample"] * 5
    assert set(origins[5:]) <= {sampler, "sample"}
    assert sampler in origins


def test_neighbours_stand_in_for_suggestions_that_repeat_earlier_ones() -> None:
    search = searcher("tpe", length=5, startup=5)
    proposals = []
    for _ in range(24):
        proposals.append(search.ask())
        search.tell(complete(proposals[-1]))
    neighbours = [p.number for p in proposals if p.origin == "neighbour"]
    texts = [p.derivation.text for p in proposals]
    assert neighbours
    assert all(texts[number] not in texts[:number] for number in neighbours)


@pytest.mark.parametrize("sampler", LEARNING)
def test_what_learns_finds_more_ones_than_drawing(sampler: str) -> None:
    options, trials = LEARNING[sampler], 20 if sampler == "gp" else 50
    learned = [best_of(searcher(sampler, seed, 16, options=options), trials) for seed in range(3)]
    drawn = [best_of(searcher("random", seed, 16), trials) for seed in range(3)]
    assert np.mean(learned) > np.mean(drawn)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_record_goes_on_as_if_nothing_had_stopped(sampler: str) -> None:
    first, second = searcher(sampler, 3, startup=4), searcher(sampler, 3, startup=4)
    trials: list[Trial] = []
    for _ in range(10):
        proposal = first.ask()
        trials.append(complete(proposal))
        first.tell(trials[-1])
    for trial in trials:
        second.recall(replace(trial, state=TrialState.RUNNING, values={}))
        second.tell(trial)
    assert [second.ask().derivation.text for _ in range(3)] == [
        first.ask().derivation.text for _ in range(3)
    ]


@pytest.mark.parametrize("sampler", [name for name, kind in SAMPLERS.items() if kind.is_multiple])
def test_several_objectives_reach_the_samplers_that_take_them(sampler: str) -> None:
    directions = {"ones": "maximize", "changes": "minimize"}
    search = OptunaSearcher(bits_space(8, directions), sampler=sampler, startup=4)
    for _ in range(12):
        proposal = search.ask()
        text = proposal.derivation.text
        changes = sum(a != b for a, b in pairwise(text))
        search.tell(complete(proposal, ones=float(text.count("1")), changes=float(changes)))
    assert len({search.ask().derivation.text for _ in range(3)}) == 3


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_failures_and_what_is_not_finite_are_passed_over(sampler: str) -> None:
    search = searcher(sampler, startup=2)
    for number in range(10):
        proposal = search.ask()
        if number % 3 == 0:
            search.tell(finish(proposed(proposal), TrialState.FAILED))
        elif number % 3 == 1:
            search.tell(complete(proposal, ones=float("nan")))
        else:
            search.tell(complete(proposal))
    assert search.ask().derivation.text


def test_broken_constraints_are_learned() -> None:
    """More than eight ones are one too many: the best that keeps that has eight."""
    search = searcher("tpe", length=12)
    kept = []
    for _ in range(60):
        trial = complete(search.ask())
        search.tell(replace(trial, excess={"ones": (trial.values["ones"] - 8) / 8}))
        kept.append(trial.values["ones"] <= 8)
    assert sum(kept[30:]) > 20


def test_a_sampler_sees_the_latest_and_the_best_of_a_long_history() -> None:
    search = searcher("tpe", startup=5, history=10)
    texts = []
    for number in range(30):
        proposal = search.ask()
        texts.append(proposal.derivation.text)
        search.tell(complete(proposal, ones=100.0 if number == 2 else float(number % 7)))
    seen = search._study._study.get_trials(deepcopy=False)
    finished = [trial for trial in seen if trial.state.is_finished()]
    assert len(finished) == 10
    assert 100.0 in [trial.value for trial in finished]
    assert len(set(texts)) == 30


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_candidates": 3}, "the sampler tpe has no option n_candidates: did you mean"),
        ({"seed": 3}, "the sampler tpe has no option seed"),
        ({"n_ei_candidates": -1}, None),
    ],
)
def test_options_are_those_of_the_sampler(options: dict[str, int], message: str | None) -> None:
    given = {"sampler": "tpe", "options": options, "startup": 10}
    if message is None:
        OptunaSearcher.check({**given, "options": {"n_ei_candidates": 48}})
        return
    with pytest.raises(SearcherError, match=message):
        OptunaSearcher.check(given)


@pytest.mark.parametrize("name", ["TPESampler", "optuna.samplers.TPESampler", "tpe"])
def test_a_class_of_optuna_is_what_it_is_called_here(name: str) -> None:
    assert kind_of(name) == ("tpe", SAMPLERS["tpe"])
    texts = []
    for sampler in ("tpe", name):
        search = searcher(sampler, startup=3)
        for _ in range(6):
            search.tell(complete(search.ask()))
        texts.append(search.ask().derivation.text)
    assert texts[0] == texts[1]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("tpa", "did you mean tpe"),
        ("optuna.samplers.TPESamplr", "did you mean TPESampler"),
        ("os.system", "there are tpe, nsga2, nsga3, gp, "),
        ("optuna.samplers._tpe.sampler.TPESampler", ""),
        ("optuna.storages.InMemoryStorage", ""),
        ("BaseSampler", ""),
        ("nsgaii", ""),
        ("warnings", ""),
    ],
)
def test_nothing_but_a_sampler_of_optuna_is_looked_up(name: str, hint: str) -> None:
    message = f"Optuna has no sampler {name}: {hint}"
    with pytest.raises(SearcherError, match=re.escape(message)):
        make_searcher({"name": "optuna", "sampler": name}, bits_space())


def test_a_sampler_without_a_name_here_sees_all_of_a_small_space_and_goes_on() -> None:
    """Brute force needs to know what was decided before, and asks for the end when it is done."""
    first = searcher("BruteForceSampler", 3, length=4, startup=2)
    second = searcher("BruteForceSampler", 3, length=4, startup=2)
    texts, origins = [], set()
    for _ in range(16):
        proposal = first.ask()
        trial = complete(proposal)
        first.tell(trial)
        second.recall(replace(trial, state=TrialState.RUNNING, values={}))
        second.tell(trial)
        texts.append(trial.text)
        origins.add(trial.origin)
    assert len(set(texts)) == 16
    assert origins == {"sample", "BruteForceSampler"}
    assert first.ask().derivation.text == second.ask().derivation.text


def test_several_objectives_are_refused_by_a_sampler_of_one() -> None:
    space = bits_space(8, {"ones": "maximize", "changes": "minimize"})
    message = "the sampler cmaes takes one objective, and there are 2: ones, changes; leave one"
    with pytest.raises(SearcherError, match=message):
        make_searcher({"name": "optuna", "sampler": "cmaes"}, space)


@pytest.mark.parametrize(
    ("sampler", "options"),
    [
        ("tpe", {"n_ei_candidates": 0}),
        ("tpe", {"n_ei_candidates": "x"}),
        ("nsga2", {"mutation_prob": 2}),
        ("GridSampler", {}),
    ],
)
def test_options_that_a_sampler_cannot_work_with_are_known_before(
    sampler: str, options: dict[str, object]
) -> None:
    message = f"the sampler {sampler} cannot (suggest anything|be made)"
    with pytest.raises(SearcherError, match=message):
        OptunaSearcher.check({"sampler": sampler, "options": options, "startup": 10})


@pytest.mark.parametrize(
    ("sampler", "options"),
    [
        *LEARNING.items(),
        ("nsga3", {"population_size": 8}),
        ("qmc", {"qmc_type": "halton"}),
        ("random", {}),
        ("BruteForceSampler", {"avoid_premature_stop": True}),
    ],
)
def test_options_that_a_sampler_takes_are_fine(sampler: str, options: dict[str, object]) -> None:
    OptunaSearcher.check({"sampler": sampler, "options": options, "startup": 10})
