"""`TrainingConfig`: how a candidate is trained; the `training:` of a search-space file."""

from __future__ import annotations

import math
from typing import Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

OptimizerName = Literal["adamw", "sgd"]

DEFAULT_RATES: Final[dict[str, float]] = {"adamw": 0.003, "sgd": 0.04}
"""Learning rate of each optimiser where none is given."""


class TrainingConfig(BaseModel):
    """How a candidate is trained. Immutable; a wrong value is an error that names it.

    Attributes:
        epochs: passes over the training split, with a validation after each. With `steps`, the
            equal stretches that these are cut into, whatever their length in passes.
        steps: of the optimiser in a whole training; None for those of whole passes.
        folds: parts of all examples, each of which is once what is validated on while the others
            are trained on, one training after the other; 1 for the validation split alone.
        batch: examples in a step. Steps of a pass differ by at most one example, so that none is
            left with a few.
        optimizer: adamw, or sgd with Nesterov momentum.
        lr: highest learning rate; None for the optimiser's own (`DEFAULT_RATES`).
        momentum: of sgd; None for 0.9.
        weight_decay: of matrices and kernels; never of biases, norms and encodings.
        schedule: cosine falls to 0 over all epochs, constant stays.
        warmup: fraction of all steps over which the rate rises from 0.
        label_smoothing: of the cross-entropy in training; scores are without it.
        clip: upper bound on the norm of the gradient, or None.
        precision: auto is bfloat16 on a GPU that has it, float32 elsewhere.
        augment: of images: shift moves them by up to an eighth of their size, flip also mirrors
            them; strong moves, turns a little or lights otherwise, and cuts out, and strong-flip
            also mirrors. Of series: light is scale and noise; strong also crops, warps and masks.
        mixup: two examples are mixed by a share from Beta(mixup, mixup); 0 for never.
        average: share of all steps over which weights are averaged for scores, and in what is
            handed over: an exponential moving average; 0 for none.
        keep: whose weights and scores are handed over: those of the last epoch, or of the one that
            has the best loss on validation data.
        patience: training ends after so many epochs without a better loss on validation data,
            where it would go to the last epoch; None for never.
        class_weights: balanced has all classes count the same in the loss of training.
        device: auto is a GPU where there is one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: int = Field(default=8, ge=1)
    steps: int | None = Field(default=None, ge=1)
    folds: int = Field(default=1, ge=1)
    batch: int = Field(default=64, ge=1)
    optimizer: OptimizerName = "adamw"
    lr: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    momentum: float | None = Field(default=None, ge=0, lt=1)
    weight_decay: float = Field(default=0.01, ge=0, allow_inf_nan=False)
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup: float = Field(default=0.1, ge=0, le=1)
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    clip: float | None = Field(default=1.0, gt=0, allow_inf_nan=False)
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    augment: Literal["none", "shift", "flip", "light", "strong", "strong-flip"] = "none"
    mixup: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    average: float = Field(default=0.0, ge=0, le=1)
    keep: Literal["last", "best"] = "last"
    patience: int | None = Field(default=None, ge=1)
    class_weights: Literal["none", "balanced"] = "none"
    device: Literal["auto", "cpu", "cuda"] = "auto"

    @field_validator("augment", mode="before")
    @classmethod
    def _names_of_the_language(cls, value: Any) -> Any:
        """In a grammar a hyphen is a minus, so that names have an underscore there."""
        return value.replace("_", "-") if isinstance(value, str) else value

    @model_validator(mode="after")
    def _momentum_is_for_sgd(self) -> Self:
        if self.optimizer != "sgd" and self.momentum is not None:
            raise ValueError("momentum is for optimizer: sgd; leave it out")
        return self

    @model_validator(mode="after")
    def _epochs_have_steps(self) -> Self:
        if self.steps is not None and self.steps < self.epochs:
            raise ValueError(
                f"{self.steps} steps cannot be cut into {self.epochs} epochs: give more steps, or "
                "fewer epochs"
            )
        return self

    @property
    def rate(self) -> float:
        """The highest learning rate."""
        return DEFAULT_RATES[self.optimizer] if self.lr is None else self.lr

    @property
    def total_epochs(self) -> int:
        """Epochs of a candidate in full, over all folds."""
        return self.folds * self.epochs

    def batches(self, examples: int) -> int:
        """Steps of one pass over so many examples."""
        return math.ceil(examples / self.batch)

    def all_steps(self, examples: int) -> int:
        """Steps of the whole training with so many examples."""
        return self.epochs * self.batches(examples) if self.steps is None else self.steps

    @property
    def copies(self) -> int:
        """Copies of the weights that training keeps beside those of the optimiser."""
        return (self.average > 0) + (self.keep == "best")

    def with_epochs(self, epochs: int) -> TrainingConfig:
        """The same training over another number of epochs, which keep their length in steps."""
        steps = self.steps
        if steps is not None:
            steps = max(epochs, round(steps * epochs / self.epochs))
        return TrainingConfig(**{**self.model_dump(), "epochs": epochs, "steps": steps})
