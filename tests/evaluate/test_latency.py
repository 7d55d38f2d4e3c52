"""Latency: a time in milliseconds that grows with the work, and leaves the network as it was."""

from __future__ import annotations

import torch
from torch import nn

from einsearch.evaluate.candidate import Job, evaluate_candidate
from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.latency import measure_latency
from einsearch.tasks.registry import make_task

CONFIG = TrainingConfig(epochs=1)


class Watched(nn.Module):
    """Notes how it is called."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.modes: set[tuple[bool, bool, int]] = set()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        self.modes.add((self.training, torch.is_grad_enabled(), torch.get_num_threads()))
        return x


def test_it_runs_in_evaluation_mode_on_one_thread_and_leaves_no_trace() -> None:
    network = Watched()
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        measure_latency(network, torch.zeros(1, 3), seconds=0.001)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert network.modes == {(False, False, 1)}
    assert network.training
    assert network.calls > 11


def test_a_hundred_times_the_work_takes_longer() -> None:
    small, large = nn.Linear(8, 8), nn.Sequential(*(nn.Linear(1000, 1000) for _ in range(3)))
    quick = measure_latency(small, torch.zeros(1, 8), seconds=0.01)
    slow = measure_latency(large, torch.zeros(1, 1000), seconds=0.01)
    assert 0 < quick < slow


def test_a_candidate_has_its_latency_only_where_it_is_asked_for() -> None:
    task = make_task({"name": "bars", "train": 32})
    asked = evaluate_candidate(Job("relu", CONFIG, measures_latency=True), task)
    assert asked.metrics["latency"] > 0
    assert asked.timings["measure"] > 0
    plain = evaluate_candidate(Job("relu", CONFIG), task)
    assert "latency" not in plain.metrics
    assert asked.history == plain.history
