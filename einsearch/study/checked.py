"""What a run folder holds, checked against its types before anything else looks at it.

A folder may be damaged, or made up by somebody: here alone is said what its files may hold. The
models only check; what was read is used as it is, so that a later version's additions stay.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, Strict, ValidationError

from einsearch.errors import RunError
from einsearch.study.mistakes import expected_words, show
from einsearch.trial import Trial, TrialState

FLOAT: Final = "$float"
"""Key of the object that stands for a number that JSON has not: {"$float": "nan"}."""

_DEEPEST: Final = 40
"""Levels of nesting that metrics and decisions may have."""

_LONGEST: Final = 60
"""Characters of a wrong value that a message repeats."""

Count = Annotated[int, Field(ge=0, le=2**63 - 1)]
Direction = Literal["maximize", "minimize"]


class _Checked(BaseModel):
    model_config = ConfigDict(strict=True)


class _NotFinite(_Checked):
    """How JSON holds a number that it has not."""

    model_config = ConfigDict(strict=True, extra="forbid")
    number: Literal["nan", "inf", "-inf"] = Field(alias=FLOAT)


Number = float | _NotFinite
Decision = Annotated[tuple[str, str, Any], Strict(False)]
Numbers = dict[str, Number]
_Ends = Annotated[tuple[float, float], Strict(False)]


class _Proposal(_Checked):
    decisions: list[Decision]
    parents: list[Count]
    seed: Annotated[int, Field(ge=0)]
    parameters: Count
    flops: Count
    budget: Number | None
    timings: Numbers
    metrics: dict[str, Any]
    asked_after: Count


class _Told(_Checked):
    state: Literal["COMPLETE", "FAILED", "PRUNED", "REJECTED", "DUPLICATE"]
    reason: str
    values: Numbers
    metrics: dict[str, Any]
    seconds: Number
    budget: Number | None
    timings: Numbers
    told_as: Count
    elapsed: float
    excess: Numbers = {}
    open: bool = False


class _Result(_Told):
    earlier: list[_Told] = []


class _Promotion(_Checked):
    after: Count | None
    budget: float | None


class _Attributes(_Checked):
    text: str
    hash: str
    origin: str
    proposal: _Proposal
    result: _Result | None = None
    promoted: _Promotion | None = None
    reports: dict[int, float] = {}


class StudyAttribute(_Checked):
    """What the record says of the whole run."""

    format: Annotated[int, Field(ge=1)]
    directions: Annotated[dict[str, Direction], Field(min_length=1)]


class EndAttribute(_Checked):
    """How the last session ended."""

    reason: str


class VersionsFile(_Checked):
    """versions.json"""

    format: Annotated[int, Field(ge=1)]
    storage: str | None
    study: str
    name: str = ""
    einsearch: str = ""
    path: str = ""
    seals: dict[str, str | None] = {}


class _Spread(_Checked):
    mean: float
    deviation: float


class _FinalRow(_Checked):
    number: Count
    text: str
    epochs: Annotated[int, Field(ge=1, le=2**63 - 1)]
    seeds: Annotated[int, Field(ge=1, le=2**63 - 1)]
    valid: dict[str, _Spread]
    test: dict[str, _Spread]
    failures: list[str] = []
    weights: str | None
    asked: Annotated[int, Field(ge=1)] = 1
    data: str = ""
    kept: dict[str, float] = {}
    interval: dict[str, _Ends] = {}
    examples: Count | None = None
    untested: str = ""


class _Look(_Checked):
    number: Count
    first: float
    second: float | None


class _Member(_Checked):
    number: Count
    text: str
    weights: str
    share: Annotated[float, Field(gt=0, le=1)]


class _Ensemble(_Checked):
    members: Annotated[list[_Member], Field(min_length=1)]
    valid: dict[str, float]
    test: dict[str, float]
    interval: dict[str, _Ends] = {}
    examples: Count | None = None


class FinalFile(_Checked):
    """final.json, and trained.json"""

    networks: list[_FinalRow] = []
    looks: list[_Look] = []
    ensemble: _Ensemble | None = None


class _Baseline(_Checked):
    name: Annotated[str, Field(max_length=_LONGEST)]
    valid: dict[str, float]
    errors: dict[str, float] = {}
    test: dict[str, float] = {}
    test_errors: dict[str, float] = {}
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    notes: list[str] = []
    failure: str = ""
    untested: str = ""


class BaselinesFile(_Checked):
    """baselines.json"""

    folds: Annotated[int, Field(ge=1)]
    data: str
    baselines: list[_Baseline]


class TaskFile(_Checked):
    """task.json"""

    format: Annotated[int, Field(ge=1)]
    input: str
    task: dict[str, Any] | None
    fingerprint: dict[str, str]


FILES: Final[Mapping[str, type[BaseModel]]] = {
    "versions.json": VersionsFile,
    "final.json": FinalFile,
    "trained.json": FinalFile,
    "task.json": TaskFile,
    "baselines.json": BaselinesFile,
}
"""What each file of JSON in a run folder may hold."""


class Damage(ValueError):
    """Something in a record has another type, or contradicts the rest.

    Attributes:
        key: the attribute that is wrong.
    """

    def __init__(self, message: str, key: str) -> None:
        self.key = key
        super().__init__(message)


def check(model: type[BaseModel], data: Any) -> None:
    """Checks plain data. Raises Damage: what is wrong, and what was expected."""
    try:
        model.model_validate(data)
    except ValidationError as error:
        path, message = _explained(error)
        raise Damage(message, str(path[0]) if path else "") from None


def check_trial(attributes: Mapping[str, Any], reports: Mapping[int, float]) -> None:
    """Checks the types of what a record holds of a trial.

    Args:
        attributes: as `encoding.py` writes them.
        reports: epoch -> main objective.

    Raises:
        Damage: what is wrong, and what was expected.
    """
    check(_Attributes, {**attributes, "reports": reports})
    for key in ("result", "promoted"):
        if key in attributes and attributes[key] is None:
            raise Damage(f"{key} is empty: expected keys with values", key)
    proposal, result = attributes["proposal"], attributes.get("result")
    for place, _, value in proposal["decisions"]:
        _check_value(value, f"proposal.decisions at {place[:_LONGEST]}", "proposal")
    _check_value(proposal["metrics"], "proposal.metrics", "proposal")
    for told in () if result is None else (*result.get("earlier", ()), result):
        _check_value(told["metrics"], "result.metrics", "result")


def check_sense(trial: Trial, directions: Mapping[str, str]) -> None:
    """Checks that what a record says of a trial can be true.

    Raises:
        Damage: what is wrong, and what was expected.
    """
    for parent in trial.parents:
        if parent >= trial.number:
            raise Damage(f"proposal.parents has {parent}: expected earlier trials", "proposal")
    for name, seconds in {"seconds": trial.seconds, **trial.timings}.items():
        if not (math.isfinite(seconds) and seconds >= 0):
            raise Damage(f"result: {name} is {seconds}: expected a time", "result")
    if trial.state is TrialState.COMPLETE:
        for name in directions:
            if not math.isfinite(trial.values.get(name, math.nan)):
                raise Damage(f"result.values.{name} is no finite number", "result")


def check_file(model: type[BaseModel], path: Path) -> dict[str, Any]:
    """The content of a JSON file, checked.

    Raises:
        RunError: it cannot be read, or is not what the model says; with file and line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise RunError(f"{path} is damaged: it is not UTF-8 text") from None
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path} is damaged: {error}") from None
    if not isinstance(content, dict):
        raise RunError(f"{path} is damaged: it holds no JSON object")
    needed = [name for name, field in model.model_fields.items() if field.is_required()]
    if not content.keys() >= set(needed):
        *names, last = needed
        listed = f"{', '.join(names)} or {last}" if names else last
        raise RunError(f"{path} is damaged: it lacks {listed}")
    try:
        model.model_validate(content)
    except ValidationError as error:
        where, message = _explained(error)
        raise RunError(f"{path} is damaged{_line(text, where)}: {message}") from None
    return content


