"""Tests of the training configuration."""

from __future__ import annotations

import pytest
import yaml
from pydantic import ValidationError

from einsearch.evaluate.config import TrainingConfig


def test_the_documented_entry_is_taken() -> None:
    text = (
        "{epochs: 8, batch: 256, optimizer: sgd, lr: 0.04, momentum: 0.9, weight_decay: 3e-4, "
        "schedule: cosine, precision: auto}"
    )
    config = TrainingConfig(**yaml.safe_load(text))
    assert config.weight_decay == pytest.approx(3e-4)
    assert (config.epochs, config.batch, config.rate) == (8, 256, 0.04)


def test_each_optimiser_has_its_own_rate() -> None:
    assert TrainingConfig(optimizer="adamw").rate != TrainingConfig(optimizer="sgd").rate
    assert TrainingConfig(optimizer="adamw", lr=0.5).rate == 0.5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs\n.*greater than or equal to 1"),
        ({"epochs": 8, "steps": 7}, "7 steps cannot be cut into 8 epochs"),
        ({"steps": 0}, "steps\n.*greater than or equal to 1"),
        ({"batch": 2.5}, "batch\n.*valid integer"),
        ({"lr": 0}, "lr\n.*greater than 0"),
        ({"lr": float("inf")}, "lr\n.*finite"),
        ({"optimizer": "adam"}, "optimizer\n.*'adamw' or 'sgd'"),
        ({"optimizer": "adamw", "momentum": 0.9}, "momentum is for optimizer: sgd; leave it out"),
        ({"warmup": 5}, "warmup\n.*less than or equal to 1"),
        ({"epoch": 3}, "epoch\n.*not permitted"),
        ({"clip": -1}, "clip\n.*greater than 0"),
    ],
)
def test_mistakes_name_the_option(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TrainingConfig(**options)  # type: ignore[arg-type]


def test_names_may_be_written_as_in_the_language() -> None:
    config = TrainingConfig(augment="strong_flip")  # type: ignore[arg-type]
    assert config.augment == "strong-flip"
    with pytest.raises(ValidationError, match="'strong-flip'"):
        TrainingConfig(augment="strongflip")  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="augment"):
        TrainingConfig(augment=3)  # type: ignore[arg-type]


def test_another_number_of_epochs_keeps_the_rest() -> None:
    config = TrainingConfig(optimizer="sgd", momentum=0.5, lr=0.1)
    longer = config.with_epochs(50)
    assert longer.epochs == 50
    assert longer.model_copy(update={"epochs": config.epochs}) == config
    with pytest.raises(ValidationError):
        config.with_epochs(0)


def test_it_survives_being_written_and_read() -> None:
    for config in (TrainingConfig(), TrainingConfig(optimizer="sgd", clip=None)):
        assert TrainingConfig(**yaml.safe_load(yaml.safe_dump(config.model_dump()))) == config


def test_it_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        TrainingConfig().epochs = 3  # type: ignore[misc]
