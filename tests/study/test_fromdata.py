"""Searches that are given data alone: task, grammar, seeds and test data follow from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import einsearch as es
from einsearch.errors import SettingError, TaskError
from einsearch.recipe.spaces import grammar_for
from einsearch.specs import Layout
from einsearch.study.fromdata import FromData, plan_data, read_data
from einsearch.study.spacefile import load_space_text
from einsearch.tasks.base import Loss
from einsearch.tasks.registry import make_task

RNG = np.random.default_rng(0)


def houses(folder: Path, rows: int = 60) -> Path:
    lines = [f"{n % 7},{n * 3.5:.1f},{1000 * (n % 7) + 9 * n}" for n in range(rows)]
    path = folder / "houses.csv"
    path.write_text("\n".join(["rooms,area,price", *lines]) + "\n")
    return path


def arrays(folder: Path, name: str, x: np.ndarray, **others: np.ndarray) -> Path:
    path = folder / f"{name}.npz"
    np.savez(path, train_x=x, train_y=np.arange(len(x)) % 3, **others)
    return path


def read(path: Path, **options: object) -> FromData:
    return read_data(path, options)


def test_a_table_is_a_regression_with_a_fifth_for_the_test(tmp_path: Path) -> None:
    found = read(houses(tmp_path), target="price")
    assert found.task.loss is Loss.MEAN_SQUARED_ERROR
    assert len(found.task.test()) == 12
    assert len(found.task.train) + len(found.task.valid) == 48
    assert found.file.task["test"] == 0.2
    assert found.file.budget.whole.minutes == 10
    assert found.notes[0].startswith("no test data: a fifth of the examples is kept back")
    assert found.choice.reason == "each example is a row of a table"


def test_test_data_are_kept_as_they_are_asked_for(tmp_path: Path) -> None:
    path = houses(tmp_path)
    assert len(read(path, target="price", test=0.5).task.test()) == 30
    none = read(path, target="price", test=0)
    assert not none.task.has_test
    assert "test" not in none.file.task
    given = arrays(
        tmp_path,
        "given",
        RNG.normal(size=(30, 4)),
        test_x=np.zeros((5, 4)),
        test_y=np.arange(5) % 3,
    )
    found = read(given)
    assert len(found.task.test()) == 5
    assert not found.notes


def test_examples_that_are_too_few_for_a_test_are_all_trained_on(tmp_path: Path) -> None:
    path = arrays(tmp_path, "two", RNG.normal(size=(2, 4)))
    found = read(path, valid=0.5)
    assert not found.task.has_test
    assert found.notes[0].startswith("nothing is kept back for a test: ")


@pytest.mark.parametrize(
    ("shape", "kind", "layout"),
    [
        ((30, 5), float, Layout.VECTOR),
        ((30, 16, 2), float, Layout.TOKENS),
        ((30, 8, 8), np.uint8, Layout.IMAGE),
        ((30, 3, 8, 8), float, Layout.IMAGE),
    ],
)
def test_the_grammar_follows_from_the_layout(
    tmp_path: Path, shape: tuple[int, ...], kind: type, layout: Layout
) -> None:
    found = read(arrays(tmp_path, "x", RNG.normal(size=shape).astype(kind)))
    assert found.task.input.layout is layout
    assert found.choice == grammar_for(found.task)
    plan = plan_data(found, measures=False)
    assert plan.space.seeds
    assert f"grammar {found.choice.name}: {found.choice.reason}" in plan.notes


def test_each_layout_has_a_grammar_of_its_own(tmp_path: Path) -> None:
    shapes = {"row": (30, 5), "series": (30, 16, 2), "image": (30, 1, 8, 8)}
    files = [arrays(tmp_path, name, RNG.normal(size=shape)) for name, shape in shapes.items()]
    assert len({read(file).choice.name for file in files}) == len(files)


def test_a_text_is_read_for_what_follows_each_symbol(tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    path.write_text("the cat sat on the mat. " * 200)
    found = read(path, length=16)
    assert found.task.loss is Loss.NEXT_TOKEN
    assert found.choice.name == "characters"
    assert found.file.task["length"] == 16


def test_a_grammar_and_every_section_may_be_given(tmp_path: Path) -> None:
    path = houses(tmp_path)
    changes = {"training": {"epochs": 2}, "minutes": 3, "seed": 4, "require": ["parameters"]}
    found = read(path, target="price", grammar="kan", **changes)
    assert (found.file.grammar, found.file.training.epochs, found.file.seed) == ("kan", 2, 4)
    assert found.file.budget.whole.minutes == 3
    plan = plan_data(found, measures=False)
    assert "grammar kan: as you say" in plan.notes
    assert plan.file.seeds == ("spline", "perceptron")
    assert "# Grammar kan: as you say" in plan.files["space.yaml"]


def test_the_space_reads_back_as_a_file_from_anywhere(tmp_path: Path) -> None:
    found = read(houses(tmp_path), target="price")
    again = load_space_text(found.file.text, base=tmp_path / "elsewhere")
    assert again.task == found.file.task
    assert np.array_equal(make_task(again.task, again.base).train.x, found.task.train.x)


def test_python_searches_data_as_the_command_line_does(tmp_path: Path) -> None:
    quick = {"trials": 1, "executor": "inline", "training": {"epochs": 1}, "grammar": "kan"}
    run = es.search(houses(tmp_path), target="price", directory=tmp_path / "run", **quick)
    assert run.best.values["rmse"] > 0
    assert run.final is not None
    assert "rmse" in run.final["networks"][0]["test"]
    with pytest.raises(SettingError, match="did you mean target"):
        es.search(houses(tmp_path), targt="price")


def test_mistakes_are_told_with_what_there_is(tmp_path: Path) -> None:
    path = houses(tmp_path)
    with pytest.raises(TaskError, match="its first row is rooms, area, price"):
        read(path)
    with pytest.raises(TaskError, match="no column prize; did you mean price"):
        read(path, target="prize")
    with pytest.raises(
        SettingError, match=r"houses.csv has no option targt\n  did you mean target"
    ):
        read(path, targt="price")
    with pytest.raises(
        SettingError, match="no option nonsense\n  the data have the options layout"
    ):
        read(path, target="price", nonsense=1)
