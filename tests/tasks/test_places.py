"""Tests of answers for every pixel and every step: what is read, learned, measured and exported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import jaccard_score

from einsearch.errors import TaskError
from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.ensembling import blended
from einsearch.evaluate.losses import training_loss
from einsearch.evaluate.metrics import relative_l2, score
from einsearch.evaluate.network import build_network
from einsearch.evaluate.suiting import check_training
from einsearch.evaluate.training import train
from einsearch.exporters.base import TrainedModel
from einsearch.exporters.registry import get_exporter
from einsearch.primitives.program import INPUT, Program
from einsearch.tasks.base import Loss, Task
from einsearch.tasks.registry import make_task
from tests.support import program

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(50, 6, 5, 3)).astype(np.float32)
SERIES = RNG.normal(size=(50, 12, 2)).astype(np.float32)
BRIGHT = (IMAGES[..., 0] > 0).astype(np.uint8)
STEPS = (SERIES[..., 0] > 0).astype(int)


def load(folder: Path, x: Any, y: Any, **options: Any) -> Task:
    arrays = {"train_x": x[:40], "train_y": y[:40], "test_x": x[40:], "test_y": y[40:]}
    np.savez(folder / "d.npz", **arrays)
    return make_task({"name": "arrays", "path": "d.npz", "valid": 0.2, **options}, folder)


def written(task: Task) -> Program:
    if task.input.rank == 3:
        return program(task.input, [("conv2d", (8, 3), [INPUT]), ("relu", (), [0])])
    return program(task.input, [("linear", (8,), [INPUT]), ("relu", (), [0])])


def test_a_class_for_every_pixel(tmp_path: Path) -> None:
    task = load(tmp_path, IMAGES, BRIGHT)
    assert task.loss is Loss.DENSE_CROSS_ENTROPY
    assert (str(task.input), str(task.output)) == ("image:3x6x5", "image:2x6x5")
    assert task.train.y.shape == (32, 6, 5)
    assert task.train.y.dtype == np.int64
    assert np.array_equal(task.test().y, BRIGHT[40:])
    assert "at each pixel one of 2 classes 0, 1, " in task.summary
    for same in (BRIGHT[..., None], BRIGHT[:, None], BRIGHT.astype(bool), BRIGHT.astype(float)):
        assert np.array_equal(load(tmp_path, IMAGES, same).train.y, task.train.y)
    words = np.array(["dark", "bright"])[BRIGHT]
    named = load(tmp_path, IMAGES, words)
    assert named.classes == ("bright", "dark")
    assert np.array_equal(named.train.y, 1 - task.train.y)


def test_a_class_for_every_step(tmp_path: Path) -> None:
    task = load(tmp_path, SERIES, STEPS)
    assert (str(task.input), str(task.output)) == ("tokens:12x2", "tokens:12x2")
    assert task.loss is Loss.DENSE_CROSS_ENTROPY
    assert any("places: false takes it for numbers of the" in n for n in task.reading.notes)
    labels = load(tmp_path, SERIES, STEPS, places=False)
    assert labels.loss is Loss.BINARY_CROSS_ENTROPY


@pytest.mark.parametrize(
    ("x", "y", "output", "axis"),
    [
        (IMAGES, IMAGES[..., 0] * 7 + 3, "image:1x6x5", 1),
        (IMAGES, IMAGES[..., :2] * 7 + 3, "image:2x6x5", 1),
        (IMAGES, np.moveaxis(IMAGES[..., :2] * 7 + 3, -1, 1), "image:2x6x5", 1),
        (SERIES, SERIES[..., 0] * 7 + 3, "tokens:12x1", 2),
        (SERIES, SERIES * 7 + 3, "tokens:12x2", 2),
    ],
)
def test_amounts_at_every_place(tmp_path: Path, x: Any, y: Any, output: str, axis: int) -> None:
    task = load(tmp_path, x, y)
    assert task.loss is Loss.DENSE_SQUARED_ERROR
    assert str(task.output) == output
    assert task.train.y.shape[1:] == task.output.shape
    others = tuple(a for a in range(task.train.y.ndim) if a != axis)
    assert np.allclose(task.train.y.mean(axis=others), 0, atol=1e-5)
    assert np.allclose(task.train.y.std(axis=others), 1, atol=1e-5)
    raw = np.concatenate([task.raw_targets(), restored_test(task)])
    assert np.allclose(np.sort(raw.ravel()), np.sort(y.ravel()), atol=1e-4)
    assert "a number from" in task.summary


def restored_test(task: Task) -> np.ndarray:
    from einsearch.tasks.base import restored

    assert task.target_statistics is not None
    return restored(task.test().y, task.target_statistics, task.output)


@pytest.mark.parametrize(("x", "y"), [(IMAGES, BRIGHT), (SERIES, STEPS)])
def test_a_network_learns_classes_of_places(tmp_path: Path, x: Any, y: Any) -> None:
    task = load(tmp_path, x, y)
    config = TrainingConfig(epochs=30, batch=8, device="cpu", lr=0.02)
    network = build_network(written(task), task, seed=0)
    metrics = train(network, task, config, seed=0).metrics
    assert metrics["accuracy"] > 0.9
    assert metrics["mean_iou"] > 0.8
    assert list(metrics)[:3] == ["accuracy", "mean_iou", "cross_entropy"]


def test_a_network_learns_amounts_of_places(tmp_path: Path) -> None:
    task = load(tmp_path, IMAGES, IMAGES[..., 0] * 7 + 3)
    config = TrainingConfig(epochs=40, batch=8, device="cpu", lr=0.02)
    metrics = train(build_network(written(task), task, seed=0), task, config, seed=0).metrics
    assert metrics["r2"] > 0.9
    assert metrics["relative_l2"] < 0.3
    assert metrics["rmse"] < 2


def test_metrics_are_those_of_the_raw_places(tmp_path: Path) -> None:
    task = load(tmp_path, IMAGES, BRIGHT)
    outputs = RNG.normal(size=(7, 2, 6, 5))
    y = RNG.integers(2, size=(7, 6, 5))
    found = score(task, outputs, y)
    best = outputs.argmax(axis=1)
    assert found["accuracy"] == pytest.approx((best == y).mean())
    assert found["mean_iou"] == pytest.approx(
        jaccard_score(y.ravel(), best.ravel(), average="macro")
    )
    loss = F.cross_entropy(torch.tensor(outputs), torch.tensor(y)).item()
    assert found["cross_entropy"] == pytest.approx(loss)
    assert training_loss(task, 0, torch.tensor(outputs), torch.tensor(y)).item() == pytest.approx(
        loss, rel=1e-5
    )
    weights = np.array([0, 1, 2, 0.5, 1, 1, 1.5])
    weighted = training_loss(
        task, 0, torch.tensor(outputs), torch.tensor(y), torch.tensor(weights)
    ).item()
    assert score(task, outputs, y, weights)["cross_entropy"] == pytest.approx(weighted, rel=1e-5)
    shares = blended(task, [outputs, outputs + 3], [0.5, 0.5])
    assert np.allclose(torch.softmax(torch.tensor(shares), 1),
                       torch.softmax(torch.tensor(outputs), 1), atol=1e-5)  # fmt: skip


def test_relative_l2_is_a_mean_over_examples() -> None:
    targets = np.array([[[3.0, 4.0]], [[0.0, 10.0]]])
    outputs = targets + np.array([[[0.0, 1.0]], [[5.0, 0.0]]])
    assert relative_l2(outputs, targets) == pytest.approx((1 / 5 + 5 / 10) / 2)


@pytest.mark.parametrize(
    ("x", "y", "options", "told"),
    [
        (IMAGES, (IMAGES * 9).astype(int), {}, "has 3 whole numbers for each pixel: a class is"),
        (IMAGES, BRIGHT, {"target_kind": "labels"}, "cannot be labels: each place has one answer"),
        (IMAGES, BRIGHT[:, :5], {}, r"cannot be targets: expected \(n,\)"),
        (IMAGES, BRIGHT[:, 0, 0], {"places": True}, "no answer for every place of image:3x6x5"),
        (
            IMAGES,
            np.where(np.arange(1500).reshape(50, 6, 5) == 40 * 30 + 7, 2, BRIGHT),
            {},
            r'test_y .*, example 0: at 1, 2: "2" is no class of training',
        ),
        (
            IMAGES,
            np.where(np.arange(1500).reshape(50, 6, 5) == 37, np.inf, IMAGES[..., 0]),
            {},
            "train_y .*, example 1: its target is no finite number",
        ),
    ],
)
def test_each_mistake_has_its_message(
    tmp_path: Path, x: Any, y: Any, options: dict[str, Any], told: str
) -> None:
    with pytest.raises(TaskError, match=told):
        load(tmp_path, x, y, **options)


def test_what_would_move_the_places_is_refused(tmp_path: Path) -> None:
    task = load(tmp_path, IMAGES, BRIGHT)
    for more in ({"augment": "shift"}, {"mixup": 0.2}):
        with pytest.raises(
            TaskError, match=r"an answer for every place .* leave augment and mixup"
        ):
            check_training(task, TrainingConfig(epochs=1, **more))


@pytest.mark.parametrize("kind", ["classes", "amounts"])
def test_an_exported_network_answers_for_every_pixel(tmp_path: Path, kind: str) -> None:
    y = BRIGHT if kind == "classes" else IMAGES[..., :2] * 7 + 3
    task = load(tmp_path, IMAGES, y)
    network = build_network(written(task), task, seed=0)
    model = TrainedModel(written(task), task.output, network, {"task": task.describe()})
    get_exporter("python").export(model, tmp_path / "out")
    x = np.moveaxis(IMAGES[:2], -1, 1)
    np.save(tmp_path / "out" / "x.npy", x)
    script = "import json, numpy, model; print(json.dumps(model.predict(numpy.load('x.npy'))))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path / "out",
        capture_output=True,
        text=True,
        check=True,
    )
    found = np.array(json.loads(done.stdout))
    mean, deviation = (np.reshape(n, (3, 1, 1)) for n in
                       (task.statistics.mean, task.statistics.deviation))  # fmt: skip
    with torch.no_grad():
        standard = torch.tensor((x - mean) / deviation, dtype=torch.float32)
        answers = network.eval()(standard).double().numpy()
    if kind == "classes":
        assert np.array_equal(found, np.array(task.classes)[answers.argmax(1)])
        return
    assert task.target_statistics is not None
    shape = (2, 1, 1)
    scale = np.reshape(task.target_statistics.deviation, shape)
    centre = np.reshape(task.target_statistics.mean, shape)
    assert np.allclose(found, answers * scale + centre, atol=1e-3)