def _explained(error: ValidationError) -> tuple[tuple[str | int, ...], str]:
    """Where the first mistake is, and what it is."""
    details = error.errors(include_url=False)[0]
    path = tuple(details["loc"])
    name = ".".join(str(part)[:_LONGEST] for part in path) or "the whole"
    if details["type"] == "missing":
        return path[:-1], f"{name} is missing"
    found = details["input"]
    shown = show(found) if _is_short(found) else f"a {type(found).__name__}"
    shown = shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}..."
    return path, f"{name} is {shown}: expected {expected_words(dict(details))}"


def _is_short(value: Any) -> bool:
    """Whether a value can be shown: Python refuses to print integers of many digits."""
    return not isinstance(value, int) or abs(value) < 10**30


def _check_value(value: Any, name: str, key: str) -> None:
    """Checks what may be of any type: how deep it is, and the objects that stand for numbers."""
    level = [value]
    for _ in range(_DEEPEST):
        inner: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                if item.keys() == {FLOAT} and item[FLOAT] not in ("nan", "inf", "-inf"):
                    raise Damage(f"{name} has {FLOAT}: expected nan, inf or -inf", key)
                inner += item.values()
            elif isinstance(item, list):
                inner += item
        if not inner:
            return
        level = inner
    raise Damage(f"{name} is nested too deeply", key)


def _line(text: str, path: tuple[str | int, ...]) -> str:
    """ " in line 12", where a value stands in a text of JSON, which is YAML as well; empty where
    that cannot be told."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return ""
    for part in path:
        inner = None
        if isinstance(node, yaml.MappingNode):
            inner = next((value for key, value in node.value if key.value == part), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            inner = node.value[part] if part < len(node.value) else None
        if inner is None:
            break
        node = inner
    return "" if node is None else f" in line {node.start_mark.line + 1}"
