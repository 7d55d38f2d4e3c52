"""What a search from Python is called with."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import einsearch as es
from einsearch.errors import EinsearchError
from einsearch.grammar.load import load_grammar_text
from einsearch.specs import image
from einsearch.study.run import Run

GRAMMAR = load_grammar_text("start a\na = relu | tanh | relu >> linear({2, 3})", "three.ein")


def search(**options: Any) -> Run:
    given: dict[str, Any] = {"searcher": "random", "trials": 3, **options}
    return es.search(GRAMMAR, lambda derivation: 1.0, input=image(3, 4, 4), **given)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trials": "3"}, "trials is '3': expected a whole number from 0 on, or None for no limit"),
        ({"trials": 2.5}, "trials is 2.5: expected a whole number from 0 on"),
        ({"trials": -1}, "trials is -1: expected a whole number from 0 on"),
        ({"trials": True}, "trials is True: expected a whole number"),
        ({"hours": math.nan}, "hours is nan: expected a finite number from 0 on"),
        ({"hours": "1"}, "hours is '1': expected a finite number from 0 on"),
        ({"seed": -1}, "seed is -1: expected a whole number from 0 on"),
        ({"seed": 1.5}, "seed is 1.5: expected a whole number from 0 on"),
        ({"directions": ["a", "b"]}, "directions is ['a', 'b']: expected each objective with"),
        ({"directions": {1: "maximize"}}, "the name of an objective is 1: expected text"),
        ({"directions": {"a": "up"}}, "the direction of a is 'up': expected maximize or minimize"),
        ({"constraints": ["a"]}, "constraints is ['a']: expected names with upper bounds"),
        (
            {"constraints": {"parameters": math.nan}},
            "the constraint on parameters is nan: expected",
        ),
        (
            {"constraints": {"parameters": math.inf}},
            "the constraint on parameters is inf: expected",
        ),
        ({"constraints": {"parameters": "few"}}, "the constraint on parameters is 'few': expected"),
        ({"constraints": {"parameters": None}}, "the constraint on parameters is None: expected"),
        ({"limits": 5}, "limits is 5: expected Limits(...) or"),
        ({"limits": {"node": 5}}, "there is no limit node\n  did you mean nodes"),
        ({"limits": {"nodes": "few"}}, "the limit nodes is 'few': expected a whole number from 1"),
        ({"limits": {"depth": -1}}, "the limit depth is -1: expected a whole number from 0 on"),
        ({"seeds": 5}, "seeds is 5: expected a list of texts, such as"),
        ({"seeds": ["relu", 5]}, "one of seeds is 5: expected text, as in"),
        ({"require": {"input": True}}, "require is {'input': True}: expected a list of texts"),
        ({"searcher": None}, "the searcher is None: expected a name, or {name: evolution"),
        ({"searcher": 5}, "the searcher is 5: expected a name"),
        ({"searcher": ["evolution"]}, "the searcher is ['evolution']: expected a name"),
        ({"searcher": {"name": "mcts", "tilt": 1e6}}, "tilt of the searcher mcts is 1000000.0"),
        (
            {"searcher": {"name": "local", "operators": ["crossover"]}},
            "the option operators of the searcher local is ['crossover']: expected mutations",
        ),
    ],
)
def test_a_mistake_is_one_error_before_anything_begins(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(EinsearchError) as caught:
        search(**options)
    assert message in str(caught.value)


def test_what_a_file_may_say_a_call_may() -> None:
    """Bounds and limits with a unit, limits by name."""
    limits = {"nodes": 2, "parameters": "1k", "depth": None}
    run = search(constraints={"parameters": "0.1k"}, limits=limits, trials=4)
    [large] = [trial for trial in run.trials if "linear(3)" in trial.text]
    assert large.excess == {"parameters": (large.parameters - 100) / 100}


def test_one_text_is_a_list_of_one() -> None:
    run = search(seeds="relu >> linear(3)", require="parameters")
    assert (run.trials[0].text, run.trials[0].origin) == ("relu >> linear(3)", "seed")
    assert all("linear" in trial.text for trial in run.trials)


def test_numbers_of_numpy_are_numbers() -> None:
    run = search(trials=np.int64(2), seed=np.int32(3), constraints={"parameters": np.float32(9)})
    assert len([trial for trial in run.trials if trial.origin == "sample"]) >= 2


def test_the_largest_tilt_can_be_used() -> None:
    assert len(search(searcher={"name": "mcts", "tilt": 1000.0}, trials=4).trials) >= 4
