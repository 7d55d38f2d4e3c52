"""The board that counts what happens in a search."""

from __future__ import annotations

import pytest

from einsearch.cli.board import LAST, Board
from einsearch.study.events import Budget, StopReason, StudyEnd
from einsearch.trial import Trial, TrialState

DIRECTIONS = {"loss": "minimize", "parameters": "minimize"}


class Clock:
    """Seconds that a test sets."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def trial(number: int, state: TrialState = TrialState.COMPLETE, **fields: object) -> Trial:
    return Trial(number, f"text {number}", state, **fields)  # type: ignore[arg-type]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def board(clock: Clock) -> Board:
    board = Board(clock)
    board.on_start([], DIRECTIONS, Budget(trials=10))
    return board


def test_the_best_is_by_the_direction_of_the_first_objective(board: Board) -> None:
    for number, loss in enumerate([0.5, 0.2, 0.3, 0.2]):
        board.on_trial(trial(number, values={"loss": loss, "parameters": 1.0}))
    assert board.best is not None
    assert board.best.number == 1


def test_a_duplicate_costs_nothing_and_a_failure_does(board: Board) -> None:
    board.on_trial(trial(0, values={"loss": 1.0}))
    board.on_trial(trial(1, TrialState.DUPLICATE, values={"loss": 1.0}))
    board.on_trial(trial(2, TrialState.FAILED, reason="time-limit: over 30 s"))
    board.on_trial(trial(3, TrialState.REJECTED, reason="parameters: none"))
    assert board.spent == 3
    assert board.reasons == {"time-limit": 1, "parameters": 1}
    assert board.states[TrialState.DUPLICATE] == 1


def test_time_left_goes_by_the_trials_of_this_session(clock: Clock) -> None:
    board = Board(clock)
    recorded = [trial(n, values={"loss": 1.0}) for n in range(4)]
    board.on_start(recorded, DIRECTIONS, Budget(trials=10))
    assert board.left is None
    clock.now += 30
    board.on_trial(trial(4, values={"loss": 1.0}))
    board.on_trial(trial(5, values={"loss": 1.0}))
    assert board.left == pytest.approx(4 * 30 / 2)


def test_time_left_is_no_more_than_the_budget_of_time(clock: Clock) -> None:
    board = Board(clock)
    board.on_start([], DIRECTIONS, Budget(trials=1000, minutes=0.6))
    clock.now += 20
    board.on_trial(trial(0, values={"loss": 1.0}))
    assert board.left == pytest.approx(36 - 20)


def test_running_trials_show_their_epoch(board: Board) -> None:
    board.on_proposal(trial(0, TrialState.RUNNING))
    board.on_report(0, 3, {"loss": 0.4})
    board.on_report(7, 1, {"loss": 0.1})
    assert list(board.running) == [0]
    assert (board.running[0].epoch, board.running[0].metrics) == (3, {"loss": 0.4})
    board.on_trial(trial(0, values={"loss": 0.4}))
    assert not board.running


def test_a_report_after_the_end_is_of_the_full_training(board: Board) -> None:
    board.on_trial(trial(0, values={"loss": 0.4}))
    board.on_end(StudyEnd(StopReason.TRIALS, "done"))
    board.on_report(0, 5, {"loss": 0.1})
    assert board.finishing is not None
    assert (board.finishing.trial.number, board.finishing.epoch) == (0, 5)


def test_what_a_resumed_run_had_under_way_is_shown(clock: Clock) -> None:
    board = Board(clock)
    board.on_start([trial(0, TrialState.RUNNING)], DIRECTIONS, Budget(trials=2))
    assert list(board.running) == [0]
    assert board.spent == 0


def test_only_the_last_trials_are_kept(board: Board) -> None:
    for number in range(LAST + 5):
        board.on_trial(trial(number, values={"loss": 1.0}))
    assert [t.number for t in board.last] == list(range(5, LAST + 5))


def test_a_trial_that_goes_on_after_a_pause_counts_once(board: Board) -> None:
    paused = trial(0, TrialState.PRUNED, values={"loss": 0.9}, reason="rung 0")
    board.on_proposal(trial(0, TrialState.RUNNING))
    board.on_trial(paused)
    assert (board.spent, board.states, board.best) == (1, {TrialState.PRUNED: 1}, None)
    board.on_proposal(trial(0, TrialState.RUNNING, values={"loss": 0.9}))
    board.on_report(0, 2, {"loss": 0.5})
    assert board.running[0].epoch == 2
    board.on_trial(trial(0, values={"loss": 0.4}))
    assert (board.spent, board.states) == (1, {TrialState.COMPLETE: 1})
    assert board.best is not None
    assert not board.running


def test_the_best_keeps_the_constraints_where_it_can(board: Board) -> None:
    for number, (loss, excess) in enumerate([(0.1, 0.5), (0.9, 0.2), (0.8, -1.0), (0.2, 0.1)]):
        board.on_trial(trial(number, values={"loss": loss}, excess={"latency": excess}))
    assert board.best is not None
    assert board.best.number == 2
