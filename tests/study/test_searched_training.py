"""Tests of searches that decide settings of training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import einsearch as es
from einsearch.derivation.derivation import Derivation
from einsearch.errors import GrammarError, SettingError, SpaceFileError
from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.searched import searchable
from einsearch.study.plan import load_file_grammar, plan_file
from einsearch.study.spacefile import SpaceFile, load_space_text
from einsearch.trial import TrialState

GRAMMAR = "start network\nnetwork = relu | tanh | relu >> tanh\n"
DOMAINS = {"lr": "log 1e-5..1e-1", "augment": "{none, shift, flip}", "weight_decay": "{0, 0.1}"}


def read(training: str) -> SpaceFile:
    return load_space_text(f"grammar: einspace\ntask: digits\ntraining: {training}\n")


def worth(derivation: Derivation) -> float:
    """Best at a rate of 0.001 with shifts; the network counts little."""
    training = derivation.training
    distance = abs(math.log10(training["lr"]) + 3)
    return (training["augment"] == "shift") - distance + derivation.text.count("tanh") / 10


def search(trials: int, searcher: Any = "evolution", **options: Any) -> es.Run:
    options = {"training": DOMAINS, "input": "image:3x4x4", "seed": 0} | options
    return es.search(GRAMMAR, worth, trials=trials, searcher=searcher, **options)


def test_domains_are_read_beside_values() -> None:
    file = read(
        "{lr: log 1e-4..1e-2, weight_decay: {0, 0.01, 0.1}, augment: {none, flip}, batch: 32}"
    )
    assert file.searched == {
        "lr": "log 1e-4..1e-2",
        "weight_decay": "{0, 0.01, 0.1}",
        "augment": "{none, flip}",
    }
    assert file.training == TrainingConfig(batch=32)
    again = load_space_text(file.text)
    assert (again, list(again.searched.items())) == (file, list(file.searched.items()))
    assert read("{lr: 0.1}").searched == {}


@pytest.mark.parametrize(
    "training",
    [
        "\n  weight_decay: {0,\n    0.01}\n",
        "{weight_decay: '{0, 0.01}'}",
        '{weight_decay: "{ 0,0.01 }"}',
    ],
)
def test_a_set_may_be_written_in_any_way_of_yaml(training: str) -> None:
    assert load_file_grammar(read(training)).start_rule is not None
    assert read(training).searched["weight_decay"].replace(" ", "") == "{0,0.01}"


def test_a_change_of_a_file_takes_the_place_of_a_domain() -> None:
    file = read("{lr: log 1e-4..1e-2, batch: {16, 64}}")
    changed = file.changed(training={"lr": 0.1, "warmup": "0.0..0.2"})
    assert changed.searched == {"batch": "{16, 64}", "warmup": "0.0..0.2"}
    assert changed.training.lr == 0.1


@pytest.mark.parametrize(
    ("training", "place", "message"),
    [
        ("{lr: log 1e-4..}", (3, 16), "training.lr is log 1e-4.., which is no domain"),
        ("{lr: log 1e-2..1e-4}", (3, 16), "the range 0.01..0.0001 is empty"),
        ("{lr: {0.1..0.2}}", (3, 16), "a domain cannot stand inside a domain"),
        ("{lr: '{1, 2} * 0.1'}", (3, 16), "which is no domain"),
        ("{lr: '0.1..channels'}", (3, 16), "which is no domain"),
        ("{lr: {-1, 0.1}}", (3, 16), "training.lr cannot be -1: expected greater than 0"),
        ("{epochs: {2, 4}}", (3, 20), "training.epochs is {2, 4}: expected one value"),
        ("{steps: 10..20}", (3, 19), "training.steps is 10..20: expected one value"),
        ("{weight_decay: [0, 0.1]}", (3, 26), "training.weight_decay is a list: expected a value"),
        ("{lr: {min: 1, max: 2}}", (3, 16), "training.lr is a group of keys: expected a value"),
        ("{lr: {}}", (3, 16), "training.lr is a group of keys: expected a value"),
        ("{lr: fast}", (3, 16), "training.lr is 'fast': expected a number"),
        ("{lrr: {0.1, 0.2}}", (3, 12), "training has no key lrr"),
        ("{momentum: {0.8, 0.9}}", (3, 11), "momentum is for optimizer: sgd"),
        ("{augment: {none [0.8], flip}}", (3, 27), "this is not YAML"),
    ],
)
def test_what_is_no_domain_is_an_error_with_its_place(
    training: str, place: tuple[int, int], message: str
) -> None:
    with pytest.raises(SpaceFileError, match=message.replace("{", r"\{")) as caught:
        read(training)
    location = caught.value.location
    assert location is not None
    assert (location.line, location.column) == place


def test_a_task_that_cannot_be_trained_so_is_an_error_before_the_search() -> None:
    file = load_space_text("grammar: sequence\ntask: series\ntraining: {augment: {none, shift}}\n")
    with pytest.raises(es.EinsearchError, match="augment: shift needs images"):
        es.search(file)


def test_what_follows_from_the_data_leaves_domains_and_is_usual() -> None:
    file = load_space_text(
        "grammar: digits\ntask: {name: bars, train: 64}\nbudget: {minutes: 1}\n"
        "training: {lr: log 1e-5..1e-1, batch: {7, 9, 1000}}\n"
    )
    plan = plan_file(file)
    assert plan.file is not None
    decided = plan.file.training
    assert (plan.file.searched, plan.file.follows_data) == (file.searched, False)
    written = plan.files["space.yaml"].replace("grammar.ein", "digits")
    assert load_space_text(written).searched == file.searched
    assert {seed.training["lr"] for seed in plan.space.seeds} == {decided.rate}
    assert {seed.training["batch"] for seed in plan.space.seeds} == {
        9 if decided.batch < 500 else 1000
    }


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("lr=-1", "lr cannot be -1"),
        ("batch={8, 0.5}", "batch cannot be 0.5: expected a whole number"),
        ("warmup=0.5..1.5", "warmup cannot be 1.5"),
        ("momentum=0.9", "momentum is for optimizer: sgd"),
    ],
)
def test_what_a_grammar_gives_training_is_checked_too(
    tmp_path: Path, written: str, message: str
) -> None:
    text = f"start net\nnet = relu\n    >> training({written}, lr2) >> linear(4)\n"
    (tmp_path / "own.ein").write_text(text.replace(", lr2", ", keep=given, clip={none, 1.0}"))
    space = "grammar: own.ein\ntask: digits\n"
    with pytest.raises(GrammarError, match=message) as caught:
        plan_file(load_space_text(space, base=tmp_path))
    assert caught.value.location is not None
    assert caught.value.location.line == 3
    (tmp_path / "own.ein").write_text(
        text.replace(f"{written}, lr2", "lr={given, 0.1}, warmup=0.1 * 2")
    )
    assert plan_file(load_space_text(space, base=tmp_path)).space.grammar is not None


SETS = st.lists(st.floats(1e-6, 0.9).map(lambda x: float(f"{x:.4g}")), min_size=1, unique=True)


@given(SETS, st.floats(1e-6, 0.4), st.floats(0.5, 0.9), st.booleans())
def test_any_domain_reads_back(numbers: list[float], low: float, high: float, log: bool) -> None:
    ranged = f"{'log ' if log else ''}{low!r}..{high!r}"
    listed = "{" + ", ".join(map(repr, numbers)) + "}"
    file = read(f"{{lr: {ranged}, warmup: {listed}}}")
    assert file.searched == {"lr": ranged, "warmup": listed}
    assert load_space_text(file.text).searched == file.searched


def test_every_setting_may_be_searched() -> None:
    assert {"lr", "batch", "optimizer", "augment", "clip", "warmup"} <= set(searchable())
    assert not {"epochs", "steps", "device", "precision"} & set(searchable())


def test_a_search_finds_the_rate() -> None:
    best = search(120).best
    assert best is not None
    assert abs(math.log10(_training(best)["lr"]) + 3) < 0.2
    assert _training(best)["augment"] == "shift"


def test_equal_settings_of_an_equal_network_are_a_duplicate() -> None:
    few = {"weight_decay": "{0, 0.1}"}
    run = es.search(
        "start n\nn = relu | relu >> identity | tanh",
        lambda derivation: derivation.training["weight_decay"],
        trials=4,
        searcher="random",
        training=few,
        input="image:3x4x4",
    )
    finished = [trial for trial in run.trials if trial.state is TrialState.COMPLETE]
    assert len({trial.hash for trial in finished}) == len(finished) == 4
    assert all(trial.text.startswith("training(") for trial in run.trials)


def test_a_run_goes_on_with_its_settings(tmp_path: Path) -> None:
    whole = search(24, directory=tmp_path / "whole")
    search(12, directory=tmp_path / "part")
    went_on = es.resume(tmp_path / "part", trials=24, objective=worth)
    assert [t.text for t in went_on.trials] == [t.text for t in whole.trials]
    assert es.open_run(tmp_path / "part").trials[-1].text == whole.trials[-1].text


def test_an_earlier_run_starts_another_one(tmp_path: Path) -> None:
    first = search(12, directory=tmp_path / "first").best
    assert first is not None
    narrow = {"lr": "log 1e-4..1e-3"}
    seeds = [first.text]
    run = search(1, searcher="random", training=narrow, seeds=seeds)
    assert _training(run.trials[0]) == {"lr": min(max(_training(first)["lr"], 1e-4), 1e-3)}


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"lr": 0.1}, "training.lr is 0.1: expected a domain"),
        ({"epochs": "{1, 2}"}, "a search does not decide it"),
        ({"speed": "{1, 2}"}, "expected one of batch"),
        ({"lr": "{-1, 1}"}, "training.lr cannot be -1"),
        ("log 1..2", "training is 'log 1..2': expected settings with domains"),
    ],
)
def test_domains_from_python_are_checked(training: Mapping[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        search(1, training=training)


def _training(trial: es.Trial) -> dict[str, Any]:
    return {
        address.rpartition(".")[2]: value
        for address, _, value in trial.decisions
        if "/training." in address
    }
