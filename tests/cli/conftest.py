"""The command line called in this process, and one small finished run that tests read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from einsearch.cli.main import main

SPACE = """\
version: 1
grammar: digits
task: {name: bars, train: 64}
limits: {nodes: 14, depth: 3, parameters: 20k}
training: {epochs: 1, batch: 32}
budget: {trials: 3}
executor: {name: inline}
final: {top: 1, epochs: 2, seeds: 2}
"""


@pytest.fixture(autouse=True)
def no_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that run tests side by side are given a width, which commands would keep to."""
    monkeypatch.delenv("COLUMNS", raising=False)


class Answer(NamedTuple):
    """What a command did."""

    status: int
    out: str
    err: str


Command = Callable[..., Answer]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Command:
    def call(*words: object) -> Answer:
        with pytest.raises(SystemExit) as end:
            main([str(word) for word in words])
        captured = capsys.readouterr()
        return Answer(int(end.value.code or 0), captured.out, captured.err)

    return call


@pytest.fixture
def space(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SPACE)
    return path


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run of three trials; tests only read it."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "small.yaml").write_text(SPACE)
    with pytest.raises(SystemExit) as end:
        main(["search", str(folder / "small.yaml"), "--run", str(folder / "run")])
    assert not end.value.code
    return folder / "run"
