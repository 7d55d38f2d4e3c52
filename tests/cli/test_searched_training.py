"""Commands on a run whose search decided settings of training."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from einsearch.api import open_run, search
from tests.cli.conftest import SPACE, Command

DOMAINS = "{epochs: 1, batch: {16, 32}, lr: log 1e-3..1e-1, clip: {none, 1.0}}"
SETTINGS = r"lr 0\.\d+, batch (?:16|32), clip (?:none|1)"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("searched")
    file = folder / "space.yaml"
    text = re.sub(r"training: .*", f"training: {DOMAINS}", SPACE).replace("seeds: 2", "seeds: 1")
    file.write_text(text)
    search(file, directory=folder / "run")
    return folder / "run"


def test_explain_has_the_settings_on_a_line_of_their_own(cli: Command, run: Path) -> None:
    shown = cli("explain", f"{run}:0").out
    assert re.search(rf"^training +{SETTINGS}$", shown, re.M)
    [network] = re.findall(r"^network +(.*)$", shown, re.M)
    assert "training(" not in network
    found = json.loads(cli("explain", f"{run}:0", "--json").out)
    assert found["training"].keys() == {"batch", "lr", "clip"}
    assert found["text"] == open_run(run).trials[0].text


def test_tables_and_the_summary_show_them_behind_the_network(cli: Command, run: Path) -> None:
    assert len(re.findall(rf"\[{SETTINGS}\]", cli("trials", run).out)) == 3
    assert re.search(rf"^training +{SETTINGS}$", cli("best", run).out, re.M)
    assert cli("report", run).status == 0
    page = (run / "report.html").read_text()
    assert re.search(f"trained with {SETTINGS}", page)


def test_exported_source_and_drawings_have_the_plain_network(
    cli: Command, run: Path, tmp_path: Path
) -> None:
    assert "training" not in cli("show", f"{run}:0", "--format", "source").out
    assert "training" not in cli("show", f"{run}:0").out
    best = open_run(run).best
    assert best is not None
    assert cli("export", f"{run}:{best.number}", "--to", tmp_path).status == 0
    readme = (tmp_path / "README.txt").read_text()
    assert re.search(f"Trained with {SETTINGS}.", readme)
    assert "training(" not in readme


def test_texts_with_settings_are_read_by_hand(cli: Command, run: Path) -> None:
    text = open_run(run).trials[0].text
    shown = cli("show", text, "--input", "image:1x8x8")
    assert (shown.status, "training" in shown.out) == (0, False)
    assert "from {16, 32}" in cli("why", run / "space.yaml", text, "--input", "image:1x8x8").out
    plain = cli("why", "digits", text, "--input", "image:1x8x8")
    assert (plain.status, "training" in plain.out) == (0, False)


def test_a_trial_is_trained_again_as_it_says(cli: Command, run: Path) -> None:
    answer = cli("train", f"{run}:0", "--epochs", "1", "--json")
    assert answer.status == 0, answer.err
    again = json.loads(answer.out)["again"]
    assert again["values"] == again["recorded"]


def test_what_cannot_be_is_told_where_it_stands(cli: Command, tmp_path: Path) -> None:
    file = tmp_path / "space.yaml"
    file.write_text(re.sub(r"training: .*", "training: {lr: {-1, 0.1}}", SPACE))
    answer = cli("check", file)
    assert answer.status != 0
    assert "training.lr cannot be -1" in answer.out + answer.err
