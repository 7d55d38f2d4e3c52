"""task.json: what the networks of a run need of their task, and what its scores hang on.

| key         | holds                                                             |
| ----------- | ----------------------------------------------------------------- |
| format      | version of the file                                               |
| input       | the tensor that enters every network                              |
| task        | the task without its data; null for an objective of the user's    |
| fingerprint | part -> SHA-256 of the data, of a plug-in's and objective's source |

Commands that show, report and export read this, and ask for no data.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from einsearch.errors import EinsearchError, RunError, TaskError
from einsearch.files import user_path
from einsearch.specs import TensorSpec, parse_spec
from einsearch.study.folder import TASK, RunFolder
from einsearch.study.spacefile import SpaceFile
from einsearch.tasks.base import Task
from einsearch.tasks.fingerprint import data_paths, differences
from einsearch.tasks.recorded import RecordedTask, decode_task, encode_task

FORMAT: Final = 1


def task_text(spec: TensorSpec, task: Task | None, fingerprint: Mapping[str, str]) -> str:
    """task.json of a run.

    Args:
        spec: the tensor that enters every network.
        task: with its data; None for an objective of the user's.
        fingerprint: of what its scores hang on.
    """
    content = {
        "format": FORMAT,
        "input": str(spec),
        "task": None if task is None else encode_task(task),
        "fingerprint": dict(fingerprint),
    }
    return json.dumps(content, indent=2) + "\n"


def recorded_task(folder: RunFolder) -> RecordedTask | None:
    """The task of a run without its data; None for an objective, and for a run of a version of
    einsearch that did not keep it.

    Raises:
        RunError: the file is damaged.
    """
    content = _read(folder)
    task = None if content is None else content["task"]
    if task is None:
        return None
    try:
        return decode_task(task)
    except TaskError as error:
        raise _damaged(folder, str(error)) from None


def recorded_input(folder: RunFolder) -> TensorSpec | None:
    """The tensor that enters every network of a run; None where it was not kept. Raises
    RunError."""
    content = _read(folder)
    if content is None:
        return None
    try:
        return parse_spec(content["input"])
    except EinsearchError as error:
        raise _damaged(folder, f"input: {error}") from None


def recorded_fingerprint(folder: RunFolder) -> dict[str, str]:
    """What the scores of a run hang on; empty where it was not kept. Raises RunError."""
    content = _read(folder)
    return {} if content is None else dict(content["fingerprint"])


def check_unchanged(folder: RunFolder, found: Mapping[str, str]) -> None:
    """Raises RunError where data or sources are not those that the run began with."""
    recorded = recorded_fingerprint(folder)
    told = differences(recorded, found) if recorded else []
    if told:
        raise RunError(
            f"the run {folder.path} began with something else: {'; '.join(told)}. Its scores would "
            "not compare: start a new run, or take the changes on purpose with --accept-changes "
            "(accept_changes=True from Python)"
        )


def located(folder: RunFolder, file: SpaceFile, data: str | Path | None = None) -> SpaceFile:
    """The space file of a run, whose task finds its data.

    They are looked for where they were; then where they would be if they had moved together with
    the run folder; then beside it.

    Args:
        folder: of the run.
        file: its space.yaml.
        data: where they are now, in place of the option `path`; None to look for them.

    Raises:
        RunError: they are nowhere (the message says where was looked), or the task has no files.
    """
    if file.objective is not None:
        if data is not None:
            raise RunError(f"{folder.path} was searched with an objective: it has no data to find")
        return file
    paths = data_paths(file.task, file.base)
    if data is not None:
        if "path" not in paths:
            raise RunError(f"the task {file.task['name']} takes no path: leave --data out")
        paths["path"] = user_path(data)
    changed = {name: str(_found(folder, name, path)) for name, path in paths.items()}
    if all(str(file.task.get(name)) == path for name, path in changed.items()):
        return file
    return file.model_copy(update={"task": {**file.task, **changed}})


def _found(folder: RunFolder, option: str, path: Path) -> Path:
    moved = folder.path / path.name
    if before := folder.origin:
        moved = Path(os.path.normpath(folder.path / os.path.relpath(path, before)))
    places = list(dict.fromkeys((path, moved, folder.path.parent / path.name)))
    for place in places:
        if place.exists():
            return place
    looked = ", ".join(map(str, places))
    hint = "give their new place with --data PATH" if option == "path" else "put them back"
    raise RunError(
        f"the data of the run {folder.path} are not there (looked for {looked}): {hint} "
        "(data=PATH from Python)"
    )


def _read(folder: RunFolder) -> dict[str, Any] | None:
    if not (folder.path / TASK).exists():
        return None
    content = folder.read_json(TASK)
    version = content["format"]
    if version > FORMAT:
        raise RunError(
            f"{folder.path / TASK} was written by a later version of einsearch (format {version})"
        )
    return content


def _damaged(folder: RunFolder, reason: str) -> RunError:
    return RunError(f"{folder.path / TASK} is damaged: {reason}")
