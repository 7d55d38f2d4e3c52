"""Format `python`: the source stands alone, is readable, and carries the task's moments."""

from __future__ import annotations

import ast
import csv
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from einsearch.evaluate.network import build_network
from einsearch.exporters.base import TrainedModel
from einsearch.exporters.registry import get_exporter
from einsearch.primitives.program import INPUT
from einsearch.tasks.registry import make_task
from einsearch.tasks.rowcoding import code_row
from tests.contracts.test_exporter_contract import convolutional, trained
from tests.support import program

TASK = {"mean": [1.0, 2.0], "deviation": [0.5, 4.0]}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("python")
    text = 'im2col(3) >> linear(6)\n"""\nraise SystemExit("never")\r# \\'
    model = replace(trained(convolutional()), metadata={"architecture": text, "task": TASK})
    get_exporter("python").export(model, folder)
    return folder


def test_imports_torch_and_the_standard_library_alone(exported: Path) -> None:
    tree = ast.parse((exported / "model.py").read_text())
    roots = {
        name.partition(".")[0]
        for node in tree.body
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert roots == {"torch"}


def test_the_note_is_a_comment_whatever_it_says(exported: Path) -> None:
    lines = (exported / "model.py").read_text().splitlines()
    assert lines[0] == "# im2col(3) >> linear(6)"
    assert '# raise SystemExit("never")' in lines


def test_standardises_raw_input(exported: Path) -> None:
    script = (
        "import model, torch\n"
        "raw = torch.ones(1, 2, 8, 8)\n"
        "print(model.standardise(raw).mean((0, 2, 3)).tolist())\n"
        "print(tuple(model.load()(model.standardise(raw)).shape))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=exported, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["[0.0, -0.25]", "(1, 3)"]


def test_time_stamps_keep_their_seconds(tmp_path: Path) -> None:
    moments = {"mean": [1.7e9, 2.46e6], "deviation": [3600.0, 0.3]}
    model = replace(trained(convolutional()), metadata={"task": TASK | moments})
    get_exporter("python").export(model, tmp_path)
    script = (
        "import model, torch\n"
        "steps = torch.arange(64, dtype=torch.float64).view(1, 1, 8, 8)\n"
        "raw = torch.cat([1.7e9 + steps, 2.46e6 + steps / 1000], 1)\n"
        "out = model.standardise(raw)\n"
        "print([len(out[0, c].unique()) for c in (0, 1)], out.dtype)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[64, 64] torch.float32"


def test_readme_can_be_followed(exported: Path) -> None:
    text = (exported / "README.txt").read_text()
    lines = [line.strip() for line in text.splitlines()]
    code = lines[lines.index("import torch") : lines.index("y = network(standardise(x))") + 1]
    script = "\n".join([*code, "print(tuple(y.shape))"])
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=exported, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "(1, 3)"
    assert "Input  image:2x8x8, batch first, standardised." in lines


def test_weights_carry_the_specs(exported: Path) -> None:
    with safe_open(exported / "weights.safetensors", "pt") as file:
        assert '"input": "image:2x8x8"' in file.metadata()["einsearch"]
        names = set(file.keys())
    assert names == set(trained(convolutional()).module.state_dict())


def test_answers_of_a_regression_come_back_in_the_units_of_its_targets(tmp_path: Path) -> None:
    targets = {"target_mean": [10.0, 0.0, -5.0], "target_deviation": [2.0, 1.0, 0.5]}
    model = replace(trained(convolutional()), metadata={"task": TASK | targets})
    get_exporter("python").export(model, tmp_path)
    script = (
        "import model, torch\n"
        "print(model.restore(torch.tensor([[0.0, 1.0, 2.0], [1.0, -1.0, 0.0]])).tolist())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[[10.0, 1.0, -4.0], [12.0, -1.0, -5.0]]"
    readme = (tmp_path / "README.txt").read_text()
    assert "from model import load, restore, standardise\n" in readme
    assert "y = restore(network(standardise(x)))\n" in readme


def test_without_moments_there_is_nothing_to_standardise(tmp_path: Path) -> None:
    get_exporter("python").write(trained(convolutional()), tmp_path)
    assert "standardise" not in (tmp_path / "model.py").read_text()
    assert "x = torch.randn(1, 2, 8, 8)\n" in (tmp_path / "README.txt").read_text()


def test_files_are_the_same_every_time(tmp_path: Path) -> None:
    model = replace(trained(convolutional()), metadata={"task": TASK})
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        get_exporter("python").write(model, tmp_path / name)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_predict_answers_with_names(tmp_path: Path) -> None:
    names = {"classes": ["old", 'y"ou\nng', "none"], "columns": ["left", "right"]}
    model = replace(trained(convolutional()), metadata={"task": TASK | names})
    get_exporter("python").export(model, tmp_path)
    script = """
import numpy, torch, model
raw = numpy.random.default_rng(0).normal(size=(5, 2, 8, 8))
found = model.predict(raw)
logits = model.load()(model.standardise(torch.tensor(raw)))
assert found == [model.CLASSES[n] for n in logits.argmax(1).tolist()]
assert model.predict(raw[0]) == model.predict(raw.tolist()[0]) == found[0]
assert model.CLASSES == ("old", 'y"ou\\nng', "none") and model.COLUMNS == ("left", "right")
turned = torch.tensor(numpy.moveaxis(raw, 1, -1))
for call in (model.predict, model.standardise, model.load()):
    try:
        call(turned)
    except ValueError as error:
        print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == 3 * (
        "expected examples (channels, height, width) of shape (2, 8, 8), not (8, 8, 2); the first "
        "axis is the last there: use numpy.moveaxis(raw, -1, 1)\n"
    )
    readme = (tmp_path / "README.txt").read_text()
    assert 'Classes: old, y"ou ng, none.\nColumns: left, right.\nSize: ' in readme
    assert " bytes of activations" in readme


def test_predict_of_several_labels_names_each(tmp_path: Path) -> None:
    task = {"classes": ["a", "b", "c"], "loss": "binary_cross_entropy"}
    model = replace(trained(convolutional()), metadata={"task": task})
    get_exporter("python").export(model, tmp_path)
    script = """
import torch, model
raw = torch.randn(6, 2, 8, 8)
rows = (model.load()(raw) > 0).tolist()
assert model.predict(raw) == [[c for c, on in zip("abc", row) if on] for row in rows]
"""
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)


def test_predict_takes_rows_of_a_table(tmp_path: Path) -> None:
    names = ["size", "colour", "when", "new", "price"]
    rows = [
        [str(n) if n % 9 else "", ("red", 'b"lue', "green")[n % 3], f"2024-{n % 12 + 1:02}-05",
         ("yes", "no")[n % 2], f"{n}.5"]
        for n in range(60)
    ]  # fmt: skip
    with (tmp_path / "d.csv").open("w", newline="") as file:
        csv.writer(file).writerows([names, *rows])
    task = make_task({"name": "arrays", "path": "d.csv", "target": "price"}, tmp_path)
    written = program(task.input, [("linear", (4,), [INPUT]), ("relu", (), [0])])
    network = build_network(written, task, seed=0)
    metadata = {"task": json.loads(json.dumps(task.describe()))}
    model = TrainedModel(written, task.output, network, metadata)
    get_exporter("python").export(model, tmp_path / "out")
    coded = np.array([code_row(metadata["task"]["encoding"], row[:4]) for row in rows])
    x = (coded - task.statistics.mean) / task.statistics.deviation
    with torch.no_grad():
        answers = network.eval()(torch.tensor(x, dtype=torch.float32)).double().numpy()
    assert task.target_statistics is not None
    answers = answers * task.target_statistics.deviation + task.target_statistics.mean
    script = f"""
import math, model, json
rows = {[row[:4] for row in rows]!r}
found = model.predict(rows)
assert model.COLUMNS == ("size", "colour", "when", "new")
named = [dict(zip(model.COLUMNS, row)) | {{"more": 1}} for row in rows]
assert model.predict(named) == found
assert model.predict(rows[4]) == model.predict(named[4]) == model.predict(named[4:5])[0]
strange = {{"size": None, "colour": "unheard of", "when": math.nan, "new": True}}
assert math.isfinite(model.predict(strange)[0])
for bad in ({{"size": "big"}}, {{"when": "soon"}}):
    try:
        model.predict(strange | bad)
    except ValueError as error:
        print(error)
print(json.dumps(found))
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path / "out",
        capture_output=True,
        text=True,
        check=True,
    )
    first, second, found = done.stdout.splitlines()
    assert first == "size: 'big' is no finite number"
    assert second == "when: 'soon' is no date such as 2024-02-29"
    assert np.allclose(json.loads(found), answers, atol=1e-4)
    readme = (tmp_path / "out" / "README.txt").read_text()
    assert "print(predict([{'size': " in readme
