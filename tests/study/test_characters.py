"""The packaged search space of characters, on a text of a few lines."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from einsearch.errors import ParseError, SpaceFileError
from einsearch.exporters.from_run import trained_model
from einsearch.primitives.causality import first_acausal
from einsearch.resources import resource_folder
from einsearch.study.launch import search_file
from einsearch.study.plan import plan_file
from einsearch.study.spacefile import load_space_file, load_space_text
from einsearch.study.trained import load_trained
from einsearch.trial import TrialState

SPACE = resource_folder("search_spaces") / "characters.yaml"
TINY = {
    "training": {"epochs": 1, "batch": 8},
    "searcher": {"name": "random"},
    "executor": "inline",
    "final": {"top": 1, "epochs": 2, "seeds": 1},
}


@pytest.fixture
def text(tmp_path: Path) -> Path:
    (tmp_path / "text.txt").write_text("she sells sea shells by the sea shore\n" * 40)
    return tmp_path / "text.txt"


def test_a_search_on_it_finds_networks_that_are_causal(text: Path, tmp_path: Path) -> None:
    task = {"name": "characters", "path": str(text), "length": 16}
    run = search_file(
        load_space_file(SPACE).changed(task=task, seeds=("mamba",), **TINY),
        directory=tmp_path / "run",
        trials=2,
    )
    assert [trial.state for trial in run.trials] == [TrialState.COMPLETE] * 2
    assert run.best is not None
    assert run.best.values["bpc"] < math.log2(13)
    model = trained_model(load_trained(run))
    assert first_acausal(model.program) is None
    assert model.task["vocabulary"] == ["", *sorted(set(text.read_text()))]
    assert model.module(model.random_input(2)).shape == (2, 16, 13)


def test_the_task_requires_what_the_file_does_not(text: Path) -> None:
    written = f"grammar: g.ein\ntask: {{name: characters, path: {text}, length: 8}}\nseeds: [cheat]"
    (text.parent / "g.ein").write_text(
        "start a\na = embed(8) >> attention(2, causal={true, false})\n"
        "seed cheat = embed(8) >> attention(2)\n"
    )
    space = load_space_text(written, base=text.parent)
    with pytest.raises(ParseError, match="cheat cannot start this search: a token may depend on"):
        plan_file(space)
    plan = plan_file(space.changed(seeds=()))
    drawn = {plan.space.sample(np.random.default_rng(seed)).text for seed in range(12)}
    assert drawn == {"embed(8) >> attention(heads=2, causal=true)"}


def test_options_of_the_task_are_checked_in_the_file() -> None:
    with pytest.raises(SpaceFileError, match="length is 'long': input should be a valid integer"):
        load_space_text("grammar: characters\ntask: {name: characters, length: long}")
