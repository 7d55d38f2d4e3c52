"""Training in pieces that fit into memory: as predicted, or once memory has run out."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from einsearch.cost import DEFAULT, features, predict
from einsearch.evaluate import memory
from einsearch.evaluate.candidate import Job, evaluate_candidate
from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.faults import CandidateFault
from einsearch.evaluate.memory import MARGIN, Allowance, Pieces, free_memory, keep_to, pieces
from einsearch.evaluate.training import Evaluation, train
from einsearch.primitives.program import Program
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
    size = None if micro is None else Pieces(micro, 4 * micro)
    channels, height, width = task.input.shape
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(
            nn.Conv2d(channels, 8, 3, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(8 * height * width, 4),
        )
    return train(network, task, CONFIG, 3, pieces=size)


def peak(program: Program, task: Task, size: int, *, training: bool = True) -> int:
    """Bytes that are predicted for so many examples at a time."""
    found = features(program, output=task.output)
    batch = CONFIG.batch if training else size
    return int(predict(found, DEFAULT, batch=batch, micro=size, training=training).peak_bytes)


def fitting(program: Program, task: Task, available: int | None) -> Pieces:
    return pieces(features(program, output=task.output), CONFIG, available)


class TestPrediction:
    @pytest.mark.parametrize("size", [1, 7, 20, 63, 64])
    def test_the_largest_pieces_that_fit(self, task: Task, size: int) -> None:
        program = series(task.input, *LAYERS)
        found = fitting(program, task, math.ceil(peak(program, task, size) / MARGIN) + 1)
        assert found.training >= size
        if found.training < CONFIG.batch:
            more = peak(program, task, found.training + 1)
            assert more > peak(program, task, size)

    def test_pieces_of_evaluation_shrink_by_themselves(self, task: Task) -> None:
        """A batch of evaluation is four times that of training, and has to fit as well."""
        program = series(task.input, *LAYERS)
        room = math.ceil(peak(program, task, 1) / MARGIN) + 1
        found = fitting(program, task, room)
        kept = 3 * 4 * features(program, output=task.output).parameters
        assert found.evaluation < 4 * CONFIG.batch
        most = peak(program, task, found.evaluation, training=False)
        assert most + kept <= MARGIN * room

    def test_without_a_bound_batches_are_whole(self, task: Task) -> None:
        assert fitting(series(task.input, *LAYERS), task, None) == Pieces(64, 256)

    def test_more_weights_leave_less(self, task: Task) -> None:
        small = series(task.input, ("flatten",), ("linear", 8))
        large = series(task.input, ("flatten",), ("linear", 4096))
        room = math.ceil(peak(large, task, 3) / MARGIN) + 1
        assert fitting(large, task, room).training < fitting(small, task, room).training

    @pytest.mark.parametrize(
        ("options", "copies"),
        [({}, 0), ({"average": 0.1}, 1), ({"keep": "best"}, 1),
         ({"average": 0.1, "keep": "best"}, 2)],
    )  # fmt: skip
    def test_an_average_and_the_best_epoch_are_copies_of_the_weights(
        self, task: Task, options: dict[str, object], copies: int
    ) -> None:
        config = CONFIG.model_copy(update=options)
        assert config.copies == copies
        found = features(series(task.input, ("flatten",), ("linear", 4096)), output=task.output)
        most = [predict(found, DEFAULT, batch=64, copies=n).peak_bytes for n in (0, copies)]
        more = 4 * copies * found.parameters
        assert more <= most[1] - most[0] <= 1.5 * more
        room = math.ceil(most[0] / MARGIN) + 1
        fits = pieces(found, config, room).training if not copies else 0
        assert fits == (0 if copies else 64)
        if copies:
            one = predict(found, DEFAULT, batch=64, micro=1, copies=copies).peak_bytes
            with pytest.raises(CandidateFault):
                pieces(found, config, int(one / MARGIN) - 1)

    def test_what_never_fits_is_said(self, task: Task) -> None:
        with pytest.raises(CandidateFault, match=r"needs [\d.]+ MB for one .* 1 kB are free"):
            fitting(series(task.input, *LAYERS), task, 1000)

    def test_free_memory_of_a_process_that_may_not_use_all(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        device = torch.device("cpu")
        monkeypatch.setattr(memory, "free_memory_of_machine", lambda: 100)
        monkeypatch.setattr(memory, "held", lambda: 10)
        assert free_memory(device) == 100
        assert free_memory(device, Allowance(30)) == 20
        assert free_memory(device, Allowance(300)) == 100
        assert free_memory(device, Allowance(5)) == 0
        monkeypatch.setattr(memory, "free_memory_of_machine", lambda: None)
        assert free_memory(device, Allowance(30)) == 20
        assert free_memory(device) is None

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


@pytest.mark.parametrize("micro", [1, 7, 32, 63])
def test_pieces_give_the_gradients_of_the_batch(task: Task, micro: int) -> None:
    whole, cut = trained(task, None), trained(task, micro)
    for one, other in zip(whole.history, cut.history, strict=True):
        assert math.isclose(one["train_loss"], other["train_loss"], rel_tol=1e-4)
    for name, weights in whole.weights.items():
        assert torch.allclose(
            torch.from_numpy(weights), torch.from_numpy(cut.weights[name]), atol=2e-3
        )


def test_pieces_that_hold_the_batch_change_no_bit(task: Task) -> None:
    assert trained(task, None).history == trained(task, 64).history == trained(task, 500).history


class TestCandidate:
    @pytest.fixture(autouse=True)
    def an_empty_process(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(memory, "held", lambda: 0)

    def test_it_trains_in_the_pieces_that_fit(self, task: Task) -> None:
        program = series(task.input, *LAYERS)
        whole = evaluate_candidate(Job(program, CONFIG), task)
        room = Allowance(math.ceil(peak(program, task, 5) / MARGIN) + 1)
        small = evaluate_candidate(Job(program, CONFIG, allowance=room), task)
        assert "micro_batch" not in whole.metrics
        assert 5 <= small.metrics["micro_batch"] < 64
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
