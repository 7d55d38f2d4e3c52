"""Commands that read a run: trials, best, explain."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from einsearch.cli.options import (
    JsonOption,
    RunArgument,
    RunTrialArgument,
    StorageOption,
    read_named,
    read_run,
)
from einsearch.cli.output import (
    WrongCall,
    cut_to,
    print_facts,
    print_json,
    print_table,
)
from einsearch.cli.terminal import say, say_data
from einsearch.numbers import Scores, duration, plural
from einsearch.primitives.training import brief, head_of, told
from einsearch.report.distinct import distinct
from einsearch.report.measures import also_told, measured, standard_errors
from einsearch.trial import Trial, TrialState

if TYPE_CHECKING:
    from einsearch.study.run import Run

SIZES: Final = ("parameters", "flops", "activation_memory")
"""What a table says of a network's cost beside the objectives."""


def trials(
    run: RunArgument,
    state: Annotated[
        str | None, typer.Option("--state", help="Only trials in this state: complete.")
    ] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Only those that failed or were rejected, and why.")
    ] = False,
    reason: Annotated[
        str | None,
        typer.Option("--reason", metavar="TEXT", help="Only those whose reason has this text."),
    ] = None,
    top: Annotated[
        int | None, typer.Option("--top", help="Only so many, the best first.", min=1)
    ] = None,
    duplicates: Annotated[
        bool, typer.Option("--duplicates", help="Also those that repeat earlier ones.")
    ] = False,
    storage: StorageOption = None,
    json: JsonOption = False,
) -> None:
    """List the trials of a run, also of one under way.

    JSON has all of them, duplicates too.

    Example: [cyan]einsearch trials runs/digits-1 --top 10[/]
    """
    opened = read_run(run)
    chosen = _chosen(opened, state, failed, reason, top)
    if json:
        print_json([trial.as_json() for trial in chosen])
        return
    shown = [t for t in chosen if duplicates or state or t.state is not TrialState.DUPLICATE]
    columns = [*opened.directions, *also_told(opened.trials, opened.directions)]
    _print_trials(shown, columns, opened.scores)
    if left_out := len(chosen) - len(shown):
        what = plural(left_out, "duplicate")
        say(f"\n{what} left out: --duplicates shows them too", error=True)


def _chosen(
    run: Run, state: str | None, failed: bool, reason: str | None, top: int | None
) -> Sequence[Trial]:
    from einsearch.study.ranking import best_first

    chosen: Sequence[Trial] = run.trials if top is None else best_first(run.trials, run.directions)
    if state is not None:
        names = [str(known) for known in TrialState]
        if state.upper() not in names:
            raise WrongCall(f"--state: {state} is none of {', '.join(names).lower()}")
        chosen = [trial for trial in chosen if trial.state == state.upper()]
    if failed:
        chosen = [t for t in chosen if t.state in (TrialState.FAILED, TrialState.REJECTED)]
    if reason is not None:
        chosen = [trial for trial in chosen if reason.lower() in trial.reason.lower()]
    return chosen[:top]


def _print_trials(trials: Sequence[Trial], objectives: Sequence[str], scores: Scores) -> None:
    sizes = [name for name in SIZES if name not in objectives]
    named = ["memory" if name == "activation_memory" else name for name in sizes]
    columns = ["trial", *objectives, *named, "time", "state", "from", "network or reason"]
    rows = [_row(trial, objectives, sizes, scores) for trial in trials]
    texts = {brief(trial.text) for trial in trials}

    def cut(cells: Sequence[str], room: int) -> list[str]:
        short = dict(zip(texts, distinct(list(texts), room), strict=True))
        return [short.get(cell) or cut_to(cell, room) for cell in cells]

    numbers = 2 + len(objectives) + len(sizes)
    print_table(columns, rows, numbers, ("from", "time", "memory", "flops"), cut)


