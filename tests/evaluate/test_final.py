"""Tests of full training with several seeds and of the one look at test data."""

from __future__ import annotations

import dataclasses
import statistics

import pytest

from einsearch.errors import TaskError
from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.final import train_final, train_seeds
from einsearch.evaluate.network import build_network, load_weights
from einsearch.evaluate.scoring import split_metrics
from einsearch.primitives.program import Program
from einsearch.tasks.base import Split, Task
from einsearch.tasks.registry import make_task
from tests.evaluate.faulty import register_faulty
from tests.support import series

CONFIG = TrainingConfig(epochs=3, lr=0.01)


def net(task: Task) -> Program:
    return series(task.input, ("conv2d", 16, 3), ("norm",), ("relu",), ("conv2d", 16, 3))


def test_every_seed_is_trained_and_tested() -> None:
    task = make_task("bars")
    result = train_final(net(task), task, CONFIG, seeds=[0, 1, 2])
    assert [run.seed for run in result.runs] == [0, 1, 2]
    valid = [run.outcome.metrics["accuracy"] for run in result.runs]
    test = [run.test["accuracy"] for run in result.runs]
    assert result.valid["accuracy"].mean == pytest.approx(statistics.mean(valid))
    assert result.test["accuracy"].mean == pytest.approx(statistics.mean(test))
    assert result.test["accuracy"].deviation == pytest.approx(statistics.stdev(test))
    assert result.best is not None
    assert result.best.outcome.metrics["accuracy"] == max(valid)
    assert result.test["accuracy"].mean > 0.7


def test_the_weights_are_those_of_the_best_seed() -> None:
    task = make_task("bars")
    result = train_final(net(task), task, CONFIG, seeds=[5, 6])
    assert result.best is not None
    assert result.weights is not None
    network = build_network(net(task), task, seed=99)
    load_weights(network, result.weights)
    assert split_metrics(network, task, task.test(), CONFIG) == result.best.test


def test_the_best_of_a_regression_has_the_lowest_error() -> None:
    task = make_task("waves")
    program = series(task.input, ("linear", 16), ("relu",))
    result = train_final(program, task, CONFIG, seeds=[0, 1, 2])
    errors = [run.outcome.metrics["rmse"] for run in result.runs]
    assert result.best is not None
    assert result.best.outcome.metrics["rmse"] == min(errors)


def test_test_data_are_read_once_after_all_training() -> None:
    events: list[str] = []
    plain = make_task("bars")

    def read() -> Split:
        events.append("test")
        return plain.test()

    task = dataclasses.replace(plain, read_test=read)
    train_final(
        net(task), task, CONFIG, [0, 1], lambda seed, epoch, _: events.append(f"{seed}:{epoch}")
    )
    assert events == ["0:1", "0:2", "0:3", "1:1", "1:2", "1:3", "test"]


def test_a_task_without_test_data() -> None:
    task = dataclasses.replace(make_task("bars"), read_test=None)
    result = train_final(net(task), task, CONFIG, seeds=[0])
    assert result.test == {}
    assert result.best is not None
    assert result.valid["accuracy"].deviation == 0.0


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_the_kept_seed_is_best_by_the_main_objective(direction: str) -> None:
    task = make_task("bars")
    seeds = [0, 1, 2, 3]
    directions = {"parameters": "minimize", "cross_entropy": direction, "accuracy": "maximize"}
    result = train_final(net(task), task, CONFIG, seeds, directions=directions)
    best = min if direction == "minimize" else max
    scores = [run.outcome.metrics["cross_entropy"] for run in result.runs]
    assert result.best is not None
    assert result.best.outcome.metrics["cross_entropy"] == best(scores)
    assert result.best.test == result.runs[scores.index(best(scores))].test


@pytest.mark.parametrize("error", [TaskError("a class that only they have"), ValueError("odd")])
def test_bad_test_data_cost_no_training(error: Exception) -> None:
    def read() -> Split:
        raise error

    kept: list[int] = []
    task = dataclasses.replace(make_task("bars"), read_test=read)
    result = train_final(net(task), task, CONFIG, [3, 4], keep=lambda seed, _: kept.append(seed))
    assert kept == [3, 4]
    assert str(error) in result.untested
    assert result.test == {}
    assert result.weights is not None
    assert set(result.valid) >= {"accuracy", "cross_entropy"}


def test_what_is_done_is_taken_as_it_is() -> None:
    task = make_task("bars")
    first = train_seeds(net(task), task, CONFIG, [7])
    seen: list[int] = []
    both = train_seeds(
        net(task),
        task,
        CONFIG,
        [7, 8],
        lambda seed, *_: seen.append(seed),
        keep=lambda seed, _: seen.append(seed),
        done={7: first.runs[0].outcome},
    )
    assert both.runs[0] == first.runs[0]
    assert seen == [8, 8, 8, 8]


def test_failed_seeds_are_values(monkeypatch: pytest.MonkeyPatch) -> None:
    register_faulty(monkeypatch)
    task = make_task("bars")
    result = train_final(series(task.input, ("raises",)), task, CONFIG, seeds=[0, 1])
    assert result.best is None
    assert result.weights is None
    assert result.valid == result.test == {}
    assert all(run.outcome.reason.startswith("error: RuntimeError") for run in result.runs)


def test_no_seed_is_a_wrong_call() -> None:
    task = make_task("bars")
    with pytest.raises(ValueError, match="at least one seed"):
        train_final(net(task), task, CONFIG, seeds=[])
