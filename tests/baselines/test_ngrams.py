"""Tables of which symbol follows which."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from einsearch.baselines.ngrams import counted


def windows(count: int = 6, length: int = 9, symbols: int = 4) -> tuple[np.ndarray, np.ndarray]:
    codes = np.random.default_rng(0).integers(symbols, size=(count, length + 1))
    return codes[:, :-1], codes[:, 1:]


@pytest.mark.parametrize("order", [1, 2, 3])
def test_chances_are_those_of_counting_by_hand(order: int) -> None:
    x, y = windows()
    trust = 2.0

    chances = np.exp(counted(x, y, order, 4).chances(x, trust))

    seen: Counter[tuple[tuple[int, ...], int]] = Counter()
    for row, answers in zip(x.tolist(), y.tolist(), strict=True):
        for place, answer in enumerate(answers):
            for length in range(order):
                if place + 1 >= length:
                    seen[tuple(row[place + 1 - length : place + 1]), answer] += 1

    def chance(context: tuple[int, ...], answer: int, longest: int) -> float:
        value = 1 / 4
        for length in range(min(longest, len(context)) + 1):
            end = context[len(context) - length :]
            total = sum(seen[end, other] for other in range(4))
            value = (seen[end, answer] + trust * value) / (total + trust)
        return value

    for row in range(len(x)):
        for place in range(x.shape[1]):
            context = tuple(x[row, : place + 1].tolist())
            expected = [chance(context, answer, order - 1) for answer in range(4)]
            np.testing.assert_allclose(chances[row, place], expected)


def test_chances_add_up_to_one_where_nothing_was_seen() -> None:
    x, y = windows(symbols=3)

    chances = np.exp(counted(x, y, 3, 5).chances(np.full((1, 4), 4), 1.0))

    np.testing.assert_allclose(chances.sum(axis=-1), 1)


def test_a_text_that_repeats_costs_nothing() -> None:
    codes = np.tile([0, 1, 2], 300)
    x, y = codes[:-1].reshape(1, -1), codes[1:].reshape(1, -1)

    chances = counted(x, y, 2, 3).chances(x, 0.1)

    assert np.take_along_axis(chances, y[..., None], axis=-1).mean() > -0.01
