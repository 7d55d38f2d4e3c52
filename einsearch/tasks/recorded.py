"""`RecordedTask`: a task as a file tells it, without its data; and its way into that file.

Whatever a `Task` has beside its splits goes into the file, by the types of its fields: networks are
built, drawn and exported from it where the data are not at hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Final, get_type_hints

import numpy as np
from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError

from einsearch.errors import ShapeError, TaskError
from einsearch.specs import TensorSpec, parse_spec
from einsearch.tasks.base import Split, Task

_DATA: Final = ("train", "valid", "read_test")


@dataclass(frozen=True, eq=False)
class RecordedTask(Task):
    """Specs, loss, statistics and names of a task. Its splits are empty.

    Attributes:
        described: what the task said of itself when it had its data.
    """

    described: Mapping[str, Any] = field(default_factory=dict)

    def describe(self) -> dict[str, Any]:
        return dict(self.described)


def encode_task(task: Task) -> dict[str, Any]:
    """A task without its data, JSON-ready."""
    hints = get_type_hints(Task)
    encoded: dict[str, Any] = {}
    for item in fields(Task):
        if item.name in _DATA:
            continue
        value = getattr(task, item.name)
        if hints[item.name] is TensorSpec:
            encoded[item.name] = str(value)
        elif (adapter := _adapter(hints[item.name])) is not None:
            encoded[item.name] = adapter.dump_python(value, mode="json")
    return {"fields": encoded, "described": task.describe()}


def decode_task(content: Mapping[str, Any]) -> RecordedTask:
    """What `encode_task` gave, by any version: fields that are not known here are passed over.

    Raises:
        TaskError: a field is missing, or has another type; the message names it.
    """
    found, described = content.get("fields"), content.get("described")
    if not isinstance(found, Mapping) or not isinstance(described, Mapping):
        raise TaskError("expected the keys fields and described, each with values")
    hints = get_type_hints(Task)
    values: dict[str, Any] = {}
    for item in fields(Task):
        if item.name in _DATA:
            continue
        if item.name in found:
            values[item.name] = _decoded(item.name, hints[item.name], found[item.name])
        elif item.default is MISSING and item.default_factory is MISSING:
            raise TaskError(f"the field {item.name} is missing")
    nothing = Split(np.zeros((0, *values["input"].shape), np.float32), np.zeros(0, np.int64))
    return RecordedTask(
        **values, train=nothing, valid=nothing, read_test=None, described=dict(described)
    )


def _decoded(name: str, hint: Any, value: Any) -> Any:
    if hint is TensorSpec:
        try:
            return parse_spec(str(value))
        except ShapeError as error:
            raise TaskError(f"{name}: {error}") from None
    adapter = _adapter(hint)
    if adapter is None:
        raise TaskError(f"the field {name} cannot be kept in a file")
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        message = error.errors()[0]["msg"]
        raise TaskError(f"{name}: {message[0].lower()}{message[1:]}") from None


def _adapter(hint: Any) -> TypeAdapter[Any] | None:
    """Reads and writes a type; None for one that no file can hold, such as an array."""
    try:
        return TypeAdapter(hint)
    except PydanticSchemaGenerationError:
        return None
