"""What a run ended with: the average of several networks, in its folder and out of it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import einsearch as es
from einsearch.errors import RunError
from einsearch.evaluate import candidate
from einsearch.evaluate.candidate import Job, Outcome
from einsearch.evaluate.ensembling import blended
from einsearch.exporters.from_run import averaged_model
from einsearch.study.handing import HandedOver, Member, handed_over, leading
from einsearch.study.launch import resume, search_file
from einsearch.study.run import Run, open_run
from einsearch.study.trained import TrainedAverage, load_handed_over, loaded_task

SPACE = """
grammar: g.ein
task: {name: arrays, path: data, target: y}
training: {epochs: 1, folds: 2, batch: 16}
objectives: {cross_entropy: minimize}
searcher: random
budget: {trials: 3}
executor: inline
final: {top: 1, epochs: 2, ensemble: 3, looks: 2, data: all}
"""


def tables(folder: Path) -> Path:
    """A small search of a table with test data, in a folder."""
    (folder / "data").mkdir()
    rows = [f"{n % 7 / 7},{n % 2},{'ab'[n % 2]}" for n in range(60)]
    (folder / "data/train.csv").write_text("\n".join(["u,v,y", *rows]))
    (folder / "data/test.csv").write_text("\n".join(["u,v,y", *rows[:20]]))
    (folder / "g.ein").write_text("language 1\nstart n\nn = linear(2..60) >> (relu | tanh)\n")
    (folder / "space.yaml").write_text(SPACE)
    return folder / "space.yaml"


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that ended with an average, beside its data; tests copy it."""
    folder = tmp_path_factory.mktemp("searched")
    search_file(tables(folder), directory=folder / "run")
    return folder


@pytest.fixture
def run(searched: Path, tmp_path: Path) -> Path:
    """The same, somewhere else: data and run have moved together."""
    shutil.copytree(searched, tmp_path / "moved")
    return tmp_path / "moved/run"


def changed(run: Path, change: Callable[[dict[str, Any]], object]) -> Run:
    """The run with another final.json."""
    path = run / "final.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return open_run(run)


