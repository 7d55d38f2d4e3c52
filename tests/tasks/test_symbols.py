"""Sequences of symbols: what is read as some, how codes follow, the message for each mistake."""

from __future__ import annotations

import importlib.util
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as numpy_arrays

import einsearch as es
from einsearch.errors import TaskError
from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.network import build_network, read_program
from einsearch.evaluate.training import train
from einsearch.exporters.base import TrainedModel
from einsearch.exporters.registry import get_exporter
from einsearch.recipe.spaces import grammar_for
from einsearch.tasks.alphabet import fit_alphabet
from einsearch.tasks.base import Task
from einsearch.tasks.recorded import decode_task, encode_task
from einsearch.tasks.registry import make_task
from einsearch.tasks.sequences import Sequences, SymbolReading

RNG = np.random.default_rng(0)
COUNT = 60
GENES = ["".join(RNG.choice(list("ACGT"), size=12 + n % 9)) for n in range(COUNT)]
LABELS = ["AB"[n % 2] for n in range(COUNT)]
CODES = RNG.integers(0, 4, (COUNT, 16))
WORDS = np.array(["the", "film", "was", "bad", "good"])
REVIEWS = [" ".join(WORDS[RNG.integers(0, 5, 4 + n % 3)]) + f" w{n}" for n in range(COUNT)]


def table(path: Path, *columns: Any, names: str = "text,label") -> Path:
    rows = [",".join(map(str, row)) for row in zip(*columns, strict=True)]
    path.write_text("\n".join([names, *rows] if names else rows) + "\n", encoding="utf-8")
    return path


def arrays(folder: Path, x: Any, **more: Any) -> Path:
    np.savez(folder / "d.npz", train_x=x, train_y=LABELS, **more)
    return folder / "d.npz"


def load(path: Path, **options: Any) -> Task:
    more = {"target": "label"} if path.suffix == ".csv" else {}
    return make_task({"name": "arrays", "path": str(path), **more, **options})


