"""What the types of a search-space file do not say: whether grammars, tasks, searchers, objectives
are there, and whether its sections go together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from pydantic import BaseModel

from einsearch.errors import (
    EinsearchError,
    Location,
    RunError,
    SearcherError,
    ShapeError,
    SpaceFileError,
    TaskError,
)
from einsearch.files import expanded
from einsearch.grammar.model import REQUIREMENTS
from einsearch.grammar.modules import nearest
from einsearch.resources import resource_names
from einsearch.searchers.registry import check_searcher
from einsearch.specs import parse_spec
from einsearch.study import spacefile as sf
from einsearch.study.folder import RunFolder
from einsearch.study.importing import module_file
from einsearch.study.mistakes import show
from einsearch.study.places import check_place
from einsearch.study.searchedtraining import SECTION
from einsearch.study.seeding import EarlierRun
from einsearch.study.yamltext import Keys
from einsearch.tasks.base import METRICS
from einsearch.tasks.registry import check_task

COSTS: Final = ("parameters", "flops", "activation_memory", "latency")
"""Objectives that do not come from training, whatever the task: the graph gives them, but for
latency, which is measured."""

_OBJECTIVE: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


class Locate(Protocol):
    """Finds the place of a path in the text that was read."""

    def __call__(self, path: Keys, *, key: bool = False) -> Location | None: ...


def advice(name: str, known: Iterable[str]) -> str:
    """The nearest of some names, or all of them."""
    names = list(known)
    return nearest(name, names) or f"there are {', '.join(names)}"


class Checks:
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
        self._check_constraints()
        self._check_epochs()
        changed = {
            "task": task,
            "searcher": self._checked_searcher(),
            "budget": self._checked_budget(),
            "seeds": self._checked_seeds(),
        }
        return self.space.model_copy(update=changed)

    def _error(
        self, message: str, path: Keys, hint: str = "", *, key: bool = False
    ) -> SpaceFileError:
        return SpaceFileError(message, self.locate(path, key=key), hint)

    def _check_grammar(self) -> None:
        name = self.space.grammar
        if self.space.grammar_path is not None:
            return
        if name.endswith(".ein"):
            path = self.space.base / expanded(name)
            beside = {item.stem for item in path.parent.glob("*.ein")}
            hint = nearest(path.stem, beside | set(resource_names("grammars", ".ein")))
            raise self._error(f"there is no grammar {path}", ("grammar",), hint)
        packaged = resource_names("grammars", ".ein")
        hint = nearest(name, packaged) or (
            f"there are {', '.join(packaged)}; a file of yours needs its path, ending in .ein"
        )
        raise self._error(f"there is no packaged grammar named {name}", ("grammar",), hint)

    def _check_require(self) -> None:
        for place, name in enumerate(self.space.require or ()):
            if name not in REQUIREMENTS:
                hint = advice(name, REQUIREMENTS)
                raise self._error(f"nothing to require is named {name}", ("require", place), hint)

    def _checked_objective(self) -> dict[str, Any]:
        """The task as an objective of the user's."""
        task = self.space.task
        for key in task:
            if key not in ("objective", "input", "folder"):
                hint = "an objective has the keys objective, input and folder"
                raise self._error(f"task has no key {key}", ("task", key), hint, key=True)
        if not isinstance(task["objective"], str) or not _OBJECTIVE.fullmatch(task["objective"]):
            message = (
                f"task.objective is {show(task['objective'])}: expected package.module:function"
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
            if key in self.written and self.written[key] not in ({}, self._default(key)):
                hint = "an objective trains as it sees fit"
                raise self._error(f"{key} is for tasks with data", (key,), hint, key=True)
        return {**task, **self._objective_folder(task)}

    def _objective_folder(self, task: Mapping[str, Any]) -> dict[str, str]:
        """The absolute path of the folder with the objective's module, where it is known."""
        given = task.get("folder")
        if given is None:
            beside = module_file(self.space.base, task["objective"]) is not None
            return {"folder": str(self.space.base.resolve())} if beside else {}
        if not isinstance(given, str):
            raise self._error(f"task.folder is {show(given)}: expected a path", ("task", "folder"))
        return {"folder": str((self.space.base / Path(given).expanduser()).resolve())}

    def _default(self, key: str) -> Any:
        """A section's defaults, as `SpaceFile.text` writes them."""
        default = sf.SpaceFile.model_fields[key].default
        if not isinstance(default, BaseModel):
            return default
        searched = self.space.searched if key == SECTION else {}
        return default.model_dump(exclude=set(searched))

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
        """An error at the option that it names and comes from; at the name, if there is none."""
        options = {key: value for key, value in config.items() if key != "name"}
        for key in options if "name" in config else ():
            others = {name: value for name, value in config.items() if name != key}
            is_named = re.search(rf"\b{re.escape(key)}\b", str(error)) is not None
            if is_named and _refusal(check, others) != str(error):
                return self._error(str(error), (section, key), key=True)
        return self._error(str(error), (section, "name"))

    def _check_objectives(self) -> None:
        if self.space.objective is not None or self.space.objectives is None:
            return
        metrics = {metric.name: metric for group in METRICS.values() for metric in group}
        for name, direction in self.space.objectives.items():
            path = ("objectives", name)
            if name not in metrics and name not in COSTS:
                hint = advice(name, (*metrics, *COSTS))
                raise self._error(f"no objective is named {name}", path, hint, key=True)
            if name in metrics and metrics[name].direction != direction:
                better = metrics[name].direction
                raise self._error(f"{name} is better the other way: say {name}: {better}", path)

    def _check_constraints(self) -> None:
        if self.space.objective is not None:
            return
        metrics = {metric.name: metric for group in METRICS.values() for metric in group}
        for name, bound in self.space.constraints.items():
            path = ("constraints", name)
            if name not in metrics and name not in COSTS:
                hint = advice(name, (*COSTS, *metrics))
                raise self._error(f"nothing to constrain is named {name}", path, hint, key=True)
            if name in metrics and metrics[name].direction == "maximize":
                hint = "make it an objective"
                message = f"a constraint is an upper bound, and {name} is better the larger it is"
                raise self._error(message, path, hint, key=True)
            is_positive = name in metrics or name == "latency"
            if bound < 0 or (bound == 0 and is_positive):
                raise self._error(f"no network has {name} {bound:g}", path, "say a larger bound")

    def _checked_budget(self) -> sf.BudgetSection:
        """The budget, its checkpoints at an absolute path."""
        budget, epochs = self.space.budget, self.space.budget.epochs
        if epochs is None or epochs.checkpoints is None:
            return budget
        path = ("budget", "epochs", "checkpoints")
        if epochs.pruner != "asha":
            message = f"{epochs.pruner} stops candidates for good, and keeps no checkpoints"
            raise self._error(message, path, key=True)
        place = epochs.checkpoints
        if "://" not in place:
            place = str((self.space.base / expanded(place)).resolve())
        try:
            check_place(place)
        except SpaceFileError as error:
            raise self._error(error.message, path, error.hint) from None
        chosen = epochs.model_copy(update={"checkpoints": place})
        return budget.model_copy(update={"epochs": chosen})

    def _checked_seeds(self) -> tuple[str | EarlierRun, ...] | None:
        """The seeds, the folders of earlier runs at absolute paths; None where none are given."""
        if self.space.seeds is None:
            return None
        found: list[str | EarlierRun] = []
        for place, seed in enumerate(self.space.seeds):
            if isinstance(seed, str):
                found.append(seed)
                continue
            path = str((self.space.base / expanded(seed.run)).resolve())
            try:
                RunFolder(Path(path))
            except RunError as error:
                raise self._error(str(error), ("seeds", place, "run")) from None
            found.append(seed.model_copy(update={"run": path}))
        return tuple(found)

    def _check_epochs(self) -> None:
        epochs = self.space.budget.epochs
        if epochs is None:
            return
        path = ("budget", "epochs")
        if self.space.objective is not None and epochs.max is None:
            hint = "say max: the epochs of an objective of yours are not known here"
            raise self._error("the key budget.epochs.max is missing", path, hint)
        full = self.space.full_training.total_epochs
        if epochs.min >= full and not self.space.follows_data:
            message = f"budget.epochs.min is {epochs.min}: expected less than the {full} of all"
            raise self._error(message, (*path, "min"))
        main = next(iter(self.space.objectives or {}), "")
        if epochs.pruner != "asha" and main in COSTS:
            hint = "put another objective first, or say pruner: asha, which compares by all"
            message = (
                f"{epochs.pruner} compares by the main objective, and training does not change "
                f"{main}"
            )
            raise self._error(message, (*path, "pruner"), hint)


def _refusal(check: Callable[[dict[str, Any]], Any], config: dict[str, Any]) -> str:
    """What a check says against something; nothing where it has no objection."""
    try:
        check(config)
    except EinsearchError as error:
        return str(error)
    return ""
