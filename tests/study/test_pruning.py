"""What a user may say of epochs, and which scheduler it gives."""

from __future__ import annotations

from typing import Any

import pytest

from einsearch.errors import EinsearchError
from einsearch.study.checkpoints import CheckpointStore
from einsearch.study.promoting import PromotingScheduler
from einsearch.study.pruning import epochs_section, make_scheduler
from einsearch.study.scheduling import Scheduler, ordinal, place_among
from einsearch.study.spacefile import EpochsSection
from einsearch.study.stopping import StoppingScheduler

DIRECTIONS = {"accuracy": "maximize"}


@pytest.mark.parametrize(
    ("name", "kind", "first"),
    [
        ("asha", PromotingScheduler, 2.0),
        ("successive-halving", StoppingScheduler, None),
        ("hyperband", StoppingScheduler, None),
        ("median", StoppingScheduler, None),
    ],
)
def test_each_name_has_its_scheduler(name: str, kind: type[Scheduler], first: float | None) -> None:
    section = epochs_section({"pruner": name, "min": 2, "max": 20})
    made = make_scheduler(section, 20, DIRECTIONS, CheckpointStore())
    assert type(made) is kind
    assert made.first_budget == first
    assert made.judges is (kind is StoppingScheduler)


def test_without_a_word_all_are_trained_in_full() -> None:
    assert epochs_section(None) is None
    assert type(make_scheduler(None, 8, DIRECTIONS, CheckpointStore())) is Scheduler


def test_defaults() -> None:
    section = epochs_section({"max": 9})
    assert section == EpochsSection(pruner="asha", min=1, max=9, promote=3)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("asha", 'epochs from 1 to None: say how many a candidate has in full, such as {"pruner"'),
        ({"pruner": "asha", "min": 9, "max": 9}, "epochs from 9 to 9: say how many"),
        ({"pruner": "ashe", "max": 9}, "pruner: pruner: Input should be 'asha', "),
        ({"maximum": 9}, "pruner: maximum: Extra inputs are not permitted; found 9"),
        ({"max": 9, "promote": 1}, "pruner: promote: Input should be greater than or equal to 2"),
    ],
)
def test_mistakes_are_named(said: Any, message: str) -> None:
    with pytest.raises(EinsearchError) as caught:
        epochs_section(said)
    assert message in str(caught.value)


def test_places_in_words() -> None:
    numbers = (1, 2, 3, 4, 10, 11, 12, 13, 21, 22, 101, 111)
    words = "1st 2nd 3rd 4th 10th 11th 12th 13th 21st 22nd 101st 111th".split()
    assert [ordinal(number) for number in numbers] == words
    assert place_among(1, 4, []) == "1st of 4"
    assert place_among(2, 4, [7]) == "2nd of 4, behind trial 7"
    assert place_among(5, 6, [3, 1, 4, 0]) == "5th of 6, behind trials 3, 1, 4 and others"
