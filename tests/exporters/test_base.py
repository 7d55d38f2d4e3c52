"""What all exporters share: the folder, missing packages, comparison, the registry."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from einsearch.errors import ExportError
from einsearch.exporters.base import Exporter, TrainedModel, compare
from einsearch.exporters.registry import get_exporter
from einsearch.resources import install_hint
from einsearch.specs import vector
from tests.contracts.test_exporter_contract import available, convolutional, trained


class Letter(Exporter):
    """Writes one file."""

    name = "letter"

    def write(self, model: TrainedModel, folder: Path) -> None:
        (folder / "letter.txt").write_text("new")

    def verify(self, model: TrainedModel, folder: Path) -> None:
        assert (folder / "letter.txt").read_text() == "new"


class Greedy(Letter):
    """Needs what nobody has."""

    name = "greedy"
    needs = ("no_such_package", "torch")


class Torn(Letter):
    """Fails half-way."""

    name = "torn"

    def verify(self, model: TrainedModel, folder: Path) -> None:
        raise ExportError("torn")


def test_files_of_others_are_replaced_only_on_purpose(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("old")
    with pytest.raises(ExportError, match=r"letter\.txt is there already, and was not exported by"):
        Letter().export(trained(convolutional()), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]
    assert (tmp_path / "letter.txt").read_text() == "old"
    found = Letter().export(trained(convolutional()), tmp_path, replace=True)
    assert found == [tmp_path / "letter.txt"]
    assert (tmp_path / "letter.txt").read_text() == "new"


@pytest.mark.parametrize("name", ["python", "safetensors", "pt2"])
def test_an_earlier_export_is_replaced(name: str, tmp_path: Path) -> None:
    exporter = get_exporter(name)
    first = exporter.export(trained(convolutional()), tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    assert exporter.export(trained(convolutional()), tmp_path) == first
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_link_is_no_export(tmp_path: Path) -> None:
    (tmp_path / "to").mkdir()
    (tmp_path / "mine").write_text("einsearch")
    (tmp_path / "to" / "weights.safetensors").symlink_to(tmp_path / "mine")
    with pytest.raises(ExportError, match="is there already"):
        get_exporter("python").export(trained(convolutional()), tmp_path / "to")
    assert (tmp_path / "mine").read_text() == "einsearch"


def test_what_stood_there_stays_when_writing_fails(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("old")
    with pytest.raises(ExportError, match="torn"):
        Torn().export(trained(convolutional()), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]
    assert (tmp_path / "letter.txt").read_text() == "old"


def test_missing_packages_are_named_with_the_command(tmp_path: Path) -> None:
    with pytest.raises(ExportError) as caught:
        Greedy().export(trained(convolutional()), tmp_path / "new")
    assert str(caught.value) == (
        "the format greedy needs no_such_package, not installed here; "
        f"run: {install_hint('export')}"
    )


def test_a_file_in_the_way_is_one_clear_message(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(ExportError, match=r"cannot write to .*file: File exists"):
        Letter().export(trained(convolutional()), blocked)


def test_comparison_is_relative_to_large_answers() -> None:
    one = torch.full((2, 3), 1000.0)
    compare("file", one + 5e-3, one)
    with pytest.raises(ExportError, match=r"differently from the network, by up to 0\.05"):
        compare("file", one + 5e-2, one)
    with pytest.raises(ExportError, match="by up to nan"):
        compare("file", one * float("nan"), one)
    with pytest.raises(ExportError, match=r"shape \(3, 3\), the network with \(2, 3\)"):
        compare("file", torch.ones(3, 3), one)


def test_unknown_formats_name_the_nearest() -> None:
    with pytest.raises(ExportError) as caught:
        get_exporter("pyhton")
    assert str(caught.value).startswith(
        "no export format is named pyhton; did you mean python? there are onnx, "
    )


def in_safetensors(folder: Path) -> str:
    with safe_open(folder / "network.safetensors", "pt") as file:
        return str(file.metadata()["einsearch"])


def in_pt2(folder: Path) -> str:
    extra = {"einsearch": ""}
    torch.export.load(folder / "network.pt2", extra_files=extra)
    return extra["einsearch"]


def in_onnx(folder: Path) -> str:
    import onnx

    (path,) = folder.glob("*.onnx")
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}["einsearch"]


DESCRIBED = {
    "safetensors": in_safetensors,
    "pt2": in_pt2,
    "onnx": in_onnx,
    "onnx-int8": in_onnx,
}


@pytest.mark.parametrize("name", [name for name in DESCRIBED if available(get_exporter(name))])
def test_a_file_says_what_it_is(name: str, tmp_path: Path) -> None:
    model = replace(trained(convolutional()), metadata={"task": {"mean": [1.0, 2.0]}})
    get_exporter(name).export(model, tmp_path)
    found = DESCRIBED[name](tmp_path)
    told = json.loads(found)
    assert ("quantised" in told) is (name == "onnx-int8")
    told.pop("quantised", None)
    assert told == json.loads(model.described())
    assert told == {
        "input": "image:2x8x8",
        "output": "vector:3",
        "task": {"mean": [1.0, 2.0]},
    }


def test_metadata_must_be_json() -> None:
    model = replace(trained(convolutional()), metadata={"mean": float("nan")})
    with pytest.raises(ExportError, match="the metadata of the network are not JSON"):
        model.described()


def test_a_model_knows_its_input_and_task() -> None:
    model = trained(convolutional())
    assert str(model.input) == "image:2x8x8"
    assert model.output == vector(3)
    assert model.architecture == "as tested"
    assert model.task == {}
    assert torch.equal(model.random_input(), model.random_input())
    assert not torch.equal(model.random_input(), model.random_input(seed=1))
