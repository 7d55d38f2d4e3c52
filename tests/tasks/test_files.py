"""Tests of arrays in files: names of other libraries, and damage that is told before memory is
taken.
"""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from einsearch.errors import TaskError
from einsearch.tasks import files
from einsearch.tasks.arraynames import recognised
from einsearch.tasks.files import find_arrays
from einsearch.tasks.registry import make_task

X, Y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2


@pytest.mark.parametrize(
    "names",
    [
        ("x_train", "y_train", "x_test", "y_test"),
        ("X_train", "y_train", "X_test", "y_test"),
        ("train_images", "train_labels", "test_images", "test_labels"),
        ("trainX", "trainY", "testX", "testY"),
        ("train-data", "train-targets", "test-data", "test-targets"),
        ("X", "y", "Xtest", "ytest"),
    ],
)
def test_names_of_others_are_read(tmp_path: Path, names: tuple[str, ...]) -> None:
    arrays = dict(zip(names, (X, Y, X, Y), strict=True))
    np.savez(tmp_path / "d.npz", **arrays)
    task = make_task({"name": "arrays", "path": "d.npz"}, tmp_path)
    assert len(task.train) + len(task.valid) == len(task.test()) == 40
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    assert len(make_task({"name": "arrays", "path": "folder"}, tmp_path).test()) == 40


def test_validation_has_many_names() -> None:
    for name in ("x_val", "X_valid", "x_validation", "val_images", "dev_x"):
        assert recognised([name], "here") == {"valid_x": name}
    assert recognised(["x_values", "train", "extra"], "here") == {}


def test_own_names_go_first_and_two_of_others_are_asked_for() -> None:
    assert recognised(["X_train", "train_x"], "here") == {"train_x": "train_x"}
    with pytest.raises(
        TaskError, match="here has both X_train and train_images: call the one that"
    ):
        recognised(["X_train", "train_images"], "here")


