"""Layers on scikit-learn's digits: the objective of `search_spaces/layers.yaml`."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.layers.anchors import PLAIN, RESIDUAL, SEPARABLE
from einsearch.evaluate.layers.score import LayerScore
from einsearch.tasks.registry import make_task

TRAINING = TrainingConfig(epochs=8, batch=64, optimizer="sgd", lr=0.1, schedule="cosine")


@lru_cache(maxsize=1)
def on_digits() -> LayerScore:
    """The objective, with the data."""
    task = make_task({"name": "digits"}, Path())
    return LayerScore(task, (PLAIN, RESIDUAL, SEPARABLE), TRAINING)


def score(derivation: Any) -> dict[str, float]:
    """Accuracy on validation data of each anchor with a layer. Raises Reject."""
    return on_digits()(derivation)
