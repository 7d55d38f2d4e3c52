"""Searches of spaces that have few networks."""

from __future__ import annotations

from pathlib import Path

import pytest

import einsearch as es
from einsearch.cli.summary import next_commands
from einsearch.graph.canonical import canonical_hash
from einsearch.searchers.registry import all_searchers
from einsearch.study.exhausting import Untried, count_networks
from einsearch.study.searchspace import search_space

THREE = "start network\nnetwork = relu | gelu | linear(8) >> relu\n"
SPACES = {
    "three": (THREE, 3),
    "one": ("start network\nnetwork = relu\n", 1),
    "equal ones": ("start x\nx = relu | identity >> relu | relu >> identity | tanh\n", 2),
    "ranges": ("start x\nx = linear(2..5) >> (relu | gelu)\n", 8),
    "dead ends": ("start x\nx = (a, a) >> add\na = linear(2) | linear(3) | relu\n", 3),
    "reals": ("start x\nx = dropout(0.1..0.2) >> relu\n", None),
    "recursion": ("start x\nx = relu | x >> x\n", None),
}


def hash_of(derivation: es.Derivation) -> str:
    return canonical_hash(derivation.program)


def space_of(text: str) -> es.SearchSpace:
    return search_space(es.parse_grammar(text), es.vector(4), directions={"score": "maximize"})


@pytest.mark.parametrize("name", SPACES)
def test_networks_of_small_spaces_are_counted(name: str) -> None:
    text, number = SPACES[name]
    grammar = es.parse_grammar(text)
    assert count_networks(space_of(text), hash_of, 20) == number
    if number is not None:
        drawn = {hash_of(grammar.sample(es.vector(4), seed)) for seed in range(100)}
        assert len(drawn) == number
    assert count_networks(space_of(text), hash_of, 0) is None


@pytest.mark.parametrize("searcher", sorted(all_searchers()))
def test_a_search_ends_when_all_networks_were_tried(searcher: str, tmp_path: Path) -> None:
    run = es.search(
        es.parse_grammar(THREE),
        lambda candidate: {"score": float(candidate.nodes)},
        input=es.vector(4),
        trials=300,
        directions={"score": "maximize"},
        searcher=searcher,
        directory=tmp_path / "run",
    )
    assert run.state == "exhausted"
    assert run.record.read_attribute("end")["message"] == "all 3 networks were tried"
    assert len({trial.hash for trial in run.trials}) == 3
    assert len(run.trials) < 20
    assert not any(" resume " in command for command in next_commands(run, is_whole=True))


def test_no_more_trials_are_proposed_than_there_are_networks(tmp_path: Path) -> None:
    run = es.search(
        es.parse_grammar(THREE),
        lambda candidate: float(candidate.nodes),
        input=es.vector(4),
        trials=2,
        directory=tmp_path / "run",
    )
    assert any(command.endswith(" --trials 3") for command in next_commands(run, is_whole=True))
    whole = run.resume(trials=3, objective=lambda candidate: float(candidate.nodes))
    assert whole.state in ("trials", "exhausted")
    assert not any(" resume " in command for command in next_commands(whole, is_whole=True))


def test_a_large_space_is_never_taken_for_a_tried_one() -> None:
    space = search_space(es.load_grammar("digits"), es.image(1, 8, 8), directions={"s": "maximize"})
    untried = Untried(space, hash_of)
    known: set[str] = set()
    for _ in range(30):
        assert not untried.is_nothing(known)
        known.add(untried._next or "")
