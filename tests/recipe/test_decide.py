"""What follows from the data, the machine and the minutes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from einsearch.evaluate.config import TrainingConfig
from einsearch.recipe.decide import FEW, Machine, decide, folds_for
from einsearch.recipe.facts import Facts, facts_of
from einsearch.specs import Layout
from einsearch.tasks.base import Loss
from einsearch.tasks.registry import make_task

SERIES = Facts(42, 8, True, Layout.TOKENS, (150, 1), False, Loss.CROSS_ENTROPY, 2, 24, 26)
IMAGES = Facts(18000, 2000, True, Layout.IMAGE, (1, 28, 28), False, Loss.CROSS_ENTROPY, 10, 2000, 2000)  # fmt: skip  # noqa: E501


def machine(step: float = 0.02, seconds: float | None = 600, workers: int = 2) -> Machine:
    return Machine(lambda batch: step * batch / 32, workers, seconds)


def test_few_examples_are_dealt_out_to_folds_and_many_are_not() -> None:
    assert folds_for(SERIES) == 5
    assert folds_for(replace(SERIES, train=1500)) == 3
    assert folds_for(IMAGES) == 1


@pytest.mark.parametrize(
    "facts",
    [
        replace(SERIES, is_cut=False),
        replace(SERIES, is_ordered=True),
        replace(SERIES, loss=Loss.NEXT_TOKEN),
    ],
    ids=["valid data of their own", "in time order", "text"],
)
def test_some_data_must_not_be_dealt_out_anew(facts: Facts) -> None:
    assert folds_for(facts) == 1


@given(
    train=st.integers(10, 200_000),
    step=st.floats(1e-4, 10),
    seconds=st.none() | st.floats(5, 1e5),
    workers=st.integers(1, 64),
    layout=st.sampled_from(list(Layout)),
)
def test_every_recipe_is_a_training(
    train: int, step: float, seconds: float | None, workers: int, layout: Layout
) -> None:
    facts = replace(IMAGES, train=train, valid=max(2, train // 9), layout=layout)
    recipe = decide(facts, machine(step, seconds, workers))
    config = TrainingConfig(**recipe.training)
    assert (config.folds > 1) == (facts.examples < FEW)
    assert config.steps is not None
    assert recipe.final_passes >= 1
    assert 0 < recipe.final_share < 1
    if recipe.rungs is not None:
        assert recipe.rungs[0] < config.total_epochs


def test_a_faster_machine_trains_longer() -> None:
    steps = [decide(IMAGES, machine(step)).training["steps"] for step in (0.3, 0.1, 0.03)]
    assert steps == sorted(steps)
    assert steps[0] < steps[-1]


def test_many_images_get_about_half_of_the_time_in_the_end() -> None:
    assert decide(IMAGES, machine(0.1)).final_share == pytest.approx(0.5)
    assert decide(SERIES, machine(0.01)).final_share < 0.4


def test_facts_are_those_of_the_data() -> None:
    facts = facts_of(make_task("digits"))
    assert facts.layout is Layout.IMAGE
    assert facts.classes == 10
    assert facts.smallest <= facts.largest
    assert facts_of(make_task("waves")).classes == 0
