"""Tests of how tables are written: encodings, separators, decimal marks, headers, gaps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from einsearch.errors import TaskError
from einsearch.tasks.base import Task
from einsearch.tasks.registry import make_task

ROWS = [(n % 7, n % 5, ("cat", "dog")[n % 2]) for n in range(60)]


def text(separator: str = ",", head: str = "", end: str = "\n", point: str = ".") -> str:
    lines = [separator.join((f"{a}{point}5", str(b), c)) for a, b, c in ROWS]
    return "".join(line + end for line in ([head] if head else []) + lines)


def load(folder: Path, content: str | bytes, name: str = "d.csv", **options: Any) -> Task:
    written = content if isinstance(content, bytes) else content.encode()
    (folder / name).write_bytes(written)
    return make_task({"name": "arrays", "path": name, **options}, folder)


def raw(task: Task) -> np.ndarray:
    """All examples as the file has them, in any order."""
    x = np.concatenate([task.train.x, task.valid.x])
    back = x * task.statistics.deviation + task.statistics.mean
    return np.sort(back[:, 0])


EXPECTED = np.sort([a + 0.5 for a, _, _ in ROWS])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("d.tsv", text("\t", "length, mm\twidth, mm\ty")),
        ("d.csv", text(";", '"length, mm";"width, mm";y')),
        ("d.csv", text("\t", "length, mm\twidth, mm\ty")),
        ("d.csv", text(",", "length; mm,width; mm,y")),
        ("d.csv", text("|", "a|b|y")),
        ("d.csv", text(";", "a;b;y", point=",")),
        ("d.csv", text("\t", "a\tb\ty", point=",")),
        ("d.csv", text(",", "a,b,y", end="\r\n")),
        ("d.csv", text(",", "a,b,y", end="\r")),
        ("d.csv", text(",", "a,b,y", end="\n\n")),
        ("d.csv", text(",", "a,b,y", end=",\n")),
        ("d.csv", text(",", "a,b,y") .replace("dog\n", "dog,\n").replace("cat\n", "cat,\n")),
        ("d.csv", text(", ", "a, b, y")),
        ("d.csv", "\ufeff" + text(",", "a,b,y")),
        ("d.csv", text(",", "a,b,y").encode("utf-16")),
    ],
)  # fmt: skip
def test_all_rows_say_how_a_table_is_written(
    tmp_path: Path, name: str, content: str | bytes
) -> None:
    task = load(tmp_path, content, name, target="y")
    assert (str(task.input), task.classes) == ("vector:2", ("cat", "dog"))
    assert len(task.train) + len(task.valid) == 60
    assert np.allclose(raw(task), EXPECTED)
    assert len(task.columns) == 2


def test_decimal_commas_do_not_make_a_table_of_commas(tmp_path: Path) -> None:
    rows = "".join(f"{a},5;{b},25\n" for a, b, _ in ROWS)
    task = load(tmp_path, rows, target="last")
    assert task.input.features == 1
    assert np.allclose(raw(task), EXPECTED)


def test_what_stands_between_cells_is_asked_for(tmp_path: Path) -> None:
    rows = "a;b,c;d\n" * 20
    with pytest.raises(
        TaskError, match=r"what stands between its cells.* separator: comma or semi"
    ):
        load(tmp_path, rows, target="last")


@pytest.mark.parametrize(
    ("cells", "told"),
    [("1,500;2;cat", "commas before three digits"), ("1,5;2.5;cat", "commas and with points")],
)
def test_what_a_comma_means_is_asked_for(tmp_path: Path, cells: str, told: str) -> None:
    content = "a;b;y\n" + f"{cells}\n{cells.replace('cat', 'dog')}\n" * 20
    with pytest.raises(TaskError, match=f"numbers with {told}: say decimal: comma if decimals"):
        load(tmp_path, content, target="y")
    assert load(tmp_path, content, target="y", decimal="comma").statistics.mean[0] == 1.5


def test_latin_1_is_read_and_told(tmp_path: Path) -> None:
    content = text(",", "größe,b,y").replace("cat", "für").encode("latin-1")
    task = load(tmp_path, content, target="y")
    assert (task.columns, task.classes) == (("größe", "b"), ("dog", "für"))
    assert task.reading.notes == ("d.csv is no UTF-8, and is read as Latin-1",)


@pytest.mark.parametrize("content", [b"a,b\n1,\x002\n", bytes(range(256)) * 9, b"\xff\xfe1,2"])
def test_what_is_no_text(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(TaskError, match=r"cannot read .*d\.csv as a table: it is no text"):
        load(tmp_path, content, target="last")


NUMBERS = "".join(f"{a},{b},{n % 2}\n" for n, (a, b, _) in enumerate(ROWS))
POINTS = "".join(f"{a}.5,{b},{n % 2}\n" for n, (a, b, _) in enumerate(ROWS))


@pytest.mark.parametrize(
    ("content", "count"),
    [
        ("0,1,label\n" + text(), 60),
        ("1,2,label\n" + text(), 60),
        ("0,1,2\n" + text(), 60),
        ("0,1,2\n" + POINTS, 60),
        ("a,b,label\n" + text(), 60),
        ("a,b,2\n" + text(), 60),
        ("5,7,label\n" + NUMBERS, 60),
        (text(), 60),
        ("3,4,dog\n" + text(), 61),
        ("0,1,cat\n" + text(), 61),
        ("3,4,1\n" + NUMBERS, 61),
        (NUMBERS, 60),
    ],
)
def test_rows_below_say_whether_the_first_names_columns(
    tmp_path: Path, content: str, count: int
) -> None:
    task = load(tmp_path, content, target="last")
    assert len(task.train) + len(task.valid) == count
    assert len(task.classes) == 2


@pytest.mark.parametrize(
    "content", ["5,7,label\n" + text(), "0,1,2\n" + NUMBERS, "5,7,9\n" + text()]
)
def test_a_first_row_that_may_be_both_is_asked_for(tmp_path: Path, content: str) -> None:
    with pytest.raises(
        TaskError, match=r"does its first row, .*, name the columns, or is it an ex"
    ):
        load(tmp_path, content, target="last")
    task = load(tmp_path, content, target="last", header=True)
    assert len(task.train) + len(task.valid) == 60
    assert len(task.columns) == 2


@pytest.mark.parametrize("mark", ["NA", "nan", "", "null", "?", "-"])
def test_missing_targets_are_no_class(tmp_path: Path, mark: str) -> None:
    for values in (["cat", "dog"], ["0", "1"], ["1.5", "2.5"]):
        rows = "".join(f"{n},{n % 7},{mark if n == 3 else values[n % 2]}\n" for n in range(60))
        with pytest.raises(
            TaskError, match=r"line 5, column 3 \(y\): .*1 of 60 have none; missing"
        ):
            load(tmp_path, "a,b,y\n" + rows, target="y")
        task = load(tmp_path, "a,b,y\n" + rows, target="y", missing="drop")
        assert len(task.train) + len(task.valid) == 59
        assert len(task.classes) == (0 if "." in values[0] else 2)


def test_identifiers_are_no_numbers(tmp_path: Path) -> None:
    rows = "".join(f"{12345678901234567 + n},{n % 5},{('007', '7')[n % 2]}\n" for n in range(40))
    with pytest.raises(
        TaskError, match=r"line 2, column 1 \(id\): a number does not keep all digits"
    ):
        load(tmp_path, "id,a,y\n" + rows, target="y")
    task = load(tmp_path, "id,a,y\n" + rows, target="y", ignore=["id"])
    assert (task.columns, task.classes) == (("a",), ("007", "7"))
    with pytest.raises(TaskError, match=r"has no column ids; did you mean id\?"):
        load(tmp_path, "id,a,y\n" + rows, target="y", ignore=["ids"])
    with pytest.raises(TaskError, match="the column y is to be told, and cannot be ignored"):
        load(tmp_path, "id,a,y\n" + rows, target="y", ignore=["y"])


def test_names_of_columns(tmp_path: Path) -> None:
    task = load(tmp_path, text(",", ",a,a,y").replace("\n", "\n1,", 60), target="y")
    assert task.columns == ("column 1", "a", "a (3)")
    assert "has names twice; the later columns are called a (3)" in task.reading.notes[0]
    assert 'has no name, and is read as a feature; ignore: ["column 1"]' in task.reading.notes[1]
    with pytest.raises(TaskError, match="columns 2 and 3 are both named y: rename one of them"):
        load(tmp_path, text(",", "a,y,y"), target="y")
    assert load(tmp_path, text(",", "0,1,2"), target=2).columns == ("0", "1")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("a,b,y\n1,2,3\n", "column y of .* has a single example"),
        ("y\n1\n2\n", "its rows have one cell each; at least two columns are needed"),
        ("\n\n", "is empty: a table has an example a row"),
        (
            text(",", "a,b,y") + "1_000,2,cat\n",
            r'line 62, column 1 \(a\): "1_000" is no finite num',
        ),
        (text(",", "a,b,y") + "inf,2,cat\n", r'line 62, column 1 \(a\): "inf" is no finite number'),
        (text(",", "a,b,y") + "1,2\n", "line 62: 2 cells, where other rows have 3"),
        (text(",", "a,b"), "line 1: 2 cells, where other rows have 3"),
    ],
)
def test_says_what_is_wrong(tmp_path: Path, content: str, told: str) -> None:
    with pytest.raises(TaskError, match=told):
        load(tmp_path, content, target="last" if content.startswith("a,b\n") else "y")


def test_a_test_file_is_read_as_training_was(tmp_path: Path) -> None:
    (tmp_path / "d_test.csv").write_text("0,1,y\n2,5,dog\n")
    train = "0,1,y\n" + "".join(f"{a},{b},{c}\n" for a, b, c in ROWS)
    assert load(tmp_path, train, "d_train.csv", target="y").test().y.tolist() == [1]
    (tmp_path / "d_test.csv").write_text("0,1\n2,5\n")
    with pytest.raises(
        TaskError, match="it has no column y; rows without answers are no test data"
    ):
        load(tmp_path, train, "d_train.csv", target="y")
    (tmp_path / "d_test.csv").write_text("2,5,dog\n")
    with pytest.raises(TaskError, match="differ in the names of their columns: it has no column 0"):
        load(tmp_path, train, "d_train.csv", target="y")
    (tmp_path / "d_test.csv").write_text("2,dog\n")
    with pytest.raises(TaskError, match=r"has 2 columns, .*d_train\.csv has 3"):
        load(tmp_path, text(), "d_train.csv", target="last")


def test_a_quote_that_is_never_closed_fills_no_screen(tmp_path: Path) -> None:
    content = text(",", "a,b,y") + '1,2,"dog\n' + text()
    with pytest.raises(TaskError) as caught:
        load(tmp_path, "a,b,y\n1,2,cat\n" * 9 + '1,"2\n' + text(), target="y")
    assert "\n" not in str(caught.value)
    task = load(tmp_path, content, target="y", missing="drop")
    assert "\n" not in task.summary
