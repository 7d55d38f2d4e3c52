"""Tests of settings of training that candidates name themselves."""

from __future__ import annotations

from typing import Any

import pytest

from einsearch.derivation.replay import architecture
from einsearch.derivation.settings import draws_in
from einsearch.evaluate.candidate import Job, evaluate_candidate
from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.searched import (
    SettingFault,
    check_draws,
    searchable,
    trained_as,
    usual_settings,
)
from einsearch.grammar.searched import domain_call
from einsearch.primitives.arguments import Symbol
from einsearch.primitives.base import get_primitive
from einsearch.tasks.base import Task
from einsearch.tasks.registry import make_task
from einsearch.trial import TrialState

NETWORK = "linear(8) >> relu"


@pytest.fixture(scope="module")
def task() -> Task:
    return make_task({"name": "spirals"})


def test_the_primitive_has_every_setting_that_may_be_searched() -> None:
    assert {p.name for p in get_primitive("training").parameters} == set(searchable())


def test_settings_take_the_place_of_the_configuration() -> None:
    config = TrainingConfig(epochs=3, batch=8)
    found = trained_as(config, {"lr": 0.1, "clip": Symbol("none"), "augment": Symbol("none")})
    assert found == TrainingConfig(epochs=3, batch=8, lr=0.1, clip=None, augment="none")
    assert trained_as(config, {}) is config
    assert usual_settings(config)["lr"] == 0.003


@pytest.mark.parametrize(
    ("domains", "message"),
    [
        ({"lr": "{-1, 0.1}"}, "lr cannot be -1: expected greater than 0"),
        ({"lr": "{0.1, fast}"}, "lr cannot be fast: expected a number"),
        ({"batch": "log 16..64"}, r"batch cannot be 34\.\d+: expected a whole number"),
        ({"warmup": "0.5..1.5"}, "warmup cannot be 1.5: expected less than or equal to 1"),
        ({"augment": "{none, sideways}"}, "augment cannot be sideways: expected none, shift"),
        ({"batch": "{none, 8}"}, "batch cannot be none: expected a whole number"),
        ({"optimizer": "{sgd, adamw}", "momentum": "{none, 0.9}"}, "momentum is for optimizer"),
    ],
)
def test_what_training_cannot_have_is_found_before(domains: dict[str, str], message: str) -> None:
    with pytest.raises(SettingFault, match=message):
        check_draws(TrainingConfig(), draws_in(domain_call(domains)))


def test_what_it_can_have_is_no_error() -> None:
    domains = {
        "lr": "{none, 0.1}",
        "clip": "{none, 1.0}",
        "optimizer": "{sgd}",
        "momentum": "0.5..0.9",
    }
    check_draws(TrainingConfig(), draws_in(domain_call(domains)))


def test_a_candidate_is_trained_as_it_says(task: Task) -> None:
    def history(head: str, **given: Any) -> Any:
        config = TrainingConfig(epochs=1, device="cpu", **given)
        outcome = evaluate_candidate(Job(f"{head}{NETWORK}", config, seed=3), task)
        assert outcome.state is TrialState.COMPLETE, outcome.reason
        return outcome.history, outcome.weights.keys() if outcome.weights else ()

    said = history("training(lr=0.05, batch=16, clip=none) >> ", lr=0.5, batch=64)
    assert said == history("", lr=0.05, batch=16, clip=None)
    assert said != history("", lr=0.5, batch=64)


def test_settings_that_cannot_be_are_a_failure_of_the_candidate(task: Task) -> None:
    text = f"training(lr=-1) >> {NETWORK}"
    outcome = evaluate_candidate(Job(text, TrainingConfig(epochs=1)), task)
    assert outcome.state is TrialState.FAILED
    assert outcome.reason == "error: lr cannot be -1: expected greater than 0"
    program = architecture(f"training(augment=shift) >> {NETWORK}", task.input).program
    outcome = evaluate_candidate(Job(program, TrainingConfig(epochs=1)), task)
    assert "augment: shift needs images" in outcome.reason
