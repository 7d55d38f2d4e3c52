"""Successive halving against the algorithm as the paper has it, and what may be given up."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from einsearch.searchers.pareto import Standing
from einsearch.study.budgets import Ladder, Rungs

RUNGS = st.builds(
    lambda least, factor, count: Rungs.between(least, least * factor**count, factor),
    st.integers(1, 2),
    st.integers(2, 4),
    st.integers(1, 3),
)
SCORE = st.integers(0, 5).map(float)


def asha(scores: list[list[float]], rungs: int, promote: int) -> list[tuple[int, int]]:
    """Algorithm 2 of Li et al. (2020) for one worker: which candidate is trained to which rung,
    in order. `scores[candidate][rung]`, more is better."""
    done: list[dict[int, float]] = [{} for _ in range(rungs)]
    promoted: list[set[int]] = [set() for _ in range(rungs)]
    jobs: list[tuple[int, int]] = []

    def get_job() -> tuple[int, int] | None:
        for k in range(rungs - 2, -1, -1):
            best = sorted(done[k], key=lambda c: (-done[k][c], c))
            promotable = [c for c in best[: len(done[k]) // promote] if c not in promoted[k]]
            if promotable:
                promoted[k].add(promotable[0])
                return promotable[0], k + 1
        started = len(done[0])
        return (started, 0) if started < len(scores) else None

    while (job := get_job()) is not None:
        candidate, rung = job
        done[rung][candidate] = scores[candidate][rung]
        jobs.append(job)
    return jobs


def tables(data: Any, rungs: int, most: int = 30) -> list[list[float]]:
    row = st.lists(SCORE, min_size=rungs, max_size=rungs)
    return data.draw(st.lists(row, max_size=most))  # type: ignore[no-any-return]


@given(data=st.data(), rungs=RUNGS)
def test_one_worker_does_what_the_paper_says(data: st.DataObject, rungs: Rungs) -> None:
    scores = tables(data, len(rungs.epochs))
    ladder = Ladder(rungs)
    jobs: list[tuple[int, int]] = []
    started = 0
    while True:
        job = ladder.promotion()
        if job is None:
            if started == len(scores):
                break
            job = (started, 0)
            started += 1
        number, rung = job
        ladder.start(number, rung)
        ladder.reach(number, rung, Standing((-scores[number][rung],)))
        jobs.append(job)
    assert jobs == asha(scores, len(rungs.epochs), rungs.promote)


class Workers:
    """Several workers whose jobs end in a drawn order, some of them badly."""

    def __init__(self, data: st.DataObject, rungs: Rungs, objectives: int) -> None:
        self.data = data
        self.rungs = rungs
        self.ladder = Ladder(rungs)
        self.objectives = objectives
        self.under_way: list[tuple[int, int]] = []
        self.history: list[tuple[str, int, int, Standing | None]] = []
        self.started = 0
        self.promoted: list[tuple[int, int]] = []

    def submit(self, total: int) -> bool:
        job = self.ladder.promotion()
        if job is not None:
            self.promoted.append(job)
        elif self.started < total:
            job = (self.started, 0)
            self.started += 1
        if job is None:
            return False
        self.ladder.start(*job)
        self.history.append(("start", *job, None))
        self.under_way.append(job)
        return True

    def finish(self) -> None:
        place = self.data.draw(st.integers(0, len(self.under_way) - 1))
        number, rung = self.under_way.pop(place)
        costs = tuple(self.data.draw(SCORE) for _ in range(self.objectives))
        violation = self.data.draw(st.sampled_from([0.0, 0.0, 0.0, 1.0, 2.0]))
        if self.data.draw(st.integers(0, 9)) == 0:
            self.ladder.drop(number)
            self.history.append(("drop", number, rung, None))
        else:
            standing = Standing(costs, violation)
            self.ladder.reach(number, rung, standing)
            self.history.append(("reach", number, rung, standing))


@given(data=st.data(), rungs=RUNGS, objectives=st.integers(1, 3), capacity=st.integers(1, 4))
def test_who_is_given_up_would_never_have_gone_on(
    data: st.DataObject, rungs: Rungs, objectives: int, capacity: int
) -> None:
    total = data.draw(st.integers(1, 20))
    workers = Workers(data, rungs, objectives)
    hopeless: set[int] = set()
    while True:
        while len(workers.under_way) < capacity and workers.submit(total):
            assert workers.history[-1][1] not in hopeless
        if not workers.under_way:
            break
        workers.finish()
        hopeless |= set(workers.ladder.hopeless(total - workers.started))
        assert workers.ladder.hopeless(float("inf")) == []
    if objectives == 1:
        # Nothing may arrive any more: whoever did not go on is known not to.
        resort = workers.ladder.last_resort()
        assert set(workers.ladder.open) - hopeless <= (set() if resort is None else {resort[0]})


@given(data=st.data(), rungs=RUNGS, objectives=st.integers(1, 2))
def test_the_order_of_what_is_known_does_not_matter(
    data: st.DataObject, rungs: Rungs, objectives: int
) -> None:
    workers = Workers(data, rungs, objectives)
    for _ in range(data.draw(st.integers(1, 15))):
        while len(workers.under_way) < 3 and workers.submit(20):
            pass
        workers.finish()
    again = Ladder(rungs)
    by_number = sorted(workers.history, key=lambda event: event[1])
    for what, number, rung, standing in by_number:
        if what == "start":
            again.start(number, rung)
        elif standing is None:
            again.drop(number)
        else:
            again.reach(number, rung, standing)
    assert again.promotion() == workers.ladder.promotion()
    assert (again.open, again.coming) == (workers.ladder.open, workers.ladder.coming)


class TestRungs:
    @pytest.mark.parametrize(
        ("least", "most", "promote", "epochs"),
        [
            (1, 9, 3, (1, 3, 9)),
            (1, 8, 3, (1, 3, 8)),
            (2, 50, 4, (2, 8, 32, 50)),
            (1, 2, 3, (1, 2)),
            (1, 81, 3, (1, 3, 9, 27, 81)),
            (3, 243, 3, (3, 9, 27, 81, 243)),
        ],
    )
    def test_between(self, least: int, most: int, promote: int, epochs: tuple[int, ...]) -> None:
        rungs = Rungs.between(least, most, promote)
        assert rungs.epochs == epochs
        assert rungs.last == len(epochs) - 1
        assert [rungs.of(float(e)) for e in epochs] == list(range(len(epochs)))
        assert rungs.of(None) is rungs.of(7.0) is rungs.of(1.5) is None

    def test_what_makes_no_rungs(self) -> None:
        with pytest.raises(ValueError, match="from 4 to 4 epochs: expected at least 1, and then"):
            Rungs.between(4, 4, 2)
        with pytest.raises(ValueError, match="one of 1 candidates goes on: expected one of 2"):
            Rungs.between(1, 4, 1)


class TestLadder:
    def ladder(self, *costs: float) -> Ladder:
        ladder = Ladder(Rungs.between(1, 9, 3))
        for number, cost in enumerate(costs):
            ladder.start(number, 0)
            ladder.reach(number, 0, Standing((cost,)))
        return ladder

    def test_the_last_resort_is_the_best_of_the_highest_rung(self) -> None:
        ladder = self.ladder(3.0, 1.0)
        assert ladder.promotion() is None
        assert ladder.last_resort() == (1, 1)
        ladder.start(1, 1)
        ladder.reach(1, 1, Standing((1.0,)))
        assert ladder.last_resort() == (1, 2)
        ladder.start(1, 2)
        ladder.drop(1)
        assert ladder.last_resort() == (0, 1)
        ladder.start(0, 2)
        ladder.reach(0, 2, Standing((1.0,)))
        assert ladder.last_resort() is None

    def test_where_they_stand(self) -> None:
        ladder = self.ladder(3.0, 1.0, 2.0, 1.0)
        assert ladder.place_of(0, 0) == (4, 4)
        assert list(ladder.ahead_of(0, 0)) == [1, 3, 2]
        assert ladder.least_hopeful({1, 2}) == 2
        assert ladder.least_hopeful({9}) is None
        assert ladder.rung_of(0) == 0
        assert ladder.is_open(0)
        ladder.drop(0)
        assert not ladder.is_open(0)
        assert ladder.place_of(0, 0) == (4, 4)
        with pytest.raises(KeyError):
            ladder.rung_of(9)