def _row(
    trial: Trial, objectives: Sequence[str], sizes: Sequence[str], scores: Scores
) -> list[str]:
    parents = f" {', '.join(map(str, trial.parents))}" if trial.parents else ""
    has_text = trial.state in (TrialState.COMPLETE, TrialState.RUNNING)
    return [
        str(trial.number),
        *(scores(name, measured(trial, name)) for name in objectives),
        *(scores(name, getattr(trial, name)) for name in sizes),
        duration(trial.seconds),
        str(trial.state).lower() + ("" if trial.is_feasible else ", infeasible"),
        trial.origin + parents,
        brief(trial.text) if has_text else trial.reason.split("\n", 1)[0],
    ]


def best(
    run: RunArgument,
    reference: Annotated[
        str | None,
        typer.Option(
            "--reference",
            metavar="NAME=VALUE,...",
            help="Where the hypervolume of several objectives ends; give all runs one to compare "
            "them. Without it, the worst of each objective in the run.",
        ),
    ] = None,
    storage: StorageOption = None,
    json: JsonOption = False,
) -> None:
    """Draw the best network of a run, with its scores.

    With several objectives also all of which no other is better in everything, and the hypervolume
    that they dominate. Status 1 where there is none yet.

    Example: [cyan]einsearch best runs/digits-1[/]
    """
    from einsearch.cli.beside import print_beside
    from einsearch.cli.summary import ending_facts, print_drawing, summary
    from einsearch.study.handing import leading

    opened = read_run(run)
    corner = None if reference is None else _reference(reference, list(opened.directions))
    if json:
        print_json(summary(opened, reference=corner))
    elif (shown := leading(opened)) is None:
        say("no trial is complete yet")
    else:
        print_drawing(opened, shown)
        say()
        print_facts(ending_facts(opened, shown))
        if len(opened.directions) > 1:
            _print_front(opened, corner)
        print_beside(opened)
    if opened.find_best() is None:
        raise typer.Exit(1)


def _reference(text: str, objectives: Sequence[str]) -> dict[str, float]:
    """The point that "name=value,..." gives, with a finite value for each objective."""
    found: dict[str, float] = {}
    for part in text.split(","):
        name, _, value = (side.strip() for side in part.partition("="))
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if name not in objectives or name in found or not math.isfinite(number):
            break
        found[name] = number
    if len(found) < len(objectives) or text.count(",") >= len(objectives):
        example = ",".join(f"{name}=1" for name in objectives)
        raise WrongCall(f"--reference is {text}: expected a number for each, such as {example}")
    return found


def _print_front(run: Run, reference: Mapping[str, float] | None) -> None:
    objectives = list(run.directions)
    front = run.pareto_front
    them = "this one" if len(front) == 1 else f"these {len(front)}"
    say(f"\nNo other is better in everything than {them}")
    scores = run.scores
    rows = [
        [str(t.number), *(scores(name, t.values[name]) for name in objectives), brief(t.text)]
        for t in front
    ]
    print_table(("trial", *objectives, "network"), rows, 1 + len(objectives), cut=distinct)
    say()
    corner = "the worst of each objective"
    if reference is not None:
        corner = ", ".join(f"{name} {scores(name, value)}" for name, value in reference.items())
    print_facts({"hypervolume": f"{run.hypervolume(reference):.4g}, up to {corner}"})


def learned(run: RunArgument, storage: StorageOption = None) -> None:
    """Print the grammar that a search has learned, of the searcher grammar-learning.

    It is a grammar as any other: draw from it, or search in it. Status 1 where the run's searcher
    learns none.

    Example: [cyan]einsearch learned runs/digits-1 > learned.ein[/]
    """
    text = read_run(run).learned_grammar()
    if text is None:
        say("the searcher of this run learns no grammar", error=True)
        raise typer.Exit(1)
    say_data(text)


