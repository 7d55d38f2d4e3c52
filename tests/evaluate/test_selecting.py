"""Layers with a basis to select, in training: they choose, and what comes out is pruned."""

from __future__ import annotations

import pytest
import torch

from einsearch.compile.head import Network
from einsearch.compile.selecting import is_pruned, selectable_layers, soft_epochs
from einsearch.evaluate import training
from einsearch.evaluate.candidate import Job, evaluate_candidate
from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.final import train_final
from einsearch.evaluate.network import build_network, load_weights, read_program
from einsearch.evaluate.scoring import split_metrics
from einsearch.evaluate.training import train
from einsearch.tasks.base import Task
from einsearch.tasks.registry import make_task
from einsearch.trial import TrialState

TEXT = "kan(6, basis=select, grid=3) >> kan(4, basis=select, grid=3)"
CONFIG = TrainingConfig(epochs=8, batch=32, lr=0.02)


@pytest.fixture(scope="module")
def task() -> Task:
    return make_task("waves")


def fresh(task: Task, seed: int = 0) -> Network:
    return build_network(read_program(TEXT, task), task, seed)


@pytest.mark.parametrize(("epochs", "soft"), [(1, 1), (2, 1), (5, 1), (8, 2), (30, 8)])
def test_a_quarter_of_the_epochs_are_soft(epochs: int, soft: int) -> None:
    assert soft_epochs(epochs) == soft


def test_bases_are_chosen_on_the_way_and_the_others_are_gone_at_the_end(task: Task) -> None:
    network, hard = fresh(task), []

    def report(epoch: int, metrics: object) -> bool:
        hard.append([layer.is_hard for layer in selectable_layers(network).values()])
        return False

    evaluation = train(network, task, CONFIG, 0, report=report)
    assert hard == [[False] * 2, *[[True] * 2] * 7]
    other = fresh(task, seed=9)
    load_weights(other, evaluation.weights)
    assert is_pruned(other)
    again = split_metrics(other, task, task.valid, CONFIG)
    assert all(evaluation.metrics[name] == again[name] for name in again)
    full = sum(p.numel() for p in network.parameters())
    assert sum(p.numel() for p in other.parameters()) < 0.35 * full
    assert evaluation.metrics["r2"] > 0.9


def test_a_task_of_images_is_learned_by_a_convolution() -> None:
    """Handwritten digits; S-ConvKAN: every channel chooses."""
    task = make_task("digits")
    first, second = (f"kan_conv2d({n}, basis=select, grid=3" for n in ("6, 3", "12, 3"))
    config = TrainingConfig(epochs=6, batch=64, lr=0.03)
    result = train_final(f"{first}, stride=2) >> norm >> {second})", task, config, seeds=[0])
    assert result.best is not None
    assert result.test["accuracy"].mean > 0.8
    assert result.weights is not None
    chosen = {name: w for name, w in result.weights.items() if name.endswith("chosen")}
    assert [len(w) for w in chosen.values()] == [6, 12]


@pytest.mark.parametrize("options", [{}, {"average": 0.2, "keep": "best", "steps": 70}])
@pytest.mark.parametrize("cut", [1, 2, 3])
def test_what_is_cut_off_before_or_after_the_choice_goes_on_alike(
    task: Task, cut: int, options: dict[str, object]
) -> None:
    config = CONFIG.model_copy(update=options)
    whole = evaluate_candidate(Job(TEXT, config), task)
    first = evaluate_candidate(Job(TEXT, config, until=cut), task)
    rest = evaluate_candidate(Job(TEXT, config, checkpoint=first.checkpoint), task)
    assert rest.state is TrialState.COMPLETE
    assert rest.start == cut
    assert rest.history == whole.history
    assert whole.weights is not None
    assert rest.weights is not None
    assert whole.weights.keys() == rest.weights.keys()
    assert all((whole.weights[name] == rest.weights[name]).all() for name in whole.weights)


def test_only_epochs_after_the_choice_are_kept(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every epoch is worse than the one before; the first counts that has chosen."""
    losses = iter(range(8))
    monkeypatch.setattr(training, "proper_score", lambda *_: float(next(losses)))
    config = CONFIG.model_copy(update={"keep": "best"})
    evaluation = train(fresh(task), task, config, 0)
    assert evaluation.best_epoch == soft_epochs(8) > 1
    other = fresh(task, seed=9)
    load_weights(other, evaluation.weights)
    assert is_pruned(other)
    again = split_metrics(other, task, task.valid, config)
    assert again == pytest.approx({name: evaluation.metrics[name] for name in again}, rel=1e-4)


def test_an_average_begins_anew_with_the_choice(task: Task) -> None:
    """Weights mean something else after it: there the average is what was chosen."""
    soft = soft_epochs(8)
    averaged = CONFIG.model_copy(update={"average": 0.2})
    with_it, without = (train(fresh(task), task, c, 0).history for c in (averaged, CONFIG))
    assert with_it[soft - 1] == without[soft - 1]
    assert with_it[soft - 2]["rmse"] != without[soft - 2]["rmse"]
    assert with_it[soft]["rmse"] != without[soft]["rmse"]


def test_one_epoch_is_enough_to_choose(task: Task) -> None:
    outcome = evaluate_candidate(Job(TEXT, CONFIG.with_epochs(1)), task)
    assert outcome.weights is not None
    network = fresh(task)
    load_weights(network, outcome.weights)
    assert is_pruned(network)
    assert torch.isfinite(network(torch.from_numpy(task.valid.x))).all()
