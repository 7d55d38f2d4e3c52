"""The best epoch, its weights, and an end where nothing better comes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.keeping import Kept, put
from einsearch.evaluate.network import load_weights
from einsearch.evaluate.scoring import split_metrics
from einsearch.evaluate.training import Evaluation, train
from einsearch.tasks.base import Task
from einsearch.tasks.registry import make_task

EPOCHS = 12


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    """Few examples with much noise: a large network is best early."""
    folder: Path = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 8))
    y = (x[:, 0] + rng.normal(size=80) > 0).astype(int)
    np.savez(folder / "d.npz", train_x=x[:40], train_y=y[:40], valid_x=x[40:], valid_y=y[40:])
    return make_task({"name": "arrays", "path": "d.npz"}, folder)


def net() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.BatchNorm1d(64), nn.Linear(64, 2))


def run(task: Task, **options: object) -> Evaluation:
    until = options.pop("until", None)
    config = TrainingConfig(epochs=EPOCHS, batch=16, lr=0.02, **options)  # type: ignore[arg-type]
    return train(net(), task, config, 0, until=until)  # type: ignore[arg-type]


def best_of(evaluation: Evaluation) -> int:
    losses = [epoch["cross_entropy"] for epoch in evaluation.history]
    return losses.index(min(losses)) + 1


@pytest.mark.parametrize("average", [0.0, 0.2])
def test_the_best_epoch_is_handed_over(task: Task, average: float) -> None:
    network = net()
    config = TrainingConfig(epochs=EPOCHS, batch=16, lr=0.02, keep="best", average=average)
    evaluation = train(network, task, config, 0)
    assert evaluation.best_epoch == best_of(evaluation) < EPOCHS
    assert evaluation.metrics == evaluation.history[evaluation.best_epoch - 1]
    assert len(evaluation.history) == EPOCHS
    fresh = net()
    load_weights(fresh, evaluation.weights)
    for one in (fresh, network):
        scores = split_metrics(one, task, task.valid, config)
        assert scores == {name: evaluation.metrics[name] for name in scores}


def test_keeping_changes_nothing_in_the_course(task: Task) -> None:
    last, best = run(task), run(task, keep="best")
    assert last.history == best.history
    assert last.best_epoch == EPOCHS > best.best_epoch
    assert last.metrics == last.history[-1]


def test_patience_ends_what_gets_no_better(task: Task) -> None:
    whole, patient = run(task), run(task, patience=3, keep="best")
    assert patient.is_settled
    assert patient.epochs == patient.best_epoch + 3 < EPOCHS
    assert patient.history == whole.history[: patient.epochs]
    assert patient.state is None
    assert not patient.stopped
    assert not patient.is_cut


def test_patience_that_is_long_enough_changes_nothing(task: Task) -> None:
    whole, patient = run(task), run(task, patience=EPOCHS)
    assert not patient.is_settled
    assert patient.history == whole.history


def test_patience_waits_for_the_last_part(task: Task) -> None:
    patient = run(task, patience=1, until=EPOCHS - 1)
    assert patient.epochs == EPOCHS - 1
    assert not patient.is_settled
    assert patient.state is not None
    config = TrainingConfig(epochs=EPOCHS, batch=16, lr=0.02, patience=1)
    rest = train(net(), task, config, 0, start=patient.state)
    assert rest.is_settled
    assert rest.history == patient.history


def test_of_equal_epochs_the_first_is_best() -> None:
    kept = Kept(keeps=True)
    network = nn.Linear(1, 1)
    for epoch, loss in enumerate((2.0, 1.0, 1.0, 3.0), start=1):
        with torch.no_grad():
            network.weight.fill_(epoch)
        kept.note(epoch, loss, network)
    assert (kept.epoch, kept.loss) == (2, 1.0)
    assert kept.weights is not None
    assert kept.weights["weight"].item() == 2
    assert [kept.is_spent(2, epoch) for epoch in (2, 3, 4)] == [False, False, True]
    assert not kept.is_spent(None, 99)


def test_weights_that_are_put_in_place_are_copies() -> None:
    network, other = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    with torch.no_grad():
        other.weight.fill_(7)
    before = network.weight.detach()
    weights = other.state_dict()
    put(network, weights)
    assert network.weight.tolist() == [7, 7]
    assert before.tolist() == [1, 1]
    with torch.no_grad():
        network.weight.fill_(3)
    assert weights["weight"].tolist() == [7, 7]
