"""The command plan: what fits into a budget, before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from einsearch.cli.options import JsonOption
from einsearch.cli.output import print_facts, print_json, print_table
from einsearch.cli.search import MinutesOption, TrialsOption, WorkersOption
from einsearch.cli.sources import (
    GrammarOption,
    IgnoreOption,
    KindOption,
    LayoutOption,
    SetOption,
    SourceArgument,
    TargetOption,
    TestOption,
    ValidOption,
    chosen,
    find_space,
    is_data_source,
    read_source,
    refuse_data_options,
    set_values,
    spelt,
    task_changed,
)
from einsearch.cli.terminal import say
from einsearch.errors import EinsearchError
from einsearch.files import expanded
from einsearch.numbers import count, duration
from einsearch.numbers import memory as readable

if TYPE_CHECKING:
    from einsearch.study.plan import Plan
    from einsearch.study.planning.outline import Outline
    from einsearch.study.typical import Rung, Typical


def plan(
    source: SourceArgument,
    target: TargetOption = None,
    target_kind: KindOption = None,
    ignore: IgnoreOption = None,
    layout: LayoutOption = None,
    test: TestOption = None,
    valid: ValidOption = None,
    grammar: GrammarOption = None,
    minutes: MinutesOption = None,
    trials: TrialsOption = None,
    workers: WorkersOption = None,
    set: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Say what fits into the budget, before anything runs.

    Measures this machine for two seconds. Then it shows how the minutes are divided, what a
    training step of each seed and of typical draws will take, how many candidates the search will
    see, and which limits and deadlines follow from that, each with its reason.

    Example: [cyan]einsearch plan digits --minutes 5[/]

    Another: [cyan]einsearch plan houses.csv --target price[/]
    """
    from einsearch.study.fromdata import plan_data
    from einsearch.study.typical import rungs_reached, typical

    of_data = chosen(target, target_kind, ignore, layout, test, valid, grammar)
    of_task, sections = set_values(set)
    changes = {"minutes": minutes, "trials": trials, "workers": workers, **sections}
    if is_data_source(source):
        made = plan_data(read_source(expanded(source), {**changes, **of_data, **of_task}))
    else:
        refuse_data_options(of_data, source)
        made = _planned_space(find_space(source), of_task, changes)
    if made.outline is None:
        raise EinsearchError(
            f"{source} has an objective of your own, whose cost is not known: nothing to plan"
        )
    seeds, draws = typical(made)
    rungs = rungs_reached(made, draws)
    if json:
        print_json({**_as_json(made.outline, seeds, draws, rungs), **_data(made)})
    else:
        _print(made, made.outline, seeds, draws, rungs)


def _planned_space(space: Path, of_task: Mapping[str, Any], changes: Mapping[str, Any]) -> Plan:
    from einsearch.study.plan import changed_file, plan_file
    from einsearch.study.spacefile import load_space_file

    file = load_space_file(space)
    # Planning evaluates nothing: an objective of the user's is not imported for it.
    stand_in = None if file.objective is None else _never_called
    changed = changed_file(file, {**changes, **task_changed(space, of_task)})
    return plan_file(changed, stand_in, measures=True)


def _data(made: Plan) -> dict[str, Any]:
    """What was read, and what is to be told of the search, for JSON."""
    task = made.task
    if task is None:
        return {}
    read = (task.summary, *task.reading.notes)
    return {"data": [*map(spelt, read)], "notes": [*map(spelt, made.notes)]}


def _print(
    made: Plan,
    outline: Outline,
    seeds: list[Typical],
    draws: list[Typical],
    rungs: list[Rung],
) -> None:
    from einsearch.recipe.telling import told
    from einsearch.study.typical import quantiles

    lines = [*_data(made).get("data", ()), *map(spelt, made.notes)]
    for line in lines:
        say(line)
    if lines:
        say()
    print_facts(_facts(made, outline, rungs))
    say()
    if outline.recipe is not None:
        rows = [tuple(one) for one in told(outline.recipe, outline.file.training)]
        print_table(("decided", "", "why"), rows)
        say()
    epochs = outline.gate.forecaster.training.total_epochs
    columns = ("step", "epoch", f"{epochs} epochs", "memory", "network", "")
    networks = [_row(one, epochs) for one in (*seeds, *quantiles(draws))]
    print_table(columns, networks, numbers=4)
    turned_down = sum(bool(one.objection) for one in draws)
    say(f"\n{len(draws)} draws were looked at, {turned_down} of them would be turned down.")


