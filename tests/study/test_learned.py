"""Learned grammars in run folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import einsearch as es
from einsearch.grammar.load import load_grammar_text
from einsearch.study.events import Callbacks
from einsearch.study.folder import LEARNED
from tests.derivation.spaces import draw

GRAMMAR = "start x\nx = a >> a >> a\na = relu [0.4] | tanh [0.3] | gelu [0.2] | silu [0.1]"
LEARNING = {"name": "grammar-learning", "start": 5, "elites": 3}


def worth(derivation: Any) -> float:
    return float(derivation.text.count("silu"))


class Notes(Callbacks):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def on_note(self, text: str) -> None:
        self.notes.append(text)


def search(directory: Path | None, searcher: Any = LEARNING, **more: Any) -> es.Run:
    grammar = load_grammar_text(GRAMMAR)
    return es.search(
        grammar,
        worth,
        input=es.image(3, 8, 8),
        searcher=searcher,
        trials=30,
        directory=directory,
        **more,
    )


def test_the_folder_has_what_was_learned(tmp_path: Path) -> None:
    notes = Notes()
    run = search(tmp_path / "run", callbacks=notes)
    path = tmp_path / "run" / LEARNED
    assert f"the learned grammar is in {path}" in notes.notes
    assert run.learned_grammar() == path.read_text()
    learned = load_grammar_text(path.read_text())
    drawn = [draw(learned, seed).text for seed in range(50)]
    assert sum(text.count("silu") for text in drawn) > 60


def test_it_is_there_without_the_objective(tmp_path: Path) -> None:
    run = search(tmp_path / "run")
    again = es.open_run(tmp_path / "run")
    (tmp_path / "run" / LEARNED).unlink()
    assert again.learned_grammar() == run.learned_grammar()


def test_other_searchers_learn_none(tmp_path: Path) -> None:
    run = search(tmp_path / "run", searcher="random")
    assert run.learned_grammar() is None
    assert not (tmp_path / "run" / LEARNED).exists()


def test_a_run_in_memory_has_none() -> None:
    assert search(None).learned_grammar() is None
