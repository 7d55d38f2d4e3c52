"""The average of several networks in every format."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from onnxruntime import InferenceSession
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

from einsearch.compile.blending import MEANS, Blend
from einsearch.compile.head import attach_head
from einsearch.compile.module import build_module
from einsearch.compile.selecting import choose_bases
from einsearch.derivation.replay import architecture
from einsearch.exporters.base import TrainedModel
from einsearch.exporters.registry import get_exporter
from einsearch.specs import vector

WIDE, DEEP = "linear(24) >> relu", "linear(16) >> norm >> tanh >> linear(16)"
TEXTS = (WIDE, DEEP, WIDE)
SHARES = (0.5, 0.3, 0.2)
TASK = {
    "loss": "cross_entropy",
    "classes": ["red", "green", "blue"],
    "mean": [1.0, 0.0, 0.0, 0.0, -1.0],
    "deviation": [2.0, 1.0, 1.0, 1.0, 0.5],
}


def network(text: str, seed: int) -> nn.Module:
    program = architecture(text, vector(5)).program
    return attach_head(build_module(program, seed), program.output[0], vector(3), seed).eval()


def average(kind: str = "classes", texts: tuple[str, ...] = TEXTS) -> TrainedModel:
    """The average of networks that know nothing, as a run hands it over."""
    first, *others = (architecture(text, vector(5)).program for text in texts)
    members = [network(text, seed) for seed, text in enumerate(texts)]
    told = [
        {"architecture": text, "trial": n, "share": share}
        for n, (text, share) in enumerate(zip(texts, SHARES, strict=True))
    ]
    metadata = {"task": TASK, "average": kind, "members": told}
    module = Blend(members, SHARES, kind)
    examples = torch.randn(200, 5, generator=torch.Generator().manual_seed(3))
    return TrainedModel(first, vector(3), module, metadata, examples, tuple(others))


def by_hand(model: TrainedModel, x: torch.Tensor) -> torch.Tensor:
    """What the members answer, averaged by the definition, in float64."""
    assert isinstance(model.module, Blend)
    with torch.no_grad():
        answers = [member(x).double() for member in model.module.members]
    pairs = list(zip(SHARES, answers, strict=True))
    if model.module.kind == "values":
        return torch.stack([share * answer for share, answer in pairs]).sum(0)
    if model.module.kind == "labels":
        return torch.logit(torch.stack([s * torch.sigmoid(a) for s, a in pairs]).sum(0))
    return torch.log(torch.stack([s * torch.softmax(a, -1) for s, a in pairs]).sum(0))


def imported(folder: Path) -> Any:
    """Answers of model.py, in a process that knows nothing else."""
    script = (
        "import model, sys, torch\n"
        "from safetensors.torch import load_file, save_file\n"
        "x = load_file(sys.argv[1])['x']\n"
        "with torch.no_grad(): y = model.load()(x)\n"
        "save_file({'y': y}, sys.argv[2])\n"
        "print(model.predict(x.tolist())[:2], model.predict(x[0]))\n"
    )
    given, made = str(folder / "x.st"), str(folder / "y.st")
    from safetensors.torch import save_file

    save_file({"x": INPUT}, given)
    command = [sys.executable, "-c", script, given, made]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return load_file(made)["y"], done.stdout.strip()


INPUT = torch.randn(7, 5, generator=torch.Generator().manual_seed(9))


@pytest.mark.parametrize("kind", sorted(MEANS))
def test_the_source_answers_as_the_average(kind: str, tmp_path: Path) -> None:
    model = average(kind)
    get_exporter("python").export(model, tmp_path)
    found, printed = imported(tmp_path)
    torch.testing.assert_close(found.double(), by_hand(model, INPUT), rtol=1e-5, atol=1e-5)
    if kind == "classes":
        raw = (INPUT - torch.tensor(TASK["mean"])) / torch.tensor(TASK["deviation"])
        named = [["red", "green", "blue"][n] for n in by_hand(model, raw).argmax(1).tolist()]
        assert printed == f"{named[:2]} {named[0]}"


def test_the_source_has_each_architecture_once(tmp_path: Path) -> None:
    get_exporter("python").export(average(), tmp_path)
    text = (tmp_path / "model.py").read_text()
    classes = [node.name for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
    assert classes == ["VectorHead", "Backbone1", "Member1", "Backbone2", "Member2", "Network"]
    assert "nn.ModuleList([Member1(), Member2(), Member1()])" in text
    assert text.startswith(f"# 50 %  {WIDE}\n# 30 %  {DEEP}\n# 20 %  {WIDE}\n")
    readme = (tmp_path / "README.txt").read_text()
    assert f"The average of 3 networks, by their shares:\n\n50 %  {WIDE}\n" in readme


def test_a_long_list_of_members_is_broken(tmp_path: Path) -> None:
    model = average("values")
    many = 24
    members = [network(WIDE, seed) for seed in range(many)]
    module = Blend(members, [1 / many] * many, "values")
    whole = replace(model, module=module, others=(model.program,) * (many - 1), metadata={})
    get_exporter("python").export(whole, tmp_path)
    lines = (tmp_path / "model.py").read_text().splitlines()
    assert max(map(len, lines)) <= 100
    assert (tmp_path / "model.py").read_text().count("Member1()") == many


def test_members_that_chose_their_bases_stand_beside_one_that_did_not(tmp_path: Path) -> None:
    text = "kan(8, basis=select)"
    model = average("values", (text, text, WIDE))
    assert isinstance(model.module, Blend)
    choose_bases(model.module.members[0])
    expected = by_hand(model, INPUT)
    get_exporter("python").export(model, tmp_path)
    found, _ = imported(tmp_path)
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", sorted(MEANS))
def test_onnx_answers_as_the_average(kind: str, tmp_path: Path) -> None:
    if not find_spec("onnxscript"):
        pytest.fail("the tests need the extra export")
    model = average(kind)
    (path,) = get_exporter("onnx").export(model, tmp_path)
    session = InferenceSession(path, providers=["CPUExecutionProvider"])
    found = torch.from_numpy(session.run(["y"], {"x": INPUT.numpy()})[0])
    torch.testing.assert_close(found.double(), by_hand(model, INPUT), rtol=1e-5, atol=1e-5)
    entries = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    told = json.loads(entries["einsearch"])
    assert [one["architecture"] for one in told["members"]] == list(TEXTS)
    assert "architecture" not in told


def test_8_bits_answer_nearly_as_the_average(tmp_path: Path) -> None:
    model = average()
    (path,) = get_exporter("onnx-int8").export(model, tmp_path)
    session = InferenceSession(path, providers=["CPUExecutionProvider"])
    found = torch.from_numpy(session.run(["y"], {"x": INPUT.numpy()})[0]).double()
    expected = by_hand(model, INPUT)
    assert float((found - expected).norm() / expected.norm()) < 0.03


def test_pt2_answers_as_the_average(tmp_path: Path) -> None:
    model = average("labels")
    (path,) = get_exporter("pt2").export(model, tmp_path)
    found = torch.export.load(path).module()(INPUT)
    torch.testing.assert_close(found.double(), by_hand(model, INPUT), rtol=1e-5, atol=1e-5)


def test_safetensors_have_the_weights_of_all_members(tmp_path: Path) -> None:
    model = average()
    (path,) = get_exporter("safetensors").export(model, tmp_path)
    fresh = Blend([network(text, 40 + n) for n, text in enumerate(TEXTS)], SHARES, "classes")
    fresh.load_state_dict(load_file(path))
    with torch.no_grad():
        found = fresh(INPUT).double()
    torch.testing.assert_close(found, by_hand(model, INPUT), rtol=1e-5, atol=1e-5)
    with safe_open(path, "pt") as file:
        told = json.loads(file.metadata()["einsearch"])
    assert [one["share"] for one in told["members"]] == list(SHARES)
