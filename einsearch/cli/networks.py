"""Commands that take a network of a run further: train, export, report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from einsearch.cli.options import (
    AcceptOption,
    DataOption,
    JsonOption,
    RunArgument,
    RunTrialArgument,
    TrialOption,
    read_named,
    read_run,
)
from einsearch.cli.output import WrongCall, print_facts, print_json, write_file
from einsearch.cli.terminal import say
from einsearch.numbers import Scores

if TYPE_CHECKING:
    from einsearch.evaluate.candidate import Outcome
    from einsearch.evaluate.final import FinalResult
    from einsearch.study.run import Run
    from einsearch.trial import Trial


def train(
    run: RunTrialArgument,
    trial: TrialOption = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            "--epochs", help="Passes over the data.", show_default="as the run's file", min=1
        ),
    ] = None,
    seeds: Annotated[
        int,
        typer.Option("--seeds", help="Trainings in full, each another seed; 0 for none.", min=0),
    ] = 3,
    data: DataOption = None,
    accept_changes: AcceptOption = False,
    json: JsonOption = False,
) -> None:
    """Train a network of a run again as the search did, then in full, and test it.

    On the machine of the search, the first gives the score that was recorded. Nothing is written
    into the run. Status 1 where no full training ends or, without any, the score is another.

    Example: [cyan]einsearch train runs/digits-1:17 --epochs 60 --seeds 5[/]
    """
    from einsearch.cli.summary import final_facts
    from einsearch.study.trained import train_again, train_in_full

    opened, chosen = read_named(run, trial)
    scores = opened.scores
    outcome = train_again(opened, chosen, data, accept_changes=accept_changes)
    again = _compared(opened, chosen, outcome)
    found: dict[str, Any] = {"number": chosen.number, "again": again}
    facts = {"trial": str(chosen.number), "trained again": _shown_again(again, scores)}
    succeeded = again["same"]
    if seeds:
        result = train_in_full(opened, chosen, epochs, seeds, data, accept_changes=accept_changes)
        failures = [r.outcome.reason for r in result.runs if not r.is_complete]
        found |= _as_row(result, seeds) | {"failures": failures}
        facts |= final_facts(found, next(iter(opened.directions)))
        facts |= {"failed": "\n".join(failures)} if failures else {}
        succeeded = result.best is not None
    if json:
        print_json(found)
    else:
        print_facts(facts)
    if not succeeded:
        raise typer.Exit(1)


def _compared(run: Run, trial: Trial, outcome: Outcome) -> dict[str, Any]:
    """What a trial gave when it was trained again, beside what was recorded of it."""
    names = [name for name in run.directions if name in outcome.metrics and name in trial.values]
    values = {name: float(outcome.metrics[name]) for name in names}
    recorded = {name: trial.values[name] for name in names}
    same = values == recorded if names else outcome.reason == trial.reason
    return {"values": values, "recorded": recorded, "same": same, "reason": outcome.reason}


def _shown_again(again: Mapping[str, Any], scores: Scores) -> str:
    values = ", ".join(f"{name} {scores(name, value)}" for name, value in again["values"].items())
    found = values or again["reason"] or "no score"
    if again["same"]:
        return f"{found}, as recorded"
    recorded = ", ".join(
        f"{name} {scores(name, value)}" for name, value in again["recorded"].items()
    )
    return f"{found}; recorded: {recorded or 'none'} (another machine, or other versions?)"


def _as_row(result: FinalResult, seeds: int) -> dict[str, Any]:
    return {"seeds": seeds, "valid": _spreads(result.valid), "test": _spreads(result.test)}


def _spreads(found: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    return {name: {"mean": s.mean, "deviation": s.deviation} for name, s in found.items()}


def export(
    run: RunTrialArgument,
    format: Annotated[
        str,
        typer.Option(
            "--format", "-f", help="python, safetensors, pt2, onnx, onnx-int8 or a plug-in's."
        ),
    ] = "python",
    to: Annotated[Path, typer.Option("--to", help="Folder for the files.")] = Path("exported"),
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace files of other origin, too.")
    ] = False,
    trial: TrialOption = None,
    json: JsonOption = False,
) -> None:
    """Write a trained network as files for use elsewhere.

    They are loaded back, and appear only if they answer as the network does.

    Example: [cyan]einsearch export runs/digits-1:17 --format python --to exported[/]
    """
    from einsearch.api import export
    from einsearch.exporters.registry import all_exporters

    known = all_exporters()
    if format not in known:
        raise WrongCall(f"--format: {format} is none of {', '.join(known)}")
    _, chosen = read_named(run, trial)
    files = export(chosen, format, to, replace=replace)
    if json:
        print_json([str(file) for file in files])
        return
    for file in files:
        say(file)


def report(
    run: RunArgument,
    to: Annotated[
        Path | None, typer.Option("--to", help="The file.", show_default="RUN/report.html")
    ] = None,
) -> None:
    """Write an HTML page about a run that opens anywhere.

    Example: [cyan]einsearch report runs/digits-1[/]
    """
    from einsearch.cli.summary import final_facts, final_of, program_of
    from einsearch.graph.svg import draw_svg
    from einsearch.report.page import Report, render
    from einsearch.study.folder import REPORT, SPACE

    opened = read_run(run)
    best = opened.best
    program = None if best is None else program_of(opened, best)
    final = None if best is None else final_of(opened, best)
    main = next(iter(opened.directions))
    settings = run / SPACE
    page = Report(
        title=run.resolve().name,
        scores=opened.scores,
        trials=opened.trials,
        directions=opened.directions,
        best=best,
        facts={} if final is None else final_facts(final, main),
        drawing="" if program is None else draw_svg(program),
        settings=settings.read_text(encoding="utf-8") if settings.is_file() else "",
    )
    path = to or run / REPORT
    if to is None and opened.folder is not None:
        opened.folder.write(REPORT, render(page).encode())
    else:
        write_file(path, render(page))
    say(path)
