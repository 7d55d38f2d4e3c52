"""`es.Classifier` and `es.Regressor`: what a fit leaves, where, and for how long."""

from __future__ import annotations

import copy
import gc
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import einsearch as es
from einsearch.errors import FolderTaken
from tests.estimators.support import PLAIN, QUICK, rows


def classifier(**changes: Any) -> Any:
    return es.Classifier(**{**PLAIN, **changes})


def regressor(**changes: Any) -> Any:
    return es.Regressor(**{**PLAIN, **changes})


@pytest.fixture(scope="module")
def fitted() -> Any:
    """A classifier of words; tests only ask it."""
    x, y = rows()
    return classifier().fit(x, np.array(["low", "mid", "top"])[y])


def test_a_classifier_tells_labels_as_they_were_given(fitted: Any) -> None:
    x, y = rows()
    words = np.array(["low", "mid", "top"])[y]
    assert fitted.classes_.tolist() == ["low", "mid", "top"]
    assert fitted.score(x, words) > 0.8
    shares = fitted.predict_proba(x)
    assert shares.shape == (len(x), 3)
    assert np.allclose(shares.sum(axis=1), 1)
    assert (fitted.classes_[shares.argmax(axis=1)] == fitted.predict(x)).all()


@pytest.mark.parametrize(
    "labels",
    [
        np.array([30, 4, 7]),
        np.array(["10", "9", "2"]),
        np.array([False, True, True]),
        np.array(["NA", " b", "nan"]),
        np.array([0.5, 2.5, 1.0]) * 2,
        np.array(["x", "y", "z"], dtype=object),
    ],
    ids=str,
)
def test_labels_of_any_kind_come_back_in_their_places(labels: Any) -> None:
    x, y = rows()
    given = labels[y]
    found = classifier().fit(x, given)
    assert found.classes_.dtype == np.unique(given).dtype
    assert (found.classes_ == np.unique(given)).all()
    assert found.score(x, given) > 0.75


def test_a_regressor_tells_numbers_in_their_unit() -> None:
    x, _ = rows()
    y = 1000 + 50 * x[:, 0]
    found = regressor().fit(x, y)
    assert found.predict(x).shape == y.shape
    assert found.score(x, y) > 0.5
    both = np.stack([y, -y], axis=1)
    answers = regressor().fit(x, both).predict(x)
    assert answers.shape == both.shape
    assert answers[:, 0].mean() > 900 > -900 > answers[:, 1].mean()


@pytest.mark.parametrize(
    ("shape", "kind", "layout", "spec"),
    [
        ((40, 12, 2), float, None, "tokens:12x2"),
        ((40, 12), float, "tokens", "tokens:12x1"),
        ((40, 8, 8), np.uint8, None, "image:1x8x8"),
        ((40, 8, 8, 3), float, None, "image:3x8x8"),
    ],
)
def test_series_and_images_are_what_their_shape_says(
    shape: tuple[int, ...], kind: type, layout: str | None, spec: str
) -> None:
    x = (100 * np.random.default_rng(0).random(shape)).astype(kind)
    y = np.arange(len(x)) % 2
    settings = {**QUICK, "limits": {"nodes": 20, "parameters": "20k"}, "seeds": []}
    found = classifier(grammar=None, layout=layout, settings=settings).fit(x, y)
    task = found.run_.folder.read_json("task.json")
    assert task["input"] == spec
    assert found.predict(x).shape == y.shape
    with pytest.raises(ValueError, match=r"(?i)x has"):
        found.predict(x[:, :5])


def test_an_answer_does_not_hang_on_what_stands_beside_it(fitted: Any) -> None:
    x = np.random.default_rng(1).normal(size=(300, 4))
    whole = fitted.predict_proba(x)
    assert (np.concatenate([fitted.predict_proba(x[n : n + 1]) for n in range(300)]) == whole).all()
    assert (fitted.predict_proba(x[::-1])[::-1] == whole).all()


def test_the_same_random_state_finds_the_same_network(fitted: Any) -> None:
    x, y = rows()
    again = clone(fitted).fit(x, np.array(["low", "mid", "top"])[y])
    assert (again.predict_proba(x) == fitted.predict_proba(x)).all()
    assert again.run_.best.text == fitted.run_.best.text
    other = classifier(random_state=np.random.RandomState(3)).fit(x, y)
    assert (other.predict_proba(x) != fitted.predict_proba(x)).any()


def test_a_fit_leaves_the_random_numbers_of_others_alone() -> None:
    x, y = rows()
    np.random.seed(1)
    torch.manual_seed(1)
    before = np.random.get_state()[1].copy(), torch.get_rng_state()
    classifier().fit(x, y)
    assert (np.random.get_state()[1] == before[0]).all()
    assert torch.equal(torch.get_rng_state(), before[1])


