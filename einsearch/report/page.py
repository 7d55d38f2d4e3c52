"""The HTML report of a run: one file, readable offline, with nothing loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from einsearch.numbers import PLAIN, Scores, count, duration, memory
from einsearch.primitives.training import brief, head_of, told
from einsearch.report import charts
from einsearch.report.beside import Beside
from einsearch.report.distinct import distinct
from einsearch.report.history import counts_by_state, failures_by_reason
from einsearch.report.measures import measured
from einsearch.shown import escape
from einsearch.trial import Trial

_BESIDE: Final = Path(__file__).parent

SIZES: Final[Mapping[str, Callable[[Trial], float | None]]] = {
    "parameters": lambda trial: trial.parameters,
    "flops": lambda trial: trial.flops,
    "activation_memory": lambda trial: trial.activation_memory,
}
"""Columns that a table shows beside the objectives, unless they are objectives themselves."""


SPARE: Final = ("flops", "activation_memory", "time", "from")
"""Columns that a phone has no room for."""

LONGEST_TEXT: Final = 72
"""Characters of a network in the table; the whole text appears under the mouse."""


@dataclass(frozen=True)
class Report:
    """What the page tells.

    Attributes:
        title: name of the run.
        trials: all trials, by number.
        directions: objective name -> "maximize" or "minimize"; the first is the main one.
        scores: writes values for people.
        best: the trial that is shown at the top, or None.
        also: metrics that the table shows though they are no objectives.
        facts: further numbers for the top: name -> text, such as the test accuracy.
        ending: what was handed over, where that is more than the best network: name -> text.
        drawing: the best network as SVG, or "".
        settings: the search-space file as used, or "".
        beside: what the data give without a search; None where that was not asked for.
    """

    title: str
    trials: Sequence[Trial]
    directions: Mapping[str, str]
    scores: Scores = PLAIN
    best: Trial | None = None
    also: Sequence[str] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    ending: Mapping[str, str] = field(default_factory=dict)
    drawing: str = ""
    settings: str = ""
    beside: Beside | None = None


def render(report: Report) -> str:
    """The page as text of HTML."""
    sections = (
        _head(report),
        _charts(report),
        _ending(report),
        _best(report),
        _beside(report),
        _failures(report),
        _table(report),
        f"<h2>Search space</h2><pre>{escape(report.settings)}</pre>" if report.settings else "",
    )
    style = (_BESIDE / "page.css").read_text(encoding="utf-8")
    script = (_BESIDE / "page.js").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(report.title)} - einsearch</title>\n<style>\n{style}</style>\n</head>\n"
        f"<body>\n{''.join(filter(None, sections))}\n<script>\n{script}</script>\n"
        "</body>\n</html>\n"
    )


def _head(report: Report) -> str:
    numbers = {"trials": str(len(report.trials))}
    numbers |= {state.lower(): str(n) for state, n in counts_by_state(report.trials).items()}
    if report.best is not None:
        known = dict(report.best.values) | {n: measured(report.best, n) for n in report.also}
        numbers |= {f"best {name}": report.scores(name, v) for name, v in known.items()}
    numbers |= report.facts
    items = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
        for name, value in numbers.items()
    )
    return f'<h1>{escape(report.title)}</h1>\n<dl class="numbers">{items}</dl>\n'


def _charts(report: Report) -> str:
    main, direction = next(iter(report.directions.items()))
    levels = {} if report.beside is None else report.beside.levels(main, direction)
    figures = [
        (
            f"Best {main} so far",
            charts.progress(report.trials, main, direction, report.scores, levels),
        ),
        *(
            (
                f"{main.capitalize()} against {other}",
                charts.trade_off(report.trials, other, main, report.directions, report.scores),
            )
            for other in _compared(report.directions)
        ),
        ("Hypervolume so far", charts.hypervolume(report.trials, report.directions)),
        ("Failed and rejected trials by reason", charts.failures(report.trials)),
    ]
    shown = "".join(
        f"<figure><figcaption>{escape(caption)}</figcaption>{picture}</figure>\n"
        for caption, picture in figures
        if picture
    )
    return f'<h2>Course of the search</h2>\n<div class="charts">{shown}</div>\n' if shown else ""


def _compared(directions: Mapping[str, str]) -> list[str]:
    """What the main objective is plotted against: the other objectives, or the network's size."""
    return list(directions)[1:] or ["parameters"]


def _ending(report: Report) -> str:
    """What the run ended with; empty where that is the best network alone."""
    items = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in report.ending.items()
    )
    return f'<h2>What the search ended with</h2>\n<dl class="facts">{items}</dl>\n' if items else ""


