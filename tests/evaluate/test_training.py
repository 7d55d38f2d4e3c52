"""Tests of the training loop on small networks written by hand."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from einsearch.errors import TaskError
from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.faults import CandidateFault
from einsearch.evaluate.network import load_weights
from einsearch.evaluate.optimizing import rate_at
from einsearch.evaluate.scoring import predict, split_metrics
from einsearch.evaluate.training import Evaluation, train
from einsearch.tasks.base import Task
from einsearch.tasks.registry import make_task
from einsearch.trial import FailureKind


def seeded(make: Callable[[], nn.Module]) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make()


def conv_net(outputs: int = 4) -> nn.Module:
    return seeded(
        lambda: nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.AdaptiveAvgPool2d(4),
            nn.Flatten(),
            nn.Linear(256, outputs),
        )
    )


def linear_net(inputs: int, outputs: int) -> nn.Module:
    return seeded(lambda: nn.Sequential(nn.Flatten(), nn.Linear(inputs, outputs)))


def run(network: nn.Module, task: Task, *, seed: int = 0, **options: object) -> Evaluation:
    return train(network, task, TrainingConfig(**options), seed)  # type: ignore[arg-type]


def test_several_labels_of_an_example_are_learned(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(400, 3))
    np.savez(tmp_path / "d.npz", train_x=x, train_y=(x > 0.2).astype(int))
    task = make_task({"name": "arrays", "path": "d.npz"}, tmp_path)
    evaluation = run(linear_net(3, 3), task, epochs=8, lr=0.05, batch=16)
    assert list(evaluation.metrics)[:4] == ["auc", "f1", "accuracy", "cross_entropy"]
    assert evaluation.metrics["auc"] > 0.98
    assert evaluation.metrics["f1"] > 0.85
    assert evaluation.metrics["cross_entropy"] < 0.4
    smooth = run(linear_net(3, 3), task, epochs=8, lr=0.05, batch=16, label_smoothing=0.5)
    assert smooth.metrics["auc"] > 0.98
    assert smooth.metrics["cross_entropy"] > evaluation.metrics["cross_entropy"]


def test_an_image_task_is_learned() -> None:
    evaluation = run(conv_net(), make_task("bars"), epochs=6, lr=0.01)
    assert evaluation.metrics["accuracy"] > 0.9
    assert evaluation.history[0]["train_loss"] > 2 * evaluation.metrics["train_loss"]
    assert evaluation.epochs == len(evaluation.history) == 6
    assert not evaluation.stopped
    assert set(evaluation.timings) == {"train", "validate"}


def test_a_regression_is_learned_and_scored_in_raw_units() -> None:
    task = make_task("waves")
    network = seeded(lambda: nn.Sequential(nn.Linear(3, 64), nn.Tanh(), nn.Linear(64, 1)))
    evaluation = run(network, task, epochs=30, lr=0.01, optimizer="adamw")
    assert evaluation.metrics["r2"] > 0.95
    assert evaluation.metrics["rmse"] < 0.2


def test_every_token_counts_alike_in_the_loss(tmp_path: Path) -> None:
    """Pairs of characters follow a table, which a network without any context can learn."""
    (tmp_path / "text.txt").write_text("ab" * 300 + "acabac" * 200)
    config = {"name": "characters", "path": "text.txt", "length": 6}
    task = make_task(config, tmp_path)
    network = seeded(lambda: nn.Sequential(Codes(), nn.Embedding(4, 4)))
    x, y = torch.from_numpy(task.train.x), torch.from_numpy(task.train.y)
    by_hand = [nn.functional.cross_entropy(network(x)[:, t], y[:, t]).item() for t in range(6)]
    evaluation = run(network, task, epochs=1, batch=len(x), lr=1e-9)
    assert evaluation.metrics["train_loss"] == pytest.approx(sum(by_hand) / 6, rel=1e-4)
    evaluation = run(network, task, epochs=20, lr=0.1)
    table = evaluation.weights["1.weight"]
    assert set(evaluation.metrics) == {"bpc", "accuracy", "cross_entropy", "train_loss", "lr"}
    assert evaluation.metrics["bpc"] < 0.75
    assert table[2].argmax() == table[3].argmax() == 1


class Codes(nn.Module):
    """Codes as integers, their axis dropped."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.squeeze(-1).long()


