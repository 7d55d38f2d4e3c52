"""JSON, tables and numbers for people."""

from __future__ import annotations

import json
import math

import pytest

from einsearch.cli import output


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
    assert lines[2].endswith("xxx...")


def test_a_table_without_rows_has_its_head(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_table(("a", "b"), [])
    assert capsys.readouterr().out == "a  b\n-  -\n"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (950, "950"), (12_345, "12.3k"), (4_374_026, "4.37M"), (2e9, "2G")],
)
def test_counts(value: float, text: str) -> None:
    assert output.count(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (59.94, "59.9 s"),
        (65, "1 min 05 s"),
        (3599.9, "1 h 00 min"),
        (7800, "2 h 10 min"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert output.duration(seconds) == text
