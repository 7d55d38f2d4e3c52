"""Tests of arrays that stay on disk: the same examples, read a batch at a time."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from einsearch.errors import TaskError
from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.data import on_device
from einsearch.evaluate.network import build_network
from einsearch.evaluate.training import train
from einsearch.primitives.program import INPUT
from einsearch.tasks.base import Task
from einsearch.tasks.registry import make_task
from einsearch.tasks.stored import LazyExamples, RowFile, joined, picked
from tests.support import program


def images(folder: Path, kind: type = np.uint8, count: int = 60, **more: Any) -> Path:
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    for split, n in (("train", count), ("test", 20)):
        x = rng.integers(0, 255, (n, 6, 5, 3)).astype(kind)
        np.save(folder / f"{split}_x.npy", x)
        np.save(folder / f"{split}_y.npy", np.arange(n) % 2)
    for name, array in more.items():
        np.save(folder / f"{name}.npy", array)
    return folder


def load(folder: Path, **options: Any) -> Task:
    return make_task({"name": "arrays", "path": str(folder), **options})


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every array is a large one."""
    monkeypatch.setattr("einsearch.tasks.files.LARGE", 1000)


@pytest.mark.parametrize("kind", [np.uint8, np.float16, np.float32, np.float64, np.int32])
def test_examples_are_the_same_as_in_memory(
    tmp_path: Path, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = images(tmp_path / "d", kind)
    there = load(folder)
    monkeypatch.setattr("einsearch.tasks.files.LARGE", 1000)
    lazy = load(folder)
    assert isinstance(lazy.train.x, LazyExamples)
    assert isinstance(there.train.x, np.ndarray)
    assert lazy.statistics == there.statistics
    assert "read from disk as they are needed" in lazy.summary
    for one, other in ((there.train, lazy.train), (there.valid, lazy.valid)):
        assert other.x.shape == one.x.shape
        assert np.array_equal(np.asarray(other.x), one.x)
        assert np.array_equal(other.y, one.y)
        assert np.array_equal(other.x[3:5], one.x[3:5])
        rows = np.array([4, 0, 5, 1, 4])
        assert np.array_equal(other.x[rows], one.x[rows])
        assert np.array_equal(picked(other.x, rows)[:], one.x[rows])
    whole = joined(lazy.train.x, lazy.valid.x)
    assert np.array_equal(whole[:], np.concatenate([there.train.x, there.valid.x]))
    assert np.array_equal(np.asarray(lazy.test().x), there.test().x)


def test_a_network_learns_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = images(tmp_path / "d")
    found = []
    for large in (2**30, 1000):
        monkeypatch.setattr("einsearch.tasks.files.LARGE", large)
        task = pickle.loads(pickle.dumps(load(folder)))
        written = program(task.input, [("conv2d", (4, 3), [INPUT]), ("relu", (), [0])])
        config = TrainingConfig(epochs=2, batch=16, device="cpu")
        found.append(train(build_network(written, task, seed=0), task, config, seed=0).metrics)
    assert found[0] == found[1]


def test_what_travels_to_a_worker_is_small(tmp_path: Path, small: None) -> None:
    folder = images(tmp_path / "d", count=2000)
    task = load(folder)
    assert len(pickle.dumps(task)) < (folder / "train_x.npy").stat().st_size / 2
    x = on_device(task.train, torch.device("cpu")).x
    assert x[torch.tensor([3, 1])].shape == (2, 3, 6, 5)


def test_numbers_are_checked_a_stretch_at_a_time(tmp_path: Path, small: None) -> None:
    x = np.random.default_rng(0).normal(size=(60, 9)).astype(np.float32)
    x[50, 4] = np.nan
    with pytest.raises(TaskError, match=r"train_x .* are NaN, .*since the array stays on disk"):
        load(images(tmp_path / "d", train_x=x, test_x=x[:20]))


def test_a_file_that_changes_is_told(tmp_path: Path, small: None) -> None:
    folder = images(tmp_path / "d")
    task = load(folder)
    with (folder / "train_x.npy").open("r+b") as file:
        file.truncate(2000)
    with pytest.raises(TaskError, match=r"train_x\.npy has changed since the run began"):
        task.train.x[:40]
    (folder / "train_x.npy").unlink()
    with pytest.raises(TaskError, match=r"cannot read .*train_x\.npy: No such file"):
        task.train.x[:40]


def test_arrays_written_by_columns_are_read_whole(tmp_path: Path, small: None) -> None:
    x = np.asfortranarray(np.random.default_rng(0).normal(size=(60, 9)))
    task = load(images(tmp_path / "d", train_x=x, test_x=x[:20]))
    assert isinstance(task.train.x, np.ndarray)


@settings(max_examples=50)
@given(rows=st.lists(st.integers(0, 29), max_size=40))
def test_rows_come_in_any_order(tmp_path_factory: pytest.TempPathFactory, rows: list[int]) -> None:
    path = tmp_path_factory.getbasetemp() / "rows.npy"
    x = np.arange(90, dtype=np.int16).reshape(30, 3)
    if not path.exists():
        np.save(path, x)
    file = RowFile(path, path.stat().st_size - x.nbytes, x.shape, x.dtype)
    assert np.array_equal(file.read(np.array(rows, dtype=np.intp)), x[rows])


_CHILD = """
import resource, sys, torch
from pathlib import Path
from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.network import build_network
from einsearch.evaluate.training import train
from einsearch.primitives.program import INPUT
from einsearch.tasks import files
from einsearch.tasks.registry import all_tasks, make_task
from tests.support import program
import torch._dynamo, torch.optim.adamw
all_tasks()
files.LARGE = 2**20
pages = int(Path("/proc/self/statm").read_text().split()[0])
limit = pages * resource.getpagesize() + 2**20 * int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
task = make_task({"name": "arrays", "path": sys.argv[1], "valid": 0.01})
written = program(task.input, [("conv2d", (4, 3), [INPUT]), ("global_avg_pool", (), [0])])
config = TrainingConfig(epochs=1, batch=8, device="cpu", steps=3)
print(sorted(train(build_network(written, task, seed=0), task, config, seed=0).metrics)[0])
try:
    bytearray(Path(sys.argv[1], "train_x.npy").stat().st_size)
except MemoryError:
    print("larger than what is left")
"""


def test_an_array_larger_than_the_address_space_that_is_left(tmp_path: Path) -> None:
    side, count, room = 128, 5500, 80
    header = np.lib.format.header_data_from_array_1_0(np.zeros((1, side, side), np.uint8))
    with (tmp_path / "train_x.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header | {"shape": (count, side, side)})
        file.write(np.random.default_rng(0).integers(0, 255, side * side, np.uint8).tobytes())
        file.truncate(file.tell() + (count - 1) * side * side)
    np.save(tmp_path / "train_y.npy", np.arange(count) % 2)
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(tmp_path), str(room)],
        capture_output=True,
        text=True,
        check=False,
        env={"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.stdout.split("\n")[1:2] == ["larger than what is left"], done.stderr[-3000:]