def test_what_cannot_be_found_lists_what_is_there(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", first=X, second=Y)
    with pytest.raises(TaskError) as caught:
        make_task({"name": "arrays", "path": "d.npz"}, tmp_path)
    assert str(caught.value).endswith(
        "d.npz has no train_x and train_y: a task needs at least these; "
        "it holds first (40x3, float64), second (40, int64)"
    )
    np.savez(tmp_path / "d.npz", x_train=X, answers=Y)
    with pytest.raises(
        TaskError, match=r"no train_y: add it; it holds x_train .*answers \(40, int"
    ):
        make_task({"name": "arrays", "path": "d.npz"}, tmp_path)


def npy(array: np.ndarray, header: str | None = None) -> bytes:
    """An array as a file; with another header where one is given."""
    stream = io.BytesIO()
    np.save(stream, array)
    whole = stream.getvalue()
    if header is None:
        return whole
    text = header.encode().ljust(117) + b"\n"
    return whole[:8] + struct.pack("<H", len(text)) + text + whole[128:]


def archive(path: Path, x: bytes, method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as made:
        made.writestr("train_x.npy", x)
        made.writestr("train_y.npy", npy(Y))
    return path


HUGE = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }"
NEGATIVE = "{'descr': '<f8', 'fortran_order': False, 'shape': (-3,), }"
NESTED = "(" * 117
WORDS = "{'descr': '<f8', 'fortran_order': False, 'shape': 'many', }"
NO_TYPE = "{'descr': 'abc', 'fortran_order': False, 'shape': (3,), }"


@pytest.mark.parametrize("header", [HUGE, NEGATIVE, NESTED, WORDS, NO_TYPE, "{", "1 + 1", "import"])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_made_up_headers(tmp_path: Path, header: str, method: int) -> None:
    path = archive(tmp_path / "d.npz", npy(X, header), method)
    with pytest.raises(TaskError, match=r"cannot read train_x in .*d\.npz: .*; save it again with"):
        find_arrays(path)


def test_headers_say_how_much_there_is(tmp_path: Path) -> None:
    path = archive(tmp_path / "d.npz", npy(X, HUGE))
    with pytest.raises(
        TaskError, match="1000000000000 elements, 8,000,000,000,000 bytes, and there"
    ):
        find_arrays(path)


def patched(path: Path, offset: int, kind: str, value: int) -> Path:
    """An archive with another number at an offset of both headers of its first member."""
    content = bytearray(path.read_bytes())
    central = content.index(b"PK\x01\x02")
    struct.pack_into(kind, content, offset, value)
    struct.pack_into(kind, content, central + offset + 2, value)
    path.write_bytes(content)
    return path


FLAGS, METHOD, PACKED, SIZE = 6, 8, 18, 22


def test_an_encrypted_archive(tmp_path: Path) -> None:
    path = patched(archive(tmp_path / "d.npz", npy(X)), FLAGS, "<H", 1)
    with pytest.raises(TaskError, match=r"cannot read train_x .* it is encrypted"):
        find_arrays(path)


def test_another_method_of_compression(tmp_path: Path) -> None:
    path = patched(archive(tmp_path / "d.npz", npy(X)), METHOD, "<H", 9)
    with pytest.raises(TaskError, match=r"cannot read train_x .*compression"):
        find_arrays(path)


def test_sizes_that_cannot_be(tmp_path: Path) -> None:
    path = patched(archive(tmp_path / "d.npz", npy(X)), SIZE, "<I", 2**31)
    with pytest.raises(TaskError, match=r"it says to hold 2,147,483,648 bytes, and holds 1,088"):
        find_arrays(path)
    path = archive(tmp_path / "d.npz", npy(X), zipfile.ZIP_DEFLATED)
    with pytest.raises(TaskError, match="compressed bytes cannot hold the 2,147,483,648 that it"):
        find_arrays(patched(path, SIZE, "<I", 2**31))
    path = patched(archive(tmp_path / "d.npz", npy(X)), PACKED, "<I", 2**31)
    with pytest.raises(TaskError, match=r"cannot read train_x .* the file ends before it does"):
        find_arrays(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_file_that_was_cut(tmp_path: Path, share: float) -> None:
    path = archive(tmp_path / "d.npz", npy(X))
    path.write_bytes(path.read_bytes()[: round(share * path.stat().st_size)])
    with pytest.raises(TaskError, match=r"cannot read arrays in .*d\.npz"):
        find_arrays(path)


@pytest.mark.parametrize("at", [200, 500, 900])
def test_a_changed_byte(tmp_path: Path, at: int) -> None:
    path = archive(tmp_path / "d.npz", npy(X))
    content = bytearray(path.read_bytes())
    content[at] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(TaskError, match=r"cannot read train_x .*Bad CRC"):
        find_arrays(path)["train_x"].read()


def test_more_than_the_memory_that_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 8 kB\nMemAvailable: 0 kB\n")
    found = find_arrays(archive(tmp_path / "d.npz", npy(X)))
    monkeypatch.setattr(files, "_MEMINFO", meminfo)
    with pytest.raises(TaskError, match=r"train_x .* takes 0.0 GB, and 0.0 GB of memory are free"):
        found["train_x"].read()


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array(["2024-01-01"] * 40, "M8[D]"), "holds no real numbers: dates become numbers"),
        (np.zeros(40, [("a", float), ("b", int)]), "holds no real numbers: records become an arr"),
        (np.zeros((40, 2), complex), "holds no real numbers: save real and imaginary parts"),
        (np.full((40, 1), 2**60), "whole numbers beyond 2\\^53, which a float cannot tell apart"),
    ],
)
def test_types_that_are_no_numbers(tmp_path: Path, array: np.ndarray, message: str) -> None:
    np.savez(tmp_path / "d.npz", train_x=array, train_y=Y)
    with pytest.raises(TaskError, match=f"train_x .* {message}"):
        make_task({"name": "arrays", "path": "d.npz"}, tmp_path)
