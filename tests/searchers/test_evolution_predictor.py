"""The model of guided evolution: what it learns from, and that it forgets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from einsearch.searchers import evolution_predictor
from einsearch.searchers.base import Proposal
from einsearch.searchers.evolution_predictor import Predictor, scaled
from einsearch.searchers.features import features_of
from einsearch.trial import Trial, TrialState
from tests.searchers.bits import bits_space, complete, derivation, finish, ones, proposed


def bits(rng: np.random.Generator) -> list[int]:
    return [int(bit) for bit in rng.integers(2, size=16)]


def taught(count: int, first: int = 0, predictor: Predictor | None = None) -> Predictor:
    """A predictor that was told of so many strings."""
    told = predictor or Predictor(bits_space(16))
    rng = np.random.default_rng(first)
    for number in range(first, first + count):
        proposal = Proposal(number, derivation(*bits(rng)))
        tell(told, complete(proposal), proposal)
    return told


def tell(predictor: Predictor, trial: Trial, proposal: Proposal) -> None:
    predictor.tell(trial, lambda: features_of(proposal.derivation))


def promises(predictor: Predictor, strings: Sequence[Sequence[int]]) -> np.ndarray:
    return predictor.promise([])([features_of(derivation(*one)) for one in strings])


def test_ranks_what_it_never_saw() -> None:
    rng = np.random.default_rng(9)
    strings = [bits(rng) for _ in range(30)] + [[1] * 16]
    order = np.argsort(-promises(taught(40), strings))
    worth = np.array([ones(derivation(*one)) for one in strings])[order]
    assert worth[0] == 16
    assert worth[:10].mean() > worth[-10:].mean() + 2


def test_is_ready_with_four_values() -> None:
    predictor = taught(3)
    failed = Proposal(3, derivation(*[1] * 16))
    tell(predictor, finish(proposed(failed), TrialState.FAILED), failed)
    assert not predictor.is_ready
    assert taught(1, 4, predictor).is_ready


def test_what_is_under_way_promises_little() -> None:
    predictor, ahead = taught(40), features_of(derivation(*[1] * 16))
    alone, pending = predictor.promise([])([ahead]), predictor.promise([ahead])([ahead])
    assert pending[0] < alone[0] / 2


def test_duplicates_teach_nothing() -> None:
    predictor, strings = taught(20), [[1] * 16, [0] * 16]
    before = promises(predictor, strings)
    repeated = Proposal(20, derivation(*[0] * 16))
    tell(predictor, finish(proposed(repeated), TrialState.DUPLICATE), repeated)
    assert promises(predictor, strings).tolist() == before.tolist()


def test_only_the_window_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evolution_predictor, "WINDOW", 20)
    strings = [bits(np.random.default_rng(seed)) for seed in range(5)]
    long = taught(45, 100, taught(57))
    short = taught(45, 100)
    kernels = {long._kernel, short._kernel}
    long._kernel = short._kernel = min(kernels, key=str)
    np.testing.assert_allclose(promises(long, strings), promises(short, strings))


def test_scaled_values_keep_order_and_draw_up_the_worst() -> None:
    values = np.array([-1e6, 0.0, 1.0, 2.0, 3.0])
    found = scaled(values)
    assert found.mean() == pytest.approx(0)
    assert found.std() == pytest.approx(1)
    assert (np.diff(found) > 0).all()
    assert found[1] - found[0] == pytest.approx(3 * (found[2] - found[1]))


def test_equal_values_are_all_worth_nothing() -> None:
    assert scaled(np.full(5, 3.0)).tolist() == [0.0] * 5
