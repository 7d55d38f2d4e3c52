"""The table of `outcomes.py`, and what it says of the column `ours`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any, Final

from scipy.stats import binomtest

from outcome_parts.figures import Figure, over_seeds
from outcome_parts.sets import METRICS, layout_of

Cells = Mapping[tuple[str, str], Sequence[Mapping[str, Any]]]
"""(set, label of a column) -> results, one a seed."""
_LESS_IS_BETTER: Final = frozenset(METRICS.values()) - {"accuracy"}
_TELL_APART: Final = 1e-9


def is_ours(label: str) -> bool:
    """Whether a label is of the column `ours`, of any state and with any settings."""
    return label == "ours" or label.startswith(("ours@", "ours,"))


def metric_of(data_set: str) -> str:
    """The metric of a set."""
    if layout_of(data_set) == "text":
        return METRICS["text"]
    return METRICS["number" if data_set in ("diabetes", "friedman1") else "classes"]


def figure(results: Sequence[Mapping[str, Any]]) -> Figure | None:
    """Over the seeds; None where one of them has no figure."""
    if not results or any("failed" in result for result in results):
        return None
    return over_seeds([Figure(result["value"], result["error"]) for result in results])


def goodness(data_set: str, found: Figure | None) -> float:
    """More is better; no figure is worst."""
    if found is None:
        return -math.inf
    return -found.value if metric_of(data_set) in _LESS_IS_BETTER else found.value


def ranks(data_set: str, row: Mapping[str, Figure | None]) -> dict[str, float]:
    """Rank of each column from 1; equals share the mean of theirs."""
    good = {name: goodness(data_set, found) for name, found in row.items()}
    return {
        name: 1
        + sum(other > value + _TELL_APART for other in good.values())
        + (sum(abs(other - value) <= _TELL_APART or other == value for other in good.values()) - 1)
        / 2
        for name, value in good.items()
    }


def show(sets: Sequence[str], columns: Sequence[str], cells: Cells, minutes: float) -> str:
    """Everything that is printed at the end."""
    rows = {s: {c: figure(cells[s, c]) for c in columns if (s, c) in cells} for s in sets}
    lines = [f"{'':<18}" + "".join(f"{name[:19]:>20}" for name in columns)]
    for name, row in rows.items():
        shown = [_cell(name, row.get(column), (name, column) in cells) for column in columns]
        lines.append(f"{f'{name}, {_unit(name)}':<18}" + "".join(f"{text:>20}" for text in shown))
    lines += ["", "per cent right, rmse, or bits per character, with the standard error"]
    lines += ["", *_standings(rows, columns), "", *_spent(columns, cells, minutes)]
    for leader in (c for c in columns if is_ours(c)):
        lines += ["", *_verdict(leader, rows)]
        lines += [_paired(leader, "random", cells)] if "random" in columns else []
    return "\n".join([*lines, *_failures(cells)])


def _unit(data_set: str) -> str:
    return {"accuracy": "%"}.get(metric_of(data_set), metric_of(data_set))


def _cell(data_set: str, found: Figure | None, is_there: bool) -> str:
    if found is None:
        return "failed" if is_there else "-"
    digits = 1 if metric_of(data_set) == "accuracy" or found.value > 10 else 3
    return f"{found.value:.{digits}f} ± {found.error:.{digits}f}"


def _standings(
    rows: Mapping[str, Mapping[str, Figure | None]], columns: Sequence[str]
) -> list[str]:
    """Sets that each column wins, and its mean rank among the columns of each set."""
    ranked = {name: ranks(name, row) for name, row in rows.items()}
    lines = [f"{'':<24}{'sets':>6}{'wins':>6}{'mean rank':>11}"]
    for column in columns:
        own = [row[column] for row in ranked.values() if column in row]
        if own:
            wins = sum(row[column] == min(row.values()) for row in ranked.values() if column in row)
            lines.append(f"{column:<24}{len(own):>6}{wins:>6}{mean(own):>11.2f}")
    return lines


def _spent(columns: Sequence[str], cells: Cells, minutes: float) -> list[str]:
    """Wall time in per cent of the budget, CPU time and memory, by column."""
    lines = [f"{'':<24}{'% of the minutes':>22}{'CPU s':>10}{'peak memory':>14}"]
    lines.append(f"{'':<24}{'mean':>12}{'most':>10}{'mean':>10}{'most':>14}")
    for column in columns:
        found = [r for (_, c), results in cells.items() if c == column for r in results]
        found = [result for result in found if "seconds" in result]
        if found:
            shares = [100 * result["seconds"] / (60 * minutes) for result in found]
            memory = f"{max(result['memory'] for result in found) / 2**20:.0f} MiB"
            cpu = mean(result["cpu"] for result in found)
            lines.append(
                f"{column:<24}{mean(shares):>12.1f}{max(shares):>10.1f}{cpu:>10.0f}{memory:>14}"
            )
    return lines


def _verdict(leader: str, rows: Mapping[str, Mapping[str, Figure | None]]) -> list[str]:
    """Where a column stands against the best of the others that are not ours."""
    lines, level, ahead, compared = [], 0, 0, 0
    for data_set, row in rows.items():
        others = {c: f for c, f in row.items() if f is not None and not is_ours(c)}
        if leader not in row or not others:
            continue
        compared += 1
        name, best = max(others.items(), key=lambda pair: goodness(data_set, pair[1]))
        lead = goodness(data_set, row[leader]) - goodness(data_set, best)
        level, ahead = level + (lead >= -best.error), ahead + (lead > 0)
        if lead < -best.error:
            lines.append(
                f"  {data_set}: behind {name} by {-lead:.3g}, its error is {best.error:.2g}"
            )
    head = (
        f"{leader}: at least the best other column less its standard error on {level} of {compared}"
    )
    return [f"{head} sets, ahead of it on {ahead}", *lines]


def _paired(leader: str, other: str, cells: Cells) -> str:
    """Two columns by pairs of the same set and seed, with a sign test over those that differ."""
    signs = [
        goodness(data_set, figure([ours])) - goodness(data_set, figure([theirs]))
        for (data_set, column), results in cells.items()
        if column == leader and (data_set, other) in cells
        for ours, theirs in zip(results, cells[data_set, other], strict=True)
        if ("failed" in ours) + ("failed" in theirs) < 2
    ]
    won, lost = sum(sign > 0 for sign in signs), sum(sign < 0 for sign in signs)
    chance = binomtest(won, won + lost).pvalue if won + lost else 1.0
    told = f"of {len(signs)} pairs of a seed {won} are better, {lost} worse, p = {chance:.2g}"
    return f"{leader} and {other}: {told}"


def _failures(cells: Cells) -> list[str]:
    return [
        f"failed: {data_set} {column}: {result['failed']}"
        for (data_set, column), results in cells.items()
        for result in results
        if "failed" in result
    ]
