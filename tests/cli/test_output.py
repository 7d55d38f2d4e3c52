"""JSON, tables and numbers for people."""

from __future__ import annotations

import json
import math

import pytest

from einsearch.cli import output
from einsearch.report.distinct import distinct


def test_json_has_null_for_numbers_that_it_has_not(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_json({"a": math.inf, "b": [math.nan, 1.5], "c": ("é", None)})
    text = capsys.readouterr().out
    assert json.loads(text) == {"a": None, "b": [None, 1.5], "c": ["é", None]}
    assert "é" in text


def test_a_table_aligns_numbers_to_the_right_and_cuts_nothing_in_a_pipe(
    capsys: pytest.CaptureFixture[str],
) -> None:
    long = "x" * 500
    output.print_table(("n", "what"), [("1", "short"), ("200", long)], numbers=1)
    assert capsys.readouterr().out.splitlines() == [
        "  n  what",
        f"---  {'-' * output.LONGEST_RULE}",
        "  1  short",
        f"200  {long}",
    ]


def test_a_table_is_cut_to_the_width_of_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "30")
    output.print_table(("n", "what"), [("200", "x" * 500)], numbers=1)
    lines = capsys.readouterr().out.splitlines()
    assert [len(line) for line in lines[1:]] == [30, 30]
    assert lines[2].endswith("xxx…")


def test_a_table_without_rows_has_its_head(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_table(("a", "b"), [])
    assert capsys.readouterr().out == "a  b\n-  -\n"


def test_columns_leave_a_narrow_terminal_before_the_networks_do(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [f"{'linear(8) >> ' * 20}{end}" for end in ("relu", "gelu")]
    rows = [(str(n), "123", "sample", text) for n, text in enumerate(texts)]
    for columns, expected in ((60, "n  size  from    network"), (34, "n  size  network")):
        monkeypatch.setenv("COLUMNS", str(columns))
        spare = ("from", "size")
        output.print_table(("n", "size", "from", "network"), rows, 2, spare, distinct)
        head, rule, *lines = capsys.readouterr().out.splitlines()
        assert head.rstrip() == expected
        assert max(map(len, (head, rule, *lines))) <= columns
        assert [line.rsplit(None, 1)[1] for line in lines] == ["relu", "gelu"]


def test_a_column_that_leaves_no_room_is_cut(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    output.print_table(("name", "what"), [("x" * 70, "y" * 70), ("short", "z")])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) == 40
    assert lines[2] == f"{'x' * 17}…  {'y' * 19}…"