def test_sgd_learns_too() -> None:
    network = seeded(lambda: nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 2)))
    task = make_task("spirals")
    evaluation = run(network, task, epochs=3, optimizer="sgd", lr=0.1, batch=32)
    assert evaluation.metrics["cross_entropy"] < math.log(2)


def test_one_plain_step_is_that_of_torch() -> None:
    task = make_task({"name": "waves", "train": 16})
    network, expected = linear_net(3, 1), linear_net(3, 1)
    run(
        network, task, epochs=1, batch=16, optimizer="sgd", momentum=0.0, lr=0.1, warmup=0,
        weight_decay=0, clip=None,
    )  # fmt: skip
    loss = ((expected(torch.from_numpy(task.train.x)) - torch.from_numpy(task.train.y)) ** 2).mean()
    loss.backward()  # type: ignore[no-untyped-call]
    for parameter, wanted in zip(network.parameters(), expected.parameters(), strict=True):
        assert wanted.grad is not None
        assert torch.allclose(parameter, wanted - 0.1 * wanted.grad, atol=1e-6)


def test_clipping_bounds_a_step() -> None:
    task = make_task({"name": "waves", "train": 16})
    network, before = linear_net(3, 1), linear_net(3, 1)
    run(
        network, task, epochs=1, batch=16, optimizer="sgd", momentum=0.0, lr=1.0, warmup=0,
        weight_decay=0, clip=1e-3,
    )  # fmt: skip
    pairs = zip(network.parameters(), before.parameters(), strict=True)
    moved = math.sqrt(sum((p - q).pow(2).sum().item() for p, q in pairs))
    assert moved == pytest.approx(1e-3, rel=1e-3)


@pytest.mark.parametrize("augment", ["none", "flip"])
def test_equal_seeds_give_equal_bits(augment: str) -> None:
    task = make_task("bars")
    first = run(conv_net(), task, epochs=2, augment=augment)
    torch.rand(3)
    second = run(conv_net(), task, epochs=2, augment=augment)
    other = run(conv_net(), task, epochs=2, augment=augment, seed=1)
    assert first.history == second.history
    for name, array in first.weights.items():
        assert np.array_equal(array, second.weights[name])
    assert first.history != other.history


def test_the_global_random_state_stays() -> None:
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    run(conv_net(), make_task("bars"), epochs=1)
    assert torch.equal(torch.rand(2), expected)


