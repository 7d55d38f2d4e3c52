"""Simple models beside the network of a run, in words and on the page."""

from __future__ import annotations

import re
from typing import Any

import pytest

from einsearch.numbers import Scores
from einsearch.report import charts
from einsearch.report.beside import Beside, _judged_by
from einsearch.report.page import Report, render
from einsearch.trial import Trial, TrialState

ROWS: list[dict[str, Any]] = [
    {
        "name": "linear model",
        "valid": {"accuracy": 0.9, "cross_entropy": 0.3},
        "errors": {"accuracy": 0.02},
        "test": {"accuracy": 0.88},
        "seconds": 0.25,
        "notes": ["learned from 5,000 of 6,000 examples"],
    },
    {"name": "dummy", "valid": {"accuracy": 0.5, "cross_entropy": 0.7}, "seconds": 0.01},
    {"name": "gradient boosting", "valid": {}, "seconds": 3.0, "failure": "error: <b>no</b>\x1b["},
]
SCORES = Scores({"accuracy"})


def found(network: float | None, direction: str = "maximize") -> Beside:
    return Beside(ROWS, "accuracy", direction, network)


@pytest.mark.parametrize(
    ("network", "is_beaten"), [(0.91, True), (0.9, False), (0.7, False), (None, None)]
)
def test_a_network_that_beats_no_model_is_told(network: float | None, is_beaten: bool) -> None:
    assert found(network).is_beaten is is_beaten
    assert bool(found(network).verdict(SCORES)) == (is_beaten is False)


def test_the_sentence_has_both_figures() -> None:
    assert found(0.7).verdict(SCORES) == (
        "No network beats the linear model here (70.00 % against 90.00 % accuracy, validation): "
        "keep that, or give the search more time."
    )
    rows = [{"name": "gradient boosting", "valid": {"rmse": 0.58}, "seconds": 1.0}]
    told = Beside(rows, "rmse", "minimize", 0.62).verdict(SCORES)
    assert told.startswith("No network beats gradient boosting here (0.62 against 0.58 rmse")
    assert Beside(rows, "rmse", "minimize", 0.5).is_beaten


def test_the_sentence_has_the_test_where_both_were_tested() -> None:
    told = Beside(ROWS, "accuracy", "maximize", 0.7, 0.75).verdict(SCORES)
    assert (
        "(70.00 % against 90.00 % accuracy, validation; 75.00 % against 88.00 % accuracy, test)"
        in told
    )

    ahead = Beside(ROWS, "accuracy", "maximize", 0.95, 0.75).verdict(SCORES)
    assert ahead.startswith("On validation data the network beats the linear model, on the test it")
    assert Beside(ROWS, "accuracy", "maximize", 0.95, 0.9).verdict(SCORES) == ""
    assert Beside(ROWS, "accuracy", "maximize", 0.95, 0.9).cells(SCORES)[0][2] == "90.00 %"


def test_no_model_with_a_score_says_nothing() -> None:
    assert Beside(ROWS[2:], "accuracy", "maximize", 0.7).verdict(SCORES) == ""
    assert Beside([], "accuracy", "maximize", 0.7).is_beaten is None


def test_cells_have_scores_errors_and_what_went_wrong() -> None:
    assert found(0.7).heads == ["with and without a search", "accuracy", "test", "time", ""]
    ours, first, second, third = found(0.7).cells(SCORES)
    assert ours == ["this search", "70.00 %", "", "", ""]
    assert first == [
        "linear model",
        "90.00 % ± 2.00 %",
        "88.00 %",
        "0.2 s",
        "learned from 5,000 of 6,000 examples",
    ]
    assert second[1:3] == ["50.00 %", ""]
    assert third[1:] == ["", "", "3.0 s", "error: <b>no</b>\x1b["]


@pytest.mark.parametrize(
    ("directions", "metric"),
    [
        ({"accuracy": "maximize"}, ("accuracy", "maximize")),
        ({"cross_entropy": "minimize"}, ("accuracy", "maximize")),
        ({"parameters": "minimize"}, ("accuracy", "maximize")),
    ],
)
def test_models_are_judged_by_what_people_look_at(
    directions: dict[str, str], metric: tuple[str, str]
) -> None:
    assert _judged_by(ROWS, directions) == metric


def trials(*values: float) -> list[Trial]:
    return [
        Trial(number, "relu", TrialState.COMPLETE, values={"accuracy": value})
        for number, value in enumerate(values)
    ]


def test_the_chart_has_a_line_for_each_model_that_has_room() -> None:
    levels = {"linear model": 0.9, "near": 0.65, "dummy": 0.1}

    chart = charts.progress(trials(0.6, 0.7), "accuracy", "maximize", SCORES, levels)

    assert chart.count('class="level"') == 2
    assert "linear model 90.00 %" in chart
    assert "dummy" not in chart
    assert "level" not in charts.progress(trials(0.6, 0.7), "accuracy", "maximize", SCORES)


def test_the_page_has_the_table_and_the_sentence_escaped() -> None:
    page = render(
        Report("run", trials(0.6, 0.7), {"accuracy": "maximize"}, SCORES, beside=found(0.7))
    )

    assert "<h2>Without a search</h2>" in page
    assert "No network beats the linear model here" in page
    assert "&lt;b&gt;no&lt;/b&gt;" in page
    assert "<b>no" not in page
    assert "\x1b" not in page
    assert 'class="level"' in page


@pytest.mark.parametrize(
    ("objective", "lines"), [("cross_entropy", ["linear model 0.3", "dummy 0.7"]), ("flops", [])]
)
def test_lines_are_in_the_unit_of_the_chart(objective: str, lines: list[str]) -> None:
    beside = Beside(ROWS, "accuracy", "maximize", 0.7)
    losses = [
        Trial(0, "relu", TrialState.COMPLETE, values={objective: 0.6}),
        Trial(1, "relu", TrialState.COMPLETE, values={objective: 0.9}),
    ]

    page = render(Report("run", losses, {objective: "minimize"}, SCORES, beside=beside))

    assert re.findall(r'level-name"[^>]*>([^<]+)<', page) == lines
    assert "Without a search" in page