def test_the_folder_goes_with_the_last_estimator_that_has_it() -> None:
    x, y = rows()
    found = classifier().fit(x, y)
    folder = found.run_.directory.parent
    twin = copy.deepcopy(found)
    del found
    gc.collect()
    assert twin.run_.best.number == 0
    del twin
    gc.collect()
    assert not folder.exists()


def test_a_failed_fit_leaves_nothing(tmp_path: Path) -> None:
    x, y = rows()
    for wrong in ({"grammar": "nope"}, {"searcher": "nope"}, {"settings": {"trainig": {}}}):
        with pytest.raises(es.EinsearchError, match=r"nope|trainig"):
            classifier(directory=tmp_path / "kept", **wrong).fit(x, y)
        assert not (tmp_path / "kept").exists()


def test_a_pickled_estimator_answers_without_its_files(fitted: Any) -> None:
    x, _ = rows()
    arrived = pickle.loads(pickle.dumps(fitted))
    assert (arrived.predict_proba(x) == fitted.predict_proba(x)).all()
    with pytest.raises(es.EinsearchError, match="give it a directory before fit"):
        arrived.run_  # noqa: B018


def test_a_directory_keeps_the_run_and_its_data(tmp_path: Path) -> None:
    x, y = rows()
    folder = tmp_path / "kept"
    found = classifier(directory=folder).fit(x, y)
    arrived = pickle.loads(pickle.dumps(found))
    del found
    gc.collect()
    assert sorted(path.name for path in folder.iterdir()) == ["data.npz", "run"]
    assert arrived.run_.best.number == 0
    assert len(es.resume(folder / "run", trials=2).trials) >= 2
    with pytest.raises(FolderTaken, match="kept is not empty"):
        clone(arrived).fit(x, y)


def test_the_network_is_exported(fitted: Any, tmp_path: Path) -> None:
    paths = fitted.export(tmp_path, "python")
    assert tmp_path / "model.py" in paths
    assert "'low', 'mid', 'top'" in (tmp_path / "model.py").read_text()
    assert isinstance(fitted.module_, torch.nn.Module)


def test_the_average_of_several_networks_is_one_module(tmp_path: Path) -> None:
    x, y = rows()
    final = {"epochs": 2, "ensemble": 3, "data": "all"}
    found = classifier(trials=2, settings={**QUICK, "final": final}).fit(x, y)
    assert len(found.run_.final["ensemble"]["members"]) > 1
    arrived = pickle.loads(pickle.dumps(found))
    assert (arrived.predict_proba(x) == found.predict_proba(x)).all()
    found.export(tmp_path)
    names: dict[str, Any] = {"__name__": "model", "__file__": str(tmp_path / "model.py")}
    exec(compile((tmp_path / "model.py").read_text(), "model.py", "exec"), names)
    assert names["predict"](x) == [str(label) for label in found.predict(x)]


def test_what_is_not_fitted_says_so() -> None:
    for ask in (lambda e: e.predict([[1.0]]), lambda e: e.run_, lambda e: e.export("x")):
        with pytest.raises(NotFittedError):
            ask(classifier())


def test_a_fit_tells_what_it_does_where_that_is_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    x, y = rows()
    classifier(verbose=True).fit(x, y)
    told = capsys.readouterr().out
    assert told.startswith("90 rows of 4 features, 3 classes 0, 1, 2, ")
    assert "\ntrial 0: accuracy " in told
    classifier().fit(x, y)
    assert capsys.readouterr().out == ""


def test_minutes_are_kept(capsys: pytest.CaptureFixture[str]) -> None:
    x, y = rows()
    found = classifier(minutes=0.1, trials=3, verbose=True).fit(x, y)
    assert "6.0 s in all: search " in capsys.readouterr().out
    assert found.run_.minutes == 0.1


def test_they_stand_in_pipelines_and_are_cross_validated() -> None:
    x, y = rows()
    scores = cross_val_score(make_pipeline(StandardScaler(), classifier()), x, y, cv=2)
    assert scores.min() > 0.6


def test_one_class_and_other_mistakes_are_value_errors() -> None:
    x, y = rows()
    for bad_x, bad_y, told in (
        (x, np.zeros(len(x)), "has one class"),
        (x, x[:, 0], "Unknown label type"),
        (x[:, :, None, None, None], y, "5 axes"),
        (x, None, "requires y"),
    ):
        with pytest.raises((ValueError, es.TaskError), match=told):
            classifier().fit(bad_x, bad_y)
