"""Which examples each step takes, and where epochs end."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.course import Course
from einsearch.evaluate.training import train
from einsearch.tasks.base import Task
from einsearch.tasks.registry import make_task
from tests.evaluate.test_checkpoint import drawing_network, in_parts
from tests.evaluate.test_training import linear_net

sizes = st.tuples(st.integers(1, 60), st.integers(1, 70), st.integers(1, 9))


def course(examples: int, batch: int, epochs: int, steps: int | None, seed: int = 0) -> Course:
    return Course.of(TrainingConfig(epochs=epochs, batch=batch, steps=steps), examples, seed)


@given(sizes, st.none() | st.integers(0, 90))
def test_epochs_are_stretches_of_equal_length(size: tuple[int, int, int], more: int | None) -> None:
    examples, batch, epochs = size
    steps = None if more is None else epochs + more
    found = course(examples, batch, epochs, steps)
    ends = [found.end(epoch) for epoch in range(epochs + 1)]
    lengths = [b - a for a, b in itertools.pairwise(ends)]
    assert ends[0] == 0
    assert ends[-1] == found.steps
    if steps is None:
        assert set(lengths) == {-(-examples // batch)}
    else:
        assert found.steps == steps
        assert min(lengths) >= 1
        assert max(lengths) - min(lengths) <= 1


@given(sizes, st.integers(1, 40), st.integers(-5, 2**66))
def test_every_pass_takes_every_example_once(
    size: tuple[int, int, int], steps: int, seed: int
) -> None:
    examples, batch, _ = size
    found = course(examples, batch, 1, steps, seed)
    rows = list(found.rows(0, 3 * found.batches))
    assert max(map(len, rows)) <= batch
    assert max(map(len, rows)) - min(map(len, rows)) <= 1
    for first in range(0, len(rows), found.batches):
        seen = np.concatenate(rows[first : first + found.batches])
        assert sorted(seen) == list(range(examples))


@given(sizes, st.integers(2, 50), st.data())
def test_a_stretch_may_begin_anywhere(
    size: tuple[int, int, int], steps: int, data: st.DataObject
) -> None:
    examples, batch, _ = size
    found = course(examples, batch, 1, steps, seed=7)
    whole = list(found.rows(0, steps))
    cut = data.draw(st.integers(0, steps))
    parts = [*found.rows(0, cut), *found.rows(cut, steps)]
    assert [list(rows) for rows in parts] == [list(rows) for rows in whole]


def test_passes_and_seeds_have_orders_of_their_own() -> None:
    orders = {
        tuple(course(30, 8, 1, None, seed).order(number)) for seed in (0, 1) for number in (0, 1)
    }
    assert len(orders) == 4


def test_the_order_hangs_on_seed_and_pass_alone() -> None:
    one, other = course(30, 8, 1, None, 3), course(30, 5, 4, 77, 3)
    assert list(one.order(2)) == list(other.order(2))


@pytest.fixture(scope="module")
def task() -> Task:
    return make_task({"name": "bars", "train": 64})


@pytest.mark.parametrize("steps", [5, 7, 31])
def test_cut_off_in_the_middle_of_a_pass(task: Task, steps: int) -> None:
    """A pass has four steps; epochs have one, one or two, six or seven."""
    config = TrainingConfig(epochs=5, steps=steps, batch=16, lr=0.01, augment="flip")
    whole = train(drawing_network(), task, config, 3)
    parts = in_parts(task, config, [1, 2, 4])
    assert parts.history == whole.history
    for name, array in whole.weights.items():
        assert array.tobytes() == parts.weights[name].tobytes()


def test_steps_for_whole_passes_are_those_passes(task: Task) -> None:
    config = TrainingConfig(epochs=3, batch=16)
    same = config.model_copy(update={"steps": 12})
    first, second = (train(drawing_network(), task, c, 3) for c in (config, same))
    assert first.history == second.history


def test_the_rate_falls_over_all_steps() -> None:
    task = make_task({"name": "waves", "train": 24})
    config = TrainingConfig(epochs=4, steps=200, batch=8, lr=0.1, warmup=0)
    rates = [epoch["lr"] for epoch in train(linear_net(3, 1), task, config, 0).history]
    assert rates[0] > 0.08
    assert 0.04 < rates[1] < 0.06
    assert rates[3] < 0.001


def test_other_epochs_take_their_steps_along() -> None:
    config = TrainingConfig(epochs=5, steps=100)
    assert config.with_epochs(20).steps == 400
    assert config.with_epochs(1).steps == 20
    assert TrainingConfig(epochs=7, steps=9).with_epochs(3).steps == 4
    assert TrainingConfig(epochs=5).with_epochs(9).steps is None


def test_what_is_asked_for_in_advance_is_what_is_trained() -> None:
    config = TrainingConfig(epochs=3, batch=16)
    assert (config.batches(50), config.all_steps(50)) == (4, 12)
    assert TrainingConfig(epochs=3, steps=100).all_steps(50) == 100
