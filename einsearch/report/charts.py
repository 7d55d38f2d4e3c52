"""The charts of a report, each a text of SVG: progress, trade-offs, failures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from einsearch.numbers import PLAIN, Scores
from einsearch.report import svg
from einsearch.report.history import best_so_far, counts_by_reason, finished
from einsearch.study.hypervolume import hypervolume_so_far, reference_point
from einsearch.study.ranking import pareto_front
from einsearch.trial import Trial

BAR_HEIGHT = 26


def progress(
    trials: Sequence[Trial],
    objective: str,
    direction: str,
    scores: Scores = PLAIN,
    levels: Mapping[str, float] | None = None,
) -> str:
    """Every complete trial as a point, the best so far as a line; empty without any.

    Args:
        trials: all of them.
        objective, direction: what is drawn, and which way is better.
        scores: writes values for people.
        levels: what else reaches which value, the best first, drawn across the chart. The best one
            is always there, the others where there is room for them.
    """
    done = finished(trials, objective)
    if not done:
        return ""
    values = [trial.values[objective] for trial in done]
    last = max(trial.number for trial in trials)
    first = list((levels or {}).values())[:1]
    x, y = svg.x_scale(0, max(last, 1)), svg.y_scale(min(values + first), max(values + first))
    points = [
        svg.dot(x(t.number), y(t.values[objective]), "point", _tip(t, (objective,), scores))
        for t in done
    ]
    steps: list[tuple[float, float]] = []
    for number, value in best_so_far(done, objective, direction):
        if steps:
            steps.append((x(number), steps[-1][1]))
        steps.append((x(number), y(value)))
    steps.append((x(last), steps[-1][1]))
    return svg.chart(
        f"best {objective} so far",
        svg.axes(x, y, "trial", objective, scores),
        *points,
        *(
            svg.level(y, value, f"{name} {scores(objective, value)}")
            for name, value in (levels or {}).items()
            if y.low <= value <= y.high
        ),
        svg.path(steps, "best"),
    )


def trade_off(
    trials: Sequence[Trial],
    across: str,
    up: str,
    directions: Mapping[str, str],
    scores: Scores = PLAIN,
) -> str:
    """Complete trials by two quantities, those of the Pareto front joined by a line.

    `up` is an objective, `across` another one, or "parameters" or "flops". Empty with fewer than
    two trials.
    """
    done = finished(trials, up)
    pairs = [(_quantity(t, across), _quantity(t, up), t) for t in done]
    if len(pairs) < 2:
        return ""
    xs, ys = [p[0] for p in pairs], [p[1] for p in pairs]
    x = svg.x_scale(min(xs), max(xs), logarithmic=min(xs) > 0)
    y = svg.y_scale(min(ys), max(ys))
    front = {t.number for t in pareto_front(done, directions)} if len(directions) > 1 else set()
    points = [
        svg.dot(
            x(a), y(b), "front" if t.number in front else "point", _tip(t, (up, across), scores)
        )
        for a, b, t in pairs
    ]
    line = sorted((x(a), y(b)) for a, b, t in pairs if t.number in front)
    return svg.chart(
        f"{up} against {across}",
        svg.axes(x, y, across, up, scores),
        svg.path(line, "best") if len(line) > 1 else "",
        *points,
    )


def hypervolume(trials: Sequence[Trial], directions: Mapping[str, str]) -> str:
    """The hypervolume that the trials so far dominate, up to the worst value of each objective;
    empty with one objective, or where nothing is dominated."""
    corner = reference_point(trials, directions)
    steps = hypervolume_so_far(trials, directions, corner) if corner else []
    if len(directions) < 2 or not steps:
        return ""
    last = max(trial.number for trial in trials)
    x, y = svg.x_scale(0, max(last, 1)), svg.y_scale(0.0, steps[-1][1])
    points = [(x(steps[0][0]), y(0.0))]
    for number, volume in steps:
        points += [(x(number), points[-1][1]), (x(number), y(volume))]
    points.append((x(last), points[-1][1]))
    return svg.chart(
        "hypervolume so far",
        svg.axes(x, y, "trial", "hypervolume", PLAIN),
        svg.path(points, "best"),
    )


def failures(trials: Sequence[Trial]) -> str:
    """Bars: how many trials failed or were rejected, by reason; empty where none did."""
    counts = counts_by_reason(trials)
    if not counts:
        return ""
    left, most = 150, max(counts.values())
    parts = []
    for row, (reason, count) in enumerate(counts.items()):
        top = 6 + row * BAR_HEIGHT
        width = (svg.WIDTH - left - 50) * count / most
        parts.append(svg.text(left - 10, top + 15, reason, "label", "end"))
        parts.append(
            f'<rect class="bar" x="{left}" y="{top}" width="{width:.1f}" '
            f'height="{BAR_HEIGHT - 6}" rx="3"/>'
        )
        parts.append(svg.text(left + width + 8, top + 15, str(count), "tick"))
    return svg.chart("failures by reason", *parts, height=12 + BAR_HEIGHT * len(counts))


def _quantity(trial: Trial, name: str) -> float:
    if name in trial.values:
        return trial.values[name]
    return float({"parameters": trial.parameters, "flops": trial.flops}[name])


def _tip(trial: Trial, names: Sequence[str], scores: Scores) -> str:
    numbers = ", ".join(f"{name} {scores(name, _quantity(trial, name))}" for name in names)
    return f"trial {trial.number}: {numbers}\n{trial.text}"
