"""Searches of spaces that have few networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import einsearch as es
from einsearch.cli.main import app
from einsearch.cli.summary import next_commands
from einsearch.graph.canonical import canonical_hash
from einsearch.searchers.registry import all_searchers
from einsearch.study.events import Callbacks
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


class Heard(Callbacks):
    """What a search notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def on_note(self, message: str) -> None:
        self.notes.append(message)


def score(candidate: Any) -> float:
    return float(candidate.nodes)


def searched(text: str, folder: Path, **options: Any) -> es.Run:
    options = {"trials": 300, "searcher": "random"} | options
    grammar = es.parse_grammar(text)
    return es.search(grammar, score, input=es.vector(4), directory=folder, **options)


@pytest.mark.parametrize("searcher", sorted(all_searchers()))
def test_a_search_ends_when_all_networks_were_tried(searcher: str, tmp_path: Path) -> None:
    run = searched(THREE, tmp_path / "run", searcher=searcher)
    assert run.state == "exhausted"
    assert run.record.read_attribute("end")["message"] == "all 3 networks were tried"
    assert [trial.state for trial in run.trials] == ["COMPLETE"] * 3
    assert len({trial.hash for trial in run.trials}) == 3
    assert not any(" resume " in command for command in next_commands(run, is_whole=True))


@pytest.mark.parametrize("name", [name for name, (_, number) in SPACES.items() if number])
def test_nothing_is_tried_twice_in_a_small_space(name: str, tmp_path: Path) -> None:
    text, number = SPACES[name]
    run = searched(text, tmp_path / "run", workers=2 if name == "ranges" else None)
    assert len(run.trials) == len({trial.hash for trial in run.trials}) == number
    result = CliRunner().invoke(app, ["trials", str(tmp_path / "run")])
    assert "duplicate" not in result.output


def test_a_small_space_is_gone_through_over_several_sessions(tmp_path: Path) -> None:
    text, number = SPACES["ranges"]
    heard = Heard()
    run = searched(text, tmp_path / "run", trials=1)
    for trials in (6, 7, 300):
        run = run.resume(trials=trials, objective=score, callbacks=heard)
    assert len(run.trials) == len({trial.hash for trial in run.trials}) == number
    assert {trial.origin for trial in run.trials} == {"sample", "listed"}
    assert not heard.notes


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
