"""The HTML page: complete, escaped, and on its own."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

from einsearch.report.page import Report, render
from einsearch.trial import Trial, TrialState

BAD = '<script>alert("x")</script>'

TRIALS = [
    Trial(
        0,
        "linear(8)",
        TrialState.COMPLETE,
        values={"accuracy": 0.9},
        parameters=1234,
        flops=99,
        seconds=1.5,
    ),
    Trial(1, BAD, TrialState.FAILED, reason=f"error: {BAD}", parents=(0,), origin="mutate"),
    Trial(2, "relu", TrialState.COMPLETE, values={"accuracy": 0.5}),
]


class Page(HTMLParser):
    """Counts tags, collects text and what would be loaded."""

    EMPTY = ("meta", "br", "link", "img")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.loads: list[str] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in self.EMPTY:
            self.open.append(tag)
        self.loads += [v or "" for name, v in attrs if name in ("src", "href", "xlink:href")]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def report(**changes: object) -> Report:
    fields: dict[str, object] = {
        "title": f"digits {BAD}",
        "trials": TRIALS,
        "directions": {"accuracy": "maximize"},
        "best": TRIALS[0],
        "facts": {"test accuracy": "96.4 %"},
        "settings": f"grammar: {BAD}",
    }
    return Report(**(fields | changes))  # type: ignore[arg-type]


def test_every_tag_is_closed_and_nothing_is_loaded() -> None:
    page = Page(render(report(drawing="<svg><g></g></svg>")))
    assert page.open == []
    assert page.loads == []


def test_text_of_users_is_escaped() -> None:
    page = Page(render(report()))
    assert page.tags.count("script") == 1
    assert sum(BAD in text for text in page.texts) == 5


def test_the_table_has_a_row_for_each_trial_with_what_sorts_it() -> None:
    text = render(report())
    assert Page(text).tags.count("tr") == 1 + len(TRIALS)
    assert '<td class="number" data-value="1234">1.23k</td>' in text
    assert '<tr class="best"><td class="number" data-value="0">0</td>' in text
    assert "mutate of 0" in text


def test_the_head_tells_counts_and_scores() -> None:
    text = render(report())
    for name, value in (("trials", 3), ("complete", 2), ("best accuracy", 0.9)):
        assert f"<dt>{name}</dt><dd>{value}</dd>" in text
    assert "<dt>test accuracy</dt><dd>96.4 %</dd>" in text


def test_sizes_that_are_objectives_have_one_column() -> None:
    directions = {"accuracy": "maximize", "parameters": "minimize"}
    trials = [replace(t, values={"accuracy": 0.5, "parameters": 7.0}) for t in TRIALS]
    text = render(report(directions=directions, trials=trials, best=None))
    assert text.count("<th>parameters</th>") == 1
    assert text.count('<th class="spare">flops</th>') == 1


def test_a_run_without_any_success_has_a_page() -> None:
    text = render(report(trials=TRIALS[1:2], best=None))
    assert "Best network" not in text
    assert "Failed and rejected trials by reason" in text
