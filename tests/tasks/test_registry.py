"""Tests of tasks by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from einsearch.errors import TaskError
from einsearch.tasks import registry
from einsearch.tasks.base import Task
from einsearch.tasks.registry import all_tasks, check_task, make_task, register_task


@pytest.fixture
def clean_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(registry, "_REGISTRY", dict(all_tasks()))
    return


def test_a_name_or_a_mapping() -> None:
    assert make_task("bars").name == make_task({"name": "bars"}).name == "bars"


def test_options_reach_the_task() -> None:
    assert len(make_task({"name": "bars", "train": 40}).train) == 40


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("digts", "no task is named digts; did you mean digits?"),
        ("zzz", "no task is named zzz; there are: arrays, bars, characters, digits"),
        ({"path": "x"}, r"a task needs a name: \{name: digits\}; found \{'path': 'x'\}"),
        ({"name": 3}, "a task needs a name"),
        ({"name": "digits", "path": "x"}, "the task digits has no option path; there are: none"),
        ({"name": "arrays"}, "the task arrays: the option path is missing"),
        ({"name": "bars", "train": "many"}, "train is 'many': input should be a valid integer"),
        ({"name": "bars", "train": 2, "seed": -1}, "train is 2: .* 16; seed is -1: .* 0"),
        ({"name": "arrays", "base": "x", "path": "y"}, "the task arrays has no option base"),
    ],
)
def test_mistakes_are_explained(config: object, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        make_task(config)  # type: ignore[arg-type]


@pytest.mark.usefixtures("clean_registry")
def test_a_new_task_is_found_by_its_name() -> None:
    @register_task("mine")
    def mine(*, train: int = 20) -> Task:
        return make_task({"name": "bars", "train": train})

    assert "mine" in all_tasks()
    assert len(make_task({"name": "mine", "train": 30}).train) == 30


@pytest.mark.usefixtures("clean_registry")
def test_a_taken_name_is_refused() -> None:
    with pytest.raises(ValueError, match="a task named bars is registered already"):

        @register_task("bars")
        def other() -> Task:
            return make_task("bars")


def test_options_can_be_checked_without_reading_data() -> None:
    name, options = check_task({"name": "arrays", "path": "no/such/folder", "classes": 3})
    assert name == "arrays"
    assert (options["path"], options["classes"], options["seed"]) == (Path("no/such/folder"), 3, 0)