def _best(report: Report) -> str:
    if report.best is None:
        return ""
    trial = report.best
    taken = trial.activation_memory
    activations = "" if taken is None else f", {memory(taken)} of activations"
    settings, network = head_of(trial.text)
    training = f'<p class="soft">trained with {escape(told(settings))}</p>\n' if settings else ""
    drawing = f'<div class="drawing">{report.drawing}</div>' if report.drawing else ""
    return (
        f"<h2>Best network: trial {trial.number}</h2>\n"
        f'<p class="soft">{count(trial.parameters)} parameters, {count(trial.flops)} FLOPs'
        f"{activations} in the backbone, {duration(trial.seconds)} to evaluate</p>\n"
        f"<pre>{escape(network)}</pre>\n{training}{drawing}\n"
    )


def _beside(report: Report) -> str:
    """What the data give without a search; empty where that was not asked for."""
    if report.beside is None or not report.beside.rows:
        return ""
    heads = "".join(f"<th>{escape(head)}</th>" for head in report.beside.heads)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
        for row in report.beside.cells(report.scores)
    )
    verdict = report.beside.verdict(report.scores)
    told = f"<p>{escape(verdict)}</p>" if verdict else ""
    return (
        f"<h2>Without a search</h2>\n{told}"
        f'<div class="table"><table class="beside"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>\n"
    )


def _failures(report: Report) -> str:
    """Why trials failed, one of each kind with where it was raised; empty where none did."""
    found = failures_by_reason(report.trials)
    items = "".join(
        f"<li>{escape(reason)}: {len(trials)}, such as trial {trials[0].number}{_raised(trials[0])}"
        "</li>\n"
        for reason, trials in found.items()
    )
    return f'<h2>Failures</h2>\n<ul class="failures">\n{items}</ul>\n' if items else ""


def _raised(trial: Trial) -> str:
    """What a trial failed with, as far as its kind does not say it."""
    reason = f"<br><code>{escape(trial.reason)}</code>"
    if not trial.traceback:
        return reason
    trace = f"<pre>{escape(trial.traceback)}</pre>"
    return f"{reason}<details><summary>where it was raised</summary>{trace}</details>"


def _table(report: Report) -> str:
    objectives = [*report.directions, *report.also]
    sizes = [name for name in SIZES if name not in objectives]
    names = ["trial", "state", *objectives, *sizes, "time", "from", "network"]
    heads = "".join(f"<th{_kind(name, objectives)}>{escape(name)}</th>" for name in names)
    best = report.best.number if report.best is not None else None
    texts = distinct([brief(trial.text) for trial in report.trials], LONGEST_TEXT)
    rows = "\n".join(
        _row(trial, text, report, trial.number == best)
        for trial, text in zip(report.trials, texts, strict=True)
    )
    return (
        f'<h2>Trials</h2>\n<div class="table"><table>\n<thead><tr>{heads}</tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody></table></div>\n"
    )


def _row(trial: Trial, text: str, report: Report, is_best: bool) -> str:
    numbers = {name: measured(trial, name) for name in (*report.directions, *report.also)}
    numbers |= {name: size(trial) for name, size in SIZES.items() if name not in numbers}
    spare = {name for name in SPARE if name not in report.directions}
    parents = f" of {', '.join(map(str, trial.parents))}" if trial.parents else ""
    cells = [
        f'<td class="number" data-value="{trial.number}">{trial.number}</td>',
        f'<td class="{trial.state}" title="{escape(trial.reason)}">{trial.state}</td>',
        *(
            _number_cell(value, report.scores(name, value), is_spare=name in spare)
            for name, value in numbers.items()
        ),
        _number_cell(trial.seconds, duration(trial.seconds), is_spare=True),
        f'<td class="from spare">{escape(trial.origin + parents)}</td>',
        f'<td class="text" title="{escape(trial.text)}"><code>{escape(text)}</code></td>',
    ]
    opening = '<tr class="best">' if is_best else "<tr>"
    return f"{opening}{''.join(cells)}</tr>"


def _number_cell(value: float | None, shown: str, *, is_spare: bool = False) -> str:
    sorted_by = "" if value is None else repr(value)
    kind = "number spare" if is_spare else "number"
    return f'<td class="{kind}" data-value="{sorted_by}">{shown}</td>'


def _kind(name: str, objectives: Sequence[str]) -> str:
    """The class of a heading."""
    is_spare = name in SPARE and name not in objectives
    kind = "text" if name == "network" else "spare" if is_spare else ""
    return f' class="{kind}"' if kind else ""
