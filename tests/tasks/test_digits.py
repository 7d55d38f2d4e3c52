"""Tests of the digits task."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits

from einsearch.errors import TaskError
from einsearch.tasks.registry import make_task


def test_the_splits_together_are_the_published_data() -> None:
    task = make_task("digits")
    splits = (task.train, task.valid, task.test())
    assert [len(split) for split in splits] == [1097, 300, 400]
    (mean,), (deviation,) = task.statistics.mean, task.statistics.deviation
    bunch = load_digits()
    published = sorted(
        (*image.ravel(), y) for image, y in zip(bunch.images, bunch.target, strict=True)
    )
    found = sorted(
        (*np.round(x.ravel() * deviation + mean), y)
        for split in splits
        for x, y in zip(split.x, split.y, strict=True)
    )
    assert found == published


def test_every_class_is_in_proportion_in_every_split() -> None:
    task = make_task("digits")
    for split in (task.train, task.valid, task.test()):
        counts = np.bincount(split.y) / len(split)
        assert counts == pytest.approx(0.1, abs=0.01)


def test_without_scikit_learn_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(TaskError, match="scikit-learn, which is not installed; run: pip install"):
        make_task("digits")
