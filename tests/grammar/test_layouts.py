"""The grammars by layout: seeds have the parameters of what they are named after, and stand on
whatever a practitioner may have."""

from __future__ import annotations

from functools import lru_cache
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
from einsearch.grammar.model import Grammar
from einsearch.graph.requirements import violation
from einsearch.specs import TensorSpec, image, tokens, vector
from tests.derivation.spaces import draw, packaged
from tests.grammar import published

SERIES, TABLE, IMAGE, CODES = tokens(150, 1), vector(13), image(3, 32, 32), tokens(64, 1)

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
        "mamba": (
            SERIES,
            nn.Sequential(nn.Conv1d(1, 32, 5), published.mamba(32, 2), nn.Linear(32, 2)),
            20_290,
        ),
        "mamba2": (
            SERIES,
            nn.Sequential(nn.Conv1d(1, 32, 5), published.mamba2(32, 2, 4), nn.Linear(32, 2)),
            16_154,
        ),
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
    "images": {
        "cnn_small": (IMAGE, published.vgg(3, 10, (16, 32, 64)), 24_458),
        "cnn": (IMAGE, published.vgg(3, 10, (32, 32, 64, 64, 128, 128)), 289_194),
        "resnet8": (IMAGE, published.cifar_resnet(3, 10, 1), 78_042),
        "resnet20": (IMAGE, published.cifar_resnet(3, 10, 3), 272_474),
        "wrn": (IMAGE, published.wide_resnet(3, 10, 4), 2_751_146),
        "wrn_narrow": (IMAGE, published.wide_resnet(3, 10, 1), 175_898),
        "convnext": (IMAGE, published.convnext(3, 10), 413_162),
        "vit": (IMAGE, published.vision_transformer(3, 10, 64), 162_410),
        "mixer": (IMAGE, published.mixer(3, 10, 64), 154_058),
    },
    "codes": {
        "bag": (CODES, nn.Sequential(nn.EmbeddingBag(256, 100), nn.Linear(100, 2)), 25_802),
        "textcnn": (CODES, published.text_cnn(256, 2, 300, 100), 437_702),
        "textcnn_small": (CODES, published.text_cnn(256, 2, 64, 32), 41_250),
        "vdcnn": (CODES, published.vdcnn(256, 2), 403_650),
        "transformer": (CODES, published.text_transformer(256, 2, 64), 120_706),
        "rotary": (CODES, published.text_transformer(256, 2, 0), 116_610),
        "mamba": (
            CODES,
            nn.Sequential(
                nn.Embedding(256, 48), published.mamba(48, 2, directions=2), nn.Linear(48, 2)
            ),
            62_786,
        ),
    },
}
SEEDS: Final = [(grammar, seed) for grammar, seeds in COUNTS.items() for seed in seeds]

INPUTS: Final = {
    "series": (tokens(150, 1), tokens(24, 1), tokens(8, 3), tokens(1000, 12)),
    "tables": (vector(13), vector(1), vector(2), vector(300)),
    "images": (image(1, 28, 28), image(1, 8, 8), image(3, 64, 64), image(2, 9, 13)),
    "codes": (tokens(64, 1), tokens(8, 1), tokens(300, 1)),
}
EVERYWHERE: Final = [(name, spec) for name, specs in INPUTS.items() for spec in specs]
LIMITS: Final = es.Limits(nodes=300, depth=16, parameters="600k", flops="100M")


@lru_cache
def rules_of(grammar: str) -> Grammar:
    return packaged(grammar)


def seed_of(grammar: str, name: str, spec: TensorSpec) -> Derivation:
    rules = rules_of(grammar)
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
    assert {*rules_of(grammar).seeds} == {*COUNTS[grammar]}


@pytest.mark.parametrize(("grammar", "spec"), EVERYWHERE, ids=str)
def test_seeds_stand_on_small_and_large_inputs(grammar: str, spec: TensorSpec) -> None:
    rules = rules_of(grammar)
    for name in rules.seeds:
        program = seed_of(grammar, name, spec).program
        assert program.input == (spec,)
        assert violation(program, rules.require) is None


@pytest.mark.parametrize(("grammar", "spec"), EVERYWHERE, ids=str)
def test_draws_stand_on_small_and_large_inputs(grammar: str, spec: TensorSpec) -> None:
    rules = rules_of(grammar)
    for seed in range(8):
        drawn = draw(rules, seed, spec, LIMITS)
        assert same_architecture(parse(rules, drawn.text, spec), drawn)
        assert LIMITS.parameters is not None
        assert drawn.program.cost.parameters <= LIMITS.parameters


def test_there_may_be_more_codes() -> None:
    text = 'start network\nimport "codes.ein" (network)\n'
    rules = es.parse_grammar(text + "replace vectors(d) = embed(d, count=5000)")
    for seed in range(8):
        first = draw(rules, seed, CODES, LIMITS).program.calls[0]
        assert first.primitive.codes(first.args) == 5000


@pytest.mark.parametrize("grammar", COUNTS)
def test_draws_learn(grammar: str) -> None:
    spec, rules = INPUTS[grammar][1], rules_of(grammar)
    for seed in range(8):
        drawn = draw(rules, seed, spec, LIMITS)
        network = attach_head(build_module(drawn.program, 0), drawn.program.output[0], vector(2))
        network(torch.randn(4, *spec.shape)).square().mean().backward()
        gradients = [weight.grad for weight in network.parameters()]
        assert all(g is not None and g.isfinite().all() for g in gradients)
