"""The grammar of sequence models: it says which primitives it lacks, and works once it has all."""

from __future__ import annotations

import re

import pytest

from einsearch.derivation.limits import Limits
from einsearch.derivation.parse import parse
from einsearch.derivation.target import same_architecture
from einsearch.errors import GrammarError
from einsearch.grammar.load import load_grammar_file, load_grammar_text
from einsearch.primitives.base import find_primitive
from einsearch.resources import resource_folder
from einsearch.specs import tokens
from tests.derivation.spaces import draw, packaged

NEEDED = {"attention", "experts", "kan", "selective_scan", "sparse_modular_activation"}
MISSING = {name for name in NEEDED if find_primitive(name) is None}
"""Those that issue 6 has yet to bring; with all of them the grammar must load."""


def test_only_a_primitive_that_is_missing_stops_it() -> None:
    folder = resource_folder("grammars")
    if MISSING:
        with pytest.raises(GrammarError, match=f"is named ({'|'.join(sorted(MISSING))})\n"):
            load_grammar_file(folder / "sequence.ein", folder)
        return
    rules, spec = packaged("sequence"), tokens(12, 6)
    for seed in range(6):
        drawn = draw(rules, seed, spec, Limits(nodes=400, depth=12))
        assert same_architecture(parse(rules, drawn.text, spec), drawn)


def test_experts_and_sparse_activation_of_it_are_drawn() -> None:
    """The same file with something simple in the place of what may be missing."""
    folder = resource_folder("grammars")
    text = (folder / "sequence.ein").read_text(encoding="utf-8")
    text = re.sub(r"kan\([^)]*\)", "tanh >> linear(d)", text)
    rules, spec = load_grammar_text(text, "sequence.ein", None, folder), tokens(9, 6)
    names: set[str] = set()
    for seed in range(12):
        drawn = draw(rules, seed, spec, Limits(nodes=300, depth=12))
        names |= {call.primitive.name for call in drawn.program.calls}
        assert same_architecture(parse(rules, drawn.text, spec), drawn)
    assert names >= {"attention", "experts", "selective_scan", "sparse_modular_activation"}
