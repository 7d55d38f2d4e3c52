"""The grammar of images: draws learn and are read back, seeds and blocks are what they say."""

from __future__ import annotations

import pytest
import torch

import einsearch as es
from einsearch.compile.module import build_module
from einsearch.derivation.limits import Limits
from einsearch.derivation.parse import derive_rule, parse
from einsearch.derivation.replay import architecture
from einsearch.derivation.target import same_architecture
from einsearch.graph.formula import formula
from einsearch.specs import image
from tests.derivation.spaces import packaged

SPEC = image(1, 8, 8)
FAMILIES = (
    {"conv2d", "im2col"},
    {"selective_scan", "ssd", "attention", "kan", "kan_conv2d"},
    {"safe_div", "channel_affine", "parameter"},
)


def test_draws_learn_and_are_read_back() -> None:
    rules, limits = es.load_grammar("vision"), Limits(nodes=200, depth=12, parameters=200_000)
    names: set[str] = set()
    for seed in range(24):
        drawn = rules.sample(SPEC, seed=seed, limits=limits)
        assert same_architecture(parse(rules, drawn.text, SPEC), drawn)
        module = build_module(drawn.program, 0)
        x = torch.randn(2, *SPEC.shape, requires_grad=True)
        module(x).square().mean().backward()
        gradients = [x.grad, *(weight.grad for weight in module.parameters())]
        assert all(g is not None and g.isfinite().all() for g in gradients)
        names |= {call.primitive.name for call in drawn.program.calls}
    for family in FAMILIES:
        assert names >= family


@pytest.mark.parametrize(
    ("name", "has"),
    [
        ("evonorm_resnet", {"conv2d", "safe_div", "std", "add"}),
        ("vim", {"selective_scan", "depthwise_conv1d", "positional_encoding"}),
        ("kan", {"kan_conv2d"}),
        ("vit", {"attention", "positional_encoding", "gelu"}),
    ],
)
def test_seeds_are_networks_of_the_grammar(name: str, has: set[str]) -> None:
    rules = packaged("vision")
    assert len(rules.seeds) == 4
    seed = rules.seeds[name]
    program = derive_rule(rules, seed.rule, rules, SPEC, seed.text).program
    assert {call.primitive.name for call in program.calls} >= has
    made = build_module(program, 0)(torch.randn(2, *SPEC.shape))
    assert made.shape == (2, *program.output[0].shape)
    assert torch.isfinite(made).all()


def test_blocks_of_evonorm_are_the_seeds_of_the_grammar_that_searches_for_them() -> None:
    blocks, seeds = packaged("blocks/evonorm"), packaged("evonorm").seeds
    names = [name for name in seeds if name.startswith("evonorm")]
    assert len(names) == 6
    for name in names:
        made = architecture(name, image(32, 8, 8), blocks).program
        assert formula(made) == formula(architecture(seeds[name].text, image(32, 8, 8)).program)
