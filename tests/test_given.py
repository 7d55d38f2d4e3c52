"""Whatever a caller from Python hands over is read as files are, or is one error of einsearch's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import einsearch as es
from einsearch.errors import EinsearchError

TEXT = "start network\nnetwork = linear(2..60) >> (relu | tanh) >> linear(4)\n"
GRAMMAR = es.parse_grammar(TEXT)
SPEC = es.vector(8)
DERIVED = GRAMMAR.sample(SPEC, seed=0)
SPACE = """
grammar: g.ein
task: {objective: "einsearch_given_objective:f", input: "vector:8"}
budget: {trials: 1}
searcher: random
executor: {name: inline}
"""


def size(derivation: Any) -> float:
    return float(derivation.graph().parameters)


def search(objective: Any = size, **options: Any) -> Any:
    given: dict[str, Any] = {"input": SPEC, "trials": 1, "searcher": "random", **options}
    return es.search(GRAMMAR, objective, **given)


RUN = search()

ODD = [
    None,
    5,
    -1,
    2.5,
    "x",
    "",
    [1],
    {"a": 1},
    object(),
    b"x",
    float("nan"),
    ("a", "b"),
    np.array([1, 2]),
    SPEC,
    GRAMMAR,
]
"""Values of all kinds; each of them is wrong in nearly every place."""

CALLS: dict[str, Callable[[Any], Any]] = {
    "search source": lambda x: es.search(x),
    "search grammar": lambda x: es.search(x, size, input=SPEC, trials=1, searcher="random"),
    "search objective": search,
    **{
        f"search {name}": lambda x, name=name: search(**{name: x})  # type: ignore[misc]
        for name in (
            "input searcher trials hours seed directions constraints pruner limits require seeds "
            "directory workers executor seconds retries callbacks storage nonsense"
        ).split()
        if name not in ("trials", "hours")
    },
    "search trials": lambda x: search(trials=x, hours=0.0),
    "search hours": lambda x: search(hours=x),
    **{
        f"file {name}": lambda x, name=name: es.search("s.yaml", **{name: x})  # type: ignore[misc]
        for name in (
            "objective trials hours seed searcher pruner executor workers limits seeds require "
            "objectives budget trial directory storage callbacks nonsense"
        ).split()
    },
    "sample spec": GRAMMAR.sample,
    "sample seed": lambda x: GRAMMAR.sample(SPEC, seed=x),
    "sample limits": lambda x: GRAMMAR.sample(SPEC, limits=x),
    "sample require": lambda x: GRAMMAR.sample(SPEC, require=x),
    "parse text": lambda x: GRAMMAR.parse(x, SPEC),
    "parse spec": lambda x: GRAMMAR.parse(DERIVED.text, x),
    "seed": lambda x: GRAMMAR.seed(x, SPEC),
    "why text": lambda x: GRAMMAR.why(x, SPEC),
    "why spec": lambda x: GRAMMAR.why(DERIVED.text, x),
    "replay decisions": lambda x: GRAMMAR.replay(x, SPEC),
    "replay spec": lambda x: GRAMMAR.replay(DERIVED.decisions, x),
    "check": GRAMMAR.check,
    "mutate seed": lambda x: DERIVED.mutate(seed=x),
    "mutate limits": lambda x: DERIVED.mutate(limits=x),
    "mutate require": lambda x: DERIVED.mutate(require=x),
    "crossover other": lambda x: DERIVED.crossover(x),
    "crossover seed": lambda x: DERIVED.crossover(DERIVED, seed=x),
    "crossover limits": lambda x: DERIVED.crossover(DERIVED, limits=x),
    "module seed": lambda x: DERIVED.graph().module(seed=x),
    "source name": lambda x: DERIVED.graph().source(x),
    "architecture text": lambda x: es.architecture(x, SPEC),
    "architecture spec": lambda x: es.architecture("relu", x),
    "architecture grammar": lambda x: es.architecture("relu", SPEC, x),
    "load_grammar": es.load_grammar,
    "parse_grammar": es.parse_grammar,
    "open_run": es.open_run,
    "resume": es.resume,
    "export trial": lambda x: es.export(x, "python", "exported"),
    "export format": lambda x: es.export(RUN.best, x, "exported"),
    "export to": lambda x: es.export(RUN.best, "python", x),
    "run.model": lambda x: RUN.model(x),
    "run.weights": lambda x: RUN.weights(x),
    "run.hypervolume": lambda x: RUN.hypervolume(x),
    "run.resume": lambda x: RUN.resume(trials=x),
    "Limits": lambda x: es.Limits(nodes=x),
    "image": lambda x: es.image(x, 3, 3),
    "vector": es.vector,
    "tokens": lambda x: es.tokens(4, 4, x),
    "parse_spec": es.parse_spec,
    "TensorSpec layout": lambda x: es.TensorSpec(x, (3,)),
    "TensorSpec shape": lambda x: es.TensorSpec("vector", x),
    "set_temperature": lambda x: es.set_temperature(DERIVED.graph().module(), x),
    "set_temperature model": lambda x: es.set_temperature(x, 1.0),
    "choose_bases": es.choose_bases,
    "prune_bases": es.prune_bases,
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with a grammar, an objective and a search space."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "g.ein").write_text(TEXT)
    (tmp_path / "s.yaml").write_text(SPACE)
    (tmp_path / "einsearch_given_objective.py").write_text("def f(derivation): return 1.0\n")
    return tmp_path


@pytest.mark.parametrize("name", CALLS)
def test_any_value_is_read_or_is_one_error(folder: Path, name: str) -> None:
    refused = 0
    for value in ODD:
        try:
            CALLS[name](value)
        except EinsearchError as error:
            refused += bool(str(error))
    assert refused >= 5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: GRAMMAR.sample(5), r'the input is 5: expected .* or "image:3x32x32"'),
        (lambda: GRAMMAR.sample("vektor:8"), "cannot read 'vektor:8' as a tensor: expected image"),
        (lambda: search(input="vector"), "cannot read 'vector' as a tensor"),
        (lambda: GRAMMAR.sample(SPEC, seed="1"), "seed is '1': expected a whole number from 0"),
        (lambda: GRAMMAR.sample(SPEC, limits={"node": 4}), "no limit node\n  did you mean nodes"),
        (lambda: GRAMMAR.sample(SPEC, limits={"nodes": 0}), "limit nodes is 0: expected a whole"),
        (lambda: es.Limits(parameters="few"), "the limit parameters is 'few': expected a whole"),
        (lambda: search("size"), r"the objective is 'size': expected a function or .module:func"),
        (lambda: search("no_such_thing:f"), "cannot import the objective no_such_thing:f"),
        (lambda: search(lambda: 1.0), r"objective <lambda>\(\) cannot be called with a derivat"),
        (lambda: search(lambda a, b: 1.0), r"objective <lambda>\(a, b\) cannot be called with"),
        (lambda: search(seeds=[5]), "one of seeds is 5: expected text"),
        (lambda: search(trails=5), "a search has no option trails\n  did you mean trials"),
        (lambda: es.search(GRAMMAR, size), "a search of a grammar needs input: say input="),
        (lambda: es.search(5), "the grammar is 5: expected a grammar, its path, its text"),
        (lambda: DERIVED.crossover("relu"), "the other is 'relu': expected a derivation"),
        (lambda: GRAMMAR.replay([1, 2], SPEC), r"decisions is \[1, 2\]: expected triples"),
        (lambda: es.export(None, "onnx", "to"), "the trial is None: expected a trial of a run"),
        (lambda: es.export(RUN, "onnx", "to"), "the run is in memory and kept no weights"),
        (lambda: es.vector("8"), r"sizes of a tensor are \('8',\): expected whole numbers"),
        (lambda: es.open_run(5), "directory is 5: expected a path"),
    ],
)
def test_the_error_says_what_is_expected(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(EinsearchError, match=message):
        call()


def test_an_async_objective_is_told() -> None:
    async def objective(derivation: Any) -> float:
        return 1.0

    with pytest.raises(EinsearchError, match="expected a plain function, not an async one"):
        search(objective)


def test_what_files_may_say_calls_may(folder: Path) -> None:
    limits = {"nodes": "40", "parameters": "2k"}
    text = GRAMMAR.sample("vector:8", seed=0, limits=limits).text
    assert text == GRAMMAR.sample(SPEC, seed=0, limits=es.Limits(40, parameters=2000)).text
    assert es.Limits(activation_memory="1MiB").activation_memory == 2**20
    assert GRAMMAR.parse(text, "vector:8").text == text
    assert DERIVED.mutate(seed=1, limits={"nodes": 9}, require="parameters").text
    assert es.architecture("relu", "vector:8", TEXT).text == "relu"
    assert es.architecture("relu", "vector:8", "einspace").text == "relu"
    assert es.vector(np.int64(8)) is SPEC
    assert GRAMMAR.sample(SPEC, seed=np.int64(0)).text == DERIVED.text
    assert GRAMMAR.sample(SPEC, seed=np.random.default_rng(0)).text == DERIVED.text


def test_a_grammar_is_given_as_a_path_a_text_or_a_name(folder: Path) -> None:
    how: dict[str, Any] = {"trials": 1, "searcher": "random"}
    for source in ("g.ein", folder / "g.ein", TEXT):
        run = es.search(source, size, input="vector:8", **how)
        assert run.best.values["value"] > 0
    assert es.search("digits", size, input="image:1x8x8", **how).best.text


def test_an_objective_is_given_by_its_name(folder: Path) -> None:
    assert search("einsearch_given_objective:f").best.values == {"value": 1.0}
    assert es.search("s.yaml", lambda derivation: 2.0).best.values == {"value": 2.0}


def test_an_objective_and_data_do_not_go_together(folder: Path) -> None:
    (folder / "t.yaml").write_text("grammar: digits\ntask: {name: digits}\n")
    with pytest.raises(EinsearchError, match="has a task with data, digits, and an objective"):
        es.search("t.yaml", size)
