"""A search that runs on a cluster by itself, as a job of Ray's: submitted, followed, stopped.

The folder that travels holds the space file, the grammar with its imports, and the task's data;
einsearch itself has to be installed on the cluster.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import shlex
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from ray.exceptions import AuthenticationError
from ray.job_submission import JobStatus, JobSubmissionClient

from einsearch.errors import EinsearchError, SettingError
from einsearch.shown import shortened
from einsearch.study.folder import SPACE
from einsearch.study.grammarcopy import copied_name
from einsearch.study.importing import module_file
from einsearch.study.objectivesource import local_modules
from einsearch.study.plan import plan_file
from einsearch.study.spacefile import SpaceFile
from einsearch.study.usermodules import is_users_file

RUNS: Final = "einsearch-runs"
"""Folder for runs in the home directory of the cluster's head."""
_DATA: Final = "data"
_NO_RAY: Final = (LookupError, TypeError, AttributeError)
"""What Ray's client raises where the answers have another shape than it expects."""

_SECONDS_TO_BE_READY: Final = 60.0


@dataclass(frozen=True)
class Submitted:
    """A search on its way.

    Attributes:
        address: of the cluster's dashboard, such as http://127.0.0.1:8265.
        number: the job's, by which Ray knows it.
        run: run folder, on the cluster's head.
    """

    address: str
    number: str
    run: str


def submit(
    address: str,
    file: SpaceFile,
    run: str,
    environment: Mapping[str, Any] | None = None,
) -> Submitted:
    """Starts a search on a cluster, or goes on with it where its run folder is there already.

    Args:
        address: of the cluster's dashboard.
        file: what to search; its executor must be ray.
        run: run folder on the head; a relative one lies in `~/einsearch-runs`.
        environment: further entries of Ray's runtime environment, such as {"pip": ["timm"]}.

    Raises:
        SettingError: no dashboard can have that address.
        EinsearchError: the file cannot be used, or nobody takes the job there.
    """
    address = _dashboard(address)
    with _staged(file) as folder, _explained(address):
        client = JobSubmissionClient(address)
        number = _when_ready(
            lambda: client.submit_job(
                entrypoint=entrypoint(run),
                runtime_env={**(environment or {}), "working_dir": str(folder)},
                metadata={"run": run},
            )
        )
    return Submitted(address, number, run)


def _dashboard(address: str) -> str:
    """A dashboard's address, with the protocol where it was left out. Ray takes others for names of
    modules, or waits for minutes."""
    named = address if "://" in address else f"http://{address}"
    try:
        parts = urlsplit(named)
        is_one = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_one = False
    if not is_one or any(letter.isspace() for letter in address):
        raise SettingError(
            f"--submit: {shortened(address)!r} is no address of a dashboard; expected one as "
            "http://127.0.0.1:8265"
        )
    return named


def _when_ready(start: Callable[[], str]) -> str:
    """A cluster that has just started has nobody yet to take a job."""
    end = time.monotonic() + _SECONDS_TO_BE_READY
    while True:
        try:
            return start()
        except RuntimeError as error:
            if "No available agent" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(1.0)


def entrypoint(run: str) -> str:
    """The command on the head: searches or goes on, then lists the trials."""
    quoted = shlex.quote(run)
    place = quoted if run.startswith("/") else f'"$HOME"/{RUNS}/{quoted}'
    begin = f"einsearch search {SPACE} --run {place}"
    go_on = f"einsearch resume {place} --executor ray --address auto"
    search = f"if [ -d {place} ]; then {go_on}; else {begin}; fi"
    script = f"{search}; state=$?; einsearch trials {place}; exit $state"
    return f"bash -c {shlex.quote(script)}"


def follow(job: Submitted, write: Callable[[str], object]) -> bool:
    """Hands on what the search prints until it ends; whether it ended well.

    Raises:
        EinsearchError: the cluster answers no more.
    """

    async def tail(client: Any) -> None:
        async for lines in client.tail_job_logs(job.number):
            write(lines)

    logging.getLogger("ray").setLevel(logging.WARNING)  # it tells of its own connections
    with _explained(job.address):
        client = JobSubmissionClient(job.address)
        asyncio.run(tail(client))
        return bool(client.get_job_status(job.number) == JobStatus.SUCCEEDED)


def stop(job: Submitted) -> None:
    """Has the search end in order; its run folder stays. Raises EinsearchError."""
    with _explained(job.address):
        JobSubmissionClient(job.address).stop_job(job.number)


@contextmanager
def _explained(address: str) -> Iterator[None]:
    try:
        yield
    except (AuthenticationError, OSError, RuntimeError, ValueError, *_NO_RAY) as error:
        told = shortened(str(error)).rstrip(".")
        if isinstance(error, _NO_RAY):
            told = "its answer is none of Ray's"
        raise EinsearchError(
            f"the Ray cluster at {address} does not take jobs: {told}. Expected "
            "the address of its dashboard, http://127.0.0.1:8265 unless another was given; with a "
            "token, RAY_AUTH_MODE=token must be set here as well"
        ) from None


@contextmanager
def _staged(file: SpaceFile) -> Iterator[Path]:
    """A folder with all that the search needs, while it is being uploaded."""
    with tempfile.TemporaryDirectory(prefix="einsearch-") as name:
        folder = Path(name)
        plan = plan_file(file)
        task = _copy_task(file, folder)
        # Earlier runs stay here: what the search takes of them is in the file of the plan.
        moved = (plan.file or file).model_copy(
            update={"grammar": copied_name(plan.grammar), "task": task}
        )
        for relative, text in {**plan.files, SPACE: moved.text}.items():
            target = folder / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        yield folder


def _copy_task(file: SpaceFile, folder: Path) -> dict[str, Any]:
    """Copies a task's data, or an objective's module, into the folder; the task's section there."""
    if file.objective is not None:
        return _copy_objective(file, folder)
    path = file.task.get("path")
    if isinstance(path, str) and (source := file.base / path).exists():
        _copy(source, folder / _DATA / source.name)
        return {**file.task, "path": f"{_DATA}/{source.name}"}
    return dict(file.task)


def _copy_objective(file: SpaceFile, folder: Path) -> dict[str, Any]:
    """Copies the module of an objective, and what it imports from its own folder, beside the
    search-space file. What is installed has to be installed on the cluster too."""
    name = str(file.objective).partition(":")[0]
    origin = _origin(file, name)
    if origin is not None:
        root = origin.parents[name.count(".") + (origin.name == "__init__.py")]
        for path in local_modules(name, origin, root).values():
            top = root / path.relative_to(root).parts[0]
            if not (folder / top.name).exists():
                _copy(top, folder / top.name)
    return {name: value for name, value in file.task.items() if name != "folder"}


def _origin(file: SpaceFile, name: str) -> Path | None:
    """The file of the module of an objective, where it is the user's own."""
    beside = (module_file(place, name) for place in file.objective_folders)
    origin = next((found for found in beside if found is not None), None)
    if origin is not None:
        return origin
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    if spec is None or not spec.has_location or spec.origin is None:  # built in, or frozen
        return None
    return Path(spec.origin) if is_users_file(Path(spec.origin)) else None


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy2(source, target)
