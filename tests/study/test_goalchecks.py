"""Objectives and constraints that cannot be met are told before the first trial."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from einsearch.errors import EinsearchError
from einsearch.grammar.load import load_grammar_text
from einsearch.specs import image, vector
from einsearch.study.events import Callbacks
from einsearch.study.goalchecks import check_constraints
from einsearch.study.launch import search_file, search_grammar
from einsearch.study.plan import plan_file
from einsearch.study.spacefile import load_space_text
from einsearch.trial import Trial

SPACE = "grammar: digits\ntask: {task}\nsearcher: random\nexecutor: inline\n{line}\n"
FEW = "budget: {trials: 1}\ntraining: {epochs: 1}"


def refused(line: str, task: str = "bars") -> str:
    with pytest.raises(EinsearchError) as caught:
        plan_file(load_space_text(SPACE.format(task=task, line=line)))
    return str(caught.value)


@pytest.mark.parametrize(
    ("task", "line", "kind"),
    [
        ("bars", "objectives: {rmse: minimize}", "bars tells classes"),
        ("bars", "objectives: {accuracy: maximize, r2: maximize}", "bars tells classes"),
        ("bars", "constraints: {mae: 3}", "bars tells classes"),
        ("waves", "objectives: {accuracy: maximize}", "waves is a regression"),
        ("characters", "objectives: {rmse: minimize}", "characters tells the next token"),
    ],
)
def test_metrics_of_another_kind_of_task(task: str, line: str, kind: str) -> None:
    message = refused(line, task)
    assert "is a metric of another kind of task" in message
    assert kind in message
    assert "there are " in message


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("objectives: {acuracy: maximize}", "no objective is named acuracy"),
        ("objectives: {accuracy: minimize}", "accuracy is better the other way"),
        ("constraints: {latency: 0}", "no network has latency 0"),
        ("constraints: {cross_entropy: -1}", "no network has cross_entropy -1"),
        ("constraints: {parameters: 0}", "keeps parameters: 0: .* needs at least 160 parameters"),
        ("constraints: {flops: 10, parameters: 10k}", "keeps parameters: 10,000, flops: 10: "),
        ("constraints: {activation_memory: 1}", "needs at least 4,096 activation memory"),
    ],
)
def test_what_nothing_can_meet(line: str, told: str) -> None:
    with pytest.raises(EinsearchError, match=told):
        plan_file(load_space_text(SPACE.format(task="bars", line=line)))


def test_what_can_be_met_passes() -> None:
    line = "constraints: {parameters: 1k, latency: 0.1, cross_entropy: 0.5}"
    assert plan_file(load_space_text(SPACE.format(task="bars", line=line))).constraints


def test_constraints_from_python_are_checked_too() -> None:
    grammar = load_grammar_text("language 1\nstart a\na = linear(4) >> relu\n", "small.ein")

    def never(derivation: Any) -> float:
        raise AssertionError("no trial may begin")

    with pytest.raises(
        EinsearchError, match=r"keeps parameters: 3: .* needs at least 12 parameter"
    ):
        search_grammar(grammar, never, input=vector(2), trials=1, constraints={"parameters": 3})
    with pytest.raises(EinsearchError, match="no network has latency -1"):
        check_constraints(grammar, image(1, 2, 2), {"latency": -1}, None, None)


def test_bad_test_data_are_told_before_the_first_trial(tmp_path: Path) -> None:
    x, y = np.zeros((20, 1, 8, 8)), np.arange(20) % 2
    np.savez(tmp_path / "d.npz", train_x=x, train_y=y, test_x=x, test_y=y + 1)
    heard: list[Any] = []

    class Listener(Callbacks):
        def on_proposal(self, trial: Trial) -> None:
            heard.append(trial)

    text = SPACE.format(task="{name: arrays, path: d.npz, layout: image}", line=FEW)
    (tmp_path / "s.yaml").write_text(text)
    with pytest.raises(EinsearchError, match=r'test_y .* example 1: "2" is no class of training'):
        search_file(tmp_path / "s.yaml", directory=tmp_path / "run", callbacks=Listener())
    assert not heard
    assert not (tmp_path / "run").exists()
