"""From a file of data to the search space of a search: task, grammar and seeds follow from it.

| path                                        | task         |
| ------------------------------------------- | ------------ |
| `.csv`, `.tsv`, `.npz`, or a folder of data | `arrays`     |
| `.txt`                                      | `characters` |

Data without test examples lose a fifth to them: a score that nothing was chosen by is what people
want to know.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from einsearch.errors import SettingError, SpaceFileError, TaskError
from einsearch.files import user_path
from einsearch.grammar.modules import nearest
from einsearch.numbers import count, duration, memory, plural
from einsearch.recipe.places import task_of
from einsearch.recipe.spaces import Choice, grammar_for
from einsearch.recipe.telling import in_brief as training_in_brief
from einsearch.shown import shown_line
from einsearch.study.earlier import texts_of
from einsearch.study.folder import SPACE
from einsearch.study.plan import ENDS, Plan, changed_file, load_file_grammar, plan_file, required
from einsearch.study.planning.outline import Outline
from einsearch.study.spacefile import SpaceFile
from einsearch.study.spacereading import build_space
from einsearch.study.starting import starts_of
from einsearch.tasks.base import Task
from einsearch.tasks.registry import all_tasks, make_task

TEST: Final = 0.2
"""Of the examples, where there are no test data."""

_APART: Final = ("path", "seed", "base")
"""Parameters of a task that a caller does not give: `seed` is that of the whole search."""
_OTHERS: Final = ("pruner", "workers", "address", "cpus", "gpus", "memory", *ENDS)
"""Changes that are no sections of a search-space file."""


@dataclass(frozen=True)
class FromData:
    """The search space of a search that was given data alone.

    Attributes:
        path: of the data, absolute.
        file: it.
        task: with its data.
        choice: of the grammar.
        notes: what was decided of the data, for people.
    """

    path: Path
    file: SpaceFile
    task: Task
    choice: Choice
    notes: tuple[str, ...]


def data_options(path: Path) -> tuple[str, ...]:
    """Names of the options that the task of such data takes."""
    parameters = inspect.signature(all_tasks()[task_of(path)]).parameters
    return tuple(name for name in parameters if name not in _APART)


def read_data(source: str | Path, options: Mapping[str, Any]) -> FromData:
    """What a search of data will search: everything but what fits into its minutes.

    Args:
        source: a file or folder.
        options: those of the task, by name (`test: 0` keeps no test data back); `grammar`; and
            what `changed_file` takes. None says nothing.

    Raises:
        TaskError: the data cannot be used.
        SettingError: an option is wrong.
    """
    path = user_path(source)
    given = {name: value for name, value in options.items() if value is not None}
    known = data_options(path)
    changes = {name: value for name, value in given.items() if name not in known}
    _check_names(changes, known, path)
    of_data = {name: given[name] for name in known if name in given}
    found = space_of_data(path, of_data, changes.pop("grammar", None))
    file = changed_file(found.file, changes)
    if file.seeds is None and not file.follows_data:
        file = file.model_copy(update={"seeds": _seeds_of(found, file)})
    return replace(found, file=file)


def _seeds_of(found: FromData, file: SpaceFile) -> tuple[str, ...]:
    """All seeds that take the data, where a file whose training is given would have none."""
    grammar = load_file_grammar(file)
    require = required(file, grammar, found.task)
    open_file = found.file.model_copy(update={"limits": file.limits})
    return starts_of(open_file, grammar, found.task.input, require).names


def plan_data(found: FromData, *, measures: bool = True) -> Plan:
    """The search, ready to start, with what was decided among its notes and in its file;
    `measures` as of `plan_file`."""
    plan = plan_file(found.file, task=found.task, measures=measures)
    notes = (*found.notes, shown_line(f"grammar {found.choice.name}: {found.choice.reason}"))
    files = {**plan.files, SPACE: _headed(found, notes, plan.files[SPACE])}
    return replace(plan, notes=(*notes, *plan.notes), files=files)


def space_of_data(path: Path, options: Mapping[str, Any], grammar: str | None = None) -> FromData:
    """The search space that data ask for.

    Args:
        path: absolute, of a file or folder.
        options: of the task.
        grammar: name or path of the grammar; None for the one that suits the task.

    Raises:
        EinsearchError: the data or the grammar cannot be used.
    """
    config, task, told = _with_test({"name": task_of(path), "path": str(path), **options})
    choice = grammar_for(task)
    if grammar is not None:
        choice = Choice(str(grammar), "as you say")
    try:
        file = build_space({"grammar": choice.name, "task": config}, Path())
    except SpaceFileError as error:
        raise SettingError(error.message, hint=error.hint) from None
    return FromData(path, file, task, choice, told)


def told_in_brief(plan: Plan) -> Plan:
    """A plan that says, before the search begins, how its minutes are divided."""
    brief: tuple[str, ...] = ()
    if plan.outline is not None and plan.file is not None:
        brief = in_brief(plan.outline, texts_of(plan.file))
    return replace(plan, notes=(*plan.notes, *brief))


def in_brief(outline: Outline, seeds: Sequence[str]) -> tuple[str, ...]:
    """A plan in a few sentences; nothing where no time is set.

    Args:
        outline: what was decided.
        seeds: names of the architectures that the search begins with.
    """
    times, limits = outline.times, outline.ceilings.limits
    if times is None:
        return ()
    final = f", full training {duration(times.final)} at most" if times.final else ""
    workers = plural(outline.shares.workers, "worker")
    each = [f"{duration(times.candidate)}"]
    if limits.parameters is not None:
        each.append(f"{count(limits.parameters)} parameters")
    if limits.activation_memory is not None:
        each.append(f"{memory(limits.activation_memory)} of activations")
    begins = (f"the search begins with {', '.join(seeds)}",) if seeds else ()
    return (
        *begins,
        training_in_brief(outline.file.training),
        f"{duration(times.total)} in all: search {duration(times.search)} with {workers}{final}",
        f"a candidate takes {', '.join(each)} at most",
    )


def _with_test(config: dict[str, Any]) -> tuple[dict[str, Any], Task, tuple[str, ...]]:
    """What the task was made of, the task, and what is to be told of its test data."""
    wanted = config.pop("test", None)
    if wanted is not None and wanted != 0:
        config["test"] = wanted
    task = make_task(config)
    if task.has_test or wanted is not None or config["name"] != "arrays":
        return config, task, ()
    kept = {**config, "test": TEST}
    try:
        task = make_task(kept)
    except TaskError as error:
        return config, task, (f"nothing is kept back for a test: {error}",)
    note = "no test data: a fifth of the examples is kept back for the test, test: 0 keeps none"
    return kept, task, (note,)


def _check_names(changes: Mapping[str, Any], known: tuple[str, ...], path: Path) -> None:
    sections = [name for name in SpaceFile.model_fields if name not in ("version", "task")]
    names = [*known, *sections, *_OTHERS]
    for name in changes:
        if name not in names:
            hint = nearest(name, names) or f"the data have the options {', '.join(known)}"
            raise SettingError(f"a search of {path.name} has no option {name}", hint=hint)


def _headed(found: FromData, notes: tuple[str, ...], text: str) -> str:
    """A search-space file that says where it came from."""
    told = (
        f"Made from {found.path}: {found.task.summary}.",
        *(f"{note[0].upper()}{note[1:]}." for note in notes),
    )
    return "".join(f"# {shown_line(line)}\n" for line in told) + text
