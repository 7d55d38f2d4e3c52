"""Intervals and standard errors: against values that others computed, and by what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from einsearch.evaluate.certainty import intervals, proper_loss, standard_errors, wilson
from einsearch.evaluate.crossvalidation import Answers
from einsearch.tasks.base import Loss
from tests.evaluate.test_ensembling import task_of


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (1, 10), (148, 150), (150, 150), (37, 90)])
def test_wilson_agrees_with_scipy(hits: int, n: int) -> None:
    known = binomtest(hits, n).proportion_ci(0.95, method="wilson")
    assert wilson(hits / n, n) == pytest.approx((known.low, known.high), abs=1e-6)


def classified(hits: int, n: int) -> Answers:
    """Answers of which so many are right."""
    y = np.zeros(n, np.int64)
    outputs = np.tile(np.array([0.0, 1.0, -1.0], np.float32), (n, 1))
    outputs[:hits, 0] = 2.0
    return Answers(np.arange(n), outputs, y)


def test_the_interval_of_an_accuracy_is_that_of_its_examples() -> None:
    found = intervals(task_of(Loss.CROSS_ENTROPY), classified(148, 150))
    assert found["accuracy"] == pytest.approx(wilson(148 / 150, 150))
    assert found.keys() >= {"accuracy", "f1", "cross_entropy"}
    assert intervals(task_of(Loss.CROSS_ENTROPY), classified(1, 1)) == {}


def test_nineteen_of_twenty_intervals_of_an_error_cover_the_true_one() -> None:
    """Errors of a normal distribution, whose root of the mean square is its deviation."""
    task, rng = task_of(Loss.MEAN_SQUARED_ERROR, 1), np.random.default_rng(0)
    covered, rounds, n = 0, 200, 100
    for seed in range(rounds):
        y = np.zeros((n, 1), np.float32)
        answers = Answers(np.arange(n), rng.normal(0, 2, (n, 1)).astype(np.float32), y)
        low, high = intervals(task, answers, seed)["rmse"]
        covered += low <= 2 <= high
    assert 0.88 <= covered / rounds <= 0.99


def test_resampling_hangs_on_the_seed_alone() -> None:
    task, answers = task_of(Loss.CROSS_ENTROPY), classified(30, 50)
    assert intervals(task, answers, 3) == intervals(task, answers, 3)
    assert intervals(task, answers, 3)["f1"] != intervals(task, answers, 4)["f1"]


def test_the_standard_error_of_a_share_is_the_textbook_one() -> None:
    found = standard_errors(task_of(Loss.CROSS_ENTROPY), classified(120, 150))
    assert found["accuracy"] == pytest.approx(math.sqrt(0.8 * 0.2 / 149))


def test_the_standard_error_of_a_root_is_near_the_spread_of_many_samples() -> None:
    task, rng, n = task_of(Loss.MEAN_SQUARED_ERROR, 1), np.random.default_rng(1), 200
    errors = rng.normal(0, 1.5, (300, n, 1)).astype(np.float32)
    y = np.zeros((n, 1), np.float32)
    said = [standard_errors(task, Answers(np.arange(n), one, y))["rmse"] for one in errors[:50]]
    seen = np.sqrt((errors.astype(np.float64) ** 2).mean((1, 2))).std(ddof=1)
    assert np.mean(said) == pytest.approx(seen, rel=0.12)


def test_answers_that_count_nothing_change_no_loss() -> None:
    task, whole = task_of(Loss.CROSS_ENTROPY), classified(3, 4)
    weights = np.array([1, 1, 1, 0], np.float32)
    weighted = Answers(whole.rows, whole.outputs, whole.y, weights)
    right = Answers(whole.rows[:3], whole.outputs[:3], whole.y[:3])
    assert proper_loss(task, weighted) == pytest.approx(proper_loss(task, right))
    assert proper_loss(task, weighted) < proper_loss(task, whole)
