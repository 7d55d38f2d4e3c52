"""The one way out of the command line: what others wrote never steers a terminal."""

from __future__ import annotations

import ast
import io
import os
import re
import sys
from pathlib import Path

import pytest
import typer
from rich.text import Text

import einsearch.cli
from einsearch.cli import results
from einsearch.cli.board import Board
from einsearch.cli.main import main
from einsearch.cli.progress import LineProgress, render
from einsearch.cli.terminal import console, say_data
from einsearch.errors import RunError
from einsearch.study.events import Budget
from einsearch.trial import Trial, TrialState
from tests.cli.conftest import Command

NASTY = "\x1b[31m[red]\u202e\x9b2J[/]\x07"
STEERING = set("\x1b\u202e\x9b\x07\r")
FAILED = Trial(0, f"relu {NASTY}", TrialState.FAILED, reason=f"error: {NASTY}", origin=NASTY)


class Terminal(io.StringIO):
    """Says that it is one."""

    def isatty(self) -> bool:
        return True


def test_no_other_file_of_the_command_line_prints() -> None:
    """Whatever prints by itself would print raw."""
    found = []
    for path in Path(einsearch.cli.__file__).parent.glob("*.py"):
        if path.name == "terminal.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if name.split("(")[0] in {
                "print",
                "typer.echo",
                "typer.secho",
                "Console",
                "rich.print",
            }:
                found.append(f"{path.name}:{node.lineno}: {name}")
            if name.startswith(("sys.stdout.write", "sys.stderr.write", "sys.stdout.buffer")):
                found.append(f"{path.name}:{node.lineno}: {name}")
    assert not found


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_live_table_spells_out_what_others_wrote(
    monkeypatch: pytest.MonkeyPatch, is_terminal: bool
) -> None:
    stream = Terminal() if is_terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("LINES", "50")
    monkeypatch.setenv("NO_COLOR", "1")
    board = Board()
    board.on_start([], {f"score {NASTY}": "maximize"}, Budget(3, None))
    board.on_trial(FAILED)
    board.on_note(NASTY)
    board.on_proposal(Trial(1, NASTY, TrialState.RUNNING))
    screen = console(error=True)
    screen.print(render(f"Searching {NASTY}", board))
    monkeypatch.undo()
    told = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue())  # bold is einsearch's own
    assert not STEERING & set(told)
    assert told.count("\\x1b[31m[red]") >= 5


def test_a_terminal_still_gets_the_colours_of_einsearch(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    console().print(Text("\x1b[31mnot red", style="green"))
    monkeypatch.undo()
    assert stream.getvalue() == "\x1b[32m\\x1b[31mnot red\x1b[0m\n"


def test_lines_of_a_log_spell_out_what_others_wrote(capsys: pytest.CaptureFixture[str]) -> None:
    progress = LineProgress(NASTY, console(error=True))
    progress.on_start([], {"score": "maximize"}, Budget(3, None))
    with progress:
        progress.on_trial(FAILED)
        progress.on_note(NASTY)
    told = capsys.readouterr().err
    assert not STEERING & set(told)
    assert told.count("\\x1b[31m[red]") == 3


def test_data_go_unchanged_into_a_pipe_and_never_raw_to_a_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pipe, terminal = io.StringIO(), Terminal()
    for stream in (pipe, terminal):
        monkeypatch.setattr(sys, "stdout", stream)
        say_data("# \x1b[31m\r\n")
    monkeypatch.undo()
    assert pipe.getvalue() == "# \x1b[31m\r\n"
    assert terminal.getvalue() == "# \\x1b[31m\\x0d\n"


def ended(words: list[str]) -> int:
    with pytest.raises(SystemExit) as end:
        main(words)
    return int(end.value.code or 0)


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "utf-8", "cp1252"])
def test_any_encoding_of_stdout_will_do(
    monkeypatch: pytest.MonkeyPatch, run: Path, encoding: str
) -> None:
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    statuses = [ended([name, str(run)]) for name in ("best", "explain", "trials")]
    monkeypatch.undo()
    assert statuses == [0, 0, 0]
    assert b"input" in written.getvalue()
    assert ("●".encode() in written.getvalue()) == (encoding == "utf-8")


def test_a_closed_pipe_ends_a_command_without_a_word(
    monkeypatch: pytest.MonkeyPatch, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    monkeypatch.setattr(sys, "stdout", os.fdopen(writer, "w", encoding="utf-8"))
    status = ended(["trials", str(run)])
    sys.stdout.close()  # it would raise, had what was left to write not been dropped
    monkeypatch.undo()
    assert status == 1
    assert capsys.readouterr().err == ""


def test_a_closed_stdout_is_no_error(monkeypatch: pytest.MonkeyPatch, run: Path) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    status = ended(["trials", str(run)])
    sys.stdout.close()
    monkeypatch.undo()
    assert status == 0


def raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(results, "read_run", fail)


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (RunError(f"bad {NASTY}"), 1, "error: bad \\x1b[31m[red]\\u202e\\x9b2J[/]\\x07\n"),
        (FileNotFoundError(2, "No such file", "x y"), 2, "error: x y: No such file\n"),
        (OSError(28, "No space left"), 1, "error: cannot read or write: No space left\n"),
        (MemoryError(), 1, "error: the memory of this machine does not suffice\n"),
        (KeyboardInterrupt(), 130, ""),
        (typer.Abort(), 130, ""),
    ],
)
def test_an_error_is_told_without_a_traceback(
    cli: Command, monkeypatch: pytest.MonkeyPatch, error: BaseException, status: int, told: str
) -> None:
    raising(monkeypatch, error)
    assert cli("trials", "x") == (status, "", told)


def test_a_defect_is_one_line_and_keeps_its_traceback(
    cli: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    raising(monkeypatch, KeyError("a\x1bb\nc"))
    status, out, err = cli("trials", "x")
    (kept,) = tmp_path.iterdir()
    assert (status, out) == (1, "")
    assert err.count("\n") == 1
    assert "has a defect: KeyError: 'a\\x1bb\\nc'" in err
    assert str(kept) in err
    assert "in fail" in kept.read_text()


def test_a_variable_shows_tracebacks(cli: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    raising(monkeypatch, KeyError("a"))
    monkeypatch.setenv("EINSEARCH_DEBUG", "1")
    with pytest.raises(KeyError):
        main(["trials", "x"])


def test_a_wrong_word_of_the_line_is_repeated_spelt_out(cli: Command) -> None:
    status, _, err = cli("nothing\x1b[31m")
    assert status == 2
    assert "\x1b" not in err
    assert "\\x1b[31m" in err
