"""`Plan`: a search that is ready to start; and how a search-space file becomes one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from einsearch.errors import EinsearchError, SearcherError, SettingError, SpaceFileError
from einsearch.grammar.load import load_grammar_file
from einsearch.grammar.model import Grammar
from einsearch.grammar.searched import with_settings
from einsearch.searchers.base import SearchSpace
from einsearch.specs import TensorSpec
from einsearch.study.earlier import with_texts
from einsearch.study.events import Budget
from einsearch.study.executing import MakeExecutor, executor_maker
from einsearch.study.executor import WorkFactory
from einsearch.study.folder import SPACE
from einsearch.study.forking import start_server
from einsearch.study.goalchecks import check_constraints, check_metrics
from einsearch.study.grammarcopy import copied_files, copied_name, import_folder
from einsearch.study.importing import import_objective
from einsearch.study.objective import (
    Objective,
    objective_work,
    takes_stage,
)
from einsearch.study.objectivesource import objective_fingerprint
from einsearch.study.planning.gate import Gate
from einsearch.study.planning.outline import Outline, outline_file, plain_gate, shares_of
from einsearch.study.pluginsource import plugin_fingerprint
from einsearch.study.pruning import pruner_given
from einsearch.study.searchedtraining import check_grammar, check_task
from einsearch.study.searchspace import search_space
from einsearch.study.spacefile import EpochsSection, SpaceFile
from einsearch.study.starting import starts_of, typical_programs
from einsearch.study.training import TrainingWork
from einsearch.tasks.base import Task
from einsearch.tasks.fingerprint import data_fingerprint
from einsearch.tasks.registry import make_task

ENDS: Final = ("trials", "minutes", "hours")
"""What may end a search, as callers name it."""

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
        constraints: name -> upper bound.
        epochs: how they are dealt out, and how many there are in full; None where all candidates
            get all of them.
        executor: starts what evaluates candidates.
        executor_name: where that is: "local", "ray" or "inline".
        files: texts that go into the run folder.
        file, task: of a search-space file; None for an objective.
        objective: of the user's; None for a task.
        gate: which candidates may begin, and how long they may take.
        outline: what fits into the budget of a search-space file; None where nobody asked.
        notes: for people: what became of the networks of earlier runs.
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
    executor_name: str
    files: Mapping[str, str]
    constraints: Mapping[str, float] = field(default_factory=dict)
    epochs: tuple[EpochsSection, int] | None = None
    file: SpaceFile | None = None
    task: Task | None = None
    objective: Objective | None = None
    gate: Gate = field(default_factory=Gate)
    outline: Outline | None = None
    notes: tuple[str, ...] = ()

    @property
    def is_inline(self) -> bool:
        """Whether candidates are evaluated in the calling process."""
        return self.executor_name == "inline"

    def fingerprint(self) -> dict[str, str]:
        """Of the data and the sources that scores hang on. Raises TaskError."""
        texts = [text for name, text in self.files.items() if name.endswith(".ein")]
        plugins = plugin_fingerprint(texts, self.searcher)
        if self.task is not None and self.file is not None:
            return plugins | data_fingerprint(self.task, self.file.task, self.file.base)
        return plugins | ({} if self.objective is None else objective_fingerprint(self.objective))


def plan_file(
    file: SpaceFile,
    objective: Objective | None = None,
    *,
    task: Task | None = None,
    measures: bool = False,
) -> Plan:
    """Everything that a search-space file asks for, loaded and checked.

    Args:
        file: the file.
        objective: takes the place of the one that the file names.
        task: that of the file, where it was made before.
        measures: whether the device is measured, in two seconds, and what fits into the budget is
            decided. Without that the file is only checked.

    Raises:
        EinsearchError: something of it cannot be used.
    """
    grammar = load_file_grammar(file)
    if measures and file.executor.name == "local":
        start_server(trains=file.objective is None)
    if task is None and file.objective is None:
        task = make_task(file.task, file.base)
    spec = file.objective_input if task is None else task.input
    assert spec is not None
    scores: Objective | None = None
    require = required(file, grammar, task)
    if task is not None:
        check_metrics(task, directions_of(file, task), file.constraints)
        check_grammar(file.training, grammar)
        check_task(file.training, file.searched, task)
    check_constraints(grammar, spec, file.constraints, file.limits, require)
    file, notes = with_texts(file, grammar, spec, require)
    starts = starts_of(file, grammar, spec, require)
    outline = None
    if task is not None and (measures or file.follows_data):
        programs = partial(typical_programs, starts, grammar, spec, file.limits, require)
        outline = outline_file(file, task, programs, measures=measures)
        file = outline.file
        if file.searched:
            # What is usual, near which seeds are trained, was decided just now.
            named = file.model_copy(update={"seeds": starts.names})
            starts = starts_of(named, grammar, spec, require)
    starts = starts.within(file.limits)
    file = file.model_copy(update={"seeds": starts.names})
    directions = directions_of(file, task)
    sizes = None if file.sampling.nodes is None else tuple(file.sampling.nodes)
    space = search_space(
        grammar,
        spec,
        directions=directions,
        limits=file.limits,
        require=require,
        seeds=starts.derivations,
        sizes=sizes,  # type: ignore[arg-type]
    )
    epochs = file.budget.epochs
    shares = shares_of(file.executor) if outline is None else outline.shares
    if task is not None:
        # The data travel, to be read once: nodes of a cluster may not have the files, and workers
        # of one machine share them.
        factory: WorkFactory = TrainingWork(
            task,
            file.base,
            file.full_training,
            measures_latency="latency" in directions or "latency" in file.constraints,
            memory=shares.worker,
            gpu=file.executor.gpus if 0 < file.executor.gpus < 1 else 1.0,
        )
    else:
        scores = objective or import_objective(str(file.objective), file.objective_folders)
        check_stage(scores, epochs)
        factory = partial(objective_work, scores, space.recall, next(iter(directions)))
    return Plan(
        grammar=grammar,
        spec=spec,
        space=space,
        searcher=file.searcher,
        directions=directions,
        budget=file.budget.whole,
        seed=file.seed,
        retries=file.trial.retries,
        executor=executor_maker(file.executor, factory, shares),
        executor_name=file.executor.name,
        files={SPACE: _located(file, grammar), **copied_files(grammar)},
        constraints=file.constraints,
        epochs=None if epochs is None else (epochs, file.full_training.total_epochs),
        file=file,
        task=task,
        objective=scores,
        gate=plain_gate(file) if outline is None else outline.gate,
        outline=outline,
        notes=(*notes, *starts.notes),
    )


def spec_of(file: SpaceFile) -> TensorSpec:
    """The tensor that enters every network of a search space. The objective is not imported.

    Raises:
        TaskError: the data of its task cannot be read.
    """
    given = file.objective_input
    return make_task(file.task, file.base).input if given is None else given


def required(file: SpaceFile, grammar: Grammar, task: Task | None) -> tuple[str, ...]:
    """What every candidate must have: what the file or else the grammar asks for, and the task."""
    asked = grammar.require if file.require is None else file.require
    return tuple(dict.fromkeys((*asked, *(() if task is None else task.require))))


def load_file_grammar(file: SpaceFile) -> Grammar:
    """The grammar that a search-space file names, with the settings of training in front of it that
    the file searches. Raises GrammarError, SpaceFileError."""
    path = file.grammar_path
    if path is None:
        raise SpaceFileError(
            f"there is no grammar {file.grammar}, packaged or beside the search-space file"
        )
    return with_settings(load_grammar_file(path, import_folder(path, file.base)), file.searched)


def changed_file(file: SpaceFile, changes: Mapping[str, Any]) -> SpaceFile:
    """A file with what a caller says in place of what it says; None changes nothing.

    Args:
        changes: `trials`, `minutes`, `hours`, `pruner`, `workers`, `address`, `cpus`, `gpus`,
            `memory`, or any section. Each of the first three takes the place of whatever the
            file says of when the search ends.

    Raises:
        SettingError: one of them is wrong.
    """
    sections: dict[str, Any] = {}
    ends = {name: changes[name] for name in ENDS if changes.get(name) is not None}
    for name, value in changes.items():
        if value is None:
            continue
        if name in ENDS:
            sections.setdefault("budget", {}).update({**dict.fromkeys(ENDS), **ends})
        elif name == "pruner":
            sections.setdefault("budget", {})["epochs"] = _changed_epochs(file, value)
        elif name in ("workers", "address", "cpus", "gpus", "memory"):
            sections.setdefault("executor", {})[name] = value
        elif name == "executor" and isinstance(value, str):
            sections.setdefault("executor", {})["name"] = value
        elif name == "searcher" and isinstance(value, str):
            sections["searcher"] = {"name": value}
        else:
            sections[name] = value
    try:
        return file.changed(**sections) if sections else file
    except (SpaceFileError, SearcherError) as error:
        raise SettingError(str(error)) from error


def _changed_epochs(file: SpaceFile, pruner: str | Mapping[str, Any]) -> dict[str, Any] | None:
    """The section `budget.epochs` with another pruner; "none" trains all candidates in full."""
    given = pruner_given(pruner)
    if given.get("pruner") == "none":
        return None
    said = file.budget.epochs
    before = {} if said is None else said.model_dump(exclude_none=True)
    return before | given


def check_stage(objective: Objective, epochs: EpochsSection | None) -> None:
    """Raises EinsearchError where epochs are to be dealt out to an objective that has none."""
    if epochs is not None and not takes_stage(objective):
        raise EinsearchError(
            "a pruner needs an objective that reports its epochs: objective(derivation, stage)"
        )


def directions_of(file: SpaceFile, task: Task | None) -> Mapping[str, str]:
    """The objectives of a search: those of the file, or the task's own."""
    if file.objectives:
        return file.objectives
    if task is None:
        return dict(DEFAULT_OBJECTIVE)
    main = task.metrics[0]
    return {main.name: main.direction}


def _located(file: SpaceFile, grammar: Grammar) -> str:
    """The file as used, whose grammar is the copy in the run folder."""
    return file.model_copy(update={"grammar": copied_name(grammar)}).text
