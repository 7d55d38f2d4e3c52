"""Which augmentation suits which task, and what it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from einsearch.errors import TaskError
from einsearch.evaluate.augmenting.choice import augmentation, suited
from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.suiting import check_training
from einsearch.tasks.base import Task
from einsearch.tasks.registry import make_task

ALL = ("none", "shift", "flip", "light", "strong", "strong-flip")


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Task]:
    folder: Path = tmp_path_factory.mktemp("data")
    (folder / "text.txt").write_text("ab" * 300)
    rng = np.random.default_rng(0)
    gaps = rng.normal(size=(40, 12, 1))
    gaps[::2, 8:] = np.nan
    np.savez(folder / "gaps.npz", train_x=gaps, train_y=np.arange(40) % 2)
    return {
        "images": make_task("bars"),
        "series": make_task("markers"),
        "gaps": make_task({"name": "arrays", "path": "gaps.npz", "layout": "tokens"}, folder),
        "vectors": make_task("waves"),
        "codes": make_task({"name": "characters", "path": "text.txt", "length": 6}, folder),
    }


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("images", ("none", "shift", "flip", "strong", "strong-flip")),
        ("series", ("none", "light", "strong")),
        ("gaps", ("none", "light", "strong")),
        ("vectors", ("none",)),
        ("codes", ("none",)),
    ],
)
def test_what_suits_is_taken_and_the_rest_is_told(
    tasks: dict[str, Task], kind: str, expected: tuple[str, ...]
) -> None:
    task = tasks[kind]
    assert suited(task) == expected
    for name in ALL:
        config = TrainingConfig(augment=name)  # type: ignore[arg-type]
        if name not in expected:
            with pytest.raises(TaskError, match=rf"augment: {name} needs .*: say augment: none"):
                check_training(task, config)
            continue
        check_training(task, config)
        change = augmentation(task, config)
        x = torch.from_numpy(task.train.x[:16])
        if name == "none":
            assert change is None
        else:
            assert change is not None
            changed = change(x, torch.Generator().manual_seed(0))
            assert changed.shape == x.shape
            assert not torch.equal(changed, x)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("vectors", {"augment": "strong"}, "needs images or series of numbers, .* augment: none$"),
        ("series", {"augment": "flip"}, "needs images, .*: say augment: none, light or strong$"),
        ("codes", {"augment": "light"}, "needs series of numbers, the task characters has codes"),
        ("codes", {"mixup": 0.2}, "mixup needs numbers, the task characters has codes"),
        ("codes", {"class_weights": "balanced"}, "the task characters has answers for every place"),
        ("vectors", {"class_weights": "balanced"}, "the task waves is a regression"),
    ],
)  # fmt: skip
def test_messages(
    tasks: dict[str, Task], kind: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(TaskError, match=message):
        check_training(tasks[kind], TrainingConfig(**options))  # type: ignore[arg-type]


def test_mirroring_is_only_done_where_it_is_said(tasks: dict[str, Task]) -> None:
    """Images that are dark on the left: only a mirror makes the left brighter."""
    x = torch.linspace(-1, 1, 8).expand(60, 1, 8, 8)
    for name, mirrors in (
        ("shift", False),
        ("strong", False),
        ("flip", True),
        ("strong-flip", True),
    ):
        change = augmentation(tasks["images"], TrainingConfig(augment=name))  # type: ignore[arg-type]
        assert change is not None
        changed = change(x, torch.Generator().manual_seed(0))
        left, right = changed[..., :2].mean((1, 2, 3)), changed[..., -2:].mean((1, 2, 3))
        assert bool((left > right).any()) is mirrors


def test_the_share_that_was_there_is_no_value(tasks: dict[str, Task]) -> None:
    task = tasks["gaps"]
    assert task.columns[-1] == "present"
    change = augmentation(task, TrainingConfig(augment="light"))
    assert change is not None
    x = torch.from_numpy(task.train.x)
    changed = change(x, torch.Generator().manual_seed(0))
    assert torch.equal(changed[..., 1], x[..., 1])
    assert (changed[..., 0][x[..., 1] == 0] == 0).all()
