"""Tests of folders of images by class: sizes, colours, splits, and files that are damaged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from einsearch.errors import TaskError
from einsearch.tasks.base import Task
from einsearch.tasks.fingerprint import data_fingerprint, differences
from einsearch.tasks.registry import make_task


def save(path: Path, level: int, size: tuple[int, int] = (8, 6), mode: str = "RGB") -> None:
    """An image of one level, (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((size[1], size[0], 3), level, np.uint8)
    Image.fromarray(pixels).convert(mode).save(path)


def photos(folder: Path, count: int = 10, **options: Any) -> Path:
    for n in range(count):
        save(folder / "cat" / f"{n}.png", 10 * n, **options)
        save(folder / "dog" / "old" / f"{n}.JPG", 100 + 10 * n, **options)
    return folder


def load(path: Path, **options: Any) -> Task:
    return make_task({"name": "arrays", "path": str(path), **options})


def raw(x: np.ndarray, task: Task) -> np.ndarray:
    """Pixels as the files have them."""
    shape = (1, -1, 1, 1)
    deviation = np.reshape(task.statistics.deviation, shape)
    return x * deviation + np.reshape(task.statistics.mean, shape)


def test_folders_are_classes(tmp_path: Path) -> None:
    folder = photos(tmp_path / "photos")
    (folder / "notes.txt").write_text("no image")
    (folder / "cat" / "Thumbs.db").write_text("no image")
    save(folder / ".hidden" / "1.png", 3)
    task = load(folder)
    assert task.classes == ("cat", "dog")
    assert str(task.input) == "image:3x6x8"
    assert len(task.train) + len(task.valid) == 20
    for x, label in zip(raw(task.train.x, task), task.train.y, strict=True):
        assert np.ptp(x) < 2
        assert (x.mean() > 95) == label
    assert task.summary.startswith("20 images 3x6x8, 2 classes cat, dog, 10 examples each")


def test_grey_images_have_one_channel(tmp_path: Path) -> None:
    task = load(photos(tmp_path / "photos", mode="L"))
    assert str(task.input) == "image:1x6x8"
    save(tmp_path / "photos" / "cat" / "colour.png", 7)
    assert str(load(tmp_path / "photos").input) == "image:3x6x8"


def test_sizes_become_one(tmp_path: Path) -> None:
    folder = photos(tmp_path / "photos")
    save(folder / "cat" / "large.png", 50, (640, 480))
    task = load(folder)
    assert str(task.input) == "image:3x6x8"
    assert "images in colour of 6x8 to 480x640 are read as 6x8; size: 32" in task.reading.notes[0]
    assert str(load(folder, size=5).input) == "image:3x5x5"
    assert str(load(folder, size=[4, 7]).input) == "image:3x4x7"
    big = photos(tmp_path / "big", 3, size=(300, 150))
    assert str(load(big, valid=0.3).input) == "image:3x32x64"


def test_transparent_is_white_and_sixteen_bits_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    for n in range(6):
        save(folder / "a" / f"{n}.png", 0)
        Image.new("RGBA", (8, 6), (0, 0, 0, 0)).save(folder / "a" / f"{n}.png")
        (folder / "b").mkdir(exist_ok=True)
        Image.fromarray(np.full((6, 8), 257 * 100, np.uint16)).save(folder / "b" / f"{n}.png")
    task = load(folder)
    levels = raw(task.train.x, task).mean(axis=(1, 2, 3)).round()
    assert set(levels[task.train.y == 0]) == {255.0}
    assert set(levels[task.train.y == 1]) == {100.0}


def test_a_photo_that_a_camera_turned_is_upright(tmp_path: Path) -> None:
    folder = photos(tmp_path / "photos", 3)
    for file in [*folder.rglob("*.png"), *folder.rglob("*.JPG")]:
        image = Image.open(file)
        exif = image.getexif()
        exif[0x0112] = 6
        image.save(file, exif=exif)
    assert str(load(folder, valid=0.3).input) == "image:3x8x6"


def test_splits_are_folders(tmp_path: Path) -> None:
    photos(tmp_path / "train")
    photos(tmp_path / "val", 3)
    photos(tmp_path / "test", 2)
    task = load(tmp_path)
    assert [len(s) for s in (task.train, task.valid, task.test())] == [20, 6, 4]
    save(tmp_path / "test" / "cow" / "1.png", 4)
    with pytest.raises(TaskError, match=r'cow/1\.png: "cow" is no class of training, which has'):
        load(tmp_path)
    photos(tmp_path / "validation", 3)
    with pytest.raises(TaskError, match=r"both .* and .* are valid data: rename one of them"):
        load(tmp_path)


def test_damaged_files_are_told_by_name(tmp_path: Path) -> None:
    folder = photos(tmp_path / "photos")
    (folder / "cat" / "bad.jpg").write_bytes(b"no image")
    with pytest.raises(TaskError, match=r"photos: 1 image cannot be read: cat/bad\.jpg \(no image"):
        load(folder)
    save(folder / "cat" / "bad.jpg", 1, (90, 90))
    whole = (folder / "cat" / "bad.jpg").read_bytes()
    (folder / "cat" / "bad.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TaskError, match=r"cannot be read: cat/bad\.jpg \(.*[Tt]runcated"):
        load(folder)
    (folder / "cat" / "bad.jpg").unlink()
    photos(tmp_path / "split" / "train")
    photos(tmp_path / "split" / "test", 2)
    (tmp_path / "split" / "test" / "dog" / "x.png").write_bytes(b"")
    with pytest.raises(TaskError, match=r"cannot be read: test/dog/x\.png"):
        load(tmp_path / "split")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"target": "y"}, "holds images: leave target out"),
        ({"size": 0}, "size"),
        ({"size": 4000}, r"takes .* GB, and .* free: say a smaller size, size: 32"),
    ],
)
def test_each_mistake_has_its_message(
    tmp_path: Path, options: dict[str, Any], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("einsearch.tasks.files._free_memory", lambda: 10**8)
    with pytest.raises(TaskError, match=told):
        load(photos(tmp_path / "photos"), **options)


def test_says_what_a_folder_lacks(tmp_path: Path) -> None:
    save(tmp_path / "one" / "cat" / "1.png", 3)
    with pytest.raises(TaskError, match="has images of one class, cat: a task needs at least 2"):
        load(tmp_path / "one")
    save(tmp_path / "loose" / "1.png", 3)
    with pytest.raises(TaskError, match="has images, but no folders of them: put the images of"):
        load(tmp_path / "loose")
    np.savez(tmp_path / "d.npz", train_x=np.ones((9, 2)), train_y=np.arange(9) % 2)
    with pytest.raises(TaskError, match="is no folder of folders of images: leave size out"):
        load(tmp_path / "d.npz", size=8)


def test_changed_images_change_the_fingerprint(tmp_path: Path) -> None:
    photos(tmp_path / "p" / "train")
    photos(tmp_path / "p" / "test", 2)
    config = {"name": "arrays", "path": "p"}
    task = make_task(config, tmp_path)
    before = data_fingerprint(task, config, tmp_path)
    assert data_fingerprint(task, config, tmp_path) == before
    save(tmp_path / "p" / "test" / "cat" / "0.png", 200)
    assert differences(before, data_fingerprint(task, config, tmp_path)) == []
    save(tmp_path / "p" / "train" / "cat" / "0.png", 200)
    assert differences(before, data_fingerprint(task, config, tmp_path)) == [
        "data/path/train images has changed"
    ]
