"""Commands that search: search, resume."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from einsearch.cli.clock import started
from einsearch.cli.options import (
    AcceptOption,
    DataOption,
    JsonOption,
    StorageOption,
    is_run,
    read_run,
)
from einsearch.cli.output import WrongCall, print_json
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
from einsearch.cli.submit import OnInterrupt, submit_search
from einsearch.cli.terminal import say
from einsearch.errors import UntrustedFolder
from einsearch.files import expanded

if TYPE_CHECKING:
    from einsearch.study.run import Run

_RAY: Final = "Ray: with --executor ray"

TrialsOption = Annotated[
    int | None,
    typer.Option("--trials", help="Candidates to evaluate.", show_default="as the file says"),
]
MinutesOption = Annotated[
    float | None,
    typer.Option(
        "--minutes",
        help="Wall-clock time of everything, full training and test included.",
        show_default="as the file says, or 10",
    ),
]
BaselinesOption = Annotated[
    bool | None,
    typer.Option(
        "--baselines/--no-baselines",
        help="Score simple models on the same data, in 3 % of the minutes.",
        show_default="as the file says, or with minutes",
    ),
]
AllMinutesOption = Annotated[
    float | None,
    typer.Option(
        "--minutes",
        help="Wall-clock time of everything, that of before counted; from now on.",
        show_default="as said before",
    ),
]
MoreOption = Annotated[
    float | None,
    typer.Option(
        "--more",
        metavar="MINUTES",
        help="Minutes on top of those that the run has taken.",
        show_default=False,
        min=0,
    ),
]
AllTrialsOption = Annotated[
    int | None,
    typer.Option(
        "--trials",
        help="Candidates to evaluate, those of before counted; from now on.",
        show_default="as said before",
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option("--workers", help="Worker processes.", show_default="as the file says"),
]
ExecutorOption = Annotated[
    str | None,
    typer.Option(
        "--executor",
        help="Where candidates run: local (processes of this machine), ray (a cluster), inline.",
        show_default="as the file says",
    ),
]
AddressOption = Annotated[
    str | None,
    typer.Option(
        "--address",
        help="Ray cluster to join; auto for that of this machine.",
        show_default="one on this machine, for this search",
        rich_help_panel=_RAY,
    ),
]
CpusOption = Annotated[
    float | None,
    typer.Option("--cpus", help="Cores of a worker.", show_default="1", rich_help_panel=_RAY),
]
GpusOption = Annotated[
    float | None,
    typer.Option(
        "--gpus",
        help="GPUs of a worker; 0.25: four share one.",
        show_default="0",
        rich_help_panel=_RAY,
    ),
]
MemoryOption = Annotated[
    str | None,
    typer.Option(
        "--memory",
        help="Memory that a worker has, and may use: 4GB.",
        show_default="not reserved",
        rich_help_panel=_RAY,
    ),
]


def search(
    source: SourceArgument,
    target: TargetOption = None,
    target_kind: KindOption = None,
    ignore: IgnoreOption = None,
    layout: LayoutOption = None,
    test: TestOption = None,
    valid: ValidOption = None,
    grammar: GrammarOption = None,
    run: Annotated[
        Path | None,
        typer.Option("--run", "-r", help="New run folder.", show_default="runs/SOURCE-N"),
    ] = None,
    searcher: Annotated[
        str | None,
        typer.Option("--searcher", help="Name of the algorithm.", show_default="as the file says"),
    ] = None,
    minutes: MinutesOption = None,
    trials: TrialsOption = None,
    pruner: Annotated[
        str | None,
        typer.Option(
            "--pruner",
            help="How epochs are dealt out: asha (pause all, go on with the best), or "
            "successive-halving, hyperband, median (stop the others), none.",
            show_default="as the file says",
        ),
    ] = None,
    executor: ExecutorOption = None,
    workers: WorkersOption = None,
    address: AddressOption = None,
    cpus: CpusOption = None,
    gpus: GpusOption = None,
    memory: MemoryOption = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", help="Seed of the whole search.", show_default="as the file says"),
    ] = None,
    baselines: BaselinesOption = None,
    set: SetOption = None,
    submit: Annotated[
        str | None,
        typer.Option(
            "--submit",
            metavar="URL",
            help="Run the whole search as a job of the Ray cluster whose dashboard is there.",
            show_default=False,
            rich_help_panel=_RAY,
        ),
    ] = None,
    on_interrupt: Annotated[
        OnInterrupt,
        typer.Option(help="What Ctrl-C does to a submitted search.", rich_help_panel=_RAY),
    ] = OnInterrupt.DETACH,
    json: JsonOption = False,
) -> None:
    """Search for a network that learns what data hold; train the best in full, and test it.

    Data are enough: what they hold, which networks suit them, and what fits into the minutes is
    found out, and said before the search begins. A search-space file says all of it itself.

    Ctrl-C stops in order; [cyan]einsearch resume RUN[/] goes on.

    Example: [cyan]einsearch search houses.csv --target price --minutes 10[/]

    Another: [cyan]einsearch search digits --trials 20 --run runs/first[/]
    """
    began = started()
    of_data = chosen(target, target_kind, ignore, layout, test, valid, grammar)
    of_task, sections = set_values(set)
    changes: dict[str, Any] = {"searcher": searcher, "pruner": pruner, "seed": seed}
    changes |= {"trials": trials, "minutes": minutes, "baselines": baselines, **sections}
    changes |= _where(executor, workers, address, cpus, gpus, memory)
    is_data = is_data_source(source)
    path = expanded(source) if is_data else find_space(source)
    if not is_data:
        refuse_data_options(of_data, source)
        changes |= task_changed(path, of_task)
    if submit is not None:
        if is_data:
            raise WrongCall("--submit takes a search-space file: write one that names the data")
        submit_search(submit, path, None if run is None else str(run), changes, on_interrupt)
        return
    name = path.resolve().stem
    folder = expanded(run) if run is not None else free_folder(name)
    found = read_source(path, {**changes, **of_data, **of_task}) if is_data else None

    def begin(callbacks: Any) -> Run:
        from einsearch import api
        from einsearch.study.fromdata import plan_data, told_in_brief
        from einsearch.study.launch import start

        if found is None:
            return api.search(path, directory=folder, callbacks=callbacks, began=began, **changes)
        return start(told_in_brief(plan_data(found)), folder, callbacks, None, began)

    settings = None if is_data else path
    _drive(begin, f"Searching {name} in {folder}", folder, settings, json=json)


def resume(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The run folder to go on with.")],
    minutes: AllMinutesOption = None,
    more: MoreOption = None,
    trials: AllTrialsOption = None,
    data: DataOption = None,
    accept_changes: AcceptOption = False,
    trust: Annotated[
        bool,
        typer.Option(
            "--trust",
            help="Import and run the objective that the folder names, though it was not made here.",
        ),
    ] = False,
    storage: StorageOption = None,
    executor: ExecutorOption = None,
    workers: WorkersOption = None,
    address: AddressOption = None,
    cpus: CpusOption = None,
    gpus: GpusOption = None,
    memory: MemoryOption = None,
    json: JsonOption = False,
) -> None:
    """Go on with a search that was stopped, or give it more trials or minutes.

    Example: [cyan]einsearch resume runs/digits-1 --trials 100[/]
    """
    from einsearch.cli.kinds import Kind, refuse_other
    from einsearch.study.folder import SPACE

    began = started()
    run = expanded(run)
    refuse_other(str(run), Kind.RUN)
    if not run.is_dir():
        raise WrongCall(f"there is no run folder {run}")
    if not is_run(run):
        raise WrongCall(f"{run} is not a run folder: it has no versions.json")
    if more is not None:
        minutes = _with_more(run, more, minutes, storage)

    def go_on(callbacks: Any) -> Run:
        from einsearch.study.launch import resume

        where = _where(executor, workers, address, cpus, gpus, memory)
        return resume(
            run,
            callbacks=callbacks,
            began=began,
            trials=trials,
            minutes=minutes,
            data=data,
            accept_changes=accept_changes,
            trust=trust or agreed,
            **where,
        )

    agreed = False
    drive = partial(_drive, go_on, f"Going on with {run}", run, run / SPACE, json=json)
    try:
        drive()
    except UntrustedFolder as error:
        agreed = _agrees(error)
        if not agreed:
            raise
        drive()


def _with_more(run: Path, more: float, minutes: float | None, storage: str | None) -> float:
    """Minutes of a whole run that goes on for some more. Raises WrongCall."""
    from einsearch.api import open_run

    if minutes is not None:
        raise WrongCall("--more and --minutes say the same: give one of them")
    return open_run(run, storage=storage).spent.total / 60 + more


def _agrees(error: UntrustedFolder) -> bool:
    """Asks whoever sits at the terminal; where nobody does, nobody agrees."""
    if not _sits_at_terminal():
        return False
    say(error, error=True)
    return typer.confirm("Import and run it?", default=False, err=True)


def _sits_at_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _where(
    executor: str | None,
    workers: int | None,
    address: str | None,
    cpus: float | None,
    gpus: float | None,
    memory: str | None,
) -> dict[str, Any]:
    """What the options say of where candidates run, in place of what the file says."""
    return {
        "executor": executor,
        "workers": workers,
        "address": address,
        "cpus": cpus,
        "gpus": gpus,
        "memory": memory,
    }


def free_folder(name: str, parent: Path = Path("runs")) -> Path:
    """The first of runs/NAME-1, runs/NAME-2, ... that does not exist."""
    number = 1
    while (parent / f"{name}-{number}").exists():
        number += 1
    return parent / f"{name}-{number}"


def _drive(
    search: Callable[[Any], Run], title: str, folder: Path, settings: Path | None, *, json: bool
) -> None:
    """Runs a search with its progress on stderr, then says what came of it.

    Args:
        search: runs it, with the callbacks that it is given.
        title: of the display.
        folder: of the run.
        settings: the search-space file; None of a search of data.
        json: whether the outcome is printed as JSON.
    """
    from einsearch.cli.progress import progress_for
    from einsearch.cli.summary import print_summary, summary
    from einsearch.numbers import Scores
    from einsearch.study.folder import VERSIONS
    from einsearch.study.scores import scores_of
    from einsearch.tasks.base import SHARES

    shown_as = (Scores(SHARES), spelt) if settings is None else (scores_of(settings),)
    try:
        with progress_for(title, *shown_as) as progress:
            run = search(progress.callbacks)
        is_whole = run.state != "interrupted"
    except KeyboardInterrupt:
        if not (folder / VERSIONS).exists():
            say("Stopped before there was a run; nothing is to be resumed.", error=True)
            raise typer.Exit(1) from None
        # Whatever came before is recorded; the full training at the end starts anew on resume.
        run, is_whole = read_run(folder), False
    if json:
        print_json(summary(run))
    else:
        print_summary(run, is_whole=is_whole)
    if not is_whole or run.find_best() is None:
        raise typer.Exit(1)
