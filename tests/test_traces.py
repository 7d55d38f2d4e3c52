"""What is kept of a traceback."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from einsearch.errors import EinsearchError
from einsearch.shown import shown
from einsearch.study.executor import Job, attempt, describe_failure
from einsearch.study.spacefile import load_space_text
from einsearch.traces import LONGEST, user_trace
from einsearch.trial import FailureKind


def caught(function: Callable[..., Any], *arguments: Any) -> str:
    """The trace of what a function raises below frames of einsearch."""
    end = attempt(lambda *_: function(*arguments), Job(0, ""), lambda *_: False)
    assert end.failure is not None
    return end.traceback


def divide(x: int) -> float:
    return 1 / x


def wrap(x: int) -> float:
    try:
        return divide(x)
    except ZeroDivisionError as error:
        raise ValueError("no such share") from error


def recurse(depth: int) -> int:
    return recurse(depth + 1) + recurse(depth)


def test_frames_of_the_user_stay_and_those_of_einsearch_go() -> None:
    trace = caught(divide, 0)
    assert trace.startswith("Traceback (most recent call last):")
    assert "return 1 / x" in trace
    assert trace.endswith("ZeroDivisionError: division by zero")
    assert __file__ in trace
    assert "executor.py" not in trace


def test_causes_are_told() -> None:
    trace = caught(wrap, 0)
    assert trace.index("ZeroDivisionError") < trace.index("direct cause") < trace.index("no such")
    assert "executor.py" not in trace


def test_the_place_of_an_error_stays_wherever_it_is() -> None:
    """Of einsearch's frames the last: there it was raised."""
    trace = caught(shown, 5)
    assert "shown.py" in trace
    assert "executor.py" not in trace


def test_deep_and_long_ones_are_bounded() -> None:
    trace = caught(recurse, 0)
    assert len(trace) <= LONGEST
    assert "RecursionError" in trace
    long = caught(raise_it, ValueError("x" * 2 * LONGEST))
    assert LONGEST - 1 <= len(long) <= LONGEST
    assert "\n  ...\n" in long


def test_what_was_never_raised_or_cannot_be_printed_has_none() -> None:
    class SilentError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    assert user_trace(ValueError("x")) == ""
    assert "SilentError" in caught(raise_it, SilentError())


def raise_it(error: Exception) -> None:
    raise error


def test_errors_that_say_all_have_no_trace_of_our_own_code() -> None:
    end = attempt(partial(load_space_text, "version: 2"), Job(0, ""), lambda *_: False)
    assert end.failure is not None
    assert "version" in end.failure[1]
    assert end.traceback == ""
    assert "raise_it" in caught(raise_it, EinsearchError("of the user's code"))


def test_what_steers_a_terminal_is_spelt_out_in_reasons_and_traces() -> None:
    try:
        raise RuntimeError("\x1b[31mred\x07 \u202eback")
    except RuntimeError as error:
        kind, message = describe_failure(error)
        trace = user_trace(error)
    assert message == r"RuntimeError: \x1b[31mred\x07 \u202eback"
    assert r"\x1b[31mred\x07 \u202eback" in trace
    assert "\x1b" not in trace + message
    assert kind is FailureKind.ERROR