def exported(folder: Path) -> Any:
    """The file `model.py` of an export, as a module."""
    spec = importlib.util.spec_from_file_location("exported", folder / "model.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def told(task: Task, split: Any, symbol: str = "") -> list[str]:
    """Examples of a split as the codes spell them."""
    return [symbol.join(task.vocabulary[int(code)] for code in row[:, 0]) for row in split.x]


def test_a_column_of_letters_is_read_as_characters(tmp_path: Path) -> None:
    task = load(table(tmp_path / "d.csv", GENES, LABELS), test=0.2)
    assert (str(task.input), str(task.output)) == ("tokens:20x1", "vector:2")
    assert (task.vocabulary, task.symbols) == (("", "A", "C", "G", "T"), "characters")
    assert (task.statistics.mean, task.statistics.deviation) == ((0.0,), (1.0,))
    found = [*told(task, task.train), *told(task, task.valid), *told(task, task.test())]
    assert sorted(found) == sorted(GENES)
    assert task.summary.startswith(
        "48 sequences of 20 symbols (4 different, A, C, G, T, 12 to 20 long; shorter ones end "
        "with code 0), 2 classes A, B, 24 examples each; 15 %"
    )
    assert any("symbols: false" in note for note in task.reading.notes)
    assert grammar_for(task).name == "codes"


def test_words_apart_by_spaces_are_symbols(tmp_path: Path) -> None:
    task = load(table(tmp_path / "d.csv", REVIEWS, LABELS), vocabulary=5)
    assert set(task.vocabulary) == {"", *WORDS.tolist()}
    assert task.symbols == "words"
    kept = [" ".join(word if word in WORDS else "" for word in text.split()) for text in REVIEWS]
    found = told(task, task.train, " ") + told(task, task.valid, " ")
    assert sorted(text.strip() for text in found) == sorted(text.strip() for text in kept)
    assert any("the 5 most frequent of" in note for note in task.reading.notes)
    letters = load(tmp_path / "d.csv", symbols="characters")
    assert " " in letters.vocabulary
    assert letters.input.shape[0] > 2 * task.input.shape[0]


@pytest.mark.parametrize(
    "options", [{"symbols": False}, {"layout": "vector"}, {"columns": {"text": "category"}}]
)
def test_the_column_stays_one_of_a_table_where_that_is_said(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    words = [f"{text[:6]}" for text in GENES[: COUNT // 2]] * 2
    task = load(table(tmp_path / "d.csv", words, LABELS), **options)
    assert task.input.rank == 1
    assert not task.vocabulary


def test_few_words_many_times_are_a_category(tmp_path: Path) -> None:
    colours = ["purple", "yellow", "orange"] * (COUNT // 3)
    assert load(table(tmp_path / "d.csv", colours, LABELS)).columns[0] == "text=orange"


def test_what_follows_from_training_follows_from_it_alone(tmp_path: Path) -> None:
    table(tmp_path / "train.csv", ["ACA", "CCA", "AC", "CA"] * 10, ["u", "v"] * 20)
    table(tmp_path / "valid.csv", ["AXC", "ACACAC"], ["u", "v"])
    table(tmp_path / "test.csv", ["A", "XXXXX"], ["u", "v"])
    task = make_task({"name": "arrays", "path": str(tmp_path), "target": "label", "symbols": True})
    assert task.vocabulary == ("", "A", "C")
    assert task.valid.x[..., 0].tolist() == [[1, 0, 2], [1, 2, 1]]
    assert task.test().x[..., 0].tolist() == [[1, 0, 0], [0, 0, 0]]
    again = pickle.loads(pickle.dumps(task.read_test))()
    assert (again.x == task.test().x).all()


@pytest.mark.parametrize("kind", [np.int64, np.int8, str, bytes])
def test_an_array_whose_columns_are_alike_has_a_symbol_in_each_cell(
    tmp_path: Path, kind: Any
) -> None:
    x = CODES.astype("S1" if kind is bytes else kind)
    task = load(arrays(tmp_path, x))
    assert (str(task.input), task.symbols) == ("tokens:16x1", "cells")
    assert task.vocabulary == ("", "0", "1", "2", "3")
    found = told(task, task.train) + told(task, task.valid)
    assert sorted(found) == sorted("".join(map(str, row)) for row in CODES)
    assert "symbols: false" in task.reading.notes[0]
    again = decode_task(encode_task(task))
    assert (again.vocabulary, again.symbols) == (task.vocabulary, "cells")


@pytest.mark.parametrize(
    "x",
    [
        pytest.param(CODES[:, :15], id="too few columns"),
        pytest.param(CODES * np.arange(1, 17), id="columns of different ranges"),
        pytest.param(CODES.astype(np.uint8), id="pixels"),
        pytest.param(CODES % 2, id="truths"),
        pytest.param(CODES.astype(float), id="floats"),
        pytest.param(RNG.integers(0, 41, (COUNT, 16)) * 5, id="many"),
    ],
)
def test_other_arrays_stay_rows_of_features(tmp_path: Path, x: Any) -> None:
    task = load(arrays(tmp_path, x))
    assert task.input.rank == 1
    assert not task.vocabulary
    if x.dtype.kind != "f" and x.max() < 5:
        assert load(arrays(tmp_path, x), symbols=True).input.shape == (x.shape[1], 1)


def test_texts_of_an_array_and_empty_cells(tmp_path: Path) -> None:
    task = load(arrays(tmp_path, np.array(GENES)))
    assert sorted(told(task, task.train) + told(task, task.valid)) == sorted(GENES)
    cells = np.array([[*text[:8], ""] for text in GENES])
    task = load(arrays(tmp_path, cells), symbols=True)
    assert (task.train.x[:, 8] == 0).all()
    assert (task.train.x[:, :8] > 0).all()


def test_more_symbols_than_embed_has_codes_are_told_before_a_search(tmp_path: Path) -> None:
    texts = [f"{REVIEWS[0]} {n}" for n in range(300)]
    table(tmp_path / "d.csv", texts, [n % 2 for n in range(300)])
    wanted = "the grammar needs embed(features, count="
    task = load(tmp_path / "d.csv", vocabulary=300)
    assert any(f"{wanted}{len(task.vocabulary)})" in note for note in task.reading.notes)
    assert not any(wanted in note for note in load(tmp_path / "d.csv").reading.notes)


def test_numbers_are_told_from_sequences_and_examples_without_an_answer_dropped(
    tmp_path: Path,
) -> None:
    amounts = [f"{text.count('A') + 0.5}" if n % 5 else "" for n, text in enumerate(GENES)]
    task = load(table(tmp_path / "d.csv", GENES, amounts), missing="drop")
    assert (task.is_classification, len(task.train) + len(task.valid)) == (False, COUNT * 4 // 5)
    assert task.target_statistics is not None
    raw = task.train.y[:, 0] * task.target_statistics.deviation + task.target_statistics.mean
    assert raw == pytest.approx([t.count("A") + 0.5 for t in told(task, task.train)], abs=1e-4)
    assert "sequences of" in task.summary
    assert "a number label from" in task.summary


def test_every_symbol_may_have_an_answer(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", train_x=CODES, train_y=CODES > 1)
    task = load(tmp_path / "d.npz")
    assert (str(task.output), task.is_dense) == ("tokens:16x2", True)
    assert (task.train.y == (task.train.x[..., 0] > 2)).all()


WRONG: list[tuple[Any, dict[str, Any], str]] = [
    (CODES.astype(float), {"symbols": True}, r"holds floats, .* save whole numbers, \.astype"),
    (RNG.integers(0, 10**6, (COUNT, 16)), {"symbols": True}, r"255 most frequent are .* amounts"),
    (CODES.reshape(COUNT, 4, 4), {"symbols": True}, r"cannot be rows of symbols: expected texts"),
    (CODES[:, 0], {"symbols": True}, r"cannot be rows of symbols: expected texts"),
    (CODES, {"symbols": "words"}, "has a symbol in each cell: say symbols: true"),
    (CODES, {"symbols": True, "layout": "image"}, "symbols: true and layout: image contradict"),
    (CODES, {"symbols": "letters"}, "symbols is 'letters': input should be 'characters', 'words'"),
    (CODES[:, :3], {"vocabulary": 9}, "is not read as symbols: leave vocabulary out"),
    (np.array([*GENES[1:], " "]), {}, f"example {COUNT - 1}: the text is empty"),
    (np.array(GENES), {"layout": "vector"}, "say symbols: true where they are sequences"),
    (np.array(GENES), {"places": True}, "leave places out"),
    (RNG.random((COUNT, 3)).astype(str), {}, "symbols: true, which reads each row"),
]


@pytest.mark.parametrize(("x", "options", "message"), WRONG, ids=[w[2][:24] for w in WRONG])
def test_a_mistake_is_one_line(
    tmp_path: Path, x: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(TaskError, match=message) as caught:
        load(arrays(tmp_path, x), **options)
    assert "\n" not in str(caught.value)


def test_mistakes_of_tables(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    table(path, GENES, GENES[::-1], LABELS, names="one,other,label")
    with pytest.raises(TaskError, match=r"2 columns beside the target, .*ignore: \[other\]"):
        load(path, symbols=True)
    with pytest.raises(TaskError, match=r"symbols: true reads one column .* the others in ignore"):
        load(path)
    assert load(path, ignore=["other"]).input.shape == (20, 1)
    table(path, [*GENES[1:], '""'], LABELS)
    with pytest.raises(TaskError, match=f"line {COUNT + 1}, column 1 .* the text is empty"):
        load(path, symbols=True)
    with pytest.raises(TaskError, match="symbols: true reads it as sequences"):
        load(path)


def test_data_of_other_kinds_than_training(tmp_path: Path) -> None:
    more = {"test_x": CODES.astype(str), "test_y": LABELS}
    with pytest.raises(TaskError, match=r"test_x .* does not fit training, which holds whole"):
        load(arrays(tmp_path, CODES, **more))


TEXTS = st.lists(st.text("abc", min_size=1, max_size=7), min_size=2, max_size=9)


@settings(max_examples=50, deadline=None)
@given(texts=TEXTS, data=st.data())
def test_rows_that_are_picked_have_the_codes_that_they_had(texts: list[str], data: Any) -> None:
    flat = np.array(["abc".index(c) for text in texts for c in text], np.int32)
    starts = np.concatenate([[0], np.cumsum([len(text) for text in texts])])
    whole = Sequences(flat, starts, ("a", "b", "c"))
    alphabet = fit_alphabet("d", whole, SymbolReading("characters", 9, True))
    places = st.integers(0, len(texts) - 1)
    rows = data.draw(numpy_arrays(np.intp, st.integers(1, 6), elements=places))
    assert (alphabet.apply(whole.rows(rows)) == alphabet.apply(whole)[rows]).all()


def test_a_textcnn_learns_and_its_export_takes_texts(tmp_path: Path) -> None:
    path = table(tmp_path / "d.csv", GENES, ["ab"["AC" in text[:9]] for text in GENES])
    task = load(path)
    grammar = es.load_grammar("codes")
    program = es.architecture(grammar.seeds["textcnn_small"].text, task.input, grammar).program
    network = build_network(program, task, seed=0)
    evaluation = train(network, task, TrainingConfig(epochs=25, batch=16, lr=0.01), 0)
    assert evaluation.metrics["train_loss"] < 0.5
    model = TrainedModel(program, task.output, network, {"task": task.describe()})
    get_exporter("python").export(model, tmp_path / "out")
    with torch.no_grad():
        answers = network.eval()(torch.from_numpy(task.train.x)).argmax(1).tolist()
    texts = told(task, task.train)
    there = exported(tmp_path / "out")
    assert there.predict(texts) == [task.classes[n] for n in answers]
    assert there.predict(texts[3]) == there.predict(texts)[3]
    assert there.predict(there.encode(texts)) == there.predict(texts)
    assert there.encode("AX" + 30 * "C")[0, :3, 0].tolist() == [1.0, 0.0, 2.0]
    with pytest.raises(ValueError, match="expected a text, found 7"):
        there.predict([7])
    assert "print(predict(['ACGT']))" in (tmp_path / "out" / "README.txt").read_text()


@pytest.mark.parametrize("kind", ["words", "cells"])
def test_exports_take_words_and_cells(tmp_path: Path, kind: str) -> None:
    rows: Any = REVIEWS if kind == "words" else CODES.tolist()
    task = load(
        table(tmp_path / "d.csv", REVIEWS, LABELS) if kind == "words" else arrays(tmp_path, CODES)
    )
    program = read_program("embed(8)", task)
    network = build_network(program, task, seed=0)
    model = TrainedModel(program, task.output, network, {"task": task.describe()})
    get_exporter("python").export(model, tmp_path / "out")
    there = exported(tmp_path / "out")
    known = {symbol: code for code, symbol in enumerate(task.vocabulary)}
    parts = [row.split() if isinstance(row, str) else map(str, row) for row in rows]
    wanted = [[known.get(part, 0) for part in row] for row in parts]
    length = task.input.shape[0]
    padded = [(row + [0] * length)[:length] for row in wanted]
    assert there.encode(rows)[..., 0].tolist() == padded
    assert there.predict(rows[0]) == there.predict(rows)[0]
    assert there.predict(np.array(rows)) == there.predict(rows)
