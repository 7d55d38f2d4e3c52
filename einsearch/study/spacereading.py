"""Plain data -> `SpaceFile`, with every mistake explained where it stands.

First the types, by pydantic, whose findings are put into the words of a user; then what only the
rest of einsearch knows: grammars, tasks, searchers, objectives.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from pydantic import BaseModel, ValidationError

from einsearch.errors import (
    EinsearchError,
    Location,
    SearcherError,
    ShapeError,
    SpaceFileError,
    TaskError,
)
from einsearch.evaluate.config import TrainingConfig
from einsearch.grammar.model import REQUIREMENTS
from einsearch.grammar.modules import nearest
from einsearch.resources import resource_names
from einsearch.searchers.registry import check_searcher
from einsearch.specs import parse_spec
from einsearch.study import spacefile as sf
from einsearch.study.yamltext import Keys
from einsearch.tasks.base import METRICS
from einsearch.tasks.registry import check_task

COSTS: Final = ("parameters", "flops", "activation_memory")
"""Objectives that a graph gives, whatever the task."""

_SECTIONS: Final[Mapping[str, type[BaseModel]]] = {
    "sampling": sf.SamplingSection,
    "limits": sf.LimitsSection,
    "training": TrainingConfig,
    "budget": sf.BudgetSection,
    "executor": sf.ExecutorSection,
    "trial": sf.TrialSection,
    "final": sf.FinalSection,
}
_SHORTHANDS: Final = ("task", "searcher", "executor")
"""Sections for which a name alone may stand."""

_OBJECTIVE: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")

_EXPECTED: Final[Mapping[str, str]] = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "string_too_short": "some text",
    "tuple_type": "a list, such as [a, b]",
    "dict_type": "keys with values",
    "mapping_type": "keys with values",
    "model_type": "keys with values",
    "too_short": "at least one",
    "greater_than_equal": "at least {ge}",
    "greater_than": "more than {gt}",
    "less_than_equal": "at most {le}",
    "less_than": "less than {lt}",
    "literal_error": "{expected}",
}
"""What pydantic wanted, by the type of its error."""


class Locate(Protocol):
    """Finds the place of a path in the text that was read."""

    def __call__(self, path: Keys, *, key: bool = False) -> Location | None: ...


def _nowhere(path: Keys, *, key: bool = False) -> None:
    return None


def build_space(data: Any, base: Path, locate: Locate = _nowhere) -> sf.SpaceFile:
    """A search space from what a file says.

    Args:
        data: plain data.
        base: folder that relative paths start from.
        locate: finds places for messages.

    Raises:
        SpaceFileError: what is wrong, where, and what was expected.
    """
    if not isinstance(data, dict):
        raise SpaceFileError(
            f"expected keys with values, found {_show(data)}",
            locate(()),
            "such as: {grammar: einspace, task: {name: digits}}",
        )
    written = {
        key: {"name": value} if key in _SHORTHANDS and isinstance(value, str) else value
        for key, value in data.items()
    }
    try:
        space = sf.SpaceFile.model_validate(written)
    except ValidationError as error:
        raise _explain(error, locate) from None
    space._base = base
    return _Checks(space, written, locate).checked()


def _explain(error: ValidationError, locate: Locate) -> SpaceFileError:
    """The first mistake of the text, and how many there are."""
    mistakes = [_mistake(dict(details), locate) for details in error.errors()]
    mistakes.sort(key=lambda mistake: _place(mistake.location))
    first, others = mistakes[0], len(mistakes) - 1
    if not others:
        return first
    more = "and 1 more mistake" if others == 1 else f"and {others} more mistakes"
    hint = f"{first.hint}; {more}" if first.hint else more
    return SpaceFileError(first.message, first.location, hint)


def _place(location: Location | None) -> tuple[int, int]:
    return (location.line, location.column) if location else (0, 0)


def _mistake(details: Mapping[str, Any], locate: Locate) -> SpaceFileError:
    path: Keys = tuple(part for part in details["loc"] if part != "[key]")
    kind, found = details["type"], details["input"]
    name = ".".join(map(str, path))
    if kind == "extra_forbidden":
        section, key = ".".join(map(str, path[:-1])), str(path[-1])
        message = f"{section} has no key {key}" if section else f"there is no key {key}"
        return SpaceFileError(message, locate(path, key=True), _advice(key, _known_keys(path[:-1])))
    if kind == "missing":
        hint = "every search space needs grammar and task"
        return SpaceFileError(f"the key {name} is missing", locate(path[:-1]), hint)
    if kind == "value_error" and isinstance(found, dict):
        return SpaceFileError(f"{name}: {details['ctx']['error']}", locate(path))
    if kind == "value_error":
        expected = str(details["ctx"]["error"]).removeprefix("expected ")
    else:
        expected = _EXPECTED.get(kind, details["msg"]).format_map(details.get("ctx", {}))
        expected = expected.replace("'", "")  # around the literals
    return SpaceFileError(f"{name} is {_show(found)}: expected {expected}", locate(path))


def _known_keys(section: Keys) -> Iterable[str]:
    model = _SECTIONS[str(section[0])] if section else sf.SpaceFile
    return model.model_fields


def _show(value: Any) -> str:
    """What was found, in the words of YAML."""
    if value is None:
        return "empty"
    if isinstance(value, (dict, list)):
        return "a list" if isinstance(value, list) else "a group of keys"
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _advice(name: str, known: Iterable[str]) -> str:
    names = list(known)
    return nearest(name, names) or f"there are {', '.join(names)}"


class _Checks:
    """What the types do not say."""

    def __init__(self, space: sf.SpaceFile, written: Mapping[str, Any], locate: Locate) -> None:
        self.space = space
        self.written = written
        self.locate = locate

    def checked(self) -> sf.SpaceFile:
        """The space with the searcher's defaults filled in and the paths of its task absolute."""
        self._check_grammar()
        self._check_require()
        task = self._checked_objective() if "objective" in self.space.task else self._checked_task()
        self._check_objectives()
        return self.space.model_copy(update={"task": task, "searcher": self._checked_searcher()})

    def _error(
        self, message: str, path: Keys, hint: str = "", *, key: bool = False
    ) -> SpaceFileError:
        return SpaceFileError(message, self.locate(path, key=key), hint)

    def _check_grammar(self) -> None:
        name = self.space.grammar
        if self.space.grammar_path is not None:
            return
        if name.endswith(".ein"):
            raise self._error(f"there is no grammar {self.space.base / name}", ("grammar",))
        packaged = resource_names("grammars", ".ein")
        hint = nearest(name, packaged) or (
            f"there are {', '.join(packaged)}; a file of yours needs its path, ending in .ein"
        )
        raise self._error(f"there is no packaged grammar named {name}", ("grammar",), hint)

    def _check_require(self) -> None:
        for place, name in enumerate(self.space.require or ()):
            if name not in REQUIREMENTS:
                hint = _advice(name, REQUIREMENTS)
                raise self._error(f"nothing to require is named {name}", ("require", place), hint)

    def _checked_objective(self) -> dict[str, Any]:
        """The task as an objective of the user's."""
        task = self.space.task
        for key in task:
            if key not in ("objective", "input"):
                hint = "an objective has the keys objective and input"
                raise self._error(f"task has no key {key}", ("task", key), hint, key=True)
        if not isinstance(task["objective"], str) or not _OBJECTIVE.fullmatch(task["objective"]):
            message = (
                f"task.objective is {_show(task['objective'])}: expected package.module:function"
            )
            raise self._error(message, ("task", "objective"))
        if "input" not in task:
            hint = "say what enters the networks, such as input: image:3x32x32"
            raise self._error("the key task.input is missing", ("task",), hint)
        try:
            parse_spec(str(task["input"]))
        except ShapeError as error:
            raise self._error(f"task.input: {error}", ("task", "input")) from None
        for key in ("training", "final"):
            if key in self.written and self.written[key] != self._default(key):
                hint = "an objective trains as it sees fit"
                raise self._error(f"{key} is for tasks with data", (key,), hint, key=True)
        return dict(task)

    def _default(self, key: str) -> Any:
        """A section's defaults, as `SpaceFile.text` writes them."""
        default = sf.SpaceFile.model_fields[key].default
        return default.model_dump() if isinstance(default, BaseModel) else default

    def _checked_task(self) -> dict[str, Any]:
        """The task with absolute paths."""
        task = dict(self.space.task)
        try:
            _, options = check_task(task)
        except TaskError as error:
            raise self._error_of_option("task", task, check_task, error) from None
        for key, value in options.items():
            if key in task and isinstance(value, Path):
                task[key] = str((self.space.base / value).resolve())
        return task

    def _checked_searcher(self) -> dict[str, Any]:
        """The searcher with all its options."""
        config = dict(self.space.searcher)
        try:
            name, options = check_searcher(config)
        except SearcherError as error:
            raise self._error_of_option("searcher", config, check_searcher, error) from None
        return {"name": name, **options}

    def _error_of_option(
        self,
        section: str,
        config: Mapping[str, Any],
        check: Callable[[dict[str, Any]], Any],
        error: EinsearchError,
    ) -> SpaceFileError:
        """An error at the option that is wrong by itself; at the name, if none is."""
        options = {key: value for key, value in config.items() if key != "name"}
        for key, value in options.items() if "name" in config else ():
            try:
                check({"name": config["name"], key: value})
            except EinsearchError as alone:
                if key in str(alone) and str(alone) in str(error):
                    return self._error(str(error), (section, key), key=True)
        return self._error(str(error), (section, "name"))

    def _check_objectives(self) -> None:
        if self.space.objective is not None or self.space.objectives is None:
            return
        metrics = {metric.name: metric for group in METRICS.values() for metric in group}
        for name, direction in self.space.objectives.items():
            path = ("objectives", name)
            if name not in metrics and name not in COSTS:
                hint = _advice(name, (*metrics, *COSTS))
                raise self._error(f"no objective is named {name}", path, hint, key=True)
            if name in metrics and metrics[name].direction != direction:
                better = metrics[name].direction
                raise self._error(f"{name} is better the other way: say {name}: {better}", path)
