"""The grammars of state spaces: their seeds and draws are networks that can be read back."""

from __future__ import annotations

import pytest
import torch

from einsearch.compile.module import build_module
from einsearch.derivation.limits import Limits
from einsearch.derivation.parse import derive_rule, parse
from einsearch.derivation.target import same_architecture
from einsearch.specs import TensorSpec, image, tokens
from tests.derivation.spaces import draw, packaged

SPACES = (("series", tokens(24, 2)), ("vision_mamba", image(1, 8, 8)))


@pytest.mark.parametrize(("name", "spec"), SPACES)
def test_draws_are_read_back(name: str, spec: TensorSpec) -> None:
    rules = packaged(name)
    for seed in range(3):
        drawn = draw(rules, seed, spec, Limits(nodes=200, depth=12))
        assert same_architecture(parse(rules, drawn.text, spec), drawn)


@pytest.mark.parametrize(("name", "spec"), SPACES)
def test_seeds_are_networks_of_the_grammar(name: str, spec: TensorSpec) -> None:
    rules = packaged(name)
    assert len(rules.seeds) == {"series": 14, "vision_mamba": 3}[name]
    for seed in rules.seeds.values():
        program = derive_rule(rules, seed.rule, rules, spec, seed.text).program
        made = build_module(program, 0)(torch.randn(2, *spec.shape))
        assert made.shape == (2, *program.output[0].shape)
        assert torch.isfinite(made).all()


def test_blocks_are_imported_on_their_own() -> None:
    rules, spec = packaged("blocks/mamba"), tokens(9, 16)
    names: set[str] = set()
    for seed in range(8):
        drawn = draw(rules, seed, spec, Limits(nodes=60, depth=12))
        assert drawn.program.output == (spec,)
        names |= {call.primitive.name for call in drawn.program.calls}
    assert names >= {"s4d", "selective_scan", "ssd"}
