"""Second scores of the best few, and the order that they give."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from einsearch.evaluate.config import TrainingConfig
from einsearch.study.events import Callbacks
from einsearch.study.looks import Look, by_second_look, second_looks
from einsearch.study.orders import OnReport, Order
from einsearch.study.result import Result, failed
from einsearch.trial import FailureKind, Trial, TrialState

DOWN, UP = {"loss": "minimize"}, {"accuracy": "maximize"}


def trial(number: int, **values: float) -> Trial:
    text = f"linear({number + 1})"
    return Trial(number, text, TrialState.COMPLETE, values=values, seed=10 * number)


def test_the_mean_of_both_scores_decides() -> None:
    best = [trial(0, loss=0.10), trial(1, loss=0.12), trial(2, loss=0.30)]
    looks = [Look(0, 0.10, 0.40), Look(1, 0.12, 0.14)]
    assert [t.number for t in by_second_look(best, looks, DOWN)] == [1, 0, 2]
    best = [trial(0, accuracy=0.9), trial(1, accuracy=0.8)]
    looks = [Look(0, 0.9, 0.5), Look(1, 0.8, 0.8)]
    assert [t.number for t in by_second_look(best, looks, UP)] == [1, 0]


def test_one_without_a_second_score_comes_after_those_that_have_both() -> None:
    best = [trial(n, loss=0.1 * n) for n in range(4)]
    looks = [Look(0, 0.0, None), Look(1, 0.1, 0.9), Look(2, 0.2, 0.2)]
    assert [t.number for t in by_second_look(best, looks, DOWN)] == [2, 1, 0, 3]


def test_a_look_is_written_and_read() -> None:
    for look in (Look(3, 0.25, 0.5), Look(3, 0.25, None)):
        assert Look.of_json(look.as_json()) == look
    assert Look(3, 0.25, 0.5).mean == 0.375
    assert Look(3, 0.25, None).mean == 0.25


@dataclass
class Workers:
    """Score what they are given, without training."""

    scores: Mapping[int, float | None]
    orders: list[Order] = field(default_factory=list)

    def __call__(
        self, orders: Sequence[Order], on_report: OnReport
    ) -> Iterator[tuple[Order, Result]]:
        self.orders += orders
        for order in reversed(orders):
            score = self.scores[order.trial.number]
            if score is None:
                yield order, failed(FailureKind.ERROR, "it fell over")
            else:
                yield order, Result(TrialState.COMPLETE, {"loss": score}, weights={})


def finish(workers: Workers) -> Any:
    return SimpleNamespace(
        run=SimpleNamespace(directions=DOWN),
        file=SimpleNamespace(training=TrainingConfig(epochs=2, folds=3)),
        carry=workers,
        workers=2,
        callbacks=Callbacks(),
    )


def test_each_is_scored_again_on_other_folds_with_another_seed() -> None:
    best = [trial(4, loss=0.1), trial(2, loss=0.2), trial(7, loss=0.3)]
    workers = Workers({4: 0.5, 2: None, 7: 0.25})
    looks = second_looks(finish(workers), best, math.inf)
    assert looks == [Look(4, 0.1, 0.5), Look(2, 0.2, None), Look(7, 0.3, 0.25)]
    for order in workers.orders:
        assert order.fold_seed != 0
        assert order.seed != order.trial.seed
        assert order.training.folds == 3
        assert not order.is_whole
        assert math.isinf(order.seconds)
    assert len({order.seed for order in workers.orders}) == 3


def test_the_time_is_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.monotonic", lambda: 100.0)
    workers = Workers({0: 0.1, 1: 0.1, 2: 0.1})
    second_looks(finish(workers), [trial(n, loss=0.0) for n in range(3)], 160.0)
    assert [order.seconds for order in workers.orders] == [30.0] * 3
