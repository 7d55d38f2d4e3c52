"""Commands that take a network of a run further: train, export, report."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from einsearch.cli.options import (
    AcceptOption,
    DataOption,
    JsonOption,
    RunArgument,
    RunTrialArgument,
    StorageOption,
    TrialOption,
    names_trial,
    read_named,
    read_run,
)
from einsearch.cli.output import WrongCall, print_facts, print_json, write_file
from einsearch.cli.terminal import say
from einsearch.errors import RunError
from einsearch.numbers import Scores

if TYPE_CHECKING:
    from einsearch.evaluate.candidate import Outcome
    from einsearch.study.run import Run
    from einsearch.trial import Trial


_SHOWN: Final = ("seeds", "valid", "test", "failures", "untested")
"""What JSON has of a full training."""


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
    storage: StorageOption = None,
    json: JsonOption = False,
) -> None:
    """Train a network of a run again as the search did, then in full, and test it.

    On the machine of the search, the first gives the score that was recorded. Weights are added
    to the run folder, and `export` writes the best of them. Status 1 where no full training ends or
    is tested or, without any, the score is another.

    Example: [cyan]einsearch train runs/digits-1:17 --epochs 60 --seeds 5[/]
    """
    from einsearch.cli.summary import final_facts
    from einsearch.study.trained import folder_of, keep_again, train_again, train_in_full

    opened, chosen = read_named(run, trial)
    folder_of(opened).check_writable()
    scores = opened.scores
    outcome = train_again(opened, chosen, data, accept_changes=accept_changes)
    again = _compared(opened, chosen, outcome)
    found: dict[str, Any] = {"number": chosen.number, "again": again}
    facts = {"trial": str(chosen.number), "trained again": _shown_again(again, scores)}
    kept = [keep_again(opened, chosen, outcome)]
    succeeded = again["same"]
    if seeds:
        row = train_in_full(opened, chosen, epochs, seeds, data, accept_changes=accept_changes)
        found |= {name: row.get(name, "") for name in _SHOWN}
        facts |= final_facts(row, next(iter(opened.directions)))
        facts |= {"failed": "\n".join(row["failures"])} if row["failures"] else {}
        kept.append(row["weights"])
        succeeded = row["weights"] is not None and not row.get("untested")
    files = [str(folder_of(opened).path / name) for name in kept if name is not None]
    found["files"] = files
    if files:
        place = shlex.quote(f"{folder_of(opened).path}:{chosen.number}")
        facts["kept"] = "\n".join([*files, f"einsearch export {place}"])
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
    train: Annotated[
        bool,
        typer.Option(
            "--train", help="Where the weights were not kept, train again as the search did."
        ),
    ] = False,
    data: DataOption = None,
    accept_changes: AcceptOption = False,
    trial: TrialOption = None,
    storage: StorageOption = None,
    json: JsonOption = False,
) -> None:
    """Write a trained network as files for use elsewhere.

    Of RUN alone it is the model that the search ended with, which may be the average of several
    networks; of RUN:TRIAL one network, of several full trainings the best on validation data. The
    files are loaded back, and appear only if they answer as the network does.

    Example: [cyan]einsearch export runs/digits-1:17 --format python --to exported[/]
    """
    from einsearch.api import export
    from einsearch.exporters.registry import all_exporters
    from einsearch.study.handing import handed_over

    known = all_exporters()
    if format not in known:
        raise WrongCall(f"--format: {format} is none of {', '.join(known)}")
    opened, chosen = read_named(run, trial)
    handed = None if trial is not None or names_trial(run) else handed_over(opened)
    if train and handed is None:
        _train_missing(opened, chosen, data, accept_changes=accept_changes)
    files = export(chosen if handed is None else opened, format, to, replace=replace)
    if json:
        print_json([str(file) for file in files])
        return
    for file in files:
        say(file)
    if handed is not None:
        say(f"{handed.words}; {opened.directory}:TRIAL exports one network alone", error=True)
    for note in known[format].notes(files):
        say(note, error=True)


def _train_missing(run: Run, trial: Trial, data: Path | None, *, accept_changes: bool) -> None:
    """Makes the weights of a trial again and keeps them, where the folder has none."""
    from einsearch.study.trained import folder_of, has_weights, keep_again, train_again

    if has_weights(run, trial):
        return
    folder_of(run).check_writable()
    outcome = train_again(run, trial, data, accept_changes=accept_changes)
    if keep_again(run, trial, outcome) is None:
        raise RunError(f"trial {trial.number} failed when it was trained again: {outcome.reason}")
    again = _shown_again(_compared(run, trial, outcome), run.scores)
    say(f"trial {trial.number} trained again: {again}", error=True)


def report(
    run: RunArgument,
    to: Annotated[
        Path | None, typer.Option("--to", help="The file.", show_default="RUN/report.html")
    ] = None,
    storage: StorageOption = None,
) -> None:
    """Write an HTML page about a run that opens anywhere.

    Example: [cyan]einsearch report runs/digits-1[/]
    """
    from einsearch.cli.handed import handed_facts, looks_facts
    from einsearch.cli.summary import final_facts, final_of, head_of, program_of
    from einsearch.graph.svg import draw_svg
    from einsearch.report.beside import beside
    from einsearch.report.measures import also_told
    from einsearch.report.page import Report, render
    from einsearch.study.folder import REPORT, SPACE
    from einsearch.study.handing import leading

    opened = read_run(run)
    best = leading(opened)
    program = None if best is None else program_of(opened, best)
    final = None if best is None else final_of(opened, best)
    main, also = next(iter(opened.directions)), also_told(opened.trials, opened.directions)
    facts = {} if final is None else final_facts(final, main)
    settings = run / SPACE
    page = Report(
        title=run.resolve().name,
        scores=opened.scores,
        trials=opened.trials,
        directions=opened.directions,
        best=best,
        also=also,
        facts=facts,
        ending=looks_facts(opened) | handed_facts(opened),
        drawing="" if program is None else draw_svg(program, head=head_of(opened, program)),
        settings=opened.folder.read_text(SPACE) if opened.folder and settings.is_file() else "",
        beside=beside(opened),
    )
    path = to or run / REPORT
    if to is None and opened.folder is not None:
        opened.folder.write(REPORT, render(page).encode())
    else:
        write_file(path, render(page))
    say(path)