def _facts(made: Plan, outline: Outline, rungs: list[Rung]) -> dict[str, str]:
    shares, times, device = outline.shares, outline.times, outline.device
    facts = {"device": f"{device.device}, measured in {outline.seconds:.1f} s"}
    if shares.worker is not None:
        free = "" if shares.free is None else f" of {readable(shares.free)} that are free"
        each = f"{readable(shares.worker)} for each of {shares.workers}"
        facts["workers"] = f"{each} worker{'s' if shares.workers > 1 else ''}{free}"
    facts |= _time_facts(outline)
    limits = outline.ceilings.limits
    for name in ("parameters", "flops", "activation_memory"):
        value = getattr(limits, name)
        if value is not None:
            shown = readable(value) if name == "activation_memory" else count(value)
            reason = outline.ceilings.reasons.get(name, "as the file says")
            facts[f"at most {name.replace('_', ' ')}"] = f"{shown}: {reason}"
    if rungs:
        told = [f"{rung.candidates} for {rung.epochs} epochs" for rung in rungs]
        facts["candidates"] = "about " + ", of these ".join(told)
    elif times is None and made.budget.trials is not None:
        facts["candidates"] = f"{made.budget.trials}, whatever time they take"
    return facts


def _time_facts(outline: Outline) -> dict[str, str]:
    times = outline.times
    if times is None:
        return {"time": "no limit: a candidate may take 60 s and four times what was predicted"}
    full = outline.gate.forecaster.training.total_epochs
    facts = {"search": f"{duration(times.search)} of {duration(times.total)}"}
    if times.final:
        facts["full training"] = (
            f"at most {duration(times.final)}; what it does not need goes to the search"
        )
    facts["a candidate"] = (
        f"at most {duration(times.candidate)} for {full} epochs; it is stopped as soon as its "
        "steps show that it will take longer"
    )
    return facts


def _row(one: Typical, epochs: int) -> tuple[str, ...]:
    forecast = one.forecast
    return (
        _shown(forecast.step),
        _shown(forecast.epoch),
        _shown(forecast.seconds(epochs)),
        readable(forecast.peak),
        one.name,
        one.objection or "fits",
    )


def _shown(seconds: float) -> str:
    """A time span; a short one in milliseconds."""
    return f"{1e3 * seconds:.3g} ms" if seconds < 1 else duration(seconds)


def _as_json(
    outline: Outline, seeds: list[Typical], draws: list[Typical], rungs: list[Rung]
) -> Mapping[str, Any]:
    times = outline.times
    return {
        "device": outline.device.to_json(),
        "memory": {
            "free": outline.shares.free,
            "worker": outline.shares.worker,
            "workers": outline.shares.workers,
        },
        "times": None if times is None else {**vars(times), "search": times.search},
        "limits": dict(vars(outline.ceilings.limits)),
        "reasons": outline.ceilings.reasons,
        "training": outline.file.training.model_dump(mode="json"),
        "training_reasons": {} if outline.recipe is None else dict(outline.recipe.reasons),
        "rungs": [vars(rung) for rung in rungs],
        "seeds": [_network(one) for one in seeds],
        "draws": [_network(one) for one in draws],
    }


def _network(one: Typical) -> dict[str, Any]:
    forecast = one.forecast
    return {
        "name": one.name,
        "step_seconds": forecast.step,
        "epoch_seconds": forecast.epoch,
        "peak_bytes": forecast.peak,
        "objection": one.objection,
    }


def _never_called(derivation: object, stage: object = None) -> float:
    raise AssertionError("a plan evaluates nothing")