def explain(
    run: RunTrialArgument,
    trial: Annotated[
        int | None,
        typer.Argument(metavar="[TRIAL]", help="Number of the trial.", show_default="the best"),
    ] = None,
    decisions: Annotated[
        bool, typer.Option("--decisions", help="List every choice of the derivation.")
    ] = False,
    storage: StorageOption = None,
    json: JsonOption = False,
) -> None:
    """Tell where a trial came from and what became of it.

    Example: [cyan]einsearch explain runs/digits-1:17[/]
    """
    from einsearch.cli.summary import print_drawing, size_of

    opened, chosen = read_named(run, trial)
    ancestors = lineage(opened.trials, chosen)
    if json:
        print_json(_explanation(chosen, ancestors))
        return
    print_drawing(opened, chosen)
    say()
    scores, main = opened.scores, next(iter(opened.directions))
    known = dict(chosen.values) | {
        name: measured(chosen, name) for name in also_told([chosen], opened.directions)
    }
    values = ", ".join(f"{name} {scores(name, v)}" for name, v in known.items())
    errors = standard_errors(chosen)
    spent = ", ".join(f"{name} {duration(value)}" for name, value in chosen.timings.items())
    settings, network = head_of(chosen.text)
    facts = {
        "network": network,
        "training": told(settings),
        "state": str(chosen.state).lower(),
        "reason": chosen.reason,
        "values": values,
        "standard errors": ", ".join(
            f"{name} {scores(name, errors[name])}" for name in known if name in errors
        ),
        "time": f"{duration(chosen.seconds)} ({spent})" if spent else duration(chosen.seconds),
        "by epoch": _by_epoch(chosen, main, scores),
        "epochs paid for": _paid(chosen),
        "size": size_of(chosen),
        "canonical hash": chosen.hash,
    }
    print_facts({name: value for name, value in facts.items() if value})
    if chosen.traceback:
        say(f"\nWhere it was raised\n{chosen.traceback.rstrip()}")
    _print_lineage(ancestors, main, scores)
    if decisions:
        _print_decisions(chosen)


def _by_epoch(trial: Trial, objective: str, scores: Scores) -> str:
    known = (epoch[objective] for epoch in trial.history if objective in epoch)
    return ", ".join(scores(objective, value) for value in known)


def _paid(trial: Trial) -> str:
    """Where each run of a trial began and ended, if there were several: "0-1, 1-3"."""
    spans = trial.spans
    return ", ".join(f"{first}-{last}" for first, last in spans) if len(spans) > 1 else ""


def lineage(trials: Sequence[Trial], trial: Trial) -> list[Trial]:
    """A trial and what it was made from, youngest first; of several parents, all."""
    found: dict[int, Trial] = {}
    pending = [trial.number]
    while pending:
        number = pending.pop()
        if number not in found:
            found[number] = trials[number]
            pending.extend(trials[number].parents)
    return sorted(found.values(), key=lambda t: -t.number)


def _print_lineage(ancestors: Sequence[Trial], objective: str, scores: Scores) -> None:
    say("\nWhere it came from, youngest first")
    rows = [
        [
            str(trial.number),
            scores(objective, trial.values.get(objective)),
            " ".join([trial.origin, *map(str, trial.parents)]),
            brief(trial.text),
        ]
        for trial in ancestors
    ]
    print_table(("trial", objective, "from", "network"), rows, 2, ("from",), distinct)


def _print_decisions(trial: Trial) -> None:
    say("\nHow it was derived")
    rows = [[str(value), domain, address] for address, domain, value in trial.decisions]
    print_table(("choice", "of", "at"), rows)


def _explanation(trial: Trial, ancestors: Sequence[Trial]) -> dict[str, Any]:
    return trial.as_json() | {
        "seed": trial.seed,
        "training": head_of(trial.text)[0],
        "traceback": trial.traceback,
        "metrics": dict(trial.metrics),
        "timings": dict(trial.timings),
        "decisions": [list(decision) for decision in trial.decisions],
        "lineage": [ancestor.number for ancestor in ancestors],
    }
