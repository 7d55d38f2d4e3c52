"""`remembered`: a function of programs whose results are kept as long as the programs are."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import ref

from einsearch.primitives.program import Program

Result = TypeVar("Result")


def remembered(function: Callable[[Program], Result]) -> Callable[[Program], Result]:
    """The function, worked out once for each program.

    Searchers ask for the same programs again and again, and comparing programs would take as long
    as the function: two equal programs are two programs here.

    Args:
        function: its results must not hold the program that they are of.
    """
    known: dict[int, tuple[ref[Program], Result]] = {}

    @wraps(function)
    def lookup(program: Program) -> Result:
        number = id(program)
        if number in known:
            return known[number][1]
        found = function(program)
        # The number may belong to another program as soon as this one is gone.
        known[number] = ref(program, lambda _: known.pop(number, None)), found
        return found

    return lookup