def trainings(monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """All that are trained from now on."""
    jobs: list[Job] = []
    train = candidate.evaluate_candidate

    def watched(job: Job, *given: Any) -> Outcome:
        jobs.append(job)
        return train(job, *given)

    monkeypatch.setattr(candidate, "evaluate_candidate", watched)
    return jobs


def test_the_model_of_a_run_is_what_its_members_answer_together(run: Path) -> None:
    opened = open_run(run)
    found = load_handed_over(opened)
    assert isinstance(found, TrainedAverage)
    assert len(found.members) == 3
    assert opened.folder is not None
    task = loaded_task(opened.folder)
    test = task.test()
    with torch.no_grad():
        x = torch.from_numpy(test.x)
        answers = [member.network(x).numpy() for member in found.members]
        given = opened.model()(x).numpy()
    shares = [member.share for member in found.handed.members]
    np.testing.assert_allclose(given, blended(task, answers, shares), rtol=1e-4, atol=1e-5)
    accuracy = float((given.argmax(1) == test.y).mean())
    assert found.handed.test["accuracy"] == pytest.approx(accuracy)
    assert found.handed.examples == 20
    low, high = found.handed.interval["accuracy"]
    assert low <= accuracy <= high
    one = opened.model(opened.trials[found.handed.members[0].number])
    assert not hasattr(one, "members")


def test_a_run_and_a_trial_of_it_are_exported(run: Path, tmp_path: Path) -> None:
    opened = open_run(run)
    found = load_handed_over(opened)
    assert isinstance(found, TrainedAverage)
    assert averaged_model(found).task["classes"] == ["a", "b"]
    files = es.export(opened, "safetensors", tmp_path / "all")
    (alone,) = es.export(opened.trials[found.members[0].trial.number], "safetensors", tmp_path)
    names = set(np_names(files[0]))
    assert {name.split(".")[1] for name in names} == {"0", "1", "2"}
    assert all(name.startswith("members.") for name in names)
    assert not any(name.startswith("members.") for name in np_names(alone))


def np_names(path: Path) -> list[str]:
    from safetensors.numpy import load

    return list(load(path.read_bytes()))


def test_going_on_after_the_end_trains_nothing(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (run / "final.json").read_text()
    jobs = trainings(monkeypatch)
    resume(run)
    assert jobs == []
    assert (run / "final.json").read_text() == before


@pytest.mark.parametrize("is_kept", [True, False])
def test_a_lost_file_is_one_clear_error_and_is_trained_again(
    run: Path, monkeypatch: pytest.MonkeyPatch, is_kept: bool
) -> None:
    """Also one of a seed that is no trial's best."""
    found = handed_over(open_run(run))
    assert found is not None
    kept = {row["weights"] for row in (open_run(run).final or {})["networks"]}
    name = next(one.weights for one in found.members if (one.weights in kept) is is_kept)
    whole = (run / name).read_bytes()
    (run / name).unlink()
    message = f"lacks {name}, the weights of trial .*einsearch resume {re.escape(str(run))}"
    with pytest.raises(RunError, match=message):
        open_run(run).model()
    jobs = trainings(monkeypatch)
    again = resume(run)
    assert len(jobs) == 1
    assert (run / name).read_bytes() == whole
    assert handed_over(again) == found


def test_a_session_that_was_cut_off_keeps_its_epochs(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What fits into the time is another number in another session."""
    before = json.loads((run / "final.json").read_text())
    (run / "final.json").unlink()
    monkeypatch.setattr("einsearch.study.finishing.fitting_epochs", lambda *_: 1)
    jobs = trainings(monkeypatch)
    after = resume(run).final
    assert after is not None
    assert all(job.training.folds == 2 for job in jobs), "only the second scores were lost"
    assert after["ensemble"] == before["ensemble"]


def test_a_better_trial_of_a_longer_search_is_scored_again_too(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = open_run(run).final
    assert before is not None
    longer = resume(run, trials=9)
    assert longer.final is not None
    first = {look["number"]: look for look in before["looks"]}
    looks = {look["number"]: look for look in longer.final["looks"]}
    assert {n: looks[n] for n in first} == first
    assert longer.best.number not in first, "the seed finds a better one; else choose another"
    assert looks.keys() > first.keys()
    assert longer.best.number in looks


def test_without_an_average_it_is_the_best_trial(tmp_path: Path) -> None:
    space = tables(tmp_path)
    text = SPACE.replace("ensemble: 3, looks: 2, data: all", "seeds: 1")
    space.write_text(text.replace("folds: 2, ", ""))
    run = search_file(space, directory=tmp_path / "run")
    assert handed_over(run) is None
    assert leading(run) == run.best
    assert run.final is not None
    (row,) = run.final["networks"]
    assert row["examples"] == 20
    low, high = row["interval"]["accuracy"]
    assert low <= row["test"]["accuracy"]["mean"] <= high


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda e: e["members"][0].update(number=99), "hands over trial 99, and the run has 3"),
        (lambda e: e["members"][0].update(text="linear(7)"), "is another network"),
        (lambda e: e["members"][0].update(share=0.9), "sum to 1.567"),
        (lambda e: e["members"][0].update(share=-1), "ensemble.members.0.share is -1"),
        (lambda e: e["members"].clear(), "ensemble.members is "),
        (lambda e: e["members"][0].pop("weights"), "members.0.weights is missing"),
        (lambda e: e["members"][0].update(weights="../../secret"), "does not lie in it"),
        (lambda e: e["members"][0].update(weights="/etc/passwd"), "does not lie in it"),
        (lambda e: e.update(interval={"accuracy": [1.0]}), "ensemble.interval"),
        (lambda e: e.update(examples="many"), "ensemble.examples"),
    ],
)
def test_a_damaged_or_made_up_ending_is_one_clear_error(
    run: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    opened = changed(run, lambda content: change(content["ensemble"]))
    with pytest.raises(RunError, match=f"damaged.*{re.escape(message)}"):
        opened.model()


def test_weights_of_another_network_are_refused(run: Path) -> None:
    opened = open_run(run)
    found = handed_over(opened)
    assert found is not None
    other = next(t for t in opened.trials if t.text != found.members[0].text)
    shutil.copy(run / f"weights/trial-{other.number}.safetensors", run / found.members[0].weights)
    with pytest.raises(es.EinsearchError, match="belong to another network"):
        opened.model()


def members(*said: tuple[int, float]) -> HandedOver:
    return HandedOver(tuple(Member(n, "relu", f"{k}", s) for k, (n, s) in enumerate(said)))


def test_it_is_said_in_words() -> None:
    assert members((14, 1.0)).words == "trial 14"
    assert members((3, 0.5), (3, 0.5)).words == "the average of 2 networks: trial 3 with 2 seeds"
    assert members((14, 0.25), (16, 0.5), (14, 0.25)).words == (
        "the average of 3 networks: trials 14 (2 seeds, 50 %), 16 (50 %)"
    )


def test_it_is_written_and_read() -> None:
    said = HandedOver(members((1, 0.5), (2, 0.5)).members, {}, {"f1": 0.5}, {"f1": (0.4, 0.6)}, 9)
    assert HandedOver.of_json(json.loads(json.dumps(said.as_json()))) == said
