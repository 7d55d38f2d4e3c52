"""What Optuna's dashboard, plots and importances see of a run."""

from __future__ import annotations

from pathlib import Path

import optuna
import pytest
from optuna.importance import (
    BaseImportanceEvaluator,
    FanovaImportanceEvaluator,
    MeanDecreaseImpurityImportanceEvaluator,
    PedAnovaImportanceEvaluator,
    get_param_importances,
)

import einsearch as es
from einsearch.study.dashboard import MOST_COUNTED, ShownParameters
from einsearch.trial import Trial, TrialState

GRAMMAR = """start net
net = stem >> body >> (tanh | sigmoid)
stem = linear({4, 8}) | linear(3..9)
body = relu [2] | gelu [2] | (relu, gelu) >> add [1] | body >> body [1]
"""


def relus(candidate: es.Derivation) -> float:
    """What an importance has to find: how often relu occurs, and nothing else."""
    return float(sum(call.primitive.name == "relu" for call in candidate.program.calls))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> es.Run:
    return es.search(
        es.parse_grammar(GRAMMAR),
        relus,
        input=es.vector(4),
        trials=40,
        searcher="random",
        directory=tmp_path_factory.mktemp("shown") / "run",
    )


def test_trials_have_decisions_counts_and_costs(run: es.Run) -> None:
    for trial, frozen in zip(run.trials, run.record.study.trials, strict=True):
        assert frozen.params["count of tanh"] in (0, 1)
        assert frozen.params["parameters"] == max(1, trial.parameters)
        assert frozen.params["flops"] == max(1, trial.flops)
        assert frozen.params["activation_memory"] == trial.activation_memory
        assert frozen.params["net/choice: choice: 2"] == (
            "1 tanh" if trial.text.endswith("tanh") else "2 sigmoid"
        )
        assert frozen.params["net/stem/stem: stem: 2"] in (
            "1 linear({4, 8})",
            "2 linear(3..9)",
        )


def test_counts_are_those_of_the_network() -> None:
    grammar = es.parse_grammar(GRAMMAR)
    text = "linear(4) >> relu >> relu >> relu >> gelu >> tanh"
    found = grammar.parse(text, es.vector(4))
    trial = Trial(0, text, TrialState.RUNNING, tuple(map(tuple, found.decisions)))
    shown = ShownParameters(grammar).of(trial, found.program)
    counts = {name: value for name, (_, value) in shown.items() if name.startswith("count")}
    assert counts == {
        "count of add": 0,
        "count of gelu": 1,
        "count of linear": 1,
        "count of relu": 3,
        "count of sigmoid": 0,
        "count of tanh": 1,
    }
    many = grammar.parse("linear(4) >> " + "relu >> " * 20 + "tanh", es.vector(4))
    assert ShownParameters(grammar).of(trial, many.program)["count of relu"][1] == MOST_COUNTED


EVALUATORS = (
    FanovaImportanceEvaluator(seed=0),
    MeanDecreaseImpurityImportanceEvaluator(seed=0),
    PedAnovaImportanceEvaluator(),
)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("evaluator", EVALUATORS, ids=lambda each: type(each).__name__)
def test_importances_find_what_matters(run: es.Run, evaluator: BaseImportanceEvaluator) -> None:
    names = [f"count of {name}" for name in ("gelu", "linear", "relu", "tanh")]
    found = get_param_importances(run.record.study, evaluator=evaluator, params=names)
    assert max(found, key=found.__getitem__) == "count of relu"
    assert len(get_param_importances(run.record.study, evaluator=evaluator)) >= 9


def test_a_database_takes_the_parameters(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'record.db'}"
    es.search(
        es.load_grammar("digits"),
        lambda _: 1.0,
        input=es.image(1, 8, 8),
        trials=3,
        directory=tmp_path / "run",
        storage=url,
    )
    (name,) = optuna.get_all_study_names(url)
    study = optuna.load_study(study_name=name, storage=url)
    assert all(trial.params["count of conv2d"] > 0 for trial in study.trials)


@pytest.mark.parametrize("name", ["einspace", "evonorm", "sequence", "vision"])
def test_every_packaged_grammar_has_parameters(name: str) -> None:
    grammar = es.load_grammar(name)
    shown = ShownParameters(grammar, {"parameters": 10, "flops": None})
    spec = {"sequence": es.tokens(16, 8)}.get(name, es.image(16, 8, 8))
    for seed in range(3):
        drawn = grammar.sample(spec, seed)
        trial = Trial(0, drawn.text, TrialState.RUNNING, tuple(map(tuple, drawn.decisions)))
        found = shown.of(trial, drawn.program)
        for key, (distribution, value) in found.items():
            assert distribution._contains(distribution.to_internal_repr(value)), key
        assert any("/" in key for key in found)
