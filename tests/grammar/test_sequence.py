"""The grammar of sequence models: draws learn and are read back, seeds are what they say."""

from __future__ import annotations

import pytest
import torch

import einsearch as es
from einsearch.compile.module import build_module
from einsearch.derivation.limits import Limits
from einsearch.derivation.parse import derive_rule, parse
from einsearch.derivation.target import same_architecture
from einsearch.specs import tokens
from tests.derivation.spaces import packaged

SPEC = tokens(12, 6)
FAMILIES = (
    {"selective_scan", "ssd", "gated_sum", "attention", "sparse_modular_activation"},
    {"kan", "experts", "linear"},
    {"parameter", "channel_affine"},
)


def test_draws_learn_and_are_read_back() -> None:
    rules, limits = es.load_grammar("sequence"), Limits(nodes=300, depth=14, parameters=500_000)
    names: set[str] = set()
    for seed in range(16):
        drawn = rules.sample(SPEC, seed=seed, limits=limits)
        assert same_architecture(parse(rules, drawn.text, SPEC), drawn)
        module = build_module(drawn.program, 0)
        x = torch.randn(2, *SPEC.shape, requires_grad=True)
        module(x).square().mean().backward()
        assert x.grad is not None
        # Of experts that nothing chose there is no gradient.
        gradients = [x.grad, *(w.grad for w in module.parameters() if w.grad is not None)]
        assert all(g.isfinite().all() for g in gradients)
        names |= {call.primitive.name for call in drawn.program.calls}
    for family in FAMILIES:
        assert names >= family


@pytest.mark.parametrize(
    ("name", "has"),
    [
        ("mamba", {"selective_scan", "depthwise_conv1d", "mul"}),
        ("transformer", {"attention", "gelu"}),
        ("kan", {"attention", "kan"}),
        ("experts", {"attention", "experts"}),
    ],
)
def test_seeds_are_networks_of_the_grammar(name: str, has: set[str]) -> None:
    rules = packaged("sequence")
    assert len(rules.seeds) == 4
    seed = rules.seeds[name]
    program = derive_rule(rules, seed.rule, rules, SPEC, seed.text).program
    assert {call.primitive.name for call in program.calls} >= has
    made = build_module(program, 0)(torch.randn(2, *SPEC.shape))
    assert made.shape == (2, *program.output[0].shape)
    assert torch.isfinite(made).all()
