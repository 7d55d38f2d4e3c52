"""Run folders that were damaged, or made up by somebody: one message, never a traceback.

`python -m tests.cli.damage RUN` tries everything on every command; here is a part that is chosen
once and for all.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.cli.damage import CHEAP, DEAR, JOURNAL, call, fault_of, field_damages, file_damages

SPACE = """\
version: 1
grammar: digits
task: {name: bars, train: 64}
limits: {nodes: 14, depth: 3, parameters: 20k}
training: {epochs: 2, batch: 32}
objectives: {accuracy: maximize, parameters: minimize}
constraints: {flops: 10M}
searcher: {name: evolution, population: 2}
budget: {trials: 6, epochs: {pruner: asha, min: 1, promote: 2}}
executor: {name: inline}
final: {top: 1, epochs: 1, seeds: 1}
"""
"""Trials that were paused and went on, that have parents, and that keep a constraint."""


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("good")
    (folder / "small.yaml").write_text(SPACE)
    status, _, err = call(["search", str(folder / "small.yaml"), "--run", str(folder / "run")])
    assert status == 0, err
    return folder / "run"


def test_a_field_that_was_replaced_removed_or_doubled(good: Path) -> None:
    damages = list(field_damages(good, every=False))[::4]
    assert len(damages) > 50
    commands = [(CHEAP[i % len(CHEAP)],) for i in range(len(damages))]
    found = map(fault_of, [good] * len(damages), damages, commands)
    assert [fault for faults in found for fault in faults] == []


def test_a_file_that_was_cut_replaced_or_taken_away(good: Path) -> None:
    damages = list(file_damages(good))[::4]
    assert len(damages) > 30
    found = [fault_of(good, damage, commands_for(damage[0], i)) for i, damage in enumerate(damages)]
    assert [fault for faults in found for fault in faults] == []


def commands_for(damage: str, turn: int) -> list[tuple[str, ...]]:
    """A command that reads the file that is damaged, and now and then a dear one."""
    if damage.startswith("weights"):
        return [("export", "RUN", "--format", "safetensors", "--to", "OUT/a")]
    beside = [("show", "RUN:2"), ("learned", "RUN"), ("report", "RUN", "--to", "OUT/a.html")]
    known = CHEAP if damage.startswith(("journal", "final", "versions")) else beside
    return [known[turn % len(known)], *([("resume", "RUN")] if turn % 25 == 0 else [])]


def test_the_good_folder_is_read_by_every_command(good: Path, tmp_path: Path) -> None:
    run = shutil.copytree(good, tmp_path / "run")
    for command in (*CHEAP, *DEAR):
        words = [word.replace("RUN", str(run)).replace("OUT", str(tmp_path)) for word in command]
        status, _, err = call(words)
        allowed = (0, 1) if command[0] == "learned" else (0,)
        assert status in allowed, (words, err)


@pytest.mark.parametrize(
    ("line", "old", "new", "message"),
    [
        (None, '"text":"', '"text":7,"was":"', "text is 7: expected text"),
        (None, '"parents":[1]', '"parents":[999]', "proposal.parents has 999: expected earlier"),
        (
            None,
            '"seed":',
            '"seed":"many","was":',
            "proposal.seed is 'many': expected a whole number",
        ),
        (1, '"directions":[2,1]', '"directions":["a"]', "is damaged in line 1; what comes before"),
        (3, '"maximize"', '"upwards"', "in line 3 is damaged: directions.accuracy is 'upwards'"),
        (1, '{"op_code"', '{"op_kode"', "is damaged in line 1;"),
    ],
)
def test_the_message_names_file_and_line(
    cli: Command, good: Path, tmp_path: Path, line: int | None, old: str, new: str, message: str
) -> None:
    run = shutil.copytree(good, tmp_path / "run")
    lines = (run / JOURNAL).read_text().splitlines()
    number = line or next(
        i
        for i, text in reversed(list(enumerate(lines, 1)))
        if old in text and ("trial_id" in text or '"op_code":4' in text)
    )
    assert old in lines[number - 1]
    lines[number - 1] = lines[number - 1].replace(old, new, 1)
    (run / JOURNAL).write_text("\n".join(lines) + "\n")
    status, out, err = cli("trials", run)
    assert (status, out) == (1, "")
    assert err.count("\n") == 1
    assert (
        f"journal.log in line {number}" in err or f"journal.log is damaged in line {number}" in err
    )
    assert message in err


def test_the_message_names_the_line_of_a_result(cli: Command, good: Path, tmp_path: Path) -> None:
    run = shutil.copytree(good, tmp_path / "run")
    final = json.loads((run / "final.json").read_text())
    final["networks"][0]["epochs"] = "many"
    (run / "final.json").write_text(json.dumps(final, indent=2))
    place = (run / "final.json").read_text().splitlines().index('      "epochs": "many",') + 1
    status, _, err = cli("best", run)
    assert status == 1
    assert f"final.json is damaged in line {place}: networks.0.epochs is 'many'" in err


def test_a_link_out_of_the_folder_is_not_followed(cli: Command, good: Path, tmp_path: Path) -> None:
    run = shutil.copytree(good, tmp_path / "run")
    final = json.loads((run / "final.json").read_text())
    final["networks"][0]["weights"] = "../../secret.safetensors"
    (run / "final.json").write_text(json.dumps(final))
    status, _, err = cli(
        "export", f"{run}:{final['networks'][0]['number']}", "--to", tmp_path / "o"
    )
    assert status == 1
    assert "which does not lie in it" in err
