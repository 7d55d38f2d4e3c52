"""The grammars by layout: seeds have the parameters of what they are named after, and stand on
whatever a practitioner may have."""

from __future__ import annotations

from typing import Final

import pytest
import torch
from torch import nn

import einsearch as es
from einsearch.compile.head import attach_head
from einsearch.compile.module import build_module
from einsearch.derivation.derivation import Derivation
from einsearch.derivation.parse import derive_rule, parse
from einsearch.derivation.target import same_architecture
from einsearch.graph.requirements import violation
from einsearch.specs import TensorSpec, tokens, vector
from tests.derivation.spaces import packaged
from tests.grammar import published

SERIES, TABLE = tokens(150, 1), vector(13)

COUNTS: Final[dict[str, dict[str, tuple[TensorSpec, nn.Module, int]]]] = {
    "series": {
        "fcn": (SERIES, published.fcn(1, 2), 264_962),
        "fcn_half": (SERIES, published.fcn(1, 2, 64), 66_946),
        "fcn_quarter": (SERIES, published.fcn(1, 2, 32), 17_090),
        "resnet": (SERIES, published.series_resnet(1, 2), 504_258),
        "resnet_half": (SERIES, published.series_resnet(1, 2, 32), 127_202),
        "resnet_quarter": (SERIES, published.series_resnet(1, 2, 16), 32_370),
        "inception": (SERIES, published.inception_time(1, 2), 420_450),
        "inception_half": (SERIES, published.inception_time(1, 2, 16), 106_290),
        "inception_quarter": (SERIES, published.inception_time(1, 2, 8), 27_162),
        "tcn": (SERIES, published.tcn(1, 2), 67_102),
        "transformer": (SERIES, published.series_transformer(1, 2, 150), 159_810),
        # Nothing but the head: two features of each kernel for each class.
        "rocket": (SERIES, nn.Linear(4000, 2), 8_002),
    },
    "tables": {
        "linear": (TABLE, nn.Linear(13, 3), 42),
        "mlp": (TABLE, published.perceptron(13, 3, 128), 18_691),
        "mlp_wide": (TABLE, published.perceptron(13, 3, 384), 154_371),
        "resnet": (TABLE, published.table_resnet(13, 3), 300_483),
        "plr": (TABLE, published.plr(13, 3), 59_915),
        "transformer": (TABLE, published.ft_transformer(13, 3, 192, 3), 897_027),
        "transformer_small": (TABLE, published.ft_transformer(13, 3, 96, 1), 77_635),
        "kan": (TABLE, published.kan(13, 3), 1_939),
    },
}
SEEDS: Final = [(grammar, seed) for grammar, seeds in COUNTS.items() for seed in seeds]

INPUTS: Final = {
    "series": (tokens(150, 1), tokens(24, 1), tokens(8, 3), tokens(1000, 12)),
    "tables": (vector(13), vector(1), vector(2), vector(300)),
}
EVERYWHERE: Final = [(name, spec) for name, specs in INPUTS.items() for spec in specs]
LIMITS: Final = es.Limits(nodes=300, depth=16, parameters="600k", flops="100M")


def seed_of(grammar: str, name: str, spec: TensorSpec) -> Derivation:
    rules = packaged(grammar)
    seed = rules.seeds[name]
    return derive_rule(rules, seed.rule, rules, spec, seed.text)


@pytest.mark.parametrize(("grammar", "name"), SEEDS)
def test_seeds_have_the_parameters_of_what_they_are_named_after(grammar: str, name: str) -> None:
    spec, reference, said = COUNTS[grammar][name]
    head = [module for module in reference.modules() if isinstance(module, nn.Linear)][-1]
    program = seed_of(grammar, name, spec).program
    network = attach_head(build_module(program), program.output[0], vector(head.out_features))
    assert published.count(network) == published.count(reference) == said


@pytest.mark.parametrize("grammar", COUNTS)
def test_every_seed_is_among_them(grammar: str) -> None:
    others = {"series": {"mamba", "mamba2"}}
    assert {*packaged(grammar).seeds} == {*COUNTS[grammar]} | others.get(grammar, set())


@pytest.mark.parametrize(("grammar", "spec"), EVERYWHERE, ids=str)
def test_seeds_stand_on_small_and_large_inputs(grammar: str, spec: TensorSpec) -> None:
    rules = packaged(grammar)
    for name in rules.seeds:
        program = seed_of(grammar, name, spec).program
        assert program.input == (spec,)
        assert violation(program, rules.require) is None


@pytest.mark.parametrize(("grammar", "spec"), EVERYWHERE, ids=str)
def test_draws_stand_on_small_and_large_inputs(grammar: str, spec: TensorSpec) -> None:
    rules = es.load_grammar(grammar)
    for seed in range(12):
        drawn = rules.sample(spec, seed=seed, limits=LIMITS)
        assert same_architecture(parse(rules, drawn.text, spec), drawn)
        assert LIMITS.parameters is not None
        assert drawn.program.cost.parameters <= LIMITS.parameters


@pytest.mark.parametrize("grammar", COUNTS)
def test_draws_learn(grammar: str) -> None:
    spec, rules = INPUTS[grammar][1], es.load_grammar(grammar)
    for seed in range(12):
        drawn = rules.sample(spec, seed=seed, limits=LIMITS)
        network = attach_head(build_module(drawn.program, 0), drawn.program.output[0], vector(2))
        network(torch.randn(4, *spec.shape)).square().mean().backward()
        gradients = [weight.grad for weight in network.parameters()]
        assert all(g is not None and g.isfinite().all() for g in gradients)
