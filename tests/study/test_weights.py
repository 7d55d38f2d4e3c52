"""Weights of the best trials are kept, and no others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from einsearch.errors import RunError
from einsearch.study.folder import RunFolder
from einsearch.study.weights import (
    WeightStore,
    file_name,
    read_weights,
    read_weights_file,
    stored_numbers,
)
from einsearch.trial import Trial, TrialState
from tests.study.support import trial

SCORE = {"score": "maximize"}
BOTH = {"score": "maximize", "size": "minimize"}


def weights_of(number: int) -> dict[str, np.ndarray]:
    return {"w": np.full((2, 3), number, np.float32).T, "n": np.array(number)}


def complete(number: int, score: float, size: float = 0.0) -> Trial:
    return trial(number, TrialState.COMPLETE, score=score, size=size)


@settings(max_examples=30)
@given(scores=st.lists(st.integers(0, 5), max_size=10), keep=st.integers(1, 4))
def test_the_best_are_kept(
    tmp_path_factory: pytest.TempPathFactory, scores: list[int], keep: int
) -> None:
    folder = RunFolder.create(tmp_path_factory.mktemp("run") / "run")
    trials = [complete(number, float(score)) for number, score in enumerate(scores)]
    store = WeightStore(folder, SCORE, keep=keep)
    before: set[int] = set()
    for number, done in enumerate(trials):
        if number == 5:
            before = stored_numbers(folder)
            folder = RunFolder(folder.path)
            store = WeightStore(folder, SCORE, trials[:5], keep)
        store.offer(done, weights_of(number))
    wanted = sorted(range(len(scores)), key=lambda n: (-scores[n], n))[:keep]
    assert stored_numbers(folder) == {*wanted, *before}
    for number in wanted:
        kept = read_weights(folder, number)
        assert kept.keys() == {"w", "n"}
        np.testing.assert_array_equal(kept["w"], weights_of(number)["w"])


def test_the_front_goes_before_the_best_score(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run")
    store = WeightStore(folder, BOTH, keep=2)
    for done in (complete(0, 0.9, 9.0), complete(1, 0.8, 9.5), complete(2, 0.5, 1.0)):
        store.offer(done, weights_of(done.number))
    assert stored_numbers(folder) == {0, 2}


def test_weights_from_before_stay_though_the_record_lists_no_trial(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run")
    WeightStore(folder, SCORE).offer(complete(0, 1.0), weights_of(0))
    for trials in ([trial(0)], []):
        store = WeightStore(RunFolder(folder.path), SCORE, trials, keep=1)
        store.offer(complete(1, 2.0), weights_of(1))
        store.offer(complete(2, 3.0), weights_of(2))
    assert stored_numbers(folder) == {0, 2}


def test_weights_of_another_trial_of_that_number_are_kept_aside(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run")
    WeightStore(folder, SCORE).offer(complete(0, 1.0), weights_of(0))
    before = (folder.weights / file_name(0)).read_bytes()
    WeightStore(RunFolder(folder.path), SCORE).offer(complete(0, 1.0), weights_of(0))
    assert len(list(folder.weights.iterdir())) == 1
    WeightStore(RunFolder(folder.path), SCORE).offer(complete(0, 1.0), weights_of(5))
    assert (folder.weights / f"{file_name(0)}.earlier-1").read_bytes() == before
    np.testing.assert_array_equal(read_weights(folder, 0)["w"], weights_of(5)["w"])
    assert stored_numbers(folder) == {0}


@pytest.mark.parametrize("name", ["/etc/passwd", "../other/w.safetensors", "a/../../w"])
def test_names_of_weights_stay_inside(tmp_path: Path, name: str) -> None:
    folder = RunFolder.create(tmp_path / "run")
    with pytest.raises(RunError, match="which does not lie in it"):
        read_weights_file(folder, name)


def test_what_was_not_kept_is_said(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run")
    with pytest.raises(RunError, match=r"weights of trial 7 were not kept in .*were: none"):
        read_weights(folder, 7)
    store = WeightStore(folder, SCORE)
    for number in (3, 1):
        store.offer(complete(number, 1.0), weights_of(number))
    with pytest.raises(RunError, match="those of these trials were: 1, 3"):
        read_weights(folder, 7)


def test_damaged_weights(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run")
    WeightStore(folder, SCORE).offer(complete(0, 1.0), weights_of(0))
    path = folder.weights / file_name(0)
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(RunError, match=r"the weights .*trial-0\.safetensors are damaged"):
        read_weights(folder, 0)
