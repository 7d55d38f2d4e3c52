"""Tests of tables: what is read as what, and the message for each mistake, with its place."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from einsearch.errors import TaskError
from einsearch.tasks.base import Loss, Task
from einsearch.tasks.preparing import measure
from einsearch.tasks.registry import make_task
from einsearch.tasks.tablearrays import find_table_arrays
from einsearch.tasks.tables import TableOptions
from einsearch.tasks.targets import decide

HOUSES = "area,rooms,price\n" + "".join(f"{50 + n},{n % 4},{1000.5 + n}\n" for n in range(20))


def save(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def load(path: Path, **options: Any) -> Task:
    return make_task({"name": "arrays", "path": str(path), **options})


def refused(path: Path, text: str, **options: Any) -> str:
    with pytest.raises(TaskError) as caught:
        load(save(path, text), **options)
    return str(caught.value).replace(f"{path}", "FILE")


def ucr(rng: np.random.Generator, rows: int) -> tuple[str, Any, Any]:
    """A file as UCR has it, with its numbers."""
    x, y = rng.normal(size=(rows, 24)), rng.choice([-1, 1, 3], size=rows)
    lines = ["\t".join([str(label), *map(str, row)]) for label, row in zip(y, x, strict=True)]
    return "\n".join(lines) + "\n", x, np.searchsorted([-1, 1, 3], y)


def test_a_ucr_series_with_its_test_beside_it(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    text, x, y = ucr(rng, 40)
    test, test_x, test_y = ucr(rng, 30)
    save(tmp_path / "Power_TEST.tsv", test)
    save(tmp_path / "Other_TEST.tsv", "1\t2\n")
    task = load(save(tmp_path / "Power_TRAIN.tsv", text), layout="tokens")
    assert (str(task.input), str(task.output)) == ("tokens:24x1", "vector:3")
    assert len(task.train) + len(task.valid) == 40
    own = measure(task.train.x * task.statistics.deviation + task.statistics.mean, 1)
    assert own.mean == pytest.approx(task.statistics.mean, abs=1e-5)
    seen = np.concatenate([task.train.x, task.valid.x])[..., 0]
    back = seen * task.statistics.deviation + task.statistics.mean
    assert np.allclose(np.sort(back, axis=0), np.sort(x, axis=0), atol=1e-5)
    labels = np.concatenate([task.train.y, task.valid.y])
    assert np.bincount(labels).tolist() == np.bincount(y).tolist()
    held = task.test()
    assert held.y.tolist() == test_y.tolist()
    back = held.x[..., 0] * task.statistics.deviation + task.statistics.mean
    assert np.allclose(back, test_x, atol=1e-5)


def test_a_folder_is_the_same_as_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for split, rows in (("train", 30), ("valid", 12), ("test", 9)):
        save(folder / f"{split}.csv", "".join(f"{n},{n % 2},{n % 3}\n" for n in range(rows)))
    task = load(folder, target="last")
    assert (len(task.train), len(task.valid), len(task.test())) == (30, 12, 9)
    assert str(task.output) == "vector:3"


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_column_of_a_header_is_the_target(tmp_path: Path, separator: str) -> None:
    path = save(tmp_path / "houses.csv", "\ufeff" + HOUSES.replace(",", separator))
    task = load(path, target="price")
    assert task.loss is Loss.MEAN_SQUARED_ERROR
    assert (str(task.input), str(task.output)) == ("vector:2", "vector:1")
    assert str(load(path, target="rooms").output) == "vector:4"
    amounts = load(path, target="rooms", regression=True)
    assert amounts.loss is Loss.MEAN_SQUARED_ERROR
    assert str(load(path, target="rooms", classes=6).output) == "vector:6"


@pytest.mark.parametrize(
    ("header", "target"), [("", "last"), ("a,b,kind\n", "last"), ("0,1,kind\n", "kind")]
)
def test_words_are_classes_in_their_order(tmp_path: Path, header: str, target: str) -> None:
    rows = "".join(f'{n},0.5,"{["cat", "ant, red", "bee"][n % 3]}"\n' for n in range(30))
    stored = find_table_arrays(save(tmp_path / "d.csv", header + rows), TableOptions(target))
    words = stored["train_y"].read()
    coding = decide(stored["train_y"], words, None, None)
    assert coding.names == ("ant, red", "bee", "cat")
    assert coding.apply(stored["train_y"], words).tolist() == [[2, 0, 1][n % 3] for n in range(30)]
    assert stored["train_x"].read()[:, 0].tolist() == [*range(30)]


def test_names_that_are_numbers_are_a_header_above_a_target_in_numbers(tmp_path: Path) -> None:
    path = save(tmp_path / "d.csv", "label,0,1\n" + "1,2,3\n0,4,5\n" * 5)
    assert find_table_arrays(path, TableOptions("first"))["train_x"].shape == (10, 2)


@settings(max_examples=40)
@given(labels=st.lists(st.integers(-30, 30), min_size=2, max_size=20, unique=True))
def test_labels_are_numbered_by_size(
    tmp_path_factory: pytest.TempPathFactory, labels: list[int]
) -> None:
    text = "".join(f"{n}\t0.5\n" for n in labels)
    found = find_table_arrays(save(tmp_path_factory.mktemp("d") / "d.tsv", text), TableOptions())
    words = found["train_y"].read()
    coding = decide(found["train_y"], words, None, None)
    assert coding.names == tuple(map(str, sorted(labels)))
    numbers = coding.apply(found["train_y"], words)
    assert np.array_equal(numbers, np.unique(labels, return_inverse=True)[1])


def test_test_rows_are_looked_at_first_and_read_again(tmp_path: Path) -> None:
    test = save(tmp_path / "a_test.csv", "1,9\n1,9\n")
    train = save(tmp_path / "a_train.csv", "1,0\n2,1\n" * 10)
    with pytest.raises(TaskError, match=r'a_test.csv, line 1, column 2: "9" is no class of train'):
        load(train, target="last")
    save(test, "1,0\n1,word\n")
    with pytest.raises(TaskError, match='line 2, column 2: "word" is no class of training, which'):
        load(train, target="last")
    save(test, "1,0\nx,1\n")
    with pytest.raises(TaskError, match='line 2, column 1: "x" is no finite number'):
        load(train, target="last")
    save(test, "1,0\n2,1\n")
    task = pickle.loads(pickle.dumps(load(train, target="last")))
    save(test, "1,1\n1,1\n")
    assert task.test().y.tolist() == [1, 1]
    save(test, "1,0\n1,1\n2,1\n")
    with pytest.raises(TaskError, match="has changed since the run began: start a new run"):
        task.test()


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ("60,many,5", 'line 22, column 2 (rooms): "many" is no finite number: mend it, leave it '),
        ("60,inf,5", 'line 22, column 2 (rooms): "inf" is no finite number: mend it, leave it '),
        ("1e300,2,5", "line 22, column 1 (area): a number of the column area is infinite as flo"),
        ("60,2", "line 22: 2 cells, where other rows have 3: every row needs as many, apart by"),
        (
            "60,2,",
            "line 22, column 3 (price): it is empty: every example needs a target, and 1 of 21 ",
        ),
    ],
)
def test_says_where_a_cell_is_wrong(tmp_path: Path, bad: str, told: str) -> None:
    message = refused(tmp_path / "d.csv", HOUSES + bad + "\n", target="price")
    assert message.startswith(f"FILE, {told}")


def test_says_which_column_there_is(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    assert refused(path, HOUSES, target="prize") == (
        "FILE has no column prize; did you mean price? Its first row is area, rooms, price"
    )
    assert "has no column 7. Its first row is area, rooms" in refused(path, HOUSES, target="7")
    assert refused(path, HOUSES) == (
        "FILE: which column is to be told? Say target: first, target: last, or the name of a "
        "column; its first row is area, rooms, price"
    )
    ids = "".join(f"{n},a{n}\n" for n in range(100))
    assert refused(path, ids, target="last") == (
        "column 2 of FILE has 100 different labels in 100 examples: say "
        "target_kind: classes if that is right, or correct the option target"
    )


def test_says_what_a_table_lacks(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    assert refused(path, "1\n2\n", target="last").startswith("FILE has no features beside a target")
    assert refused(path, "", target="last").startswith("FILE is empty: a table has an example a")
    assert refused(path, "a,b\n", target="b") == "FILE has a header, but no examples"
    path.write_bytes(b"\xff\xfe1,2")
    with pytest.raises(TaskError, match=r"as a table: .*; save it as CSV, UTF-8"):
        load(path, target="last")
    with pytest.raises(TaskError, match=r"there is no file .*e\.csv; did you mean d\.csv\?"):
        load(tmp_path / "e.csv")
    save(tmp_path / "a_test.csv", HOUSES.replace("area", "size"))
    with pytest.raises(TaskError, match="differ in the names of their columns"):
        load(save(tmp_path / "a_train.csv", HOUSES), target="price")
    save(tmp_path / "b_train.csv", HOUSES)
    with pytest.raises(TaskError, match=r"both .*a_train\.csv and .*b_train\.csv are train data"):
        load(tmp_path, target="price")


def test_options_of_tables_are_none_of_arrays(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", train_x=np.ones((9, 2)), train_y=np.arange(9) % 2)
    with pytest.raises(TaskError, match="leave target out, for CSV and TSV files alone"):
        load(tmp_path / "d.npz", target="last")
