"""How a search is shown: the live table and the lines."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from einsearch.cli.board import Board
from einsearch.cli.progress import LineProgress, LiveProgress, Progress, progress_for, render
from einsearch.numbers import Scores
from einsearch.study.events import Budget, StopReason, StudyEnd
from einsearch.trial import Trial, TrialState

EVENTFUL = [
    Trial(0, "linear(8) >> relu", TrialState.COMPLETE, values={"accuracy": 0.91}, parameters=72),
    Trial(1, "linear(9)", TrialState.FAILED, reason="not-finite: loss is nan\nmore"),
    Trial(2, "linear(8) >> relu", TrialState.DUPLICATE, values={"accuracy": 0.91}, reason="of 0"),
]


def play(progress: Progress) -> None:
    """A search of three trials, with one more under way at the end."""
    with progress:
        progress.callbacks.on_start([], {"accuracy": "maximize"}, Budget(trials=5))
        for trial in EVENTFUL:
            progress.callbacks.on_proposal(trial)
            progress.callbacks.on_trial(trial)
        progress.callbacks.on_note("trial 1 runs again")
        progress.callbacks.on_proposal(Trial(3, "[red]gelu[/red]", TrialState.RUNNING))
        progress.callbacks.on_report(3, 2, {"accuracy": 0.5})


def shown(progress: Progress) -> str:
    screen = Console(file=io.StringIO(), width=120, force_terminal=False)
    screen.print(render("Searching", progress.board))
    text = screen.file.getvalue()  # type: ignore[attr-defined]
    return str(text)


def test_lines_tell_of_every_trial_without_control_characters() -> None:
    file = io.StringIO()
    play(LineProgress("Searching", Console(file=file, width=40)))
    lines = file.getvalue().splitlines()
    assert lines[0] == "Searching"
    assert lines[1].startswith("[1/5] trial 0: accuracy 0.91, 72 parameters, 0.0 s, best 0.91")
    assert lines[2].startswith("[2/5] trial 1: failed (not-finite: loss is nan), 0.0 s, best 0.91")
    assert lines[3].startswith("[2/5] trial 2: duplicate (of 0)")
    assert lines[4] == "trial 1 runs again"
    assert "\x1b" not in file.getvalue()


def test_what_was_read_stays_above_the_table() -> None:
    file = io.StringIO()
    with LiveProgress("Searching", Console(file=file, width=80, force_terminal=True)) as progress:
        progress.callbacks.on_note("200 [images]")
        progress.callbacks.on_start([], {"accuracy": "maximize"}, Budget(trials=5))
    assert file.getvalue().count("200 [images]") == 1
    assert not progress.board.notes


def test_a_line_says_that_a_constraint_is_broken() -> None:
    trial = Trial(0, "relu", TrialState.COMPLETE, values={"accuracy": 0.9}, excess={"flops": 0.5})
    file = io.StringIO()
    with LineProgress("Searching", Console(file=file)) as progress:
        progress.callbacks.on_start([], {"accuracy": "maximize"}, Budget(trials=5))
        progress.callbacks.on_trial(trial)
    assert "trial 0: accuracy 0.9, 0 parameters, infeasible, " in file.getvalue()


def test_the_table_shows_counts_scores_reasons_and_what_runs() -> None:
    progress = LineProgress("Searching", Console(file=io.StringIO()))
    play(progress)
    text = shown(progress)
    assert "2/5 trials" in text
    assert "best accuracy 0.91 (trial 0, 72 parameters)" in text
    assert "failed 1" in text
    assert "failures: not-finite 1" in text
    assert "failed: not-finite: loss is" in text
    assert "epoch 2" in text
    assert "[red]gelu[/red]" in text
    assert "trial 1 runs again" in text
    assert "Ctrl-C stops the search" in text


def test_the_table_ends_with_how_it_ended() -> None:
    progress = LineProgress("Searching", Console(file=io.StringIO()))
    play(progress)
    progress.callbacks.on_end(StudyEnd(StopReason.TRIALS, "the budget of 5 trials is spent"))
    progress.callbacks.on_report(0, 7, {"accuracy": 0.95})
    text = shown(progress)
    assert "the budget of 5 trials is spent; full training: epoch 7, accuracy 0.95" in text
    assert "Ctrl-C" not in text


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_table_keeps_to_the_width_and_shows_where_networks_differ(width: int) -> None:
    board = Board(scores=Scores({"accuracy"}))
    board.on_start([], {"accuracy": "maximize"}, Budget(trials=5))
    stem = "conv2d(16, 3) >> batch_norm >> relu >> " * 4
    for number, end in enumerate(("gelu", "silu", "tanh")):
        reason = "error: ValueError: of a long message" * (number == 1)
        state = TrialState.FAILED if reason else TrialState.COMPLETE
        values = {} if reason else {"accuracy": 0.9123}
        board.on_trial(Trial(number, stem + end, state, values=values, reason=reason))
    board.on_proposal(Trial(3, stem + "relu", TrialState.RUNNING))
    screen = Console(file=io.StringIO(), width=width, force_terminal=False)
    screen.print(render("Searching", board, width))
    lines = screen.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert max(map(len, lines)) <= width
    ends = [line.split()[-1] for line in lines if line.rstrip().endswith(("lu", "tanh"))]
    assert [end.split("…")[-1] for end in ends] == ["gelu", "silu", "tanh", "relu"]
    assert "91.23 %" in "".join(lines)


def test_the_live_table_is_drawn_on_a_terminal() -> None:
    file = io.StringIO()
    play(LiveProgress("Searching", Console(file=file, width=120, force_terminal=True)))
    assert "best accuracy" in file.getvalue()


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_terminal_gets_the_table_and_a_file_lines(
    monkeypatch: pytest.MonkeyPatch, is_terminal: bool
) -> None:
    monkeypatch.setattr("sys.stderr", Terminal(is_terminal))
    assert isinstance(progress_for("x"), LiveProgress if is_terminal else LineProgress)


class Terminal(io.StringIO):
    """A stream that says whether it is a terminal."""

    def __init__(self, is_terminal: bool) -> None:
        super().__init__()
        self.is_terminal = is_terminal

    def isatty(self) -> bool:
        return self.is_terminal


def test_before_the_first_trial_it_says_what_it_waits_for() -> None:
    file = io.StringIO()
    progress = LineProgress("Searching", Console(file=file, width=80))
    assert "reading grammar and data ..." in shown(progress)
    progress.callbacks.on_stage("starting Ray")
    assert file.getvalue() == "starting Ray ...\n"
    assert "starting Ray ..." in shown(progress)
    assert "trials" not in shown(progress)
    progress.callbacks.on_start([], {"accuracy": "maximize"}, Budget(trials=5))
    assert "0/5 trials" in shown(progress)
    assert "starting" not in shown(progress)


def test_the_clock_goes_on_where_a_session_before_ended() -> None:
    now = 100.0
    board = Board(lambda: now)
    board.on_clock(3600.0)
    earlier = [Trial(n, "relu", TrialState.COMPLETE, values={"a": 1.0}) for n in range(3)]
    board.on_start(earlier, {"a": "maximize"}, Budget(trials=5))
    now = 110.0
    board.on_trial(Trial(3, "relu", TrialState.COMPLETE, values={"a": 1.0}))
    assert board.elapsed == 3610.0
    assert board.left == 10.0


def test_it_shows_where_the_time_of_trials_went() -> None:
    progress = LineProgress("Searching", Console(file=io.StringIO()))
    progress.callbacks.on_start([], {"accuracy": "maximize"}, Budget(trials=5))
    assert "time of trials" not in shown(progress)
    paused = Trial(0, "relu", TrialState.PRUNED, timings={"propose": 1.0, "train": 1.0})
    progress.callbacks.on_trial(paused)
    progress.callbacks.on_trial(replace(paused, timings={"propose": 1.0, "train": 9.0}))
    assert "time of trials: train 90%, propose 10%" in shown(progress)
