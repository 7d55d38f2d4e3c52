"""What callers from Python hand over: read as files read it, or one error that says what is
expected.
"""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from einsearch.derivation.limits import Limits
from einsearch.errors import SettingError
from einsearch.graph.requirements import Requirement, requirement
from einsearch.specs import TensorSpec, parse_spec

_T = TypeVar("_T")


def wrong(name: str, value: Any, wanted: str) -> SettingError:
    """The error about an argument."""
    return SettingError(f"{name} is {_short(value)}: expected {wanted}")


def instance(name: str, value: Any, cls: type[_T], wanted: str) -> _T:
    """A value of a class. Raises SettingError."""
    if not isinstance(value, cls):
        raise wrong(name, value, wanted)
    return value


def whole(name: str, value: Any, wanted: str) -> int:
    """A whole number from 0 on. Raises SettingError."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or int(value) < 0:
        raise wrong(name, value, wanted)
    return int(value)


def spec_given(name: str, value: Any) -> TensorSpec:
    """A tensor, also as text: "image:3x32x32".

    Raises:
        ShapeError: the text is none.
        SettingError: it is neither.
    """
    if isinstance(value, str):
        return parse_spec(value)
    wanted = 'a tensor, such as es.image(3, 32, 32) or "image:3x32x32"'
    return instance(name, value, TensorSpec, wanted)


def limits_given(value: Any) -> Limits | None:
    """Limits, also by name as in a file. Raises LimitError."""
    return None if value is None else Limits.of(value)


def generator_given(seed: Any) -> np.random.Generator:
    """A generator from a seed; a generator is passed on. Raises SettingError."""
    if isinstance(seed, np.random.Generator):
        return seed
    if isinstance(seed, (np.random.SeedSequence, np.random.BitGenerator)):
        return np.random.default_rng(seed)
    wanted = "a whole number from 0 on, or a NumPy generator"
    return np.random.default_rng(whole("seed", seed, wanted))


def judge_given(require: Any, own: Sequence[str]) -> Requirement | None:
    """The judge of what networks must have.

    Args:
        require: names, or one name; None for the grammar's own.
        own: those.

    Raises:
        EinsearchError: there is no such requirement.
    """
    return requirement(own if require is None else texts_given("require", require, _REQUIRE))


_REQUIRE = '["parameters"]'


def texts_given(name: str, given: Any, example: str) -> tuple[str, ...]:
    """A list of texts; one text is a list of one. Raises SettingError.

    Args:
        name: of the argument.
        given: its value.
        example: of such a list.
    """
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, Iterable) or isinstance(texts, (Mapping, bytes)):
        raise wrong(name, given, f"a list of texts, such as {example}")
    texts = tuple(texts)
    for text in texts:
        if not isinstance(text, str):
            raise wrong(f"one of {name}", text, f"text, as in {example}")
    return texts


def text_given(name: str, value: Any, wanted: str) -> str:
    """A text. Raises SettingError."""
    return instance(name, value, str, wanted)


def path_given(name: str, value: Any) -> Path:
    """A path. Raises SettingError."""
    if not isinstance(value, (str, PathLike)):
        raise wrong(name, value, "a path")
    return Path(value)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:197]}..."
