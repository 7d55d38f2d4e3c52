"""Tasks by name: `register_task`, `all_tasks`, and `make_task` for a search-space file's entry."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from einsearch.errors import TaskError
from einsearch.files import expanded
from einsearch.plugins import RegistrationError, is_same, load_plugins, lost_plugin
from einsearch.tasks.base import Task

Factory = Callable[..., Task]
"""Makes a task. Its keyword-only parameters, with type hints, are the options that a file may
give; the one called `base` is not an option, but the folder that relative paths start from."""

_REGISTRY: dict[str, Factory] = {}
_F = TypeVar("_F", bound=Factory)


def register_task(name: str) -> Callable[[_F], _F]:
    """Decorator that makes a factory known under `name`."""

    if not isinstance(name, str):
        raise RegistrationError('a task needs a name: @register_task("mine")')

    def register(factory: _F) -> _F:
        if not callable(factory):
            raise RegistrationError(f"the task {name} is no function: {factory!r}")
        if name in _REGISTRY and not is_same(_REGISTRY[name], factory):
            raise RegistrationError(f"a task named {name} is registered already")
        _REGISTRY[name] = factory
        return factory

    return register


@lru_cache(maxsize=1)
def _load_all() -> None:
    import einsearch.tasks.arrays
    import einsearch.tasks.characters
    import einsearch.tasks.digits
    import einsearch.tasks.generated  # noqa: F401  registers what ships with einsearch

    load_plugins("einsearch.tasks")


def all_tasks() -> dict[str, Factory]:
    """Factories of all known tasks by name, sorted, other packages' entry points included."""
    _load_all()
    return dict(sorted(_REGISTRY.items()))


def check_task(config: str | Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Name and all options, defaults filled in, of the task that a user asks for; reads no data.

    Args:
        config: a name, or {name: ..., and the options of that task}.

    Raises:
        TaskError: no such task or option, or a value of the wrong kind.
    """
    options: dict[str, Any] = {"name": config} if isinstance(config, str) else dict(config)
    name = options.pop("name", None)
    if not isinstance(name, str):
        raise TaskError(f"a task needs a name: {{name: digits}}; found {options}")
    factories = all_tasks()
    if name not in factories:
        lost = lost_plugin(name)
        why = f": {lost}" if lost else _advice(name, factories)
        raise TaskError(f"no task is named {name}{why}")
    return name, _checked(name, factories[name], options)


def make_task(
    config: str | Mapping[str, Any], base: Path | None = None, *, checks_test: bool = True
) -> Task:
    """The task that a search-space file asks for.

    Args:
        config: as `check_task` takes it.
        base: folder that relative paths start from; the current one if None.
        checks_test: whether test data are read once, to see whether they can be used, and dropped;
            where they cannot, the mistake is told before hours of training and not after.

    Raises:
        TaskError: as `check_task` raises it, or the data cannot be used.
    """
    name, options = check_task(config)
    factory = all_tasks()[name]
    task = factory(**options, **_base_argument(factory, base))
    if checks_test and task.has_test:
        task.test()
    return task


def _base_argument(factory: Factory, base: Path | None) -> dict[str, Path]:
    return {"base": base or Path()} if "base" in inspect.signature(factory).parameters else {}


def _checked(name: str, factory: Factory, options: Mapping[str, Any]) -> dict[str, Any]:
    """Options converted to the types that the factory declares."""
    from pydantic import ConfigDict, ValidationError, create_model

    parameters = inspect.signature(factory, eval_str=True).parameters
    fields = {
        p.name: (p.annotation, ... if p.default is p.empty else p.default)
        for p in parameters.values()
        if p.name != "base"
    }
    for key in options:
        if key not in fields:
            raise TaskError(f"the task {name} has no option {key}{_advice(str(key), fields)}")
    model = create_model(name, __config__=ConfigDict(extra="forbid"), **fields)  # type: ignore[call-overload]
    try:
        checked = model.model_validate(dict(options))
    except ValidationError as error:
        raise TaskError(f"the task {name}: {_problems(error.errors())}") from None
    return {field: _own(getattr(checked, field)) for field in fields}


def _own(value: Any) -> Any:
    """An option as a task takes it: paths with their `~` expanded."""
    return expanded(value) if isinstance(value, Path) else value


def _problems(errors: Iterable[Mapping[str, Any]]) -> str:
    """What pydantic found, as one line."""
    lines = []
    for error in errors:
        option = ".".join(map(str, error["loc"]))
        if error["type"] == "missing":
            lines.append(f"the option {option} is missing")
        else:
            message = error["msg"][0].lower() + error["msg"][1:]
            lines.append(f"{option} is {error['input']!r}: {message}")
    return "; ".join(lines)


def _advice(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {near[0]}?" if near else f"; there are: {', '.join(names) or 'none'}"
