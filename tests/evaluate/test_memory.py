"""Training in pieces that fit into memory: as predicted, or once memory has run out."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest
import torch
from torch import nn

from einsearch.evaluate import memory
from einsearch.evaluate.candidate import Job, evaluate_candidate
from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.faults import CandidateFault
from einsearch.evaluate.memory import Allowance, free_memory, keep_to, micro_batch
from einsearch.evaluate.training import Evaluation, train
from einsearch.graph.graph import ArchitectureGraph
from einsearch.tasks.base import Task
from einsearch.tasks.registry import make_task
from einsearch.trial import TrialState
from tests.support import series

LAYERS = (("conv2d", 8, 3), ("relu",), ("conv2d", 8, 3), ("relu",))
CONFIG = TrainingConfig(epochs=2, lr=0.01, batch=64)


@pytest.fixture(scope="module")
def task() -> Task:
    return make_task("bars")


def trained(task: Task, micro: int | None) -> Evaluation:
    channels, height, width = task.input.shape
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(
            nn.Conv2d(channels, 8, 3, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(8 * height * width, 4),
        )
    return train(network, task, CONFIG, 3, micro=micro)


class TestPrediction:
    def test_pieces_shrink_with_memory(self, task: Task) -> None:
        program = series(task.input, *LAYERS)
        each = memory._BACKWARD * ArchitectureGraph(program).activation_memory
        sizes = [micro_batch(program, CONFIG, int(n * each)) for n in (8, 20, 50, 100, 10_000)]
        assert sizes == sorted(sizes)
        assert 1 <= sizes[0] < 8
        assert 0.7 * 20 < sizes[1] <= 20
        assert sizes[-1] == 64
        assert micro_batch(program, CONFIG, None) == 64

    def test_more_weights_leave_less(self, task: Task) -> None:
        small = series(task.input, ("flatten",), ("linear", 8))
        large = series(task.input, ("flatten",), ("linear", 4096))
        parameters = ArchitectureGraph(large).parameters
        available = 4 * 4 * parameters + 1_500_000
        assert micro_batch(large, CONFIG, available) < micro_batch(small, CONFIG, available)

    def test_what_never_fits_is_said(self, task: Task) -> None:
        with pytest.raises(CandidateFault, match=r"needs [\d.]+ kB for one .* 1 kB are free"):
            micro_batch(series(task.input, *LAYERS), CONFIG, 1000)

    def test_free_memory_of_this_machine(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        device = torch.device("cpu")
        listed = tmp_path / "meminfo"
        listed.write_text("MemTotal: 9 kB\nMemAvailable:     7 kB\n")
        monkeypatch.setattr(memory, "_MEMINFO", listed)
        assert free_memory(device) == 7 * 1024
        monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "missing")
        assert free_memory(device) is None

    def test_free_memory_of_a_process_that_may_not_use_all(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        device, page = torch.device("cpu"), os.sysconf("SC_PAGE_SIZE")
        listed = tmp_path / "meminfo"
        listed.write_text(f"MemAvailable: {100 * page // 1024} kB\n")
        monkeypatch.setattr(memory, "_MEMINFO", listed)
        monkeypatch.setattr(memory, "_STATM", holding(tmp_path, 10))
        assert free_memory(device, Allowance(30 * page)) == 20 * page
        assert free_memory(device, Allowance(300 * page)) == 100 * page // 1024 * 1024
        assert free_memory(device, Allowance(5 * page)) == 0
        monkeypatch.setattr(memory, "_STATM", tmp_path / "missing")
        assert free_memory(device, Allowance(30 * page)) == 30 * page

    def test_free_memory_of_a_share_of_a_gpu(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """As CUDA counts: what is allocated, what its allocator holds, what is free of all."""
        device = torch.device("cuda")
        monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 10)
        monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 15)
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (60, 100))
        assert free_memory(device) == 60 + 5
        assert free_memory(device, Allowance(gpu=0.5)) == 50 - 10
        assert free_memory(device, Allowance(gpu=0.7)) == 70 - 10
        assert free_memory(device, Allowance(gpu=0.05)) == 0

    def test_the_allocator_of_a_gpu_keeps_to_the_share(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        said = []
        monkeypatch.setattr(
            torch.cuda, "set_per_process_memory_fraction", lambda *args: said.append(args)
        )
        keep_to(Allowance(gpu=0.25), torch.device("cpu"))
        keep_to(Allowance(), torch.device("cuda"))
        assert said == []
        keep_to(Allowance(gpu=0.25), torch.device("cuda"))
        assert said == [(0.25, None)]


def holding(folder: Path, pages: int) -> Path:
    """A file that says so many pages are held, as Linux writes it."""
    path = folder / "statm"
    path.write_text(f"5000 {pages} 100 1 0 900 0\n")
    return path


@pytest.mark.parametrize("micro", [1, 7, 32, 63])
def test_pieces_give_the_gradients_of_the_batch(task: Task, micro: int) -> None:
    whole, pieces = trained(task, None), trained(task, micro)
    for one, other in zip(whole.history, pieces.history, strict=True):
        assert math.isclose(one["train_loss"], other["train_loss"], rel_tol=1e-4)
    for name, weights in whole.weights.items():
        assert torch.allclose(
            torch.from_numpy(weights), torch.from_numpy(pieces.weights[name]), atol=2e-3
        )


def test_pieces_that_hold_the_batch_change_no_bit(task: Task) -> None:
    assert trained(task, None).history == trained(task, 64).history == trained(task, 500).history


class TestCandidate:
    @pytest.fixture(autouse=True)
    def an_empty_process(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(memory, "_STATM", holding(tmp_path, 0))

    def test_it_trains_in_the_pieces_that_fit(self, task: Task) -> None:
        program = series(task.input, *LAYERS)
        whole = evaluate_candidate(Job(program, CONFIG), task)
        each = int(memory._BACKWARD * ArchitectureGraph(program).activation_memory)
        small = evaluate_candidate(Job(program, CONFIG, allowance=Allowance(10 * each)), task)
        assert "micro_batch" not in whole.metrics
        assert 1 <= small.metrics["micro_batch"] < 10
        assert abs(whole.metrics["accuracy"] - small.metrics["accuracy"]) < 0.05

    def test_one_that_never_fits_fails_before_it_trains(self, task: Task) -> None:
        program = series(task.input, *LAYERS)
        outcome = evaluate_candidate(Job(program, CONFIG, allowance=Allowance(9000)), task)
        assert outcome.state is TrialState.FAILED
        assert outcome.reason.startswith("out-of-memory: predicted: training it needs")
        assert outcome.history == ()

    def test_memory_that_runs_out_is_survived(
        self, task: Task, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sizes = []
        convolve = nn.Conv2d.forward

        def limited(self: nn.Conv2d, x: torch.Tensor) -> torch.Tensor:
            if not x.is_meta and self.training:
                sizes.append(len(x))
                if len(x) > 20:
                    raise torch.OutOfMemoryError("CUDA out of memory")
            return convolve(self, x)

        monkeypatch.setattr(nn.Conv2d, "forward", limited)
        outcome = evaluate_candidate(Job(series(task.input, *LAYERS), CONFIG), task)
        if not sizes:
            pytest.fail("no convolution of torch ran")
        assert outcome.state is TrialState.COMPLETE
        assert outcome.metrics["micro_batch"] == 16
        assert outcome.epochs == 2
