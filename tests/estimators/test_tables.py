"""Tables with words, dates and gaps in the estimators."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import einsearch as es
from einsearch.study.fromdata import read_data
from tests.estimators.support import PLAIN, houses


@pytest.fixture(scope="module")
def fitted() -> Any:
    """A regressor of the prices of houses; tests only ask it."""
    x, y = houses()
    return es.Regressor(**PLAIN).fit(x, y)


def test_a_frame_with_words_dates_and_gaps_is_learned(fitted: Any) -> None:
    x, y = houses()
    assert fitted.feature_names_in_.tolist() == list(x.columns)
    assert fitted.n_features_in_ == 6
    assert fitted.score(x, y) > 0.5
    arrived = pickle.loads(pickle.dumps(fitted))
    assert (arrived.predict(x) == fitted.predict(x)).all()


def test_raw_rows_are_coded_as_the_search_coded_them(tmp_path: Path) -> None:
    x, y = houses()
    found = es.Regressor(**PLAIN, directory=tmp_path / "kept").fit(x, y)
    data = tmp_path / "kept" / "data.csv"
    options = {"target": "target", "test": 0, "columns": {"area": "number", "rooms": "number"}}
    task = read_data(data, options).task
    made = found._answers.reader.read(x)
    examples = np.concatenate([task.train.x, task.valid.x])
    assert np.allclose(np.sort(made, axis=0), np.sort(examples, axis=0), atol=1e-6)
    assert len(np.unique(made, axis=0)) == len(np.unique(examples, axis=0)) == len(x)


def test_rows_alone_and_words_that_are_new_are_answered(fitted: Any) -> None:
    x, _ = houses()
    whole = fitted.predict(x)
    assert [fitted.predict(x.iloc[n : n + 1])[0] for n in range(5)] == whole[:5].tolist()
    strange = x.assign(town="Chur", area=np.nan, built=pd.NaT)
    assert np.isfinite(fitted.predict(strange)).all()
    as_words = x.assign(rooms=x["rooms"].astype(str), area=x["area"].astype("Float64"))
    assert (fitted.predict(as_words) == whole).all()


def test_an_array_with_gaps_is_a_table() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(90, 3))
    y = (x[:, 0] > 0).astype(int)
    x[rng.random(x.shape) < 0.1] = np.nan
    found = es.Classifier(**PLAIN).fit(x, y)
    assert found.score(x, y) > 0.75
    assert np.isfinite(found.predict_proba(np.full((2, 3), np.nan))).all()
    assert found.predict(rng.normal(size=(4, 3))).shape == (4,)


def test_what_looks_like_symbols_stays_numbers_and_words() -> None:
    rng = np.random.default_rng(0)
    codes, labels = rng.integers(0, 4, (60, 16)), np.arange(60) % 2
    assert es.Classifier(**PLAIN).fit(codes, labels).predict(codes).shape == (60,)
    texts = pd.DataFrame({"text": ["".join(row) for row in rng.choice([*"ACGT"], (40, 9))] * 2})
    found = es.Classifier(**PLAIN).fit(texts, np.arange(80) % 2)
    assert found.predict(texts).shape == (80,)


def test_names_that_no_file_bears_are_no_hindrance() -> None:
    x, y = houses()
    odd = x.rename(columns={"area": " a,\n b", "town": "target"})
    found = es.Regressor(**PLAIN).fit(odd, y)
    assert found.predict(odd).shape == y.shape


def test_mistakes_in_a_table_are_told(fitted: Any) -> None:
    x, y = houses()
    for wrong, told in (
        (x.drop(columns="area"), "feature names|Feature names"),
        (x.assign(rooms="many"), 'the column rooms holds "many", and fit had numbers'),
        (x.assign(built="whenever"), "no date"),
    ):
        with pytest.raises(ValueError, match=told):
            fitted.predict(wrong)
    twice = pd.concat([x, x[["town"]]], axis=1)
    with pytest.raises(ValueError, match=r"unique column names.*\n.*town"):
        es.Regressor(**PLAIN).fit(twice, y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        es.Regressor(**PLAIN).fit(x, y[:-1])
    with pytest.raises(ValueError, match="one number to be told"):
        es.Regressor(**PLAIN).fit(x, np.stack([y, y], axis=1))
