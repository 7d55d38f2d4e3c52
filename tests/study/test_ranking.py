"""Best trials and the Pareto front, against a definition written out."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from einsearch.study.ranking import best_first, by_main_objective, pareto_front
from einsearch.trial import Trial, TrialState
from tests.study.support import trial

DIRECTIONS = {"score": "maximize", "size": "minimize", "loss": "minimize"}
VALUE = st.integers(0, 4).map(float)
POINTS = st.lists(st.tuples(VALUE, VALUE, VALUE), max_size=14)


def trials_of(points: list[tuple[float, float, float]]) -> list[Trial]:
    complete = TrialState.COMPLETE
    return [trial(n, complete, score=a, size=b, loss=c) for n, (a, b, c) in enumerate(points)]


def beats(left: Trial, right: Trial) -> bool:
    gains = [
        left.values["score"] - right.values["score"],
        right.values["size"] - left.values["size"],
        right.values["loss"] - left.values["loss"],
    ]
    return min(gains) >= 0 and max(gains) > 0


@given(points=POINTS)
def test_the_front_is_what_nothing_beats(points: list[tuple[float, float, float]]) -> None:
    trials = trials_of(points)
    wanted = {t.number for t in trials if not any(beats(other, t) for other in trials)}
    front = pareto_front(trials, DIRECTIONS)
    assert {t.number for t in front} == wanted
    assert [t.values["score"] for t in front] == sorted(
        (t.values["score"] for t in front), reverse=True
    )
    ranked = best_first(trials, DIRECTIONS)
    assert ranked[: len(front)] == front
    assert sorted(t.number for t in ranked) == list(range(len(trials)))


@given(points=POINTS)
def test_one_objective_orders_all(points: list[tuple[float, float, float]]) -> None:
    trials = trials_of(points)
    for direction, sign in (("maximize", -1), ("minimize", 1)):
        ranked = by_main_objective(trials, {"score": direction})
        keys = [(sign * t.values["score"], t.number) for t in ranked]
        assert keys == sorted(keys)
        assert best_first(trials, {"score": direction}) == ranked


def test_only_complete_trials_are_ranked() -> None:
    states = [state for state in TrialState if state is not TrialState.COMPLETE]
    trials = [trial(n, state, score=9.0) for n, state in enumerate(states)]
    trials.append(trial(len(trials), TrialState.COMPLETE, score=1.0))
    for ranked in (by_main_objective, pareto_front, best_first):
        assert ranked(trials, {"score": "maximize"}) == trials[-1:]


@given(points=POINTS, broken=st.lists(st.integers(0, 2), min_size=14, max_size=14))
def test_what_keeps_the_constraints_comes_first(
    points: list[tuple[float, float, float]], broken: list[int]
) -> None:
    trials = [
        replace(t, excess={"latency": float(excess)})
        for t, excess in zip(trials_of(points), broken, strict=False)
    ]
    by_main = by_main_objective(trials, DIRECTIONS)
    keys = [(t.violation, -t.values["score"], t.number) for t in by_main]
    assert keys == sorted(keys)
    least = min((t.violation for t in trials), default=0.0)
    front = pareto_front(trials, DIRECTIONS)
    assert front == pareto_front([t for t in trials if t.violation == least], DIRECTIONS)
    assert best_first(trials, DIRECTIONS)[: len(front)] == front
