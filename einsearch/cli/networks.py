"""Commands that take a network of a run further: train, export, report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from einsearch.cli.options import JsonOption, RunArgument, TrialOption, read_run, read_trial
from einsearch.cli.output import WrongCall, print_facts, print_json

if TYPE_CHECKING:
    from einsearch.evaluate.final import FinalResult


def train(
    run: RunArgument,
    trial: TrialOption = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            "--epochs", help="Passes over the data.", show_default="as the run's file", min=1
        ),
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", help="Trainings, each another seed.", min=1)] = 3,
    json: JsonOption = False,
) -> None:
    """Train a network of a run in full, and test it.

    Nothing is written into the run.

    Example: [cyan]einsearch train runs/digits-1 --epochs 60 --seeds 5[/]
    """
    from einsearch.cli.summary import final_facts
    from einsearch.study.trained import train_in_full

    opened = read_run(run)
    chosen = read_trial(opened, trial)
    result = train_in_full(opened, chosen, epochs, seeds)
    failures = [r.outcome.reason for r in result.runs if not r.is_complete]
    found = _as_row(result, seeds) | {"number": chosen.number, "failures": failures}
    if json:
        print_json(found)
    else:
        main = next(iter(opened.directions))
        facts = final_facts(found, main)
        print_facts({"trial": str(chosen.number), **facts})
        for failure in failures:
            print(f"failed: {failure}")
    if result.best is None:
        raise typer.Exit(1)


def _as_row(result: FinalResult, seeds: int) -> dict[str, Any]:
    return {"seeds": seeds, "valid": _spreads(result.valid), "test": _spreads(result.test)}


def _spreads(found: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    return {name: {"mean": s.mean, "deviation": s.deviation} for name, s in found.items()}


def export(
    run: RunArgument,
    format: Annotated[
        str,
        typer.Option(
            "--format", "-f", help="python, safetensors, pt2, onnx, onnx-int8 or a plug-in's."
        ),
    ] = "python",
    to: Annotated[Path, typer.Option("--to", help="Folder for the files.")] = Path("exported"),
    trial: TrialOption = None,
    json: JsonOption = False,
) -> None:
    """Write a trained network as files for use elsewhere.

    They are loaded back, and appear only if they answer as the network does.

    Example: [cyan]einsearch export runs/digits-1 --format python --to exported[/]
    """
    from einsearch.api import export
    from einsearch.exporters.registry import all_exporters

    known = all_exporters()
    if format not in known:
        raise WrongCall(f"--format: {format} is none of {', '.join(known)}")
    opened = read_run(run)
    files = export(read_trial(opened, trial), format, to)
    if json:
        print_json([str(file) for file in files])
        return
    for file in files:
        print(file)


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
    from einsearch.report.page import Report, write
    from einsearch.study.folder import SPACE

    opened = read_run(run)
    best = opened.best
    program = None if best is None else program_of(opened, best)
    final = None if best is None else final_of(opened, best)
    main = next(iter(opened.directions))
    settings = run / SPACE
    page = Report(
        title=run.resolve().name,
        trials=opened.trials,
        directions=opened.directions,
        best=best,
        facts={} if final is None else final_facts(final, main),
        drawing="" if program is None else draw_svg(program),
        settings=settings.read_text(encoding="utf-8") if settings.is_file() else "",
    )
    path = to or run / "report.html"
    write(page, path)
    print(path)
