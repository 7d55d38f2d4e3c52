"""The model that a run ended with, told for people: who is in it, and how sure its scores are."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from einsearch.numbers import Scores, count

if TYPE_CHECKING:
    from einsearch.study.handing import HandedOver
    from einsearch.study.run import Run


def _scores() -> Scores:
    """How metrics are written; NumPy comes with them, and commands that show no run need none."""
    from einsearch.tasks.base import SHARES

    return Scores(SHARES)


def handed_facts(run: Run) -> dict[str, str]:
    """What a run ended with where that is the average of several networks, and its scores; nothing
    where it is one network alone."""
    from einsearch.study.handing import handed_over

    found = handed_over(run)
    if found is None or not found.is_average:
        return {}
    size = sum(run.record.trials[member.number].parameters for member in found.members)
    facts = {"model handed over": f"{found.words}; {count(size)} parameters"}
    main = next(iter(run.directions))
    for split, name in ((found.valid, "validation"), (found.test, "test")):
        for metric in told_metrics(split, main):
            facts[f"its {name} {metric}"] = _scores()(metric, split[metric])
            if split is found.test and metric in found.interval:
                facts[f"its test {metric}"] += interval(
                    metric, found.interval[metric], found.examples
                )
    return facts


def told_metrics(metrics: Mapping[str, Any], objective: str) -> list[str]:
    """Names of the metrics that are told: the first, which is the main one of the task, and the
    objective."""
    first = list(metrics)[:1]
    return list(dict.fromkeys([*first, *([objective] if objective in metrics else [])]))


def interval(metric: str, ends: Sequence[float], examples: int | None) -> str:
    """ ", 95 % interval 95.30 % to 99.60 % of 150 examples"."""
    low, high = (_scores()(metric, end) for end in ends)
    told = "" if examples is None else f" of {examples} examples"
    return f", 95 % interval {low} to {high}{told}"


def looks_facts(run: Run) -> dict[str, str]:
    """First and second scores of the best few, and how lucky the first ones were; nothing where
    they were not scored again."""
    looks = (run.final or {}).get("looks") or ()
    if not looks:
        return {}
    main, direction = next(iter(run.directions.items()))
    scores = run.scores
    told = [
        f"trial {look['number']} {scores(main, look['first'])}, "
        + ("then not" if look["second"] is None else f"then {scores(main, look['second'])}")
        for look in looks
    ]
    sign = -1.0 if direction == "maximize" else 1.0
    changes = [
        sign * (look["second"] - look["first"]) for look in looks if look["second"] is not None
    ]
    luck = statistics.mean(changes) if changes else 0.0
    word = "worse" if luck > 0 else "better"
    mean = f"; on average {scores(main, abs(luck))} {word}" if luck else ""
    how = "on fresh folds" if _has_folds(run) else "with fresh seeds"
    return {"scored again": f"{main}, {how}: {'; '.join(told)}{mean}"}


def _has_folds(run: Run) -> bool:
    from einsearch.study.trained import folder_of, space_of

    return space_of(folder_of(run)).training.folds > 1


def handed_json(found: HandedOver | None) -> dict[str, Any] | None:
    """The same as JSON; None where the best network alone was handed over."""
    return None if found is None else found.as_json() | {"words": found.words}
