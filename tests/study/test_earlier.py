"""Searches that start from the best networks of earlier runs."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from einsearch.errors import RunError, SpaceFileError
from einsearch.grammar.load import load_grammar_text
from einsearch.study.checkspace import check_space
from einsearch.study.events import Callbacks
from einsearch.study.launch import resume, search_file, search_grammar
from einsearch.study.run import Run
from einsearch.study.spacefile import load_space_file

EARLIER = load_grammar_text(
    "language 1\nstart a\na = step | step >> step\nstep = relu | gelu | silu | linear({2, 4})\n",
    "earlier.ein",
)
GRAMMAR = """language 1
start a
a = step | step >> step | step >> step >> step
step = relu | gelu | tanh | linear({2, 4, 8})
seed relu = tanh
"""
SPACE = """
grammar: g.ein
task: {objective: "scoring:score", input: "vector:8"}
require: []
seeds: [%s]
searcher: random
budget: {trials: 8}
executor: inline
"""
SCORING = "def score(derivation):\n    return -derivation.nodes\n"


class Notes(Callbacks):
    """Keeps what people are told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def on_note(self, message: str) -> None:
        self.told.append(message)


def score(derivation: Any) -> float:
    return -float(derivation.nodes) + (0.5 if "relu" in derivation.text else 0.0)


def earlier(folder: Path, **changes: Any) -> Run:
    return search_grammar(
        EARLIER, score, input="vector:8", searcher="random", trials=24, directory=folder, **changes
    )


def space(folder: Path, *seeds: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "g.ein").write_text(GRAMMAR)
    (folder / "scoring.py").write_text(SCORING)
    (folder / "space.yaml").write_text(SPACE % ", ".join(seeds))
    return folder / "space.yaml"


def started(run: Run) -> list[str]:
    return [trial.text for trial in run.trials if trial.origin == "seed"]


def test_a_search_starts_from_the_best_of_an_earlier_run_and_is_moved_without_it(
    tmp_path: Path,
) -> None:
    before = earlier(tmp_path / "runs/one")
    best = before.architectures
    assert best[0] == "relu"
    assert any("silu" in text for text in best[:6])  # which the new grammar has not
    usable = [text for text in best[:6] if "silu" not in text]
    notes = Notes()
    path = space(tmp_path / "new", "linear(8)", "{run: ../runs/one, best: 6}")
    run = search_file(path, directory=tmp_path / "run", callbacks=notes)
    assert started(run) == ["linear(8)", *usable]
    (note,) = [told for told in notes.told if "runs/one" in told]
    assert note.startswith(f"the search starts from {len(usable)} of the best 6 networks of ")
    assert "left out: " in note
    assert "silu" in note
    shutil.rmtree(tmp_path / "runs")
    (tmp_path / "run").rename(tmp_path / "elsewhere")
    kept = load_space_file(tmp_path / "elsewhere/space.yaml")
    assert kept.seeds == ("linear(8)", "(relu)", *usable[1:])
    longer = resume(tmp_path / "elsewhere", trials=10, trust=True)
    assert longer.trials[: len(run.trials)] == [
        replace(trial, directory=str(tmp_path / "elsewhere")) for trial in run.trials
    ]
    assert len(longer.trials) > len(run.trials)


def test_limits_and_requirements_are_kept(tmp_path: Path) -> None:
    earlier(tmp_path / "one")
    path = space(tmp_path / "new", "{run: ../one, best: 24}")
    path.write_text(path.read_text() + "limits: {nodes: 1, parameters: 20}\n")
    found = check_space(path)
    assert found.ground is not None
    assert {seed.text for seed in found.ground.seeds} <= {"relu", "gelu", "linear(2)"}
    assert "it has 2 nodes, the limit is 1" in found.ground.notes[0]


def test_reading_an_earlier_run_changes_nothing_in_it(tmp_path: Path) -> None:
    earlier(tmp_path / "one")
    before = {path: path.read_bytes() for path in (tmp_path / "one").rglob("*") if path.is_file()}
    assert check_space(space(tmp_path / "new", "{run: ../one}")).is_good
    after = {path: path.read_bytes() for path in (tmp_path / "one").rglob("*") if path.is_file()}
    assert after == before


def test_home_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    earlier(tmp_path / "one")
    (seed,) = load_space_file(space(tmp_path / "new", '{run: "~/one"}')).seeds
    assert not isinstance(seed, str)
    assert (seed.run, seed.best) == (str(tmp_path / "one"), 10)


def test_a_run_of_which_nothing_can_be_used_is_one_error(tmp_path: Path) -> None:
    earlier(tmp_path / "one")
    path = space(tmp_path / "new", "{run: ../one, best: 3}")
    path.write_text(path.read_text().replace("require: []", "require: [parameters, nonlinearity]"))
    with pytest.raises(SpaceFileError, match=r"none of the best 3 networks of the run .*one can"):
        search_file(path, directory=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_without_a_complete_trial_is_one_error(tmp_path: Path) -> None:
    def fails(derivation: Any) -> float:
        raise ValueError("never")

    search_grammar(EARLIER, fails, input="vector:8", trials=2, directory=tmp_path / "one")
    with pytest.raises(SpaceFileError, match="has no complete trial"):
        search_file(space(tmp_path / "new", "{run: ../one}"))


def test_a_damaged_run_is_one_error(tmp_path: Path) -> None:
    earlier(tmp_path / "one")
    (tmp_path / "one/journal.log").unlink()
    with pytest.raises(RunError, match="has no record yet"):
        search_file(space(tmp_path / "new", "{run: ../one}"))


@pytest.mark.parametrize(
    ("seed", "expected"),
    [
        ("{run: ../none}", "there is no run folder"),
        ("{run: .}", "is not a run folder"),
    ],
)
def test_a_wrong_path_is_told_with_its_line(tmp_path: Path, seed: str, expected: str) -> None:
    with pytest.raises(SpaceFileError, match=expected) as caught:
        load_space_file(space(tmp_path / "new", seed))
    assert caught.value.location is not None
    assert (caught.value.location.line, caught.value.location.column) == (5, 15)
