"""What every registered exporter must do. A new one inherits these tests by being registered."""

from __future__ import annotations

import copy
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from einsearch.compile.head import attach_head
from einsearch.compile.module import build_module
from einsearch.derivation.replay import architecture
from einsearch.errors import ExportError
from einsearch.exporters.base import Exporter, TrainedModel
from einsearch.exporters.registry import all_exporters, get_exporter
from einsearch.primitives.program import INPUT, Program
from einsearch.specs import image, vector
from tests.support import program

NAMES = sorted(all_exporters())


def convolutional() -> Program:
    """A residual network with a fused convolution, a norm and a pool."""
    return program(
        image(2, 8, 8),
        [
            ("im2col", (3,), [INPUT]),
            ("linear", (6,), [0]),
            ("col2im", (), [1]),
            ("norm", (), [2]),
            ("relu", (), [3]),
            ("conv2d", (6, 3), [4]),
            ("add", (), [5, 4]),
            ("max_pool", (2, 2), [6]),
        ],
    )


def trained(written: Program, seed: int = 0) -> TrainedModel:
    """A network that was trained to tell three noisy pictures apart, with its examples."""
    generator = torch.Generator().manual_seed(seed)
    shape = written.input[0].shape
    labels = torch.arange(96) % 3
    pictures = torch.randn(3, *shape, generator=generator)
    examples = 0.3 * torch.randn(96, *shape, generator=generator) + pictures[labels]
    network = attach_head(build_module(written, seed), written.output[0], vector(3), seed)
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    for _ in range(30):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(examples), labels).backward()
        optimizer.step()
    return TrainedModel(written, vector(3), network, {"architecture": "as tested"}, examples)


def available(exporter: Exporter) -> bool:
    return all(find_spec(name) for name in exporter.needs)


@pytest.fixture(scope="module")
def model() -> TrainedModel:
    return trained(convolutional())


@pytest.mark.parametrize("name", NAMES)
def test_writes_verified_files_or_says_what_is_missing(
    name: str, model: TrainedModel, tmp_path: Path
) -> None:
    exporter = get_exporter(name)
    to = tmp_path / "new" / "folder"
    if not available(exporter):
        with pytest.raises(ExportError, match=r"pip install 'einsearch\[export\]'"):
            exporter.export(model, to)
        assert not to.exists()
        return
    before = copy.deepcopy(model.module.state_dict())
    assert model.module.training
    paths = exporter.export(model, to)
    assert paths == sorted(paths)
    assert sorted(to.iterdir()) == paths
    assert all(path.is_file() and path.stat().st_size > 0 for path in paths)
    (tmp_path / "plain").touch()
    assert {path.stat().st_mode for path in paths} == {(tmp_path / "plain").stat().st_mode}
    assert model.module.training
    assert all(torch.equal(before[key], t) for key, t in model.module.state_dict().items())


@pytest.mark.parametrize("name", [name for name in NAMES if available(get_exporter(name))])
def test_carries_what_was_changed_after_training(name: str, tmp_path: Path) -> None:
    """Exporters compare answers, so that one that took the first number of experts would fail."""
    text = "experts(linear(6) >> experts(linear(4), 3, 1), count=4, active=1)"
    changed = trained(architecture(text, vector(5)).program)
    outer = changed.module.get_submodule("backbone.experts_1")
    x = changed.random_input()
    before = changed.answer(x)
    outer.active = 3  # type: ignore[assignment]
    outer.get_submodule("experts.2.experts_1").active = 2  # type: ignore[assignment]
    assert not torch.allclose(changed.answer(x), before)
    assert get_exporter(name).export(changed, tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_leaves_nothing_behind_when_the_answers_differ(
    name: str, model: TrainedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = TrainedModel.answer
    monkeypatch.setattr(
        TrainedModel, "answer", lambda self, x: answer(self, x) + float(self is model)
    )
    with pytest.raises(ExportError):
        get_exporter(name).export(model, tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", NAMES)
def test_refuses_a_network_that_answers_nonsense(name: str, tmp_path: Path) -> None:
    broken = trained(convolutional())
    with torch.no_grad():
        broken.module.get_parameter("head.linear.bias")[0] = float("nan")
    message = "not finite" if available(get_exporter(name)) else "pip install"
    with pytest.raises(ExportError, match=message):
        get_exporter(name).export(broken, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", NAMES)
def test_is_documented(name: str) -> None:
    exporter = get_exporter(name)
    assert exporter.name == name
    assert type(exporter).__doc__
