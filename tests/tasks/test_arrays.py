"""Tests of one's own data: layouts of folders and files, and the message for each mistake."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from einsearch.errors import TaskError
from einsearch.tasks.base import Loss, Task
from einsearch.tasks.registry import make_task

Arrays = dict[str, np.ndarray[Any, Any]]


def sample_arrays(n: int = 20) -> Arrays:
    rng = np.random.default_rng(0)
    return {
        f"{split}_{axis}": rng.normal(size=(n, 4)) if axis == "x" else np.arange(n) % 2
        for split in ("train", "valid", "test")
        for axis in "xy"
    }


def save_folder(folder: Path, arrays: Arrays) -> Path:
    folder.mkdir(exist_ok=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return folder


def save_archive(path: Path, arrays: Arrays) -> Path:
    np.savez(path, **arrays)
    return path


def load(path: Path, **options: Any) -> Task:
    return make_task({"name": "arrays", "path": str(path), **options})


def test_a_folder_an_archive_and_a_compressed_archive_are_the_same(tmp_path: Path) -> None:
    arrays = sample_arrays()
    np.savez_compressed(tmp_path / "small.npz", **arrays)
    tasks = [
        load(save_folder(tmp_path / "folder", arrays)),
        load(save_archive(tmp_path / "data.npz", arrays)),
        load(tmp_path / "small.npz"),
    ]
    for task in tasks:
        assert task.describe() == tasks[0].describe()
        assert np.array_equal(task.valid.x, tasks[0].valid.x)
        assert np.array_equal(task.test().x, tasks[0].test().x)


def test_a_relative_path_starts_from_the_base_folder(tmp_path: Path) -> None:
    save_archive(tmp_path / "data.npz", sample_arrays())
    task = make_task({"name": "arrays", "path": "data.npz"}, tmp_path)
    assert str(task.input) == "vector:4"


def test_validation_is_cut_from_training_in_proportion(tmp_path: Path) -> None:
    arrays = {"train_x": np.arange(100.0)[:, None], "train_y": np.repeat([0, 1], [80, 20])}
    task = load(save_archive(tmp_path / "d.npz", arrays), valid=0.25)
    assert np.bincount(task.valid.y).tolist() == [20, 5]
    assert np.bincount(task.train.y).tolist() == [60, 15]
    other = load(tmp_path / "d.npz", valid=0.25, seed=1)
    assert not np.array_equal(task.valid.x, other.valid.x)


def test_without_test_arrays_only_the_final_test_fails(tmp_path: Path) -> None:
    arrays = {k: v for k, v in sample_arrays().items() if not k.startswith("test")}
    task = load(save_archive(tmp_path / "d.npz", arrays))
    assert not task.has_test
    with pytest.raises(TaskError, match="arrays has no test data: add test_x and test_y"):
        task.test()


def test_test_data_are_looked_at_before_a_search_and_read_again_for_the_test(
    tmp_path: Path,
) -> None:
    arrays = sample_arrays()
    folder = save_folder(tmp_path / "d", arrays)
    task = load(folder)
    np.save(folder / "test_x.npy", arrays["test_x"] + 1)
    shift = 1 / np.array(task.statistics.deviation)
    raw = (arrays["test_x"] - task.statistics.mean) / task.statistics.deviation
    assert np.allclose(task.test().x, raw + shift, atol=1e-5)
    size = (folder / "test_x.npy").stat().st_size
    with (folder / "test_x.npy").open("r+b") as file:
        file.truncate(size - 8)
    with pytest.raises(TaskError, match=r"cannot read test_x in .*test_x\.npy"):
        task.test()
    with pytest.raises(TaskError, match=r"cannot read test_x in .*test_x\.npy"):
        load(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"test_y": np.arange(20)}, r'test_y .* example 2: "2" is no class of training, which has'),
        ({"test_y": np.array(["a"] * 20)}, "test_y .* holds words, train_y .* holds numbers"),
        ({"test_y": np.where(np.arange(20) == 3, np.nan, 1)}, "test_y .* example 3: .*no target"),
        ({"test_x": np.full((20, 4), np.nan)}, "test_x .* are NaN, the first at"),
        ({"test_x": np.full((20, 4), np.inf)}, "test_x .* are infinite"),
        ({"test_x": np.zeros((20, 5))}, "test_x .* does not fit train_x"),
        ({"test_x": np.zeros((19, 4))}, "test_x .* and test_y .* differ in length"),
    ],
)
def test_bad_test_data_are_told_before_anything_is_trained(
    tmp_path: Path, changes: Arrays, message: str
) -> None:
    path = save_archive(tmp_path / "d.npz", sample_arrays() | changes)
    with pytest.raises(TaskError, match=message):
        load(path)


def test_workers_do_not_read_test_data(tmp_path: Path) -> None:
    arrays = sample_arrays() | {"test_y": np.full(20, 7)}
    path = save_archive(tmp_path / "d.npz", arrays)
    task = make_task({"name": "arrays", "path": str(path)}, checks_test=False)
    with pytest.raises(TaskError, match="is no class of training"):
        task.test()


def test_values_of_test_data_steer_nothing(tmp_path: Path) -> None:
    arrays = sample_arrays()
    one = load(save_archive(tmp_path / "a.npz", arrays))
    other = load(save_archive(tmp_path / "b.npz", arrays | {"test_x": arrays["test_x"] * 100}))
    assert np.array_equal(one.train.x, other.train.x)
    assert np.array_equal(one.valid.x, other.valid.x)
    assert one.statistics == other.statistics


def test_test_data_that_change_during_a_run_are_refused(tmp_path: Path) -> None:
    arrays = sample_arrays()
    task = load(save_archive(tmp_path / "d.npz", arrays))
    save_archive(tmp_path / "d.npz", arrays | {"test_x": arrays["test_x"][:, :2]})
    with pytest.raises(TaskError, match=r"test_x .* has changed since the run began"):
        task.test()


@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.bool_])
def test_integers_and_booleans_are_class_numbers(tmp_path: Path, kind: type) -> None:
    arrays = sample_arrays()
    arrays |= {name: arrays[name].astype(kind) for name in arrays if name.endswith("y")}
    task = load(save_archive(tmp_path / "d.npz", arrays))
    assert task.loss is Loss.CROSS_ENTROPY
    assert str(task.output) == "vector:2"
    assert task.metrics[0].name == "accuracy"


def test_a_column_of_labels_is_a_row(tmp_path: Path) -> None:
    arrays = sample_arrays()
    arrays |= {name: arrays[name][:, None] for name in arrays if name.endswith("y")}
    assert load(save_archive(tmp_path / "d.npz", arrays)).train.y.shape == (20,)


@pytest.mark.parametrize("dims", [(), (3,)])
def test_floats_are_targets_of_a_regression(tmp_path: Path, dims: tuple[int, ...]) -> None:
    arrays = sample_arrays()
    raw = np.random.default_rng(1).normal(100, 7, (20, *dims))
    arrays |= {"train_y": raw, "valid_y": raw[:5], "valid_x": arrays["valid_x"][:5]}
    arrays["test_y"] = raw
    task = load(save_archive(tmp_path / "d.npz", arrays))
    assert task.loss is Loss.MEAN_SQUARED_ERROR
    assert str(task.output) == f"vector:{dims[0] if dims else 1}"
    assert task.target_statistics is not None
    back = task.train.y * task.target_statistics.deviation + task.target_statistics.mean
    assert back == pytest.approx(raw.reshape(20, -1), rel=1e-4)


def test_classes_can_be_more_than_the_labels_show(tmp_path: Path) -> None:
    task = load(save_archive(tmp_path / "d.npz", sample_arrays()), classes=20)
    assert str(task.output) == "vector:20"


def test_images_of_any_order_and_kind(tmp_path: Path) -> None:
    arrays = sample_arrays()
    for split in ("train", "valid", "test"):
        arrays[f"{split}_x"] = np.random.default_rng(0).integers(256, size=(20, 9, 8, 3))
    assert str(load(save_archive(tmp_path / "d.npz", arrays)).input) == "image:3x9x8"
    for split in ("train", "valid", "test"):
        arrays[f"{split}_x"] = arrays[f"{split}_x"][..., 0] > 128
    assert str(load(save_archive(tmp_path / "d.npz", arrays)).input) == "image:1x9x8"


def _change(**changes: Any) -> Arrays:
    arrays = sample_arrays()
    for name, array in changes.items():
        if array is None:
            del arrays[name]
        else:
            arrays[name] = array
    return arrays


_FLOATS = sample_arrays()["train_x"]

MISTAKES: list[tuple[Arrays, dict[str, Any], str]] = [
    (_change(train_x=None, train_y=None), {}, "has no train_x and train_y: a task needs at least"),
    (_change(train_y=None), {}, "has train data, but no train_y: add it"),
    (_change(valid_x=None), {}, "has valid data, but no valid_x: add it"),
    (
        _change(train_y=np.arange(19)),
        {},
        r"train_y \(19, int64\) .* differ in length: each example",
    ),
    (_change(train_x=_FLOATS[:0], train_y=np.arange(0)), {}, "train_x .* is empty: its first axis"),
    (_change(train_x=np.float64(3)), {}, r"train_x \(a single number, float64\) .* is empty"),
    (
        _change(train_x=_FLOATS.astype(complex)),
        {},
        "holds no real numbers: save real and imaginary parts as two",
    ),
    (_change(train_x=_FLOATS.astype(str)), {}, "train_x .* holds no real numbers: turn words into"),
    (
        _change(train_y=np.array(["a", "b"] * 10)),
        {},
        "train_y .* holds words, valid_y .* holds num",
    ),
    (_change(valid_x=_FLOATS[:, :3]), {}, "valid_x .* does not fit train_x .*the same shape"),
    (_change(test_y=np.full(20, 0.5)), {}, 'test_y .* example 0: "0.5" is no class of training'),
    (
        _change(valid_x=np.where(_FLOATS > 1, np.nan, _FLOATS)),
        {},
        r"valid_x .* are NaN, the first at \(1, 2\): .*, since training has none",
    ),
    (_change(valid_x=_FLOATS * 1e300), {}, "valid_x .* infinite as float32"),
    (
        _change(**{f"{s}_y": np.arange(40).reshape(20, 2) for s in ("train", "valid", "test")}),
        {},
        "cannot be classes: expected .* one-hot rows.*; target_kind: number takes",
    ),
    (
        _change(train_y=np.zeros(20, int)),
        {},
        "has one label, 0, for all examples: a task needs at least 2",
    ),
    (
        _change(valid_y=np.arange(20)),
        {},
        'valid_y .* example 2: "2" is no class of training, which has 0, 1',
    ),
    (_change(), {"classes": 1}, "classes is 1: input should be greater than or equal to 2"),
    (_change(), {"layout": "image"}, r"train_x \(20x4, float64\) .* cannot be image: expected"),
    (
        _change(),
        {"layout": "img"},
        "layout is 'img': input should be 'image', 'tokens' or 'vector'",
    ),
    (_change(), {"clases": 2}, "the task arrays has no option clases; did you mean classes?"),
    (_change(valid_x=None, valid_y=None), {"valid": 0.01}, "too few to cut 1% off .* add valid_x"),
]


@pytest.mark.parametrize(("arrays", "options", "message"), MISTAKES)
def test_each_mistake_has_its_message(
    tmp_path: Path, arrays: Arrays, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(TaskError, match=message):
        load(save_archive(tmp_path / "data.npz", arrays), **options)


def test_mistakes_of_a_regression(tmp_path: Path) -> None:
    half = {f"{s}_y": np.arange(20) / 2 for s in ("train", "valid", "test")}
    with pytest.raises(TaskError, match=r"20 different labels, 0, 0.5, .* but classes: 2 is given"):
        load(save_archive(tmp_path / "a.npz", _change(**half)), classes=2)
    with pytest.raises(TaskError, match="classes: 2 and target_kind: number contradict"):
        load(tmp_path / "a.npz", classes=2, target_kind="number")
    cubes = {f"{s}_y": np.ones((20, 2, 2)) for s in ("train", "valid", "test")}
    with pytest.raises(TaskError, match=r"cannot be targets: expected \(n,\), or \(n, dims\)"):
        load(save_archive(tmp_path / "b.npz", _change(**cubes)))
    bad = {"train_y": np.where(np.arange(20) == 4, np.inf, 0.5)}
    with pytest.raises(TaskError, match=r"train_y .* example 4: its target is no finite number"):
        load(save_archive(tmp_path / "c.npz", _change(**bad)))


def test_pickled_objects_are_never_read(tmp_path: Path) -> None:
    objects = _change(train_y=np.array([{}] * 20, dtype=object))
    message = "train_y in .* holds Python objects, which are never unpickled: convert it"
    with pytest.raises(TaskError, match=message):
        load(save_archive(tmp_path / "data.npz", objects))
    with pytest.raises(TaskError, match=message):
        load(save_folder(tmp_path / "folder", objects))


def test_unusable_paths(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=r"there is no file or folder .*nowhere"):
        load(tmp_path / "nowhere")
    (tmp_path / "text.txt").write_text("1,2")
    with pytest.raises(TaskError, match=r"text.txt is neither an \.npz, \.csv or \.tsv file nor a"):
        load(tmp_path / "text.txt")
    (tmp_path / "broken.npz").write_bytes(b"no archive")
    with pytest.raises(TaskError, match=r"cannot read arrays in .*broken\.npz: .*numpy\.savez"):
        load(tmp_path / "broken.npz")
    folder = tmp_path / "inside"
    folder.mkdir()
    save_archive(folder / "data.npz", sample_arrays())
    with pytest.raises(TaskError, match=r"has no \.npy files, but data\.npz: give its own path"):
        load(folder)


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY\x01\x00", b"\x93NUMPY\x07\x00\x00\x00"])
def test_damaged_headers(tmp_path: Path, damage: bytes) -> None:
    folder = save_folder(tmp_path / "d", sample_arrays())
    (folder / "train_x.npy").write_bytes(damage)
    with pytest.raises(TaskError, match=re.escape(f"cannot read train_x in {folder}")):
        load(folder)
