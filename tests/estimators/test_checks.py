"""The estimators keep scikit-learn's contract."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import einsearch as es
from tests.estimators.support import PLAIN


@parametrize_with_checks([es.Classifier(**PLAIN), es.Regressor(**PLAIN)])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learns_checks_pass(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)
