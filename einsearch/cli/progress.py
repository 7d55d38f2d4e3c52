"""How a search is shown while it runs: a live table, or plain lines where there is no terminal."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

from rich.measure import Measurement
from rich.text import Text

from einsearch.cli.board import Board, Running
from einsearch.cli.terminal import console
from einsearch.numbers import PLAIN, Scores, count, duration, plural
from einsearch.primitives.training import brief
from einsearch.report.distinct import distinct
from einsearch.study.events import Budget, Callbacks, StudyEnd
from einsearch.trial import Trial, TrialState

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, Group
    from rich.table import Table

STATE_COLOURS: Mapping[TrialState, str] = {
    TrialState.COMPLETE: "green",
    TrialState.FAILED: "red",
    TrialState.REJECTED: "yellow",
    TrialState.PRUNED: "yellow",
    TrialState.DUPLICATE: "bright_black",
}


WIDE, NARROW = 100, 72
"""Columns of a terminal below which the table leaves out memory, and parameters too."""


class Progress(Protocol):
    """Shows a search: a context whose `callbacks` are told what happens."""

    board: Board
    callbacks: Callbacks

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None: ...


def progress_for(title: str, scores: Scores = PLAIN, spell: Callable[[str], str] = str) -> Progress:
    """A live table where stderr is a terminal, else lines.

    Args:
        title: names the search.
        scores: writes values for people.
        spell: puts notes into the words of the command line.
    """
    screen = console(error=True)
    make = LiveProgress if screen.is_terminal else LineProgress
    return make(title, screen, scores, spell)


class LineProgress(Callbacks):
    """A line for every finished trial, without control characters, for logs."""

    def __init__(
        self,
        title: str,
        screen: Console,
        scores: Scores = PLAIN,
        spell: Callable[[str], str] = str,
    ) -> None:
        self.board = Board(scores=scores)
        self.callbacks: Callbacks = self
        self._title = title
        self._screen = screen
        self._spell = spell

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

    def on_stage(self, stage: str) -> None:
        self.board.on_stage(stage)
        self._print(f"{stage} ...")

    def on_clock(self, elapsed: float) -> None:
        self.board.on_clock(elapsed)

    def on_note(self, message: str) -> None:
        message = self._spell(message)
        self.board.on_note(message)
        self._print(message)

    def on_proposal(self, trial: Trial) -> None:
        self.board.on_proposal(trial)

    def on_report(self, number: int, epoch: int, metrics: Mapping[str, Any]) -> None:
        self.board.on_report(number, epoch, metrics)

    def on_trial(self, trial: Trial) -> None:
        self.board.on_trial(trial)
        self._print(trial_line(self.board, trial))

    def on_spent(self, useful: float | None) -> None:
        self.board.on_spent(useful)

    def on_end(self, end: StudyEnd) -> None:
        self.board.on_end(end)
        self._print(end.message)

    def _print(self, line: str) -> None:
        self._screen.print(line, markup=False, soft_wrap=True)


def trial_line(board: Board, trial: Trial) -> str:
    """A finished trial and where the search stands, on one line."""
    total = f"/{board.budget.trials}" if board.budget.trials is not None else ""
    if trial.state is TrialState.COMPLETE:
        also = f"{board.beside} {board.shown_beside(trial)}, " if board.beside else ""
        what = f"{also}{board.objective} {board.shown(trial)}, {count(trial.parameters)} parameters"
        what += "" if trial.is_feasible else ", infeasible"
    else:
        what = f"{str(trial.state).lower()} ({_first_line(trial.reason)})"
    parts = [f"[{board.spent}{total}] trial {trial.number}: {what}", duration(trial.seconds)]
    if board.best is not None:
        parts.append(f"best {board.shown(board.best)}")
    if board.left is not None:
        parts.append(f"{duration(board.left)} left")
    return ", ".join(parts)


class LiveProgress(Callbacks):
    """A table that is redrawn in place."""

    def __init__(
        self,
        title: str,
        screen: Console,
        scores: Scores = PLAIN,
        spell: Callable[[str], str] = str,
    ) -> None:
        from rich.live import Live

        self.board = Board(scores=scores)
        self.callbacks: Callbacks = self
        self._title = title
        self._screen = screen
        self._spell = spell
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

    def on_stage(self, stage: str) -> None:
        with self._lock:
            self.board.on_stage(stage)

    def on_clock(self, elapsed: float) -> None:
        with self._lock:
            self.board.on_clock(elapsed)

    def on_note(self, message: str) -> None:
        message = self._spell(message)
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

    def on_spent(self, useful: float | None) -> None:
        with self._lock:
            self.board.on_spent(useful)

    def on_end(self, end: StudyEnd) -> None:
        with self._lock:
            self.board.on_end(end)

    def _render(self) -> Group:
        with self._lock:
            return render(self._title, self.board, self._screen.width)


def render(title: str, board: Board, width: int = 120) -> Group:
    """The live display of a board, on a terminal of so many columns."""
    from rich.console import Group

    parts: list[Any] = [Text(title, style="bold"), _bar(board), _summary(board)]
    parts += [Text(told, style="bright_black") for fact in FACTS if (told := fact(board))]
    parts += [Text(note, style="bright_black") for note in board.notes]
    if board.last or board.running:
        parts.append(_table(board, width))
    parts.append(Text(_ending(board), style="bright_black"))
    return Group(*parts)


def _ending(board: Board) -> str:
    if board.end is None:
        return "Ctrl-C stops the search; it can be resumed"
    if board.finishing is None:
        return board.end.message
    value = board.finishing.metrics.get(board.objective)
    known = isinstance(value, float)
    shown = f", {board.objective} {board.scores(board.objective, value)}" if known else ""
    return f"{board.end.message}; full training: epoch {board.finishing.epoch}{shown}"


def _where_time_went(board: Board) -> str:
    """Which share of the time of finished trials each phase took, the largest first."""
    total = sum(seconds for seconds in board.timings.values() if seconds > 0)
    if total <= 0:
        return ""
    shares = ((phase, seconds / total) for phase, seconds in board.timings.most_common())
    shown = ", ".join(f"{phase} {share:.0%}" for phase, share in shares if share >= 0.005)
    return f"time of trials: {shown}"


FACTS: Sequence[Callable[[Board], str]] = (_where_time_went,)
"""Lines between the counts and the notes; each is left out where it is empty."""


def _bar(board: Board) -> Table | Text:
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    if board.stage:
        return Text(f"{board.stage} ...  {duration(board.elapsed)}", style="cyan")
    line = Table.grid(padding=(0, 2))
    total, seconds = board.budget.trials, board.budget.seconds
    done = f"{board.spent}/{total} trials" if total else plural(board.spent, "trial")
    left = f"{duration(board.left)} left" if board.left is not None and not board.end else ""
    if total is None and math.isfinite(seconds):
        bar = ProgressBar(total=seconds, completed=min(board.elapsed, seconds), width=40)
    else:
        bar = ProgressBar(total=total or 1, completed=board.spent if total else 0, width=40)
    useful = "" if board.useful is None else f"useful time {100 * board.useful:.0f} %"
    line.add_row(bar, done, duration(board.elapsed), left, useful)
    return line


def _summary(board: Board) -> Text:
    text = Text()
    if board.best is not None:
        text.append(f"best {board.objective} ")
        text.append(board.shown(board.best), style="bold green")
        also = f"{board.beside} {board.shown_beside(board.best)}, " if board.beside else ""
        size = f"{count(board.best.parameters)} parameters"
        text.append(f" ({also}trial {board.best.number}, {size})")
    for state, number in sorted(board.states.items()):
        text.append(f"   {str(state).lower()} ")
        text.append(str(number), style=STATE_COLOURS.get(state, ""))
    if board.reasons:
        reasons = ", ".join(f"{name} {number}" for name, number in board.reasons.most_common(4))
        text.append(f"   failures: {reasons}", style="red")
    return text


def _table(board: Board, width: int) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), expand=True)
    rows = [_finished_row(board, trial) for trial in board.last]
    rows += [_running_row(board, running) for running in list(board.running.values())]
    also = [board.beside] if board.beside else []
    heads = ["trial", *also, board.objective, "parameters", "memory", "time"]
    places = list(range(len(heads)))
    for least, name in ((WIDE, "memory"), (NARROW, "parameters")):
        if width < least:
            places = [place for place in places if heads[place] != name]
    for place in places:
        table.add_column(Text(heads[place]), justify="right", no_wrap=True)
    longest = 28 if width >= WIDE else 18
    table.add_column("", no_wrap=True, max_width=longest, overflow="ellipsis")
    table.add_column("network", no_wrap=True, overflow="ellipsis", ratio=1)
    texts = [row.text for row in rows]
    for number, row in enumerate(rows):
        network = _Network(texts, number)
        table.add_row(*(row.cells[place] for place in places), row.state, network)
    return table


class _Network:
    """The text of one of several networks, cut to the width that its cell turns out to have."""

    def __init__(self, texts: Sequence[str], number: int) -> None:
        self._texts = texts
        self._number = number

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        yield Text(distinct(self._texts, options.max_width)[self._number])

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(8, max(8, len(self._texts[self._number])))


class _Row(NamedTuple):
    """A trial in the live table: numbers, state, and the text of its network."""

    cells: Sequence[Text]
    state: Text
    text: str


def _finished_row(board: Board, trial: Trial) -> _Row:
    failed = trial.state not in (TrialState.COMPLETE, TrialState.DUPLICATE)
    reason = f": {_first_line(trial.reason)}" if failed and trial.reason else ""
    state = Text(str(trial.state).lower() + reason, STATE_COLOURS.get(trial.state, ""))
    also = [board.shown_beside(trial)] if board.beside else []
    cells = (*also, board.shown(trial), *_sizes(board, trial), duration(trial.seconds))
    texts = [Text(cell) for cell in (str(trial.number), *cells)]
    return _Row(texts, state, brief(trial.text))


def _running_row(board: Board, running: Running) -> _Row:
    trial = running.trial
    state = Text(f"epoch {running.epoch}" if running.epoch else "starting", "cyan")
    names = [board.beside, board.objective] if board.beside else [board.objective]
    values = [(name, running.metrics.get(name)) for name in names]
    shown = [board.scores(name, v) if isinstance(v, float) else "" for name, v in values]
    cells = [Text(str(trial.number)), *(Text(one, "cyan") for one in shown)]
    return _Row([*cells, *map(Text, _sizes(board, trial)), Text("")], state, brief(trial.text))


def _sizes(board: Board, trial: Trial) -> list[str]:
    names = ("parameters", "activation_memory")
    return [board.scores(name, getattr(trial, name)) for name in names]


def _first_line(text: str) -> str:
    return text.split("\n", 1)[0]
