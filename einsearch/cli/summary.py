"""What a run found, as a search and `einsearch best` end: drawing, scores, next commands."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from einsearch.cli.beside import beside_as_json, print_beside
from einsearch.cli.handed import interval, told_metrics
from einsearch.cli.options import read_named
from einsearch.cli.output import WrongCall, print_facts
from einsearch.cli.terminal import console, say
from einsearch.errors import EinsearchError
from einsearch.numbers import Scores, count, duration, memory, plural
from einsearch.primitives.training import head_of as settings_in
from einsearch.primitives.training import told
from einsearch.report.history import counts_by_reason, counts_by_state, failures_by_reason
from einsearch.report.measures import also_told, measured
from einsearch.shown import command, quoted
from einsearch.study.events import StopReason
from einsearch.trial import TrialState

if TYPE_CHECKING:
    from einsearch.derivation.derivation import Architecture
    from einsearch.graph.heads import Head
    from einsearch.primitives.program import Program
    from einsearch.study.run import Run
    from einsearch.trial import Trial


SMALL = 100
"""After more trials than these, nobody counts whether the space has twice as many networks."""


def summary(
    run: Run, trial: Trial | None = None, reference: Mapping[str, float] | None = None
) -> dict[str, Any]:
    """A run and one trial of it, the best if none is given, as JSON; the reference is that of its
    hypervolume."""
    from einsearch.cli.handed import handed_json
    from einsearch.study.handing import handed_over, leading

    shown = trial or leading(run)
    also = also_told(run.trials, run.directions)
    return {
        "directory": str(run.directory) if run.directory else None,
        "state": run.state,
        "trials": len(run.trials),
        "states": counts_by_state(run.trials),
        "reasons": counts_by_reason(run.trials),
        "best": None if shown is None else shown.as_json(),
        "metrics": {} if shown is None else {name: measured(shown, name) for name in also},
        "final": None if shown is None else final_of(run, shown),
        "handed_over": handed_json(handed_over(run)),
        "looks": list((run.final or {}).get("looks") or ()),
        "front": [trial.number for trial in run.pareto_front],
        "hypervolume": run.hypervolume(reference),
        "epochs": run.epochs,
        "baselines": beside_as_json(run),
    }


def final_of(run: Run, trial: Trial) -> Mapping[str, Any] | None:
    """Results of a trial's full training, or None where there was none."""
    rows = (run.final or {}).get("networks", ())
    return next((row for row in rows if row["number"] == trial.number), None)


def final_facts(final: Mapping[str, Any], objective: str) -> dict[str, str]:
    """Scores of a full training, by name: the main objective on validation and test data.

    Args:
        final: a row of the results of full training.
        objective: the main one. Beside it stands the first metric of the task, which people know
            best: what steers a search may be another one, such as the cross-entropy.
    """
    facts = {}
    for split, name in (("valid", "validation"), ("test", "test")):
        metrics = final[split]
        for metric in told_metrics(metrics, objective):
            facts[f"{name} {metric}"] = _spread(metric, metrics[metric], final["seeds"])
            ends = final.get("interval", {}).get(metric)
            if split == "test" and ends is not None and final["seeds"] == 1:
                facts[f"{name} {metric}"] += interval(metric, ends, final.get("examples"))
    if final.get("untested"):
        facts["not tested"] = str(final["untested"])
    return facts


def _spread(metric: str, spread: Mapping[str, float], seeds: int) -> str:
    from einsearch.tasks.base import SHARES

    scores = Scores(SHARES)
    shown = scores(metric, spread["mean"])
    if seeds == 1:
        return shown
    return f"{shown} ± {scores(metric, spread['deviation'])} over {seeds} seeds"


def program_of(run: Run, trial: Trial) -> Program | None:
    """The program of a trial, or None where the run does not say on which tensor it works."""
    found = architecture_of(run, trial)
    return None if found is None else found.program