def test_every_example_is_seen_once_an_epoch_in_batches_of_equal_size() -> None:
    task = make_task({"name": "waves", "train": 101})
    seen: list[torch.Tensor] = []

    class Watch(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if self.training:
                seen.append(x.clone())
            return self.linear(x)  # type: ignore[no-any-return]

    run(Watch(), task, epochs=2, batch=20)
    sizes = [len(x) for x in seen]
    assert len(sizes) == 12
    assert set(sizes) <= {16, 17}
    rows = [torch.cat(seen[:6]).numpy(), torch.cat(seen[6:]).numpy()]
    assert not np.array_equal(rows[0], rows[1])
    for epoch in rows:
        assert np.array_equal(epoch[np.lexsort(epoch.T)], task.train.x[np.lexsort(task.train.x.T)])


def test_the_rate_follows_the_schedule() -> None:
    task = make_task({"name": "waves", "train": 100})
    config = TrainingConfig(epochs=4, batch=20, lr=0.1)
    history = train(linear_net(3, 1), task, config, 0).history
    rates = [rate_at(config, step, 20) for step in (4, 9, 14, 19)]
    assert [epoch["lr"] for epoch in history] == rates


def test_the_seed_alone_orders_the_examples() -> None:
    task = make_task("waves")
    losses = [run(linear_net(3, 1), task, epochs=1, seed=seed).metrics for seed in (0, 1)]
    assert losses[0] != losses[1]


def test_the_report_sees_every_epoch_and_can_stop() -> None:
    told: list[tuple[int, Mapping[str, float]]] = []

    def report(epoch: int, metrics: Mapping[str, float]) -> bool:
        told.append((epoch, metrics))
        return epoch == 2

    config = TrainingConfig(epochs=5)
    evaluation = train(conv_net(), make_task("bars"), config, 0, report=report)
    assert [epoch for epoch, _ in told] == [1, 2]
    assert evaluation.stopped
    assert evaluation.metrics == told[-1][1]
    whole = train(conv_net(), make_task("bars"), config.with_epochs(2), 0, report=report)
    assert not whole.stopped


def test_the_weights_are_those_that_gave_the_metrics() -> None:
    task = make_task("bars")
    evaluation = run(conv_net(), task, epochs=2)
    fresh = conv_net()
    load_weights(fresh, evaluation.weights)
    scores = split_metrics(fresh, task, task.valid, TrainingConfig())
    assert scores == {name: evaluation.metrics[name] for name in scores}


def test_predictions_do_not_depend_on_the_batch() -> None:
    task = make_task("bars")
    x = torch.from_numpy(task.valid.x)
    network = conv_net()
    whole = predict(network, x, 1000)
    assert whole.dtype == np.float32
    assert np.allclose(predict(network, x, 7), whole, atol=1e-6)


class Exploding(nn.Module):
    def __init__(self, good_calls: int) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 1)
        self.good_calls = good_calls

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.good_calls -= 1
        out: torch.Tensor = self.linear(x)
        return out if self.good_calls >= 0 else out * math.inf


@pytest.mark.parametrize(
    ("good_calls", "place"),
    [(2, "the loss is (inf|nan) in step 3 of epoch 1"), (8, "not finite in validation of epoch 1")],
)
def test_a_loss_that_is_not_finite_is_a_fault_with_its_place(good_calls: int, place: str) -> None:
    with pytest.raises(CandidateFault, match=place) as caught:
        run(Exploding(good_calls), make_task("waves"), epochs=1)
    assert caught.value.kind is FailureKind.NOT_FINITE


def test_a_passed_deadline_is_a_fault_with_its_place() -> None:
    with pytest.raises(CandidateFault, match=r"in epoch 1 of 3, after .* s, allowed 0 s") as caught:
        train(
            linear_net(3, 1), make_task("waves"), TrainingConfig(epochs=3), 0,
            deadline=time.monotonic() - 1,
        )  # fmt: skip
    assert caught.value.kind is FailureKind.TIME_LIMIT


def test_an_interruption_passes_through() -> None:
    def report(epoch: int, metrics: Mapping[str, float]) -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(linear_net(3, 1), make_task("waves"), TrainingConfig(), 0, report=report)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "waves",
            {"augment": "shift"},
            "augment: shift needs images, .* vector:3: say augment: none",
        ),
        ("waves", {"label_smoothing": 0.1}, "label_smoothing needs classes"),
    ],
)
def test_a_configuration_that_does_not_suit_the_task(
    name: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(TaskError, match=message):
        run(linear_net(3, 1), make_task(name), **options)


def test_a_gpu_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(TaskError, match="torch finds no GPU: say device: auto"):
        run(linear_net(3, 1), make_task("waves"), device="cuda")


def test_label_smoothing_raises_the_training_loss_alone() -> None:
    task = make_task("bars")
    smooth = run(conv_net(), task, epochs=4, lr=0.01, label_smoothing=0.3)
    plain = run(conv_net(), task, epochs=4, lr=0.01)
    assert smooth.metrics["train_loss"] > plain.metrics["train_loss"] + 0.3
    assert smooth.metrics["accuracy"] > 0.8


def test_bfloat16_trains_and_gives_float32_weights() -> None:
    evaluation = run(conv_net(), make_task("bars"), epochs=4, lr=0.01, precision="bfloat16")
    assert evaluation.metrics["accuracy"] > 0.7
    assert {array.dtype for array in evaluation.weights.values()} == {
        np.dtype("float32"),
        np.dtype("int64"),
    }
