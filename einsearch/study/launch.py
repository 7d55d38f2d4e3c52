"""From a search-space file, or a grammar with an objective, to a finished run; and on again.

Every choice that a user leaves out is made here, so that the Python interface and the command line
cannot differ.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from einsearch.compile.methods import bind_methods
from einsearch.derivation.limits import Limits
from einsearch.errors import EinsearchError, RunError, SpaceFileError
from einsearch.grammar.load import load_grammar_file
from einsearch.grammar.model import Grammar
from einsearch.searchers.base import SearchSpace
from einsearch.searchers.registry import DEFAULT_SEARCHER, check_searcher, make_searcher
from einsearch.specs import TensorSpec
from einsearch.study.events import Budget, Callbacks, StopReason, StudyEnd
from einsearch.study.executing import MakeExecutor, executor_maker, executor_section
from einsearch.study.executor import Executor, WorkFactory
from einsearch.study.finishing import finish_run
from einsearch.study.folder import SPACE, RunFolder
from einsearch.study.grammarcopy import copied_files, copied_name, import_folder
from einsearch.study.loop import Options, run_study
from einsearch.study.objective import (
    Objective,
    ObjectiveWork,
    decisions_payload,
    derivation_payload,
)
from einsearch.study.opening import drive
from einsearch.study.run import Run, open_run
from einsearch.study.searchspace import search_space, seed_derivations
from einsearch.study.spacefile import VERSION as SPACE_VERSION
from einsearch.study.spacefile import SpaceFile, load_space_file
from einsearch.study.training import TrainingWork
from einsearch.study.weights import WeightStore
from einsearch.study.yamltext import write_yaml
from einsearch.tasks.base import Task
from einsearch.tasks.registry import make_task

NAMELESS = "nameless:objective"
"""Stands in the settings of a run whose objective cannot be imported."""
MANY_TRIALS = 10**9
"""The budget of a search without one."""
DEFAULT_OBJECTIVE = {"value": "maximize"}
"""What a number that an objective returns is called, and which way is better."""


@dataclass(frozen=True)
class Plan:
    """A search that is ready to start.

    Attributes:
        grammar, spec: what is derived, on which tensor.
        space: what the searcher draws from.
        searcher: name, or name and options.
        directions: objective name -> direction.
        budget: what may be spent.
        seed: of the whole search.
        retries: of a trial after a fault of the machine.
        executor: starts what evaluates candidates.
        is_inline: whether candidates are evaluated in the calling process.
        files: texts that go into the run folder.
        file, task: of a search-space file; None for an objective.
    """

    grammar: Grammar
    spec: TensorSpec
    space: SearchSpace
    searcher: str | Mapping[str, Any]
    directions: Mapping[str, str]
    budget: Budget
    seed: int
    retries: int
    executor: MakeExecutor
    is_inline: bool
    files: Mapping[str, str]
    file: SpaceFile | None = None
    task: Task | None = None


def search_file(
    source: str | Path | SpaceFile,
    *,
    directory: str | Path | None = None,
    callbacks: Callbacks | None = None,
    storage: str | None = None,
    **changes: Any,
) -> Run:
    """Runs the search that a search-space file describes, its final training included.

    Args:
        source: the file.
        directory: run folder, new; None keeps the record in memory.
        callbacks: are told what happens.
        storage: URL of an Optuna storage for the record; None for a journal in the folder.
        changes: `trials`, `hours`, `seed`, `searcher`, `executor`, `workers`, `address`, `cpus`,
            `gpus`, `memory`, or any section of the file, in place of what the file says.

    Raises:
        EinsearchError: the file, grammar, task or folder cannot be used.
    """
    file = source if isinstance(source, SpaceFile) else load_space_file(source)
    plan = plan_file(_changed(file, changes))
    return start(plan, directory, callbacks or Callbacks(), storage)


def search_grammar(
    grammar: Grammar,
    objective: Objective | None,
    *,
    input: TensorSpec,
    searcher: str | Mapping[str, Any] = DEFAULT_SEARCHER,
    trials: int | None = 100,
    hours: float | None = None,
    seed: int = 0,
    directions: Mapping[str, str] | None = None,
    limits: Limits | None = None,
    require: Sequence[str] | None = None,
    seeds: Sequence[str] = (),
    directory: str | Path | None = None,
    workers: int | None = None,
    executor: str | Mapping[str, Any] | None = None,
    seconds: float | None = None,
    retries: int = 1,
    callbacks: Callbacks | None = None,
    storage: str | None = None,
) -> Run:
    """Searches a grammar with an objective of the user's.

    Args:
        grammar: with a start rule.
        objective: `objective(derivation)` gives a number or {"accuracy": 0.9, ...}. Raising
            `Reject` records a rejection; any other exception is a failed trial.
        input: the tensor that enters every network.
        searcher: name, or {"name": ..., and its options}.
        trials, hours: the budget; None for no limit.
        seed: of the whole search.
        directions: objective name -> "maximize" or "minimize", the main one first.
        limits, require, seeds: what is drawn.
        directory: run folder, new; None keeps the record in memory.
        workers: processes that evaluate. Without them and `executor`, candidates are evaluated
            here, one at a time.
        executor: name, or {"name": "ray", "gpus": 0.25, ...} as in a search-space file.
        seconds: that one candidate may take in a process.
        retries: of a trial whose process died by a fault of the machine.

    Raises:
        EinsearchError: something of this cannot be used.
    """
    if objective is None:
        raise RunError("searching a grammar needs an objective: search(grammar, objective, ...)")
    directions = _checked_directions(directions)
    check_searcher(searcher)
    found = seed_derivations(grammar, input, seeds, limits, require)
    space = search_space(
        grammar, input, directions=directions, limits=limits, require=require, seeds=found
    )
    factory = partial(_objective_work, objective, space.recall, next(iter(directions)))
    section = executor_section(executor, workers)
    settings = _settings(
        grammar=copied_name(grammar),
        task={"objective": _name_of(objective), "input": str(input)},
        limits=asdict(limits or Limits()),
        require=None if require is None else list(require),
        seeds=list(seeds),
        objectives=directions,
        searcher={"name": searcher} if isinstance(searcher, str) else dict(searcher),
        budget={"trials": MANY_TRIALS if trials is hours is None else trials, "hours": hours},
        executor=section.model_dump(exclude_defaults=True) | {"name": section.name},
        trial={"seconds": seconds, "retries": retries},
        seed=seed,
    )
    plan = Plan(
        grammar=grammar,
        spec=input,
        space=space,
        searcher=searcher,
        directions=directions,
        budget=Budget(trials, hours),
        seed=seed,
        retries=retries,
        executor=executor_maker(section, factory, seconds),
        is_inline=section.name == "inline",
        files={SPACE: settings, **copied_files(grammar)},
    )
    return start(plan, directory, callbacks or Callbacks(), storage)


def plan_file(file: SpaceFile, objective: Objective | None = None) -> Plan:
    """Everything that a search-space file asks for, loaded and checked.

    Args:
        file: the file.
        objective: takes the place of the one that the file names.

    Raises:
        EinsearchError: something of it cannot be used.
    """
    grammar = load_file_grammar(file)
    task = None if file.objective is not None else make_task(file.task, file.base)
    spec = file.objective_input if task is None else task.input
    assert spec is not None
    directions = file.objectives or _own_directions(task)
    seeds = seed_derivations(grammar, spec, file.seeds, file.limits, file.require)
    sizes = None if file.sampling.nodes is None else tuple(file.sampling.nodes)
    space = search_space(
        grammar,
        spec,
        directions=directions,
        limits=file.limits,
        require=file.require,
        seeds=seeds,
        sizes=sizes,  # type: ignore[arg-type]
    )
    seconds = file.trial.seconds
    if task is not None:
        # Nodes of a cluster may not have the files: there the data itself travels.
        source = task if file.executor.name == "ray" else file.task
        factory: WorkFactory = TrainingWork(source, file.base, file.training, seconds)
    else:
        scores = objective or _import_objective(str(file.objective))
        factory = partial(_objective_work, scores, space.recall, next(iter(directions)))
    return Plan(
        grammar=grammar,
        spec=spec,
        space=space,
        searcher=file.searcher,
        directions=directions,
        budget=Budget(file.budget.trials, file.budget.hours),
        seed=file.seed,
        retries=file.trial.retries,
        executor=executor_maker(file.executor, factory, seconds),
        is_inline=file.executor.name == "inline",
        files={SPACE: _located(file, grammar), **copied_files(grammar)},
        file=file,
        task=task,
    )


def load_file_grammar(file: SpaceFile) -> Grammar:
    """The grammar that a search-space file names. Raises GrammarError, SpaceFileError."""
    path = file.grammar_path
    if path is None:
        raise SpaceFileError(
            f"there is no grammar {file.grammar}, packaged or beside the search-space file"
        )
    return load_grammar_file(path, import_folder(path, file.base))


def start(plan: Plan, directory: str | Path | None, callbacks: Callbacks, storage: Any) -> Run:
    """Starts a new run. Raises EinsearchError."""
    folder = None
    if directory is not None:
        folder = RunFolder.create(Path(directory), plan.files, storage)
    return _go_on(plan, folder, callbacks, storage if folder is None else None)


def resume(
    directory: str | Path,
    *,
    objective: Objective | None = None,
    callbacks: Callbacks | None = None,
    **changes: Any,
) -> Run:
    """Goes on with a run, up to its budget.

    Args:
        directory: the run folder.
        objective: of a run that was started with one; needed where it cannot be imported by its
            name, as a lambda.
        callbacks: are told what happens.
        changes: `trials`, `hours`, `executor`, `workers`, `address`, `cpus`, `gpus` or `memory`,
            in place of what the run was started with.

    Raises:
        RunError: there is no such run, or it is being driven by another process.
        SpaceFileError: its objective cannot be imported.
    """
    folder = RunFolder(Path(directory))
    file = load_space_file(folder.path / SPACE)
    plan = plan_file(_changed(file, changes), objective)
    return _go_on(plan, folder, callbacks or Callbacks(), None)


def _go_on(plan: Plan, folder: RunFolder | None, callbacks: Callbacks, storage: str | None) -> Run:
    driving = drive(folder, plan.directions, storage)
    for note in driving.notes:
        callbacks.on_note(note)
    with driving if folder is not None else nullcontext():
        executor = _start_executor(plan, folder, is_new=not driving.record.entries)
        try:
            end = _study(plan, driving.record, folder, executor, callbacks)
        finally:
            executor.close()
        run = Run(driving.record, folder)
        is_whole = end.reason is not StopReason.INTERRUPTED
        if is_whole and plan.file is not None and plan.task is not None and folder is not None:
            finish_run(run, plan.file, plan.task, folder, callbacks)
    return run if folder is None else open_run(folder.path)


def _start_executor(plan: Plan, folder: RunFolder | None, *, is_new: bool) -> Executor:
    try:
        return plan.executor(folder)
    except EinsearchError:
        # So that the same command works once the mistake is mended.
        if is_new and folder is not None:
            folder.discard()
        raise


def _study(
    plan: Plan, record: Any, folder: RunFolder | None, executor: Executor, callbacks: Callbacks
) -> StudyEnd:
    store = None if folder is None else WeightStore(folder, plan.directions, record.trials)
    options = Options(
        seed=plan.seed,
        retries=plan.retries,
        callbacks=callbacks,
        payload=derivation_payload if plan.is_inline else decisions_payload,
        keep=None if store is None else store.offer,
    )
    searcher = partial(make_searcher, plan.searcher, plan.space, plan.seed)
    return run_study(searcher, executor, record, plan.budget, options)


def _objective_work(objective: Objective, recall: Any, main: str) -> ObjectiveWork:
    bind_methods()  # in a worker process nobody else has
    return ObjectiveWork(objective, recall, main)


def _settings(**sections: Any) -> str:
    """A search-space file that says how a search was started from Python."""
    data = {"version": SPACE_VERSION, **sections}
    return write_yaml(data)


def _name_of(objective: Objective) -> str:
    """How an objective is imported; of a lambda or a local function a name that says so."""
    name = getattr(objective, "__qualname__", "")
    if not name.isidentifier():
        return NAMELESS
    return f"{objective.__module__}:{name}"


def _own_directions(task: Task | None) -> dict[str, str]:
    if task is None:
        return dict(DEFAULT_OBJECTIVE)
    main = task.metrics[0]
    return {main.name: main.direction}


def _checked_directions(directions: Mapping[str, str] | None) -> dict[str, str]:
    for name, direction in (directions or {}).items():
        if direction not in ("maximize", "minimize"):
            raise EinsearchError(
                f"the direction of {name} is {direction!r}: expected maximize or minimize"
            )
    return dict(directions or DEFAULT_OBJECTIVE)


def _located(file: SpaceFile, grammar: Grammar) -> str:
    """The file as used, whose grammar is the copy in the run folder."""
    return file.model_copy(update={"grammar": copied_name(grammar)}).text


def _changed(file: SpaceFile, changes: Mapping[str, Any]) -> SpaceFile:
    sections: dict[str, Any] = {}
    for name, value in changes.items():
        if value is None:
            continue
        if name in ("trials", "hours"):
            sections.setdefault("budget", {})[name] = value
        elif name in ("workers", "address", "cpus", "gpus", "memory"):
            sections.setdefault("executor", {})[name] = value
        elif name == "executor" and isinstance(value, str):
            sections.setdefault("executor", {})["name"] = value
        elif name == "searcher" and isinstance(value, str):
            sections["searcher"] = {"name": value}
        else:
            sections[name] = value
    return file.changed(**sections) if sections else file


def _import_objective(path: str) -> Objective:
    if path == NAMELESS:
        raise SpaceFileError(
            "the objective of this run has no name that it could be imported by",
            hint="hand it over: es.open_run(directory).resume(objective=...)",
        )
    module_name, _, name = path.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError) as error:
        raise SpaceFileError(
            f"cannot import the objective {path}: {error}",
            hint="it is written package.module:function; the package must be installed, or its "
            "folder on PYTHONPATH",
        ) from None
    if not callable(found):
        raise SpaceFileError(f"the objective {path} is no function")
    return found  # type: ignore[no-any-return]
