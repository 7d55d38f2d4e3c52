"""From a search-space file to a finished run, and on again."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

import einsearch as es
from einsearch.derivation.limits import Limits
from einsearch.errors import EinsearchError, InfeasibleSpace, RunError
from einsearch.grammar.load import load_grammar_text
from einsearch.specs import image
from einsearch.study import opening
from einsearch.study.events import Callbacks
from einsearch.study.folder import RunFolder
from einsearch.study.launch import resume, search_file, search_grammar
from einsearch.study.run import Run, open_run
from einsearch.study.spacefile import load_space_file
from einsearch.study.storage import url_storage
from einsearch.study.trained import load_trained, train_again
from einsearch.trial import Trial, TrialState

GRAMMAR = load_grammar_text(
    "language 1\nstart a\na = step | step >> step\n"
    "step = conv2d({2, 4, 8}, {1, 3}) >> act\nact = relu | gelu | silu\n",
    "small.ein",
)
SPACE = """
grammar: g.ein
task: {name: bars, train: 64}
training: {epochs: 2, batch: 32}
searcher: {name: evolution, population: 3, tournament: 2}
budget: {trials: 3}
executor: inline
final: {top: 1, epochs: 1, seeds: 2}
"""


@pytest.fixture
def space(tmp_path: Path) -> Path:
    """A search-space file whose grammar imports from a folder beside it."""
    (tmp_path / "blocks").mkdir()
    (tmp_path / "blocks/act.ein").write_text("language 1\nact = relu | gelu\n")
    (tmp_path / "blocks/block.ein").write_text(
        'language 1\nimport "act.ein" (act)\nblock = conv2d({4, 8}, {1, 3}) >> norm >> act\n'
    )
    (tmp_path / "g.ein").write_text(
        'language 1\nimport "blocks/block.ein" (block)\nstart a\na = block | block >> block\n'
    )
    (tmp_path / "space.yaml").write_text(SPACE)
    return tmp_path / "space.yaml"


def score(derivation: Any) -> float:
    return float(-abs(derivation.nodes - 3))


def test_a_file_becomes_a_run_that_resumes_without_its_sources(space: Path, tmp_path: Path) -> None:
    run = search_file(space, directory=tmp_path / "run")
    assert [trial.state for trial in run.trials] == [TrialState.COMPLETE] * 3
    assert run.final is not None
    (network,) = run.final["networks"]
    assert network["number"] == (run.best.number if run.best else None)
    for path in (tmp_path / "g.ein", *(tmp_path / "blocks").iterdir(), space):
        path.unlink()
    longer = resume(tmp_path / "run", trials=5)
    assert sum(trial.state is TrialState.COMPLETE for trial in longer.trials) == 5
    assert longer.trials[:3] == run.trials


def test_a_longer_search_that_is_cut_off_goes_on_to_its_new_end(
    space: Path, tmp_path: Path
) -> None:
    class Cut(Callbacks):
        def on_trial(self, trial: Trial) -> None:
            if trial.number == 3:
                raise KeyboardInterrupt

    search_file(space, directory=tmp_path / "run", trials=2)
    before = load_space_file(tmp_path / "run/space.yaml")
    cut = resume(tmp_path / "run", trials=6, callbacks=Cut())
    assert len(cut.trials) < 6
    kept = load_space_file(tmp_path / "run/space.yaml")
    assert kept == before.changed(budget={"trials": 6})
    assert len(resume(tmp_path / "run").trials) == 6


def test_an_interrupted_and_resumed_search_equals_a_whole_one(space: Path, tmp_path: Path) -> None:
    whole = search_file(space, directory=tmp_path / "whole", trials=5)
    search_file(space, directory=tmp_path / "parts", trials=2)
    parts = resume(tmp_path / "parts", trials=5)
    assert [t.text for t in parts.trials] == [t.text for t in whole.trials]
    assert [t.values for t in parts.trials] == [t.values for t in whole.trials]


def test_training_a_trial_again_gives_its_score_whatever_the_threads(
    space: Path, tmp_path: Path
) -> None:
    run = search_file(space, directory=tmp_path / "run", trials=1)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        again = train_again(run, run.trials[0])
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert again.metrics["cross_entropy"] == run.trials[0].metrics["cross_entropy"]


def test_the_best_network_comes_back_with_the_weights_of_the_full_training(
    space: Path, tmp_path: Path
) -> None:
    search_file(space, directory=tmp_path / "run")
    trained = load_trained(open_run(tmp_path / "run"))
    assert trained.is_final
    assert trained.network(torch.zeros(2, 1, 8, 8)).shape == (2, 4)


def test_an_objective_of_ones_own_in_memory_and_in_processes(tmp_path: Path) -> None:
    spec = image(3, 8, 8)
    here = search_grammar(GRAMMAR, score, input=spec, trials=6)
    there = search_grammar(
        GRAMMAR, score, input=spec, trials=6, workers=1, directory=tmp_path / "run"
    )
    assert [trial.text for trial in there.trials] == [trial.text for trial in here.trials]
    assert [trial.values for trial in there.trials] == [trial.values for trial in here.trials]
    assert here.directory is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"directions": {"value": "up"}}, "the direction of value is 'up': expected maximize"),
        ({"searcher": "evolutoin"}, "did you mean evolution?"),
        ({"seeds": ["relu >> relx"]}, "<text>:1:9: the seed relu >> relx: no rule or primitive is"),
        (
            {"seeds": ["resnet"]},
            "named resnet\n  the seeds of small.ein are: none",
        ),
    ],
)
def test_wrong_options_are_named_before_a_folder_is_made(
    options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(EinsearchError) as caught:
        search_grammar(GRAMMAR, score, input=image(3, 8, 8), directory=tmp_path / "run", **options)
    assert message in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_space_without_any_network_leaves_no_folder(tmp_path: Path) -> None:
    def search(limits: Limits | None) -> Run:
        folder = tmp_path / "run"
        spec = image(3, 8, 8)
        return search_grammar(GRAMMAR, score, input=spec, trials=1, limits=limits, directory=folder)

    with pytest.raises(InfeasibleSpace):
        search(Limits(nodes=1, parameters=1))
    assert not (tmp_path / "run").exists()
    assert search(None).best is not None


def test_a_folder_is_used_once(tmp_path: Path) -> None:
    search_grammar(GRAMMAR, score, input=image(3, 8, 8), trials=1, directory=tmp_path / "run")
    with pytest.raises(RunError, match="holds a run already"):
        search_grammar(GRAMMAR, score, input=image(3, 8, 8), trials=1, directory=tmp_path / "run")


def test_runs_in_one_storage_keep_apart(tmp_path: Path) -> None:
    options: dict[str, Any] = {"input": image(3, 8, 8), "storage": f"sqlite:///{tmp_path}/all.db"}
    first = search_grammar(GRAMMAR, score, trials=2, directory=tmp_path / "a", **options)
    second = search_grammar(GRAMMAR, score, trials=3, seed=1, directory=tmp_path / "b", **options)
    third = search_grammar(GRAMMAR, score, trials=1, seed=2, **options)
    assert [len(run.trials) for run in (first, second, third)] == [2, 3, 1]
    assert open_run(tmp_path / "a").trials == first.trials
    longer = resume(tmp_path / "b", trials=4, objective=score)
    assert longer.trials[:3] == second.trials
    assert len(open_run(tmp_path / "a").trials) == 2


def test_a_password_serves_the_search_and_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def connect(url: str, **_: bool) -> Any:
        asked.append(url)
        return url_storage(f"sqlite:///{tmp_path}/all.db")

    monkeypatch.setattr(opening, "url_storage", connect)
    url, folder = "postgresql://me:s3cret@db/runs", tmp_path / "run"
    run = search_grammar(
        GRAMMAR, score, input=image(3, 8, 8), trials=2, directory=folder, storage=url
    )
    assert len(resume(folder, trials=3, objective=score).trials) == len(run.trials) + 1
    assert set(asked) == {url}
    assert not any(b"s3cret" in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_an_objective_that_cannot_be_sent_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any) -> None:
        raise AssertionError("a folder was made")

    monkeypatch.setattr(RunFolder, "create", never)
    message = (
        r"cannot be sent to worker processes: .*_thread\.lock.* Make inside of the objective what"
    )
    with pytest.raises(EinsearchError, match=message):
        search_grammar(
            GRAMMAR,
            partial(max, threading.Lock()),
            input=image(3, 8, 8),
            workers=1,
            directory=tmp_path / "run",
            storage=f"sqlite:///{tmp_path}/all.db",
        )
    assert list(tmp_path.iterdir()) == []


def flops_by_parameter(derivation: Any) -> float:
    """An objective that uses the methods which are bound to derivations."""
    graph = derivation.graph()
    return float(graph.flops / max(1, graph.parameters))


class TestRunsFromPython:
    """A search of a grammar with an objective, started and gone on with."""

    def search(self, folder: Path, objective: Any, **options: Any) -> Any:
        grammar = es.parse_grammar(
            "start x\nx = conv2d({4, 8, 16}, {1, 3}) >> (relu | gelu) | x >> x [0.3]"
        )
        return es.search(
            grammar, objective, input=es.image(1, 4, 4), trials=5, directory=folder, **options
        )

    def test_an_objective_in_a_worker_has_the_methods(self, tmp_path: Path) -> None:
        run = self.search(tmp_path / "run", flops_by_parameter, workers=1)
        assert [t.reason for t in run.trials if t.state is es.TrialState.FAILED] == []
        assert run.best.values["value"] > 0

    def test_a_named_objective_is_found_again(self, tmp_path: Path) -> None:
        self.search(tmp_path / "run", flops_by_parameter)
        run = es.open_run(tmp_path / "run").resume(trials=8)
        assert sum(t.state is es.TrialState.COMPLETE for t in run.trials) == 8

    def test_a_nameless_objective_must_be_handed_over(self, tmp_path: Path) -> None:
        self.search(tmp_path / "run", lambda derivation: 1.0)
        with pytest.raises(es.SpaceFileError, match=r"resume\(objective=\.\.\.\)"):
            es.open_run(tmp_path / "run").resume(trials=8)
        run = es.open_run(tmp_path / "run").resume(trials=8, objective=lambda derivation: 1.0)
        assert sum(t.state is es.TrialState.COMPLETE for t in run.trials) == 8

    def test_a_run_in_memory_cannot_be_resumed(self) -> None:
        grammar = es.parse_grammar("start x\nx = relu | gelu | silu")
        run = es.search(grammar, lambda d: 1.0, input=es.image(1, 4, 4), trials=2)
        with pytest.raises(es.RunError, match="give search a directory"):
            run.resume()


class TestCheckpointsElsewhere:
    """A search by successive halving whose paused candidates are kept outside of its folder."""

    def changes(self, place: str) -> dict[str, Any]:
        epochs = {"pruner": "asha", "min": 1, "max": 4, "promote": 2, "checkpoints": place}
        return {"budget": {"trials": 6, "epochs": epochs}, "final": {"top": 0}}

    def test_a_run_goes_on_from_them(self, space: Path) -> None:
        place = space.parent / "drive"
        whole = search_file(space, directory=space.parent / "a", **self.changes(str(place)))
        begun = self.changes(str(place))
        begun["budget"]["trials"] = 3
        half = search_file(space, directory=space.parent / "b", **begun)
        assert half.directory is not None
        resumed = resume(half.directory, trials=6)
        assert [trial.text for trial in resumed.trials] == [trial.text for trial in whole.trials]
        assert len(list(place.iterdir())) == 2
        assert not (space.parent / "a" / "checkpoints").exists()

    def test_a_path_starts_from_the_file(self, space: Path) -> None:
        text = SPACE.replace(
            "budget: {trials: 3}", "budget: {trials: 3, epochs: {max: 4, checkpoints: paused}}"
        )
        space.write_text(text)
        run = search_file(space, directory=space.parent / "runs" / "one")
        assert (space.parent / "paused").is_dir()
        assert run.directory is not None
        saved = (run.directory / "space.yaml").read_text()
        assert f"checkpoints: {space.parent / 'paused'}" in saved

    def test_a_place_that_cannot_be_used_leaves_no_folder(self, space: Path) -> None:
        (space.parent / "file").write_text("in the way")
        folder = space.parent / "run"
        with pytest.raises(RunError, match="cannot make the folder"):
            search_file(space, directory=folder, **self.changes(str(space.parent / "file")))
        assert not folder.exists()

    def test_unknown_file_systems_are_found_in_the_file(self, space: Path) -> None:
        with pytest.raises(EinsearchError, match="nonsense"):
            search_file(space, directory=space.parent / "r", **self.changes("nonsense://bucket"))
        assert not (space.parent / "r").exists()
