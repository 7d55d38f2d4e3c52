"""Objectives of search-space files are found where people put them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from einsearch.errors import SpaceFileError
from einsearch.study.importing import NAMELESS, folder_of, import_objective, name_of
from einsearch.study.launch import resume, search_file
from einsearch.study.run import open_run
from einsearch.study.spacefile import SpaceFile, load_space_file
from tests.study import staged

OBJECTIVE = "import beside_helper\ndef score(network):\n    return beside_helper.BY * {by}\n"
SPACE = """
grammar: g.ein
task: {{objective: "{name}", input: "vector:4"}}
budget: {{trials: 2}}
searcher: random
executor: {{name: {executor}}}
"""
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes a search space with its objective beside it; nothing of it stays in Python."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)

    def make(name: str, by: float, folder: str = "space", executor: str = "inline") -> Path:
        place = tmp_path / folder
        module = place.joinpath(*name.partition(":")[0].split(".")).with_suffix(".py")
        module.parent.mkdir(parents=True, exist_ok=True)
        module.write_text(OBJECTIVE.format(by=by))
        (place / "beside_helper.py").write_text("BY = 10.0\n")
        (place / "g.ein").write_text("start network\nnetwork = linear(2..60) >> (relu | tanh)\n")
        (place / "space.yaml").write_text(SPACE.format(name=name, executor=executor))
        return place / "space.yaml"

    yield make
    for module in set(sys.modules) - before:
        if module.startswith(("beside", "zipapp", "json_")):
            del sys.modules[module]


def values(run: Any) -> list[Any]:
    return [trial.values.get("value", trial.reason) for trial in run.trials]


@pytest.mark.parametrize("executor", ["inline", "local"])
@pytest.mark.parametrize("name", ["beside_one:score", "beside.inner.two:score"])
def test_it_stands_beside_the_file(write: Write, tmp_path: Path, name: str, executor: str) -> None:
    run = search_file(write(name, 0.5, executor=executor), directory=tmp_path / "run", workers=1)
    assert values(run) == [5.0, 5.0]


@pytest.mark.parametrize("name", ["json:score", "zipapp:score"])
def test_one_beside_the_file_comes_before_another_of_its_name(write: Write, name: str) -> None:
    """Of Python's, loaded or not; it stays what it is to everybody else."""
    before = sys.modules.get(name.partition(":")[0])
    assert values(search_file(write(name, 0.5, executor="local"), workers=1)) == [5.0, 5.0]
    assert sys.modules.get(name.partition(":")[0]) is before


def test_two_of_a_name_are_two(write: Write) -> None:
    first, second = write("beside_one:score", 0.5, "a"), write("beside_one:score", 0.25, "b")
    for _ in range(2):
        assert values(search_file(first)) == [5.0, 5.0]
        assert values(search_file(second, executor="local", workers=1)) == [2.5, 2.5]


def test_a_run_finds_it_again_and_its_folder_may_move(write: Write, tmp_path: Path) -> None:
    run = search_file(write("beside_one:score", 0.5), directory=tmp_path / "run")
    assert len(resume(tmp_path / "run", trials=3).trials) >= 3
    assert str(tmp_path / "space") in (tmp_path / "run" / "space.yaml").read_text()
    (tmp_path / "space").rename(tmp_path / "elsewhere")
    sys.modules.pop("beside_one")
    with pytest.raises(SpaceFileError, match=r"cannot import the objective beside_one:score: No"):
        open_run(tmp_path / "run").resume(trials=4)
    assert run.directory is not None
    (tmp_path / "run" / "beside_one.py").write_text(OBJECTIVE.format(by=0.5))
    assert len(resume(tmp_path / "run", trials=4).trials) >= 4


def test_a_folder_may_be_named(write: Write, tmp_path: Path) -> None:
    path = write("beside_one:score", 0.5)
    moved = tmp_path / "other" / "space.yaml"
    moved.parent.mkdir()
    moved.write_text(path.read_text().replace("input:", "folder: ../space, input:"))
    moved.with_name("g.ein").write_text(path.with_name("g.ein").read_text())
    file = load_space_file(moved)
    assert file.task["folder"] == str(tmp_path / "space")
    assert values(search_file(file)) == [5.0, 5.0]
    moved.write_text(moved.read_text().replace("../space", "7"))
    with pytest.raises(SpaceFileError, match=r"task\.folder is 7: expected a path"):
        load_space_file(moved)


def test_an_objective_from_python_is_found_again_by_its_name() -> None:
    assert name_of(staged.value_of) == "tests.study.staged:value_of"
    assert folder_of(staged.value_of) == Path(__file__).resolve().parents[2]
    assert folder_of(len) is None


@pytest.mark.parametrize(
    "objective", [lambda network: 1.0, [].append, "text".count, open_run.__call__, 5]
)
def test_what_no_name_leads_to_is_nameless(objective: Any) -> None:
    assert name_of(objective) == NAMELESS


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (NAMELESS, "has no name that it could be imported by"),
        ("__main__:score", r"is of a script: __main__:score\n  hand it over"),
        ("no_such_module:f", "No module named 'no_such_module'\n  it is written package.module"),
        ("json:nothing", "has no attribute 'nothing'"),
        ("json:decoder", "the objective json:decoder is no function"),
        ("beside_bad:f", "its module raises {error}"),
    ],
)
def test_what_cannot_be_imported_is_told(
    tmp_path: Path, path: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    sources = {
        "import no_such_package": "ModuleNotFoundError: No module named 'no_such_package'",
        "1 / 0": "ZeroDivisionError: division by zero",
        "def f(:": "SyntaxError: invalid syntax",
        "raise SystemExit(3)": "SystemExit: 3",
    }
    for source, error in sources.items():
        (tmp_path / "beside_bad.py").write_text(source)
        with pytest.raises(SpaceFileError, match=message.format(error=error)):
            import_objective(path, [tmp_path])


def test_reading_a_file_imports_nothing(write: Write) -> None:
    file = load_space_file(write("beside_one:score", 0.5))
    assert isinstance(file, SpaceFile)
    assert "beside_one" not in sys.modules