def architecture_of(run: Run, trial: Trial) -> Architecture | None:
    """The network of a trial, or None where the run does not say on which tensor it works."""
    from einsearch.api import architecture
    from einsearch.study.trained import folder_of, input_of

    try:
        spec = input_of(folder_of(run))
    except EinsearchError:
        return None
    return architecture(trial.text, spec)


def head_of(run: Run, program: Program) -> Head | None:
    """What the task of a run puts at the end of a network; None where it trained none."""
    from einsearch.graph.heads import head_for
    from einsearch.study.trained import folder_of, task_of

    try:
        return head_for(program.output, task_of(folder_of(run)).output)
    except EinsearchError:
        return None


def network_of_run(text: str) -> tuple[Architecture, Run]:
    """The network that RUN:TRIAL names, or the best of RUN; and the run.

    Raises:
        WrongCall: there is no such trial, or the run does not say on which tensor it works.
    """
    run, trial = read_named(text)
    found = architecture_of(run, trial)
    if found is None:
        raise WrongCall(f"{run.directory} does not say which tensor enters its networks")
    return found, run


def print_drawing(run: Run, trial: Trial) -> None:
    """Draws the network of a trial; its text where it cannot be drawn."""
    from einsearch.graph.draw import draw_text

    program = program_of(run, trial)
    if program is None:
        say(trial.text)
        return
    screen = console()
    head = head_of(run, program)
    drawing = draw_text(program, markup=screen.is_terminal, head=head)
    screen.print(drawing, overflow="ignore", crop=False, no_wrap=True, markup=screen.is_terminal)


def trial_facts(run: Run, trial: Trial) -> dict[str, str]:
    """Text, scores and size of a trial, those of its full training included."""
    scores, also = run.scores, also_told(run.trials, run.directions)
    known = {name: measured(trial, name) for name in also} | {
        name: trial.values.get(name) for name in run.directions
    }
    values = ", ".join(f"{name} {scores(name, value)}" for name, value in known.items())
    settings, network = settings_in(trial.text)
    facts = {
        "network": network,
        **({"training": told(settings)} if settings else {}),
        "in the search": f"trial {trial.number}: {values}"
        + (f" ({trial.reason})" if trial.reason else ""),
        "size": size_of(trial),
    }
    final = final_of(run, trial)
    if final is not None:
        epochs = plural(final["epochs"], "epoch")
        facts["trained in full"] = f"{epochs}, {plural(final['seeds'], 'seed')}"
        facts |= final_facts(final, next(iter(run.directions)))
    return facts


def ending_facts(run: Run, trial: Trial) -> dict[str, str]:
    """The same of the trial that stands for what a run ended with, and what else is in that."""
    from einsearch.cli.handed import handed_facts, looks_facts

    return trial_facts(run, trial) | looks_facts(run) | handed_facts(run)


def size_of(trial: Trial) -> str:
    """What the network of a trial costs."""
    return shown_size(trial.parameters, trial.flops, trial.activation_memory)


def shown_size(parameters: float, flops: float, activations: float | None) -> str:
    """What a network costs: weights, operations and memory of activations, for one example."""
    known = "" if activations is None else f", {memory(activations)} of activations"
    return f"{count(parameters)} parameters, {count(flops)} FLOPs{known}"


def print_summary(run: Run, *, is_whole: bool) -> None:
    """What a search found, and what to type next; `is_whole` if it was not interrupted."""
    from einsearch.study.handing import leading

    best = leading(run)
    facts = {}
    say()
    if best is None:
        say("No trial is complete.")
    else:
        print_drawing(run, best)
        say()
        facts = ending_facts(run, best)
    facts["trials"] = _counted(run)
    if run.epochs:
        facts["trained"] = plural(run.epochs, "epoch")
    facts |= time_facts(run)
    print_facts(facts | {"run folder": str(run.directory)})
    print_beside(run)
    print_failures(run)
    say("\nNext")
    print_facts(
        {
            f"  {command}": meaning
            for command, meaning in next_commands(run, is_whole=is_whole).items()
        }
    )


