"""How a search is shown while it runs: a live table, or plain lines where there is no terminal."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from einsearch.cli.board import Board
from einsearch.cli.output import count, duration, plural, score
from einsearch.cli.terminal import console
from einsearch.study.events import Budget, Callbacks, StudyEnd
from einsearch.trial import Trial, TrialState

if TYPE_CHECKING:
    from rich.console import Console, Group
    from rich.table import Table
    from rich.text import Text

STATE_COLOURS: Mapping[TrialState, str] = {
    TrialState.COMPLETE: "green",
    TrialState.FAILED: "red",
    TrialState.REJECTED: "yellow",
    TrialState.PRUNED: "yellow",
    TrialState.DUPLICATE: "bright_black",
}


class Progress(Protocol):
    """Shows a search: a context whose `callbacks` are told what happens."""

    board: Board
    callbacks: Callbacks

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None: ...


def progress_for(title: str) -> Progress:
    """A live table where stderr is a terminal, else lines; `title` names the search."""
    screen = console(error=True)
    return LiveProgress(title, screen) if screen.is_terminal else LineProgress(title, screen)


class LineProgress(Callbacks):
    """A line for every finished trial, without control characters, for logs."""

    def __init__(self, title: str, screen: Console) -> None:
        self.board = Board()
        self.callbacks: Callbacks = self
        self._title = title
        self._screen = screen

    def __enter__(self) -> Self:
        self._print(self._title)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        return None

    def on_start(
        self, trials: Sequence[Trial], directions: Mapping[str, str], budget: Budget
    ) -> None:
        self.board.on_start(trials, directions, budget)
        if trials:
            self._print(f"going on after {plural(len(trials), 'trial')}")

    def on_note(self, message: str) -> None:
        self.board.on_note(message)
        self._print(message)

    def on_proposal(self, trial: Trial) -> None:
        self.board.on_proposal(trial)

    def on_report(self, number: int, epoch: int, metrics: Mapping[str, Any]) -> None:
        self.board.on_report(number, epoch, metrics)

    def on_trial(self, trial: Trial) -> None:
        self.board.on_trial(trial)
        self._print(trial_line(self.board, trial))

    def on_end(self, end: StudyEnd) -> None:
        self.board.on_end(end)
        self._print(end.message)

    def _print(self, line: str) -> None:
        self._screen.print(line, markup=False, soft_wrap=True)


def trial_line(board: Board, trial: Trial) -> str:
    """A finished trial and where the search stands, on one line."""
    total = f"/{board.budget.trials}" if board.budget.trials is not None else ""
    value = board.value(trial)
    if trial.state is TrialState.COMPLETE:
        what = f"{board.objective} {score(value)}, {count(trial.parameters)} parameters"
        what += "" if trial.is_feasible else ", infeasible"
    else:
        what = f"{str(trial.state).lower()} ({_first_line(trial.reason)})"
    parts = [f"[{board.spent}{total}] trial {trial.number}: {what}", duration(trial.seconds)]
    if board.best is not None:
        parts.append(f"best {score(board.value(board.best))}")
    if board.left is not None:
        parts.append(f"{duration(board.left)} left")
    return ", ".join(parts)


class LiveProgress(Callbacks):
    """A table that is redrawn in place."""

    def __init__(self, title: str, screen: Console) -> None:
        from rich.live import Live

        self.board = Board()
        self.callbacks: Callbacks = self
        self._title = title
        # The display is redrawn by a thread of its own.
        self._lock = threading.Lock()
        self._live = Live(
            console=screen,
            get_renderable=self._render,
            refresh_per_second=4,
            transient=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def on_start(
        self, trials: Sequence[Trial], directions: Mapping[str, str], budget: Budget
    ) -> None:
        with self._lock:
            self.board.on_start(trials, directions, budget)

    def on_note(self, message: str) -> None:
        if not self.board.objective:
            # What was read is told before the search begins, and stays above the table.
            self._live.console.print(message, markup=False, highlight=False)
            return
        with self._lock:
            self.board.on_note(message)

    def on_proposal(self, trial: Trial) -> None:
        with self._lock:
            self.board.on_proposal(trial)

    def on_report(self, number: int, epoch: int, metrics: Mapping[str, Any]) -> None:
        with self._lock:
            self.board.on_report(number, epoch, metrics)

    def on_trial(self, trial: Trial) -> None:
        with self._lock:
            self.board.on_trial(trial)

    def on_end(self, end: StudyEnd) -> None:
        with self._lock:
            self.board.on_end(end)

    def _render(self) -> Group:
        with self._lock:
            return render(self._title, self.board)


def render(title: str, board: Board) -> Group:
    """The live display of a board."""
    from rich.console import Group
    from rich.text import Text

    parts: list[Any] = [Text(title, style="bold"), _bar(board), _summary(board)]
    parts += [Text(note, style="bright_black") for note in board.notes]
    parts.append(_table(board))
    parts.append(Text(_ending(board), style="bright_black"))
    return Group(*parts)


def _ending(board: Board) -> str:
    if board.end is None:
        return "Ctrl-C stops the search; it can be resumed"
    if board.finishing is None:
        return board.end.message
    value = board.finishing.metrics.get(board.objective)
    shown = f", {board.objective} {score(value)}" if isinstance(value, float) else ""
    return f"{board.end.message}; full training: epoch {board.finishing.epoch}{shown}"


def _bar(board: Board) -> Table:
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    line = Table.grid(padding=(0, 2))
    total = board.budget.trials
    done = f"{board.spent}/{total} trials" if total else plural(board.spent, "trial")
    left = f"{duration(board.left)} left" if board.left is not None and not board.end else ""
    bar = ProgressBar(total=total or 1, completed=board.spent if total else 0, width=40)
    line.add_row(bar, done, duration(board.elapsed), left)
    return line


def _summary(board: Board) -> Text:
    from rich.text import Text

    text = Text()
    if board.best is not None:
        text.append(f"best {board.objective} ")
        text.append(score(board.value(board.best)), style="bold green")
        text.append(f" (trial {board.best.number}, {count(board.best.parameters)} parameters)")
    for state, number in sorted(board.states.items()):
        text.append(f"   {str(state).lower()} ")
        text.append(str(number), style=STATE_COLOURS.get(state, ""))
    if board.reasons:
        reasons = ", ".join(f"{name} {number}" for name, number in board.reasons.most_common(4))
        text.append(f"   failures: {reasons}", style="red")
    return text


def _table(board: Board) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=True)
    for name in ("trial", board.objective, "parameters", "time"):
        table.add_column(Text(name), justify="right", no_wrap=True)
    table.add_column("", no_wrap=True, max_width=28, overflow="ellipsis")
    table.add_column("network", no_wrap=True, overflow="ellipsis", ratio=1)
    for trial in board.last:
        failed = trial.state not in (TrialState.COMPLETE, TrialState.DUPLICATE)
        reason = f": {_first_line(trial.reason)}" if failed and trial.reason else ""
        state = Text(str(trial.state).lower() + reason, STATE_COLOURS.get(trial.state, ""))
        cells = (str(trial.number), score(board.value(trial)), count(trial.parameters))
        table.add_row(*cells, duration(trial.seconds), state, Text(trial.text))
    for running in list(board.running.values()):
        trial, value = running.trial, running.metrics.get(board.objective)
        state = Text(f"epoch {running.epoch}" if running.epoch else "starting", "cyan")
        shown = score(value) if isinstance(value, float) else ""
        size = count(trial.parameters)
        table.add_row(str(trial.number), Text(shown, "cyan"), size, "", state, Text(trial.text))
    return table


def _first_line(text: str) -> str:
    return text.split("\n", 1)[0]
