"""Wrong calls, and what to type instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Command


def told(err: str) -> str:
    """The message without its frame."""
    return " ".join(err.replace("│", " ").split())


def test_without_a_command_the_help_says_how_to_start(cli: Command) -> None:
    status, out, err = cli()
    assert status in (0, 2)
    assert "Start with einsearch search digits" in told(out + err)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("serch",), "No such command 'serch'. Did you mean 'search', 'searchers'?"),
        (("einspace",), "einspace is a grammar: einsearch check einspace checks it"),
        (("layers",), "layers is a search space: einsearch search layers searches it"),
        (("--json", "trials", "x"), "--json is an option of commands, and stands after the"),
        (("search", "digits", "--top", "3"), "--top is an option of trials"),
        (("trials", "x", "--seeds", "3"), "--seeds is an option of train"),
        (("trials", "x", "3"), "One trial is told by: einsearch explain x:3"),
        (("export", "x", "3"), "A trial is named beside its run: RUN:3"),
        (("search",), "A file of yours, or a packaged one: characters, digits,"),
        (("check",), "Missing argument"),
        (
            ("sample",),
            "A file of yours, or a packaged one: characters, codes, darts, digits, einspace",
        ),
    ],
)
def test_a_wrong_call_says_what_to_type(
    cli: Command, words: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    status, _, err = cli(*words)
    assert status == 2
    assert message in told(err)


def test_a_missing_run_names_those_that_are_there(
    cli: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    assert "`einsearch search digits` makes one" in told(cli("trials").err)
    (tmp_path / "runs" / "digits-1").mkdir(parents=True)
    (tmp_path / "runs" / "digits-1" / "versions.json").write_text("{}")
    assert "Runs here: runs/digits-1" in told(cli("trials").err)
