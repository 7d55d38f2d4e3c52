"""The estimators keep scikit-learn's contract."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator

import einsearch as es
from tests.estimators.support import PLAIN

NEEDS_A_SWITCH = "check_array_api_input"
"""Does nothing where the environment does not switch other kinds of arrays on."""

CHECKS = [
    pytest.param(estimator, check, id=f"{type(estimator).__name__}-{check.func.__name__}-{number}")
    for made in (es.Classifier(**PLAIN), es.Regressor(**PLAIN))
    for number, (estimator, check) in enumerate(estimator_checks_generator(made))
    if check.func.__name__ != NEEDS_A_SWITCH
]


@pytest.mark.parametrize(("estimator", "check"), CHECKS)
def test_scikit_learns_checks_pass(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


def test_all_of_them_are_there() -> None:
    assert len(CHECKS) > 100
