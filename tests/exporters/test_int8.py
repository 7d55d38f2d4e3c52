"""Formats `onnx` and `onnx-int8`: what is quantised, what is told of it, and how graphs are kept
short."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from einsearch.derivation.replay import architecture
from einsearch.errors import ExportError
from einsearch.exporters import clean_process, onnx_int8, quantising
from einsearch.exporters.base import TrainedModel
from einsearch.exporters.clean_process import answer_in_clean_process
from einsearch.exporters.registry import get_exporter
from einsearch.specs import tokens
from tests.contracts.test_exporter_contract import convolutional, trained

onnx = pytest.importorskip("onnx", reason="the extra export is not installed")


@pytest.fixture(scope="module")
def model() -> TrainedModel:
    """A network whose first weights are reshaped and transposed before they are a kernel."""
    return trained(convolutional())


def operations(path: Path) -> Counter[str]:
    return Counter(node.op_type for node in onnx.load(path).graph.node)


def test_weights_that_are_reshaped_get_8_bits_too(model: TrainedModel, tmp_path: Path) -> None:
    exporter = get_exporter("onnx-int8")
    files = exporter.export(model, tmp_path)
    floats = sum(t.numel() for n, t in model.module.state_dict().items() if n.endswith("weight"))
    kernels = floats - 6  # the scale of the norm
    assert quantising.count_quantised(files[0]) == kernels
    (note,) = exporter.notes(files)
    told = json.loads(onnx_int8.read_described(files[0]))["quantised"]
    assert told["share"] == round(kernels / told["weights"], 4)
    assert note.startswith(f"{told['share']:.1%} of {told['weights']:,} weights have 8 bits")
    assert note.endswith(f" kB in float32, {files[0].stat().st_size / 1e3:.1f} kB now")


def test_too_small_a_share_is_an_error(
    model: TrainedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_int8, "LEAST_SHARE", 0.99)
    with pytest.raises(ExportError, match=r"of \d+ weights 9\d\.\d% can have 8 bits.* than 99%"):
        get_exporter("onnx-int8").export(model, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_where_activations_do_not_bear_it_the_weights_alone_are_quantised(
    model: TrainedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("cannot calibrate")

    monkeypatch.setattr(onnx_int8, "_quantise_activations", fail)
    exporter = get_exporter("onnx-int8")
    files = exporter.export(model, tmp_path)
    assert "activations float32" in exporter.notes(files)[0]
    assert operations(files[0])["QuantizeLinear"] == 0
    assert operations(files[0])["DequantizeLinear"] == 3


def test_a_recurrence_is_one_operation_of_the_graph(tmp_path: Path) -> None:
    program = architecture("selective_scan(4, bidirectional)", tokens(70, 8)).program
    (exact,) = get_exporter("onnx").export(trained(program), tmp_path)
    assert operations(exact)["Scan"] == 1
    assert operations(exact).total() < 60


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("import time; time.sleep(60)", "did not answer in 1 s"),
        ("held = bytearray(2**31)", "they need more than 0.5 GiB of memory"),
        ("import os; os.kill(os.getpid(), 9)", "the process was ended by SIGKILL"),
        ("raise ValueError('odd')", "ValueError: odd"),
    ],
)
def test_a_process_that_fails_is_one_error(
    script: str, message: str, model: TrainedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clean_process, "MEMORY", 2**29)
    if "sleep" in script:
        monkeypatch.setattr(clean_process, "SECONDS", 1)
    with pytest.raises(ExportError, match=message):
        answer_in_clean_process(script, tmp_path, model.random_input())
