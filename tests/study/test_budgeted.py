"""Searches that train real networks by successive halving, from a file and from Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import einsearch as es
from einsearch.errors import EinsearchError
from einsearch.evaluate.candidate import Job, evaluate_candidate
from einsearch.evaluate.config import TrainingConfig
from einsearch.study.run import Run
from einsearch.study.stage import Stage
from einsearch.study.trained import train_again
from einsearch.tasks.registry import make_task
from einsearch.trial import TrialState

GRAMMAR = """
language 1
start a
a = step | step >> step
step = conv2d({2, 4, 8}, {1, 3}) >> act
act = relu | gelu | silu
"""
SPACE = """
grammar: g.ein
task: {name: bars, train: 64}
training: {epochs: 3, batch: 32, lr: 0.02}
objectives: {accuracy: maximize, latency: minimize}
constraints: {latency: 1000, parameters: 400}
searcher: random
budget: {trials: 8, epochs: {min: 1, max: 4, promote: 2}}
executor: inline
final: {top: 0}
"""
TASK = {"name": "bars", "train": 64}
FULL = TrainingConfig(epochs=4, batch=32, lr=0.02)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("budgeted")
    (folder / "g.ein").write_text(GRAMMAR)
    (folder / "space.yaml").write_text(SPACE)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    found = es.search(folder / "space.yaml", directory=folder / "run")
    torch.set_num_threads(before)
    return found


def test_epochs_went_to_the_better_ones(run: Run) -> None:
    budgets = [trial.budget for trial in run.trials if trial.state is not TrialState.DUPLICATE]
    assert len(budgets) == 8
    assert set(budgets) == {1.0, 2.0, 4.0}
    assert run.epochs == sum(map(int, filter(None, budgets))) < 8 * 4
    assert run.directory is not None
    assert not list((run.directory / "checkpoints").iterdir())


def test_one_that_went_on_twice_has_the_score_of_one_that_was_never_stopped(run: Run) -> None:
    complete = [trial for trial in run.trials if trial.state is TrialState.COMPLETE]
    task = make_task(TASK)
    for trial in complete:
        assert trial.metrics["trained"] == [[0, 1], [1, 2], [2, 4]]
        whole = evaluate_candidate(Job(trial.text, FULL, trial.seed), task)
        assert trial.metrics["history"] == list(whole.history)
        assert trial.values["accuracy"] == whole.metrics["accuracy"]
    assert complete


def test_trained_again_a_pruned_trial_has_its_score(run: Run) -> None:
    for budget in (1.0, 2.0):
        trial = next(t for t in run.trials if t.budget == budget)
        again = train_again(run, trial)
        assert again.history == tuple(trial.metrics["history"])


def test_latency_is_an_objective_and_a_constraint(run: Run) -> None:
    for trial in run.trials:
        assert 0 < trial.values["latency"] < 1000
        assert trial.excess["latency"] < 0
        assert trial.is_feasible is (trial.parameters <= 400)
        if trial.state is TrialState.COMPLETE:
            assert trial.reason.startswith("infeasible: ") is not trial.is_feasible
    feasible = [t for t in run.trials if t.state is TrialState.COMPLETE and t.is_feasible]
    assert all(trial.is_feasible for trial in run.pareto_front) or not feasible


def test_a_file_without_epochs_and_another_pruner_on_top(run: Run) -> None:
    assert run.directory is not None
    file = run.directory.parent / "space.yaml"
    plain = es.search(file, trials=2, pruner="none")
    assert [trial.budget for trial in plain.trials] == [3.0, 3.0]
    halved = es.search(file, trials=6, pruner="successive-halving")
    assert all(trial.metrics["trained"] == [[0, trial.budget]] for trial in halved.trials)
    assert {trial.state for trial in halved.trials} >= {TrialState.COMPLETE, TrialState.PRUNED}


def learns(derivation: Any, stage: Stage) -> float:
    """Free; larger networks are better."""
    size = derivation.graph().parameters
    for epoch in range(1, (stage.epochs or 9) + 1):
        if stage.report(epoch, size * epoch):
            break
    return float(size * epoch)


class TestFromPython:
    def search(self, **options: Any) -> Run:
        grammar = es.parse_grammar(GRAMMAR)
        return es.search(grammar, learns, input=es.image(1, 4, 4), searcher="random", **options)

    def test_here_and_in_a_process_it_is_the_same(self, tmp_path: Path) -> None:
        pruner = {"pruner": "successive-halving", "max": 6}
        here = self.search(trials=8, pruner=pruner)
        there = self.search(trials=8, pruner=pruner, workers=1, directory=tmp_path / "run")
        rows = [
            [(t.text, t.state, t.budget, t.reason) for t in run.trials] for run in (here, there)
        ]
        assert rows[0] == rows[1]
        assert {t.state for t in here.trials} >= {TrialState.PRUNED, TrialState.COMPLETE}

    def test_it_resumes_with_its_pruner(self, tmp_path: Path) -> None:
        pruner = {"pruner": "asha", "max": 9}
        self.search(trials=4, pruner=pruner, directory=tmp_path / "run")
        run = es.open_run(tmp_path / "run").resume(trials=12)
        budgets = {trial.budget for trial in run.trials}
        assert budgets == {1.0, 3.0, 9.0}

    def test_an_objective_must_report_its_epochs(self) -> None:
        grammar = es.parse_grammar(GRAMMAR)
        with pytest.raises(EinsearchError, match=r"reports its epochs: objective\(derivation, st"):
            es.search(
                grammar,
                lambda derivation: 1.0,
                input=es.image(1, 4, 4),
                pruner={"pruner": "asha", "max": 9},
            )
