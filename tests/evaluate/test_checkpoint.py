"""A training that is cut off and gone on with is, bit for bit, the one that was not."""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Callable, Iterator
from typing import Any

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
    "everything": TrainingConfig(
        epochs=EPOCHS,
        steps=17,
        batch=48,
        average=0.3,
        keep="best",
        augment="strong-flip",
        mixup=0.3,
        class_weights="balanced",
        label_smoothing=0.1,
    ),
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


def in_parts(
    task: Task,
    config: TrainingConfig,
    stops: list[int],
    make: Callable[[], nn.Module] = drawing_network,
) -> Evaluation:
    """Each part with another network, in a global random state that is another."""
    state, evaluation = None, None
    for stop in [*stops, None]:
        torch.rand(7)
        start = None if state is None else unpack_state(pack_state(state))
        network = make()
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


SERIES = make_task({"name": "markers", "train": 32})


def series_network() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(4)
        length, features = SERIES.input.shape
        return nn.Sequential(
            nn.Flatten(), nn.Linear(length * features, 8), nn.BatchNorm1d(8), nn.Dropout(0.2),
            nn.Linear(8, SERIES.output.features),
        )  # fmt: skip


options = st.fixed_dictionaries(
    {
        "steps": st.none() | st.integers(EPOCHS, 23),
        "optimizer": st.sampled_from(["adamw", "sgd"]),
        "average": st.sampled_from([0.0, 0.3]),
        "keep": st.sampled_from(["last", "best"]),
        "augment": st.sampled_from(["none", "light", "strong"]),
        "mixup": st.sampled_from([0.0, 0.4]),
        "class_weights": st.sampled_from(["none", "balanced"]),
        "label_smoothing": st.sampled_from([0.0, 0.1]),
        "clip": st.sampled_from([None, 1.0]),
    }
)


@settings(max_examples=25, deadline=None)
@given(options=options, stops=st.sets(st.integers(1, EPOCHS - 1)).map(sorted))
def test_whatever_is_asked_for(options: dict[str, Any], stops: list[int]) -> None:
    """History, weights and the best epoch are those of one go, bit for bit."""
    config = TrainingConfig(epochs=EPOCHS, batch=12, lr=0.02, **options)
    whole = train(series_network(), SERIES, config, 3)
    parts = in_parts(SERIES, config, stops, series_network)
    assert parts.history == whole.history
    assert (parts.metrics, parts.best_epoch) == (whole.metrics, whole.best_epoch)
    for key, weights in whole.weights.items():
        assert weights.tobytes() == parts.weights[key].tobytes()


@pytest.mark.parametrize("options", [{"average": 0.2}, {"keep": "best"}])
def test_a_checkpoint_of_other_settings_is_another_training(
    task: Task, options: dict[str, Any]
) -> None:
    config = CONFIGS["adamw"]
    other = config.model_copy(update=options)
    for one, two in ((config, other), (other, config)):
        state = train(drawing_network(), task, one, 3, until=1).state
        with pytest.raises(CheckpointError, match="belongs to another training"):
            train(drawing_network(), task, two, 3, start=state)


def test_a_state_is_not_touched_by_what_goes_on_from_it(task: Task) -> None:
    """Not even where the same network goes on, whose memory the state shares."""
    config = CONFIGS["adamw"].model_copy(update={"average": 0.3, "keep": "best"})
    network = drawing_network()
    state = train(network, task, config, 3, until=2).state
    assert state is not None
    packed = pack_state(state)
    first = train(drawing_network(), task, config, 3, start=unpack_state(packed))
    second = train(network, task, config, 3, start=state)
    assert first.history == second.history
    assert all((second.weights[key] == weights).all() for key, weights in first.weights.items())


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
