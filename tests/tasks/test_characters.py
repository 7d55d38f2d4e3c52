"""Language modelling on characters: how a text is cut, coded and judged."""

from __future__ import annotations

import builtins
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from einsearch.errors import TaskError
from einsearch.tasks.base import Split, Task
from einsearch.tasks.characters import _codes
from einsearch.tasks.registry import make_task
from einsearch.tasks.texts import python_topics

RHYME = "Humpty Dumpty sat on a wall, Humpty Dumpty had a great fall. "


def made(folder: Path, text: str | bytes, **options: Any) -> Task:
    path = folder / "text.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return make_task({"name": "characters", "path": "text.txt", **options}, folder)


def spelled(task: Task, codes: Any) -> str:
    return "".join(task.vocabulary[int(code)] for code in np.ravel(codes))


def test_windows_lie_side_by_side_and_answers_are_one_further(tmp_path: Path) -> None:
    text = (RHYME * 9)[:500]
    task = made(tmp_path, text, length=7)
    splits = (task.train, task.valid, task.test())
    for split, begin, end in zip(splits, (0, 400, 450), (400, 450, 500), strict=True):
        count = (end - begin - 1) // 7
        assert split.x.shape == (count, 7, 1)
        assert split.y.shape == (count, 7)
        assert spelled(task, split.x) == text[begin : begin + 7 * count]
        assert spelled(task, split.y) == text[begin + 1 : begin + 7 * count + 1]
    assert str(task.input) == "tokens:7x1"
    assert task.output.shape == (7, len(set(text[:400])) + 1)


def test_fractions_may_be_chosen(tmp_path: Path) -> None:
    task = made(tmp_path, RHYME * 20, length=5, valid=0.25, test=0.5)
    sizes = [5 * len(split) for split in (task.train, task.valid, task.test())]
    assert sizes == pytest.approx([305, 305, 610], abs=6)


@settings(max_examples=50)
@given(text=st.text(min_size=1), alphabet=st.sets(st.characters(codec="utf-8"), min_size=1))
def test_codes_are_places_in_the_alphabet(text: str, alphabet: set[str]) -> None:
    letters = "".join(sorted(alphabet))
    found = _codes(text.encode("utf-8", "ignore").decode() or "a", letters)
    clean = text.encode("utf-8", "ignore").decode() or "a"
    assert found.tolist() == [letters.find(character) + 1 for character in clean]


def test_characters_that_training_lacks_are_unknown(tmp_path: Path) -> None:
    task = made(tmp_path, "abcab" * 100 + "zbßac" * 20, length=4)
    assert task.vocabulary == ("", "a", "b", "c")
    assert spelled(task, task.train.x[0]) == "abca"
    test = task.test()
    assert {*np.unique(test.x)} == {0, 1, 2, 3}
    assert np.mean(test.y == 0) == pytest.approx(0.4, abs=0.02)


def test_only_the_most_frequent_are_told_apart(tmp_path: Path) -> None:
    task = made(tmp_path, ("aaaa" + "bbb" + "cc" + "d") * 60, length=4, symbols=2)
    assert task.vocabulary == ("", "a", "b")
    assert np.mean(task.train.y == 0) == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize("text", [b"\xef\xbb\xbfab\r\ncd\re" * 50, "ab\ncd\ne" * 50])
def test_line_ends_and_marks_of_windows_are_those_of_texts(
    text: str | bytes, tmp_path: Path
) -> None:
    task = made(tmp_path, text, length=7)
    assert {"\n", "a"} <= set(task.vocabulary)
    assert "\r" not in task.vocabulary
    assert spelled(task, task.train.x[0]).startswith("ab\ncd\ne")


def test_predicting_by_the_pair_before_is_scored_in_bits(tmp_path: Path) -> None:
    """A table of pairs, counted in training, against a loop over the test text."""
    task = made(tmp_path, python_topics()[:20_000], length=32)
    table = pairs(task.train, len(task.vocabulary))
    test = task.test()
    bits = [
        -math.log2(table[int(here), there])
        for window, answers in zip(test.x[..., 0], test.y, strict=True)
        for here, there in zip(window, answers, strict=True)
    ]
    from einsearch.evaluate.metrics import score

    scores = score(task, np.log(table[test.x[..., 0].astype(int)]), test.y)
    assert list(scores) == ["bpc", "accuracy", "cross_entropy"]
    assert scores["bpc"] == pytest.approx(sum(bits) / len(bits))
    assert scores["cross_entropy"] == pytest.approx(scores["bpc"] * math.log(2))
    assert 2 < scores["bpc"] < 5


def pairs(split: Split, count: int) -> Any:
    """Probabilities (before, after), with one seen before for each."""
    table = np.ones((count, count))
    seen = Counter(zip(split.x.ravel().astype(int), split.y.ravel(), strict=True))
    for (here, there), number in seen.items():
        table[here, there] += number
    return table / table.sum(1, keepdims=True)


def test_the_text_of_python_is_prose_that_does_not_repeat_itself() -> None:
    text = python_topics()
    paragraphs = text.split("\n\n")
    assert 200_000 < len(text) < 600_000
    assert len(set(paragraphs)) == len(paragraphs)
    assert text.count(" the ") > 1000
    task = make_task("characters")
    assert task.train.x.shape[1:] == (64, 1)
    assert 64 * len(task.train) == pytest.approx(0.8 * len(text), abs=128)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (RHYME, {}, r"has 61 characters, which leaves 49 for training: .* take 65; say a smaller"),
        (RHYME * 9, {"length": 60}, "549 characters, which leaves 55 for valid: .* take 61"),
        ("", {}, "has 0 characters"),
        (RHYME * 9, {"valid": 0.5, "test": 0.5}, r"valid: 0.5 and test: 0.5 leave nothing"),
        (RHYME, {"length": 1}, "length is 1: input should be greater than or equal to 2"),
        (RHYME, {"valid": 0}, "valid is 0: input should be greater than 0"),
        (RHYME, {"length": "long"}, "length is 'long': input should be a valid integer"),
        (RHYME, {"lenght": 3}, "has no option lenght; did you mean length?"),
        (b"caf\xe9 " * 99, {}, "is no text in UTF-8: byte 233 at 3; save it as UTF-8"),
    ],
)
def test_mistakes_are_explained(
    text: str | bytes, options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(TaskError, match=message):
        made(tmp_path, text, **options)


def test_a_path_must_lead_to_a_text(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=r"there is no file .*none\.txt: give the path of a text"):
        make_task({"name": "characters", "path": "none.txt"}, tmp_path)
    with pytest.raises(TaskError, match="is a folder: give the path of a text file"):
        make_task({"name": "characters", "path": "."}, tmp_path)


def test_a_text_that_has_changed_is_not_tested_on(tmp_path: Path) -> None:
    task = made(tmp_path, RHYME * 20, length=8)
    (tmp_path / "text.txt").write_text(RHYME * 21)
    with pytest.raises(TaskError, match="has changed since the run began: start a new run"):
        task.test()


def test_a_python_without_its_topics_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "pydoc_data.topics":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(TaskError, match=r"this Python has no pydoc_data.*say path: text.txt"):
        make_task("characters")
