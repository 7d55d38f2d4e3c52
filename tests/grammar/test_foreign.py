"""Names of other libraries: the message says how the same is said here, and what it says loads."""

from __future__ import annotations

from pathlib import Path

import pytest

from einsearch.errors import GrammarError
from einsearch.grammar.foreign import SAID_HERE
from einsearch.grammar.load import load_grammar_file, load_grammar_text
from einsearch.resources import resource_folder


def refusal(text: str) -> str:
    with pytest.raises(GrammarError) as caught:
        load_grammar_text(f"start x\nx = {text}\n")
    return str(caught.value)


@pytest.mark.parametrize("text", sorted(set(SAID_HERE.values())))
def test_what_is_suggested_loads(text: str) -> None:
    assert load_grammar_text(f"start x\nx = {text}\n").start == "x"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("depthwise_conv2d(3)", "conv2d(channels, 3, groups=channels)"),
        ("Conv2d(16, 3)", "did you mean conv2d?"),
        ("BatchNorm2d", "batch_norm"),
        ("batchnorm", "batch_norm"),
        ("nn_dense(3)", "`einsearch primitives` lists"),
        ("Dense(3)", "linear(10)"),
        ("MaxPool2d(2)", "max_pool(2, stride=2)"),
        ("LeakyReLU", "leaky_relu"),
        ("ReLU", "did you mean relu?"),
        ("skip_connect", "(relu, identity) >> add"),
        ("Concatenate(1)", "concat(0)"),
        ("conv2(16, 3)", "did you mean conv2d?"),
    ],
)
def test_a_name_of_another_library(text: str, hint: str) -> None:
    assert hint in refusal(text)


def test_a_file_that_is_not_there_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "nine.ein").write_text("start x\nx = relu\n")
    with pytest.raises(GrammarError, match=r"did you mean nine\?"):
        load_grammar_file(tmp_path / "nines.ein")
    with pytest.raises(GrammarError, match=r"did you mean einspace\?"):
        load_grammar_file(tmp_path / "einspaces.ein", resource_folder("grammars"))
