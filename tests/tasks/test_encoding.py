"""Tests of tables of words, dates, truths and gaps: what they become, and that it can be undone."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from einsearch.errors import TaskError
from einsearch.tasks.base import Task
from einsearch.tasks.columnkinds import ColumnKind
from einsearch.tasks.encoding import FEW, FREQUENT, SIGNS, ColumnCode, bounds, fit_encoding
from einsearch.tasks.frames import Frame, Words
from einsearch.tasks.recorded import decode_task, encode_task
from einsearch.tasks.registry import make_task
from einsearch.tasks.rowcoding import code_row, moment

ROWS = 60


def row(n: int) -> dict[str, str]:
    return {
        "age": "" if n % 7 == 3 else str(20 + n % 11),
        "colour": ("red", "green", "blue")[n % 3],
        "smoker": ("yes", "No")[n % 2],
        "seen": f"2024-{n % 12 + 1:02}-{n % 28 + 1:02}",
        "town": f"town {n % 40}",
        "name": f"name {n}",
        "price": f"{n % 13 + 0.5}",
    }


def text(rows: list[dict[str, str]], names: list[str] | None = None) -> str:
    names = names or list(rows[0])
    return "\n".join([",".join(names), *(",".join(r[n] for n in names) for r in rows), ""])


def load(folder: Path, rows: list[dict[str, str]], **options: Any) -> Task:
    (folder / "d.csv").write_text(text(rows), encoding="utf-8")
    return make_task({"name": "arrays", "path": "d.csv", "target": "price", **options}, folder)


def features(task: Task) -> dict[str, np.ndarray]:
    """Columns of the examples to train on, before they were standardised."""
    raw = task.train.x * task.statistics.deviation + task.statistics.mean
    return dict(zip(task.columns, raw.T.round(4), strict=True))


def test_every_kind_of_column_becomes_numbers(tmp_path: Path) -> None:
    task = load(tmp_path, [row(n) for n in range(ROWS)])
    made = features(task)
    assert list(made)[:2] == ["age", "age missing"]
    lost = made["age missing"] == 1
    assert 0 < lost.sum() < len(lost)
    assert set(made["age"][lost]) == {np.median(made["age"][~lost])}
    marks = [made[f"colour={c}"] for c in ("blue", "green", "red")]
    assert np.array_equal(sum(marks), np.ones(len(lost)))
    assert set(made["smoker"]) == {0.0, 1.0}
    assert np.allclose(made["seen month sine"] ** 2 + made["seen month cosine"] ** 2, 1, atol=1e-3)
    assert {f"town sign {n + 1}" for n in range(SIGNS)} < made.keys()
    assert sum(name.startswith("town=") for name in made) in range(8, FREQUENT + 1)
    assert not any(name.startswith("name") for name in made)
    assert "the column name has a word of its own in nearly every row" in task.reading.notes[0]
    told = task.summary
    assert "from 5 columns with 2 of words, 1 of truths, 1 of dates" in told
    assert any(note.startswith("8 cells to train on are missing, in age") for note in
               task.reading.notes)  # fmt: skip


def test_a_row_is_coded_as_training_was(tmp_path: Path) -> None:
    rows = [row(n) for n in range(ROWS)]
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "train.csv").write_text(text(rows))
    shuffled = ["price", "town", "extra", "age", "smoker", "name", "colour", "seen"]
    test = [row(n) | {"extra": "?"} for n in range(ROWS, ROWS + 20)]
    (tmp_path / "test" / "test.csv").write_text(text(test, shuffled))
    task = make_task({"name": "arrays", "path": "test", "target": "price"}, tmp_path)
    codes = json.loads(json.dumps(task.describe()))["encoding"]
    coded = np.array([code_row(codes, one) for one in test])
    standard = (coded - task.statistics.mean) / task.statistics.deviation
    assert np.allclose(task.test().x, standard, atol=1e-5)
    cells = [[one[code["column"]] for code in codes] for one in test]
    assert [code_row(codes, one) for one in cells] == coded.tolist()


def test_what_test_data_alone_hold_never_fails(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text(text([row(n) for n in range(ROWS)]))
    strange = {"age": "NA", "colour": "violet", "smoker": "perhaps", "seen": "", "town": "\u00e9",
               "name": "", "price": "1.5"}  # fmt: skip
    (tmp_path / "test.csv").write_text(text([strange, row(3)]))
    task = make_task({"name": "arrays", "path": str(tmp_path), "target": "price"})
    raw = task.test().x[0] * task.statistics.deviation + task.statistics.mean
    made = dict(zip(task.columns, raw.round(4), strict=True))
    assert [made[f"colour={c}"] for c in ("blue", "green", "red")] == [0, 0, 0]
    assert made["smoker"] == 0.5
    assert made["town other"] == 1
    assert np.isfinite(raw).all()


def test_the_encoding_follows_from_training_rows_alone(tmp_path: Path) -> None:
    rows = [row(n) for n in range(ROWS)]
    one = load(tmp_path, rows, valid=0.25)
    kept = {tuple(example) for example in one.train.x.tolist()}
    # Other values where validation stands change nothing of training.
    other = [dict(r) for r in rows]
    places = valid_rows(one, rows)
    for place in places:
        other[place] |= {"age": "99", "colour": "violet"}
    again = load(tmp_path, other, valid=0.25)
    assert {tuple(example) for example in again.train.x.tolist()} == kept
    assert again.encoding == one.encoding


def valid_rows(task: Task, rows: list[dict[str, str]]) -> list[int]:
    """Which rows of the file are for validation."""
    codes = task.describe()["encoding"]
    coded = (np.array([code_row(codes, one) for one in rows]) - task.statistics.mean) / (
        task.statistics.deviation
    )
    held = {tuple(example) for example in task.valid.x.round(3).tolist()}
    found = [n for n, example in enumerate(coded.astype(np.float32).round(3).tolist())
             if tuple(example) in held]  # fmt: skip
    assert len(found) == len(task.valid)
    return found


def test_values_of_test_tables_steer_nothing(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text(text([row(n) for n in range(ROWS)]))
    tasks, tests = [], []
    for changes in ({}, {"age": "5000", "colour": "violet", "smoker": "", "seen": "1999-01-01"}):
        (tmp_path / "test.csv").write_text(text([row(n) | changes for n in range(9)]))
        tasks.append(make_task({"name": "arrays", "path": str(tmp_path), "target": "price"}))
        tests.append(tasks[-1].test().x)
    assert tasks[0].describe() == tasks[1].describe()
    assert tasks[0].reading == tasks[1].reading
    assert np.array_equal(tasks[0].train.x, tasks[1].train.x)
    assert not np.array_equal(*tests)
    (tmp_path / "test.csv").write_text(text([row(n) | {"age": "many"} for n in range(9)]))
    with pytest.raises(
        TaskError, match=r'test\.csv, line 2, column 1 \(age\): "many" is no finite'
    ):
        make_task({"name": "arrays", "path": str(tmp_path), "target": "price"})


def test_the_encoding_is_kept_with_the_task(tmp_path: Path) -> None:
    task = load(tmp_path, [row(n) for n in range(ROWS)])
    known = decode_task(json.loads(json.dumps(encode_task(task))))
    assert known.encoding == task.encoding
    assert known.describe() == json.loads(json.dumps(task.describe()))


WORDS = st.lists(st.sampled_from(["a", "b", "c", "d e", "\u00e9", "x=1"]), min_size=5, max_size=60)


@settings(max_examples=60)
@given(words=WORDS, strange=st.text(max_size=5))
def test_words_can_be_told_from_their_features(words: list[str], strange: str) -> None:
    values = tuple(dict.fromkeys(words))
    codes = np.array([values.index(word) for word in words], np.int32)
    frame = Frame((Words(codes, values), np.arange(float(len(words)))))
    kinds = [ColumnKind("w", "category", is_given=True), ColumnKind("n", "number")]
    encoding = fit_encoding(frame, kinds)
    coded = encoding.apply(frame)
    often = {word for word in words if words.count(word) > 1}
    told = {tuple(features): set() for features in coded[:, :-1].tolist()}
    for word, features in zip(words, coded[:, :-1].tolist(), strict=True):
        told[tuple(features)].add(word)
    assert all(len(same) == 1 for same in told.values() if same & often)
    described = [asdict(code) for code in encoding.codes]
    assert [code_row(described, [w, n]) for n, w in enumerate(words)] == coded.tolist()
    assert np.isfinite(code_row(described, [strange, 1])).all()


def test_many_words_take_a_bounded_width() -> None:
    names = tuple(f"w{n}" for n in range(5000))
    codes = np.arange(10_000, dtype=np.int32) % 5000
    kind = ColumnKind("w", "category", is_given=True)
    encoding = fit_encoding(Frame((Words(codes, names),)), [kind])
    assert len(encoding.features) <= FREQUENT + 1 + SIGNS
    coded = encoding.apply(Frame((Words(codes, names),)))
    assert len(np.unique(coded[:5000], axis=0)) > 4700
    assert FEW < 5000


@pytest.mark.parametrize(
    ("written", "since"),
    [
        ("1970-01-02", 86400),
        ("1970-01-02T00:00:01Z", 86401),
        ("1970-01-01 01:00:00.5+01:00", 0.5),
        ("1970/01/02 12:00", 129600),
        ("2.1.1970", 86400),
        ("02/01/70", 86400),
        ("2 Jan 1970", 86400),
        ("January 2, 1970", 86400),
        ("Jan 2, 1970, 1:30 PM", 135000),
        ("19700102", 86400),
        ("1970-02", 31 * 86400),
        ("1970-02-30", None),
        ("1970-13-01", None),
        ("1970-01-01 25:00", None),
        ("2 Foo 1970", None),
        ("1970-01/02", None),
        ("tomorrow", None),
    ],
)
def test_dates_of_common_forms(written: str, since: float | None) -> None:
    found = moment(written, day_first=True)
    assert (None if found is None else found[2]) == since


@settings(max_examples=100)
@given(when=st.datetimes())
def test_a_date_is_what_python_says(when: Any) -> None:
    found = moment(when.isoformat(sep=" "), day_first=False)
    if when.year < 1000:
        return
    assert found is not None
    day, seconds, _ = found
    assert day == when.date()
    assert seconds == pytest.approx(3600 * when.hour + 60 * when.minute + when.second, abs=1)


def dated(written: list[str]) -> list[dict[str, str]]:
    return [{"when": w, "price": f"{n}.5"} for n, w in enumerate(written)]


def test_day_and_month_are_told_apart_or_asked_for(tmp_path: Path) -> None:
    american = [f"{n % 12 + 1}/{n % 28 + 1}/2024" for n in range(40)]
    assert load(tmp_path, dated(american)).encoding[0].day_first is False
    european = [f"{n % 28 + 1}/{n % 12 + 1}/2024" for n in range(40)]
    assert load(tmp_path, dated(european)).encoding[0].day_first is True
    open_ones = [f"{n % 12 + 1}/{n % 11 + 1}/2024" for n in range(40)]
    with pytest.raises(TaskError, match=r"d\.csv: does the day or the month stand first in .*when"):
        load(tmp_path, dated(open_ones))
    assert load(tmp_path, dated(open_ones), dates="month_first").encoding[0].day_first is False
    dots = [f"{n % 12 + 1}.{n % 11 + 1}.2024" for n in range(40)]
    assert load(tmp_path, dated(dots)).encoding[0].day_first is True


def test_a_wrong_cell_is_told_with_its_place(tmp_path: Path) -> None:
    written = [f"2024-01-{n % 28 + 1:02}" for n in range(40)]
    written[7] = "2024-02-30"
    with pytest.raises(TaskError, match=r'line 9, column 1 \(when\): "2024-02-30" is no date'):
        load(tmp_path, dated(written))
    rows = [{"size": "big" if n == 5 else str(n), "price": f"{n}.5"} for n in range(40)]
    with pytest.raises(TaskError, match=r'line 7, column 1 \(size\): "big" is no finite number: .*'
                       r"columns: \{size: category\}"):  # fmt: skip
        load(tmp_path, rows)
    task = load(tmp_path, rows, columns={"size": "category"})
    assert task.encoding[0].kind == "category"
    with pytest.raises(TaskError, match="has no column sise; did you mean size"):
        load(tmp_path, rows, columns={"sise": "category"})


def test_numbers_with_zeros_before_them_are_words(tmp_path: Path) -> None:
    rows = [{"zip": f"{n % 5:05}", "price": f"{n}.5"} for n in range(40)]
    assert load(tmp_path, rows).columns == tuple(f"zip={n:05}" for n in range(5))
    assert load(tmp_path, rows, columns={"zip": "number"}).columns == ("zip",)


def test_a_few_numbers_that_are_far_off_do_not_flatten_the_others() -> None:
    rng = np.random.default_rng(0)
    numbers = np.append(rng.normal(size=999), 1e9)
    low, high = bounds(numbers)
    assert low is None
    assert high is not None
    assert 4.5 < high < 6
    assert bounds(numbers[:-1]) == (None, None)
    assert bounds(np.full(9, 3.3)) == (None, None)


def test_tables_of_numbers_stay_as_they_are(tmp_path: Path) -> None:
    rows = [{"a": str(n), "b": str(n % 3), "price": f"{n}.5"} for n in range(40)]
    task = load(tmp_path, rows)
    assert task.encoding == ()
    assert task.columns == ("a", "b")
    assert "encoding" not in task.describe()


def test_missing_numbers_of_arrays_are_filled(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(40, 3))
    x[::5, 1] = math.nan
    np.savez(tmp_path / "d.npz", train_x=x, train_y=np.arange(40) % 2)
    task = make_task({"name": "arrays", "path": "d.npz"}, tmp_path)
    assert task.columns == ("0", "1", "1 missing", "2")
    assert np.isfinite(task.train.x).all()


def test_a_table_without_any_useful_column_is_refused(tmp_path: Path) -> None:
    rows = [{"id": f"n{n}", "price": f"{n}.5"} for n in range(40)]
    with pytest.raises(TaskError, match="no column is of any use: the column id has a word of its"):
        load(tmp_path, rows)
    task = load(tmp_path, rows, columns={"id": "category"})
    assert isinstance(task.encoding[0], ColumnCode)
