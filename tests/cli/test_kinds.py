"""Every command that reads a grammar, a search space or a run, given another of the three."""

from __future__ import annotations

from pathlib import Path

import pytest

from einsearch.cli.kinds import Kind, kind_of
from einsearch.cli.main import app
from tests.cli.conftest import Command

TAKES_GRAMMARS = ("analyse", "draw", "sample", "format", "show relu -g")
TAKES_SPACES = ("search", "plan")
TAKES_RUNS = ("resume", "trials", "best", "explain", "learned", "train", "export", "report")
TAKES_BOTH = ("check", "why")
TAKES_NEITHER = ("primitives", "searchers")
GRAMMAR = "start network\nnetwork = relu | gelu\n"
SPACE = "version: 1\ngrammar: mine.ein\ntask: {name: bars}\n"


@pytest.fixture
def files(tmp_path: Path, run: Path) -> dict[Kind, Path]:
    (tmp_path / "mine.ein").write_text(GRAMMAR)
    (tmp_path / "mine.yaml").write_text(SPACE)
    return {
        Kind.GRAMMAR: tmp_path / "mine.ein",
        Kind.SPACE: tmp_path / "mine.yaml",
        Kind.RUN: run,
    }


def test_no_command_is_forgotten() -> None:
    names = {command.callback.__name__ for command in app.registered_commands}  # type: ignore[union-attr]
    taken = (*TAKES_GRAMMARS, *TAKES_SPACES, *TAKES_RUNS, *TAKES_BOTH, *TAKES_NEITHER)
    assert names == {words.split()[0] for words in taken}


WRONG = [
    *((words, kind) for words in TAKES_GRAMMARS for kind in (Kind.SPACE, Kind.RUN)),
    *((words, kind) for words in TAKES_SPACES for kind in (Kind.GRAMMAR, Kind.RUN)),
    *((words, kind) for words in TAKES_RUNS for kind in (Kind.GRAMMAR, Kind.SPACE)),
    *((words, Kind.RUN) for words in TAKES_BOTH),
]


@pytest.mark.parametrize(("words", "kind"), WRONG)
def test_another_kind_is_told_with_what_takes_it(
    cli: Command, files: dict[Kind, Path], words: str, kind: Kind
) -> None:
    if (words, kind) == ("format", Kind.RUN):
        return  # a folder of grammars among others
    takes = {Kind.GRAMMAR: "check", Kind.SPACE: "search", Kind.RUN: "trials"}[kind]
    more = ("relu",) if words == "why" else ()
    status, out, err = cli(*words.split(), files[kind], *more)
    assert (status, out) == (2, "")
    assert err.startswith(f"error: {files[kind]} is {kind}: einsearch {takes} {files[kind]} ")
    assert err.count("\n") == 1


def test_a_file_is_no_text_of_a_network(cli: Command, files: dict[Kind, Path]) -> None:
    for kind in (Kind.GRAMMAR, Kind.SPACE):
        status, _, err = cli("show", files[kind])
        assert status == 2
        assert f"is {kind}: einsearch" in err


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (GRAMMAR, Kind.GRAMMAR),
        ("# a comment\nlayer(c) = conv2d(c, 3)\n", Kind.GRAMMAR),
        (SPACE, Kind.SPACE),
        ("hello\n", None),
        ("", None),
    ],
)
def test_a_file_without_a_known_suffix_is_what_its_text_looks_like(
    tmp_path: Path, text: str, kind: Kind | None
) -> None:
    (tmp_path / "mine.txt").write_text(text)
    assert kind_of(str(tmp_path / "mine.txt")) is kind


def test_packaged_names_of_both_kinds_pass(cli: Command) -> None:
    assert cli("check", "digits").status == 0
    assert "einspace is a grammar: einsearch check einspace" in cli("search", "einspace").err
    assert "layers is a search space: einsearch search layers" in cli("sample", "layers").err


@pytest.mark.parametrize("text", ["x" * 5000, "relu >> linear(8)", "a\0b", ""])
def test_what_is_no_path_is_of_no_kind(text: str) -> None:
    assert kind_of(text) is None
