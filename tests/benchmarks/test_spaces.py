"""The comparison of seeds and draws runs, on any machine, and scores on test data alone."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import spaces


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Series that go up or down, as archives have them: (examples, features, length)."""
    rng = np.random.default_rng(0)
    arrays = {}
    for name, count in (("train", 24), ("test", 40)):
        labels = np.arange(count) % 2
        slopes = (2 * labels - 1)[:, None, None] * np.linspace(-1, 1, 16)
        arrays[f"{name}_x"] = slopes + 0.1 * rng.normal(size=(count, 1, 16))
        arrays[f"{name}_y"] = labels
    path = tmp_path / "series.npz"
    np.savez(path, **arrays)
    return path


def test_seeds_and_draws_are_trained_and_scored(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = "--steps 20 --batch 8 --draws 2 --seeds fcn_quarter --flops 300000"
    monkeypatch.setattr(sys, "argv", ["spaces.py", "series", str(data), *words.split()])
    spaces.main()
    lines = capsys.readouterr().out.splitlines()
    seed = next(line.split() for line in lines if line.startswith("fcn_quarter"))
    assert seed[1] == "17,090"
    assert float(seed[3]) > 0.9
    assert sum(line.startswith("draw ") for line in lines) == 2
    assert lines[-1].startswith("2 of 2 draws: median ")


def test_all_training_examples_are_learned_and_test_examples_are_for_scores(
    data: Path, tmp_path: Path
) -> None:
    task = spaces.task_of(data, "tokens", None, tmp_path)
    assert (len(task.train), len(task.valid)) == (24, 40)
    assert task.train.x.shape == (24, 16, 1)
    assert len(spaces.task_of(data, "tokens", 10, tmp_path).train) == 10
