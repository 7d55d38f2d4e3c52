"""Tests of networks with a head, and of weights in and out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from einsearch.errors import ShapeError
from einsearch.evaluate.network import build_network, load_weights, weights_of
from einsearch.primitives.program import Program
from einsearch.specs import image
from einsearch.tasks.base import Task
from einsearch.tasks.registry import make_task
from tests.support import series


@pytest.fixture
def task() -> Task:
    return make_task("bars")


def net(task: Task, channels: int = 8) -> Program:
    return series(task.input, ("conv2d", channels, 3), ("norm",), ("relu",))


def test_the_head_gives_what_the_task_wants(task: Task) -> None:
    outputs = build_network(net(task), task, seed=0)(torch.from_numpy(task.train.x[:5]))
    assert outputs.shape == (5, *task.output.shape)


def test_the_seed_decides_all_weights(task: Task) -> None:
    one, same, other = (weights_of(build_network(net(task), task, seed)) for seed in (0, 0, 1))
    assert all(np.array_equal(one[name], same[name]) for name in one)
    drawn = [name for name, array in one.items() if array.ndim >= 2]
    assert len(drawn) == 2
    assert not any(np.array_equal(one[name], other[name]) for name in drawn)


def test_weights_travel_from_one_network_to_another(task: Task) -> None:
    one, other = (build_network(net(task), task, seed) for seed in (0, 1))
    x = torch.from_numpy(task.train.x[:9])
    one(x)
    load_weights(other, weights_of(one))
    assert torch.equal(one.eval()(x), other.eval()(x))


def test_weights_are_copies(task: Task) -> None:
    network = build_network(net(task), task, seed=0)
    before = weights_of(network)
    kept = {name: array.copy() for name, array in before.items()}
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 1
    assert all(np.array_equal(kept[name], before[name]) for name in kept)


def test_weights_of_another_network_are_refused(task: Task) -> None:
    weights = weights_of(build_network(net(task, 4), task, seed=0))
    with pytest.raises(ShapeError, match="these weights belong to another network"):
        load_weights(build_network(net(task, 8), task, seed=0), weights)


def test_a_program_for_another_task_is_refused(task: Task) -> None:
    program = series(image(3, 8, 8), ("relu",))
    with pytest.raises(ShapeError, match="it takes image:3x8x8, the task gives image:1x8x8"):
        build_network(program, task, seed=0)
