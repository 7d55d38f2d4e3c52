"""Layers found by a search, looked at again with other seeds, and tested: parts of `layers.py`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch

import einsearch as es
from common.kept import Kept
from common.layers import BASELINES, Cell, Table
from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.final import train_final
from einsearch.evaluate.layers.anchors import Anchor
from einsearch.evaluate.layers.score import LayerScore
from einsearch.tasks.base import Task
from einsearch.tasks.registry import make_task
from einsearch.trial import Trial, TrialState

FASHION = "fashion_mnist_25k.npz"
FIRST_SEED = 100
"""Of the second look; tests have seeds below it, from 1, and the search has 0."""


def found_layers(trials: Sequence[Trial]) -> list[Trial]:
    """Layers with scores that are not seeds, those first that beat batch norm and ReLU by most.

    That is their least advantage over the anchors; the mean breaks ties.
    """
    baseline = next(trial for trial in trials if trial.origin == "seed").values
    scored = [t for t in trials if t.state is TrialState.COMPLETE and t.origin != "seed"]
    return sorted(scored, key=lambda trial: advantage(trial.values, baseline), reverse=True)


def advantage(values: Mapping[str, float], over: Mapping[str, float]) -> tuple[float, float]:
    """What a layer has over another one: on the anchor where that is least, and in all."""
    more = [values[name] - value for name, value in over.items()]
    return min(more), sum(more)


def distinct(trials: Sequence[Trial], known: Iterable[str], spec: es.TensorSpec) -> list[Trial]:
    """The first trial of each function, without functions that are known.

    A function can be written in ways that no rewriting tells equal: std(-x) for std(x). So layers
    are compared by what they make of a batch.

    Args:
        trials: of layers.
        known: texts of layers.
        spec: of the tensors that enter them.
    """
    answers = [answer(text, spec) for text in known]
    first = []
    for trial in trials:
        found = answer(trial.text, spec)
        if not any(torch.allclose(found, other, rtol=1e-3, atol=1e-3) for other in answers):
            answers.append(found)
            first.append(trial)
    return first


def answer(text: str, spec: es.TensorSpec) -> torch.Tensor:
    """What a layer makes, while it is trained, of a batch whose channels differ."""
    random = torch.Generator().manual_seed(0)
    channels = (1, spec.features, 1, 1)
    offset, scale = torch.randn(channels, generator=random), torch.rand(channels, generator=random)
    batch = offset + (0.5 + scale) * torch.randn((16, *spec.shape), generator=random)
    with torch.no_grad():
        made: torch.Tensor = es.architecture(text, spec).graph().module(seed=0).train()(batch)
    return made


def second_look(
    score: LayerScore, layers: Mapping[str, str], seeds: int, kept: Kept
) -> dict[str, dict[str, float]]:
    """Mean accuracies on validation data over trainings with other seeds than the search's.

    Of many layers with one training each, those that come first were lucky as well as good. A
    layer that fails once is left out.

    Args:
        score: of the search.
        layers: texts by name.
        seeds: trainings of each layer inside of each anchor.
        kept: scores from an earlier call.

    Returns:
        name -> anchor -> accuracy.
    """
    looks: dict[str, dict[str, float]] = {}
    for name, text in layers.items():
        rows = [
            kept.get(
                f"look {score.task.name} {seed} {text}", lambda s=seed, t=text: _scored(score, s, t)
            )
            for seed in range(FIRST_SEED, FIRST_SEED + seeds)
        ]
        if None not in rows:
            looks[name] = {anchor: mean(row[anchor] for row in rows) for anchor in rows[0]}
        print(f"  {name} looked at again", flush=True)
    return looks


def _scored(score: LayerScore, seed: int, text: str) -> dict[str, float] | None:
    try:
        return replace(score, seed=seed, stability_steps=0).score(text)
    except es.Reject:
        return None


def best_again(looks: Mapping[str, Mapping[str, float]], count: int) -> list[str]:
    """Names of the layers that have most over batch norm and ReLU at the second look."""
    baseline = looks["bn_relu"]
    names = [name for name in looks if name not in BASELINES]
    return sorted(names, key=lambda name: advantage(looks[name], baseline), reverse=True)[:count]


def tested(
    layers: Mapping[str, str],
    anchors: Sequence[Anchor],
    task: Task,
    training: TrainingConfig,
    seeds: Sequence[int],
    kept: Kept,
) -> Table:
    """Test accuracy of every layer inside of every anchor."""
    table: Table = {}
    for name, text in layers.items():
        for anchor in anchors:

            def accuracy(seed: int, anchor: Anchor = anchor, text: str = text) -> float | None:
                program = anchor.with_layer(text, task.input)
                return train_final(program, task, training, [seed]).runs[0].test.get("accuracy")

            found = [
                kept.get(f"{task.name} {anchor.name} {seed} {text}", lambda s=seed: accuracy(s))
                for seed in seeds
            ]
            cell = Cell(tuple(100 * one for one in found if one is not None))
            table.setdefault(name, {})[anchor.name] = cell
        print(f"  {name} tested", flush=True)
    return table


def fashion(folder: Path, train: int = 2000, valid: int = 500, test: int = 2000) -> Task:
    """Fashion-MNIST at half the resolution: means over 2x2 pixels."""
    stored = np.load(folder / FASHION)

    def part(name: str, begin: int, end: int) -> dict[str, Any]:
        x = stored[f"{name}_x"][begin:end].reshape(-1, 1, 14, 2, 14, 2).mean((3, 5))
        return {"x": x.astype(np.float32), "y": stored[f"{name}_y"][begin:end].astype(np.int64)}

    parts = {
        "train": part("train", 0, train),
        "valid": part("train", train, train + valid),
        "test": part("test", 0, test),
    }
    arrays = {f"{name}_{key}": a for name, pair in parts.items() for key, a in pair.items()}
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "fashion.npz"
        np.savez(path, **arrays)
        task = make_task({"name": "arrays", "path": str(path), "layout": "image"}, Path())
        read = task.test()
    return replace(task, name="fashion", read_test=lambda: read)
