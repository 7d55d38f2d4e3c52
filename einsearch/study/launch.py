"""From a search-space file, or a grammar with an objective, to a finished run; and on again.

Every choice that a user leaves out is made here and in `plan.py`, so that the Python interface and
the command line cannot differ.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import EllipsisType
from typing import Any, Final

from einsearch.compile.given import path_given, spec_given, texts_given, wrong
from einsearch.derivation.limits import Limits
from einsearch.errors import RunError
from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.searched import usual_settings
from einsearch.grammar.model import Grammar
from einsearch.grammar.searched import with_settings
from einsearch.searchers.registry import DEFAULT_SEARCHER, check_searcher
from einsearch.specs import TensorSpec
from einsearch.study.arguments import (
    checked_budget,
    checked_callbacks,
    checked_constraints,
    checked_directions,
    checked_limits,
    checked_objective,
    checked_require,
    checked_retries,
    checked_seconds,
    checked_seed,
    checked_training,
)
from einsearch.study.driving import Going, go_on
from einsearch.study.events import Budget, Callbacks
from einsearch.study.executing import executor_maker, executor_section
from einsearch.study.folder import SPACE, TASK, RunFolder
from einsearch.study.goalchecks import check_constraints
from einsearch.study.grammarcopy import copied_files, copied_name
from einsearch.study.importing import folder_of, name_of
from einsearch.study.objective import (
    Objective,
    objective_work,
)
from einsearch.study.opening import begin_journal, new_study
from einsearch.study.plan import ENDS, Plan, changed_file, check_stage, plan_file
from einsearch.study.planning.gate import Gate
from einsearch.study.planning.outline import shares_of
from einsearch.study.planning.times import Times, divide
from einsearch.study.pruning import epochs_section
from einsearch.study.run import Run
from einsearch.study.searchspace import search_space, seed_derivations
from einsearch.study.spacefile import VERSION as SPACE_VERSION
from einsearch.study.spacefile import SpaceFile, load_space_file
from einsearch.study.storageurl import absolute_storage
from einsearch.study.taskfile import (
    check_unchanged,
    located,
    recorded_fingerprint,
    task_text,
)
from einsearch.study.yamltext import read_yaml, write_yaml

DEFAULT_TRIALS: Final = 100
"""Of a search with an objective that is given no budget."""

MANY_TRIALS = 10**9
"""The budget of a search without one."""


def search_file(
    source: str | Path | SpaceFile,
    *,
    objective: Objective | None = None,
    directory: str | Path | None = None,
    callbacks: Callbacks | None = None,
    storage: str | None = None,
    began: float | None = None,
    **changes: Any,
) -> Run:
    """Runs the search that a search-space file describes, its final training included.

    Args:
        source: the file.
        objective: in place of the one that the file names.
        directory: run folder, new; None keeps the record in memory.
        callbacks: are told what happens.
        storage: URL of an Optuna storage for the record; None for a journal in the folder.
        began: `time.monotonic()` from which the minutes of the budget count; now where None.
        changes: `trials`, `minutes`, `hours`, `seed`, `searcher`, `pruner`, `executor`, `workers`,
            `address`, `cpus`, `gpus`, `memory`, or any section of the file, in place of what the
            file says.

    Raises:
        EinsearchError: the file, grammar, task or folder cannot be used.
    """
    began = time.monotonic() if began is None else began
    callbacks = checked_callbacks(callbacks)
    file = source if isinstance(source, SpaceFile) else load_space_file(source)
    if objective is not None:
        objective = checked_objective(objective)
        if file.objective is None:
            raise RunError(
                f"the search space {source} has a task with data, {file.task['name']}, and an "
                "objective is given too: leave one of them out"
            )
    plan = plan_file(changed_file(file, changes), objective, measures=True)
    return start(plan, directory, callbacks, storage, began)


def search_data(
    source: str | Path,
    *,
    directory: str | Path | None = None,
    callbacks: Callbacks | None = None,
    storage: str | None = None,
    began: float | None = None,
    **options: Any,
) -> Run:
    """Runs a search for a network that learns what data hold; everything follows from them.

    Args:
        source: a CSV, TSV, `.npz` or text file, or a folder of data.
        directory, callbacks, storage, began: as of `search_file`.
        options: of the task of the data, such as `target="price"` or `test=0.2`; `grammar`; and
            the `changes` of `search_file`.

    Raises:
        EinsearchError: the data, an option or the folder cannot be used.
    """
    from einsearch.study.fromdata import plan_data, read_data, told_in_brief

    began = time.monotonic() if began is None else began
    callbacks = checked_callbacks(callbacks)
    plan = told_in_brief(plan_data(read_data(source, options)))
    return start(plan, directory, callbacks, storage, began)


def search_grammar(
    grammar: Grammar,
    objective: Objective | None,
    *,
    input: TensorSpec | str,
    searcher: str | Mapping[str, Any] = DEFAULT_SEARCHER,
    trials: int | EllipsisType | None = ...,
    minutes: float | None = None,
    hours: float | None = None,
    seed: int = 0,
    directions: Mapping[str, str] | None = None,
    constraints: Mapping[str, float | str] | None = None,
    pruner: str | Mapping[str, Any] | None = None,
    limits: Limits | Mapping[str, int | str | None] | None = None,
    require: str | Sequence[str] | None = None,
    seeds: str | Sequence[str] = (),
    training: Mapping[str, Any] | None = None,
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
            `Reject` records a rejection; any other exception is a failed trial. One with epochs is
            `objective(derivation, stage)`, see `Stage`.
        input: the tensor that enters every network; also as text, "image:3x32x32".
        searcher: name, or {"name": ..., and its options}.
        trials: how many candidates are evaluated; None for any number. Where it is left out, 100
            without a time, and any number with one.
        minutes, hours: wall-clock time; give one of them, or None for any time.
        seed: of the whole search.
        directions: objective name -> "maximize" or "minimize", the main one first.
        constraints: name of a value or cost -> upper bound that a trial must keep to be best, a
            number or text such as "100k".
        pruner: {"pruner": "asha", "min": 1, "max": 9, "promote": 3}: epochs are dealt out by
            successive halving; or "successive-halving", "hyperband", "median". None for none.
        limits, require, seeds: what is drawn; limits also as {"nodes": 40}.
        training: settings of training that are searched, each with its domain: {"lr": "log
            1e-4..1e-2"}. The objective finds what was drawn in `derivation.training`.
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
    objective, input = checked_objective(objective), spec_given("input", input)
    seconds, retries = checked_seconds(seconds), checked_retries(retries)
    callbacks = checked_callbacks(callbacks)
    began = time.monotonic()
    if isinstance(trials, EllipsisType):
        trials = DEFAULT_TRIALS if minutes is hours is None else None
    budget, seed = checked_budget(trials, minutes, hours), checked_seed(seed)
    directions = checked_directions(directions)
    constraints, limits = checked_constraints(constraints), checked_limits(limits)
    seeds = texts_given("seeds", seeds, '["relu >> linear(10)"]')
    require = checked_require(require)
    check_searcher(searcher)
    epochs = epochs_section(pruner)
    check_stage(objective, epochs)
    domains = checked_training(training)
    grammar = with_settings(grammar, domains)
    check_constraints(grammar, input, constraints, limits, require)
    usual = usual_settings(TrainingConfig())
    found = seed_derivations(grammar, input, seeds, limits, require, usual)
    space = search_space(
        grammar, input, directions=directions, limits=limits, require=require, seeds=found
    )
    factory = partial(objective_work, objective, space.recall, next(iter(directions)))
    section = executor_section(executor, workers)
    settings = _settings(
        grammar=copied_name(grammar),
        task=_objective_section(objective, input),
        limits=asdict(limits or Limits()),
        require=None if require is None else list(require),
        seeds=list(seeds),
        **({"training": domains} if domains else {}),
        objectives=directions,
        constraints=constraints,
        searcher={"name": searcher} if isinstance(searcher, str) else dict(searcher),
        budget={
            "trials": MANY_TRIALS if trials is budget.minutes is None else budget.trials,
            "minutes": budget.minutes,
            "epochs": None if epochs is None else epochs.model_dump(),
        },
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
        budget=budget,
        seed=seed,
        retries=retries,
        executor=executor_maker(section, factory, shares_of(section)),
        executor_name=section.name,
        files={SPACE: settings, **copied_files(grammar)},
        constraints=constraints,
        epochs=None if epochs is None or epochs.max is None else (epochs, epochs.max),
        objective=objective,
        gate=Gate(_times(budget, section.processes or 1), seconds),
    )
    return start(plan, directory, callbacks, storage, began)


def start(
    plan: Plan, directory: str | Path | None, callbacks: Callbacks, storage: Any, began: float
) -> Run:
    """Starts a new run whose minutes count from `began`. Raises EinsearchError."""
    if storage is not None and not isinstance(storage, str):
        raise wrong("storage", storage, "the URL of an Optuna storage, such as sqlite:///all.db")
    folder = None
    if directory is not None:
        files = {**plan.files, TASK: task_text(plan.spec, plan.task, plan.fingerprint())}
        storage = None if storage is None else absolute_storage(storage)
        begin = partial(begin_journal, directions=plan.directions) if storage is None else None
        name = _imported(read_yaml(files[SPACE], SPACE).data["task"])
        study = new_study(storage)
        folder = RunFolder.create(
            path_given("directory", directory), files, storage, study, begin, name
        )
    return go_on(plan, folder, callbacks, storage if folder is None else None, began)


def resume(
    directory: str | Path,
    *,
    objective: Objective | None = None,
    data: str | Path | None = None,
    accept_changes: bool = False,
    trust: bool = False,
    storage: str | None = None,
    callbacks: Callbacks | None = None,
    began: float | None = None,
    **changes: Any,
) -> Run:
    """Goes on with a run, up to its budget.

    Args:
        directory: the run folder.
        objective: of a run that was started with one; needed where it cannot be imported by its
            name, as a lambda.
        data: where the data are now, if not where they were or beside the folder, as then.
        accept_changes: goes on though data, a plug-in's or the objective's source are not those
            that the run began with; from then on these count.
        trust: of a folder that came from elsewhere, imports the objective that it names; from then
            on it counts as made here.
        storage: URL of the record's storage, in place of what the folder says.
        callbacks: are told what happens.
        began: as of `search_file`.
        changes: `trials`, `minutes`, `hours`, `executor`, `workers`, `address`, `cpus`, `gpus` or
            `memory`, in place of what the run was started with. The first three hold from then on,
            and count what was spent before.

    Raises:
        RunError: there is no such run, it is being driven by another process, its data are not
            there, or something that its scores hang on has changed. UntrustedFolder where it came
            from elsewhere and names an objective to import.
        SpaceFileError: its objective cannot be imported.
    """
    objective = None if objective is None else checked_objective(objective)
    callbacks = checked_callbacks(callbacks)
    folder = RunFolder(path_given("directory", directory), storage)
    began = time.monotonic() if began is None else began
    written = load_space_file(folder.path / SPACE)
    imported = _imported(written.task)
    if imported is not None and objective is None and not trust:
        folder.check_objective(imported)
    file = located(folder, written, data)
    plan = plan_file(changed_file(file, changes), objective, measures=True)
    found = plan.fingerprint()
    if not accept_changes:
        check_unchanged(folder, found)
    kept = changed_file(file, {name: changes.get(name) for name in ENDS})
    files = {} if kept is written else {SPACE: kept.text}
    if recorded_fingerprint(folder) != found:
        files[TASK] = task_text(plan.spec, plan.task, found)
    going = Going(files, imported, trusts=trust)
    return go_on(plan, folder, callbacks, None, began, going)


def _objective_section(objective: Objective, spec: TensorSpec) -> dict[str, str]:
    section = {"objective": name_of(objective), "input": str(spec)}
    folder = folder_of(objective)
    return section if folder is None else section | {"folder": str(folder)}


def _imported(task: Mapping[str, Any]) -> str | None:
    """What going on imports, for people and for the seal of a folder: "module:function" and the
    folder that the module is looked for in; None where it imports nothing."""
    if "objective" not in task:
        return None
    folder = task.get("folder")
    place = "" if folder is None else f" of {Path(folder).resolve()}"
    return f"{task['objective']}{place}"


def _times(budget: Budget, workers: int) -> Times | None:
    """How the minutes of an objective of the user's are divided."""
    return None if budget.minutes is None else divide(budget.seconds, workers, 1, 1, 0)


def _settings(**sections: Any) -> str:
    """A search-space file that says how a search was started from Python."""
    data = {"version": SPACE_VERSION, **sections}
    return write_yaml(data)
