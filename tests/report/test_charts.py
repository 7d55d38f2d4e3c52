"""The charts of a report: what is drawn, and how much of it."""

from __future__ import annotations

from collections import Counter
from xml.etree import ElementTree

from einsearch.report import charts
from einsearch.trial import Trial, TrialState

NAMESPACE = "{http://www.w3.org/2000/svg}"


def complete(number: int, accuracy: float, parameters: int = 10) -> Trial:
    values = {"accuracy": accuracy, "parameters": float(parameters)}
    return Trial(number, "x", TrialState.COMPLETE, values=values, parameters=parameters)


def classes(picture: str) -> Counter[str]:
    """How many elements have each class."""
    return Counter(e.get("class", "") for e in ElementTree.fromstring(picture).iter())


def points_of(picture: str) -> list[tuple[float, float]]:
    line = next(ElementTree.fromstring(picture).iter(f"{NAMESPACE}polyline"))
    pairs = (pair.split(",") for pair in line.get("points", "").split())
    return [(float(x), float(y)) for x, y in pairs]


def test_progress_has_a_point_a_trial_and_a_line_that_never_falls() -> None:
    trials = [complete(n, a) for n, a in enumerate([0.5, 0.3, 0.8, 0.7])]
    picture = charts.progress(trials, "accuracy", "maximize")
    assert classes(picture)["point"] == 4
    points = points_of(picture)
    heights = [y for _, y in points]
    assert heights == sorted(heights, reverse=True)
    assert len(set(heights)) == 2
    assert points[-1][0] > points[-2][0]


def test_progress_goes_down_where_less_is_better() -> None:
    trials = [complete(n, a) for n, a in enumerate([0.5, 0.3])]
    heights = [y for _, y in points_of(charts.progress(trials, "accuracy", "minimize"))]
    assert heights == sorted(heights)


def test_progress_of_nothing_is_empty() -> None:
    assert charts.progress([Trial(0, "x", TrialState.FAILED)], "accuracy", "maximize") == ""


def test_one_complete_trial_is_drawn() -> None:
    assert classes(charts.progress([complete(0, 0.5)], "accuracy", "maximize"))["point"] == 1


def test_a_trade_off_marks_the_pareto_front() -> None:
    trials = [complete(0, 0.9, 100), complete(1, 0.8, 10), complete(2, 0.7, 50)]
    directions = {"accuracy": "maximize", "parameters": "minimize"}
    picture = charts.trade_off(trials, "parameters", "accuracy", directions)
    assert classes(picture)["front"] == 2
    assert classes(picture)["point"] == 1
    assert len(points_of(picture)) == 2


def test_a_trade_off_with_one_objective_has_no_front() -> None:
    trials = [complete(0, 0.9, 100), complete(1, 0.8, 10)]
    picture = charts.trade_off(trials, "parameters", "accuracy", {"accuracy": "maximize"})
    assert classes(picture)["front"] == 0
    assert classes(picture)["point"] == 2


def test_a_trade_off_of_networks_without_parameters_is_not_logarithmic() -> None:
    trials = [complete(0, 0.9, 0), complete(1, 0.8, 10)]
    assert charts.trade_off(trials, "parameters", "accuracy", {"accuracy": "maximize"})


def test_a_trade_off_needs_two_trials() -> None:
    assert charts.trade_off([complete(0, 1.0)], "flops", "accuracy", {"accuracy": "maximize"}) == ""


def test_failures_are_bars_by_reason() -> None:
    reasons = ["error: a", "time-limit: b", "error: c"]
    trials = [Trial(n, "x", TrialState.FAILED, reason=r) for n, r in enumerate(reasons)]
    picture = charts.failures(trials)
    root = ElementTree.fromstring(picture)
    widths = [float(bar.get("width", 0)) for bar in root.iter(f"{NAMESPACE}rect")]
    assert widths[0] == 2 * widths[1]
    assert "time-limit" in "".join(root.itertext())
    assert charts.failures([complete(0, 0.5)]) == ""


def test_the_hypervolume_rises_where_a_trial_adds_to_it() -> None:
    directions = {"accuracy": "maximize", "parameters": "minimize"}
    numbers = [(0.2, 100), (0.5, 50), (0.4, 60), (0.9, 90)]
    trials = [complete(n, a, p) for n, (a, p) in enumerate(numbers)]
    picture = charts.hypervolume(trials, directions)
    heights = [y for _, y in points_of(picture)]
    assert heights == sorted(heights, reverse=True)
    assert len(set(heights)) == 3
    assert charts.hypervolume(trials, {"accuracy": "maximize"}) == ""
    assert charts.hypervolume([], directions) == ""