def time_facts(run: Run) -> dict[str, str]:
    """How the time of a run was spent; nothing where its record does not say."""
    spent = run.spent
    if not spent.total:
        return {}
    phases = {"start": spent.start, "search": spent.search, "full training": spent.final}
    told = [f"{name} {duration(seconds)}" for name, seconds in phases.items() if seconds]
    if spent.calibration:
        told.insert(1, f"of it calibration {duration(spent.calibration)}")
    facts = {"time": f"{duration(spent.total)}: {', '.join(told)}"}
    if spent.share is not None:
        facts["useful time"] = (
            f"{100 * spent.share:.0f} % of the workers' time went into candidates with a score"
        )
    return facts


def _counted(run: Run) -> str:
    """How many trials there were, by state; duplicates apart, which cost nothing."""
    states = counts_by_state(run.trials)
    duplicates = states.pop(TrialState.DUPLICATE, 0)
    counted = ", ".join(f"{number} {state.lower()}" for state, number in states.items())
    also = f"; {plural(duplicates, 'duplicate')}, at no cost" if duplicates else ""
    return f"{sum(states.values())}: {counted}{also}"


def print_failures(run: Run) -> None:
    """Failures by reason, each with the command that tells of one; nothing where there was none."""
    program = program_as_called(sys.argv[0])
    found = failures_by_reason(run.trials)
    if not found:
        return
    say("\nFailures by reason")
    for reason, trials in found.items():
        explained = command([program, "explain", f"{run.directory}:{trials[0].number}"])
        print_facts({f"  {reason} {len(trials)}": f"one of them: {explained}"})


def next_commands(run: Run, *, is_whole: bool) -> dict[str, str]:
    """Commands that make sense after a search, and what they do."""
    folder, program = quoted(run.directory), quoted(program_as_called(sys.argv[0]))
    front = {f"{program} best {folder}": "the front, and its hypervolume"}
    more = {
        **(front if len(run.directions) > 1 else {}),
        f"{program} trials {folder}": "all trials",
        f"{program} report {folder}": "an HTML page with the course of the search",
        **_taking_away(run, program),
    }
    if not is_whole:
        return {f"{program} resume {folder}": "go on with the search"} | (
            more if run.find_best() else {}
        )
    if run.find_best() is None:
        return {f"{program} trials {folder} --failed": "why each trial failed"}
    total = _more_trials(run)
    if total is None:
        return more
    minutes = run.minutes
    budget = f"--trials {total}" if minutes is None else f"--minutes {2 * minutes:g}"
    return more | {f"{program} resume {folder} {budget}": "search on"}


def _more_trials(run: Run) -> int | None:
    """To how many trials it is worth going on: twice as many, or all that there can be; None where
    all networks were tried."""
    from einsearch.study.duplicates import count_spent
    from einsearch.study.ground import networks_of

    spent = count_spent(run.trials)
    if run.state == StopReason.EXHAUSTED or run.folder is None:
        return None
    known = networks_of(run.folder, at_most=2 * spent) if spent <= SMALL else None
    total = 2 * spent if known is None else min(2 * spent, known)
    return total if total > spent else None


def _taking_away(run: Run, program: str) -> dict[str, str]:
    """How to get the best network out of the run: with weights, unless an objective had them."""
    from einsearch.study.handing import handed_over
    from einsearch.study.trained import folder_of, space_of

    if run.find_best() is not None and space_of(folder_of(run)).objective is not None:
        named = quoted(f"{run.directory}:{run.best.number}")
        shown = f"{program} show {named} --format source"
        return {shown: "the best as PyTorch source; --input SPEC for other tensors"}
    exported = f"{program} export {quoted(run.directory)} --to exported"
    found = handed_over(run)
    what = "their average" if found is not None and found.is_average else "the network"
    return {exported: f"{what} as PyTorch source with weights"}


def program_as_called(path: str) -> str:
    """How to call einsearch again: by its path, where typing its name finds no or another one."""
    found = shutil.which("einsearch")
    is_found = found is not None and Path(found).resolve() == Path(path).resolve()
    return path if Path(path).name == "einsearch" and not is_found else "einsearch"
