"""A training that is cut off and gone on with is, bit for bit, the one that was not."""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from einsearch.evaluate.candidate import Job, Outcome, evaluate_candidate
from einsearch.evaluate.checkpoint import FORMAT, CheckpointError, pack_state, unpack_state
from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.training import Evaluation, train
from einsearch.tasks.base import Task
from einsearch.tasks.registry import make_task
from einsearch.trial import TrialState

EPOCHS = 5
TEXT = "conv2d(8, 3) >> norm >> relu >> conv2d(8, 3) >> norm >> gelu"
CONFIGS = {
    "adamw": TrainingConfig(epochs=EPOCHS, lr=0.01, batch=48),
    "sgd": TrainingConfig(epochs=EPOCHS, optimizer="sgd", lr=0.05, batch=48, augment="flip"),
    "bfloat16": TrainingConfig(epochs=EPOCHS, precision="bfloat16", schedule="constant"),
}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def task() -> Task:
    return make_task({"name": "bars", "train": 128})


def drawing_network() -> nn.Module:
    """Draws on the global generator in training, and counts in its norm."""
    with torch.random.fork_rng():
        torch.manual_seed(4)
        return nn.Sequential(
            nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.3), nn.Flatten(),
            nn.Linear(288, 4),
        )  # fmt: skip


def in_parts(task: Task, config: TrainingConfig, stops: list[int]) -> Evaluation:
    """Each part with another network, in a global random state that is another."""
    state, evaluation = None, None
    for stop in [*stops, None]:
        torch.rand(7)
        start = None if state is None else unpack_state(pack_state(state))
        network = drawing_network()
        evaluation = train(network, task, config, 3, until=stop, start=start)
        state = evaluation.state
    assert evaluation is not None
    return evaluation


@pytest.mark.parametrize("name", CONFIGS)
def test_in_parts_is_in_one_go(name: str, task: Task) -> None:
    whole = train(drawing_network(), task, CONFIGS[name], 3)
    parts = in_parts(task, CONFIGS[name], [1, 3])
    assert whole.state is parts.state is None
    assert parts.history == whole.history
    assert parts.weights.keys() == whole.weights.keys()
    for key, weights in whole.weights.items():
        assert weights.tobytes() == parts.weights[key].tobytes()


@settings(max_examples=12)
@given(stops=st.lists(st.integers(1, EPOCHS - 1), unique=True).map(sorted))
def test_wherever_it_is_cut(stops: list[int]) -> None:
    task = make_task({"name": "bars", "train": 64})
    whole = train(drawing_network(), task, CONFIGS["adamw"], 3)
    assert in_parts(task, CONFIGS["adamw"], stops).history == whole.history


def test_halting_changes_nothing_but_where_it_ends(task: Task) -> None:
    config = CONFIGS["adamw"]
    whole = train(drawing_network(), task, config, 3)
    halted = train(drawing_network(), task, config, 3, until=2)
    assert halted.history == whole.history[:2]
    assert halted.state is not None
    assert halted.state.epoch == 2
    assert not halted.stopped


def candidate(task: Task, **options: object) -> Outcome:
    job = Job(TEXT, CONFIGS["adamw"], seed=5, **options)  # type: ignore[arg-type]
    return evaluate_candidate(job, task)


class TestCandidates:
    def test_it_goes_on_from_its_checkpoint(self, task: Task) -> None:
        whole = candidate(task)
        first = candidate(task, until=2)
        assert first.state is TrialState.COMPLETE
        assert (first.start, first.epochs) == (0, 2)
        assert first.checkpoint is not None
        second = candidate(task, checkpoint=first.checkpoint)
        assert (second.start, second.epochs) == (2, EPOCHS)
        assert second.checkpoint is None
        assert second.history == whole.history
        assert second.weights is not None
        assert whole.weights is not None
        for key, weights in whole.weights.items():
            assert weights.tobytes() == second.weights[key].tobytes()

    def test_a_checkpoint_of_where_it_shall_halt_is_the_answer(self, task: Task) -> None:
        first = candidate(task, until=2)
        again = candidate(task, until=2, checkpoint=first.checkpoint)
        assert again.history == first.history
        assert (again.start, again.epochs) == (2, 2)

    @pytest.mark.parametrize("damage", ["cut", "turned", "empty", "other"])
    def test_a_damaged_checkpoint_is_as_none(self, task: Task, damage: str) -> None:
        whole, first = candidate(task), candidate(task, until=2)
        assert first.checkpoint is not None
        middle = len(first.checkpoint) // 2
        turned = bytearray(first.checkpoint)
        turned[middle] ^= 255
        other = train(drawing_network(), task, CONFIGS["adamw"], 3, until=1).state
        assert other is not None
        checkpoint = {
            "cut": first.checkpoint[:middle],
            "turned": bytes(turned),
            "empty": b"",
            "other": pack_state(other),
        }[damage]
        again = candidate(task, checkpoint=checkpoint)
        assert again.start == 0
        assert again.history == whole.history


def summed(data: bytes) -> bytes:
    """With the checksum that checkpoints have in front."""
    return zlib.crc32(data).to_bytes(4, "big") + data


def test_bytes_that_hold_no_state_are_refused() -> None:
    with pytest.raises(CheckpointError, match="this checkpoint is damaged: its checksum"):
        unpack_state(b"PK nothing")
    with pytest.raises(CheckpointError, match="is damaged: UnpicklingError"):
        unpack_state(summed(b"PK nothing"))
    buffer = io.BytesIO()
    torch.save({"format": 99}, buffer)
    with pytest.raises(CheckpointError, match="of another version"):
        unpack_state(summed(buffer.getvalue()))


def test_code_in_a_checkpoint_is_not_run(tmp_path_factory: pytest.TempPathFactory) -> None:
    target = tmp_path_factory.mktemp("code") / "ran"

    class Payload:
        def __reduce__(self) -> tuple[object, ...]:
            return os.mkdir, (str(target),)

    buffer = io.BytesIO()
    torch.save({"format": FORMAT, "history": Payload()}, buffer)
    with pytest.raises(CheckpointError):
        unpack_state(summed(buffer.getvalue()))
    assert not target.exists()
