"""From what a user says of where candidates run to the executor that runs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from einsearch.compile.given import wrong
from einsearch.errors import EinsearchError
from einsearch.evaluate.machine import Shares
from einsearch.resources import install_hint
from einsearch.study.executor import Executor, WorkFactory
from einsearch.study.folder import WORKERS_LOG, RunFolder
from einsearch.study.inline import InlineExecutor
from einsearch.study.local import LocalExecutor
from einsearch.study.packing import pack
from einsearch.study.spacefile import ExecutorSection

MakeExecutor = Callable[[RunFolder | None], Executor]
"""Starts an executor; output of its processes goes into the run folder, where there is one."""


def executor_section(
    executor: str | Mapping[str, Any] | None, workers: int | None
) -> ExecutorSection:
    """Where candidates run as a caller from Python says it; without a word, in its process.

    Raises:
        EinsearchError: it is no executor, or has no such option.
    """
    if not isinstance(executor, (str, Mapping, type(None))):
        raise wrong("executor", executor, 'a name, or {"name": "local", "workers": 4}')
    given: dict[str, Any] = (
        {"name": executor} if isinstance(executor, str) else dict(executor or {})
    )
    if workers is not None:
        given["workers"] = workers
    given.setdefault("name", "local" if "workers" in given else "inline")
    try:
        return ExecutorSection.model_validate(given)
    except ValidationError as error:
        found = error.errors()[0]
        place = ".".join(["executor", *map(str, found["loc"])])
        raise EinsearchError(f"{place}: {found['msg']}; found {found['input']!r}") from None


def executor_maker(section: ExecutorSection, factory: WorkFactory, shares: Shares) -> MakeExecutor:
    """What starts the executor that a user asks for.

    Args:
        section: which, and how.
        factory: builds the work.
        shares: of this machine's memory.

    Raises:
        EinsearchError: the work cannot be sent to processes. By what is returned: the executor
            cannot be started.
    """
    if section.name == "local":
        pack(factory)

    def make(folder: RunFolder | None) -> Executor:
        if section.name == "inline":
            return InlineExecutor(factory())
        if section.name == "ray":
            return _on_ray(section, factory)
        log = None if folder is None else folder.appended(WORKERS_LOG)
        return LocalExecutor(factory, shares.workers, memory=shares.worker, log=log)

    return make


def _on_ray(section: ExecutorSection, factory: WorkFactory) -> Executor:
    try:
        from einsearch.study.ray.executor import RayExecutor
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise EinsearchError(
            f"the executor ray needs Ray, which is not installed: {install_hint('ray')}"
        ) from None
    from einsearch.study.ray.nodes import Resources

    resources = Resources(section.cpus, section.gpus, section.memory, section.resources)
    return RayExecutor(
        factory,
        section.workers,
        resources=resources,
        address=section.address,
        wait=section.wait,
    )
