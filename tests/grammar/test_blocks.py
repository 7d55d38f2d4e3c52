"""Files of `grammars/blocks`: every rule is imported into a grammar that knows nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import einsearch as es
from einsearch.compile.module import build_module
from einsearch.derivation.limits import Limits
from einsearch.resources import resource_folder
from einsearch.specs import TensorSpec, image, tokens, vector
from tests.derivation.spaces import draw, packaged

TOKENS, IMAGE, VECTOR = tokens(9, 4), image(1, 8, 8), vector(3)
USES = {
    ("kan", "kan_layer"): ("kan_layer({4, 8})", (VECTOR, TOKENS, IMAGE)),
    ("kan", "kolmogorov_arnold"): ("kolmogorov_arnold", (VECTOR, TOKENS, IMAGE)),
    ("kan", "kan_block"): ("linear(8) >> kan_block", (VECTOR, TOKENS)),
    ("kan", "kan_convolution"): ("kan_convolution({2, 4})", (IMAGE,)),
    ("kan", "kan_convolution_block"): ("conv2d(4, 1) >> kan_convolution_block", (IMAGE,)),
    ("attention", "any_attention"): ("linear(8) >> any_attention", (TOKENS,)),
    ("attention", "causal_attention"): ("linear(8) >> causal_attention", (TOKENS,)),
    ("attention", "transformer_block"): (
        "linear(8) >> transformer_block(8, attention(2) | depthwise_conv1d(3))",
        (TOKENS,),
    ),
    ("attention", "transformer"): ("linear(8) >> transformer", (TOKENS,)),
    ("mixers", "feature_mixer"): ("linear(8) >> feature_mixer", (TOKENS, VECTOR)),
    ("mixers", "feed_forward"): ("feed_forward({4, 8})", (TOKENS, VECTOR)),
    ("mixers", "gated"): ("gated(8, silu | sigmoid)", (TOKENS, VECTOR)),
    ("mixers", "mixture"): ("linear(8) >> mixture(8, 4, {1, 2})", (TOKENS, VECTOR)),
    ("mixers", "where_needed"): ("linear(8) >> where_needed(attention(2))", (TOKENS,)),
    ("mamba", "state_space"): ("linear(8) >> state_space", (TOKENS,)),
    ("mamba", "mamba"): ("linear(8) >> mamba(8, 4, {forward, backward})", (TOKENS,)),
    ("mamba", "mamba2"): ("linear(8) >> mamba2(8, 4, 2, bidirectional)", (TOKENS,)),
    ("mamba", "s4d_block"): ("linear(8) >> s4d_block(8, {4, 8}, forward)", (TOKENS,)),
    ("mamba", "multipath_mamba"): ("linear(8) >> multipath_mamba(8, 4)", (TOKENS,)),
    ("evonorm", "evonorm"): ("linear(64) >> evonorm", (TOKENS, IMAGE)),
    **{
        ("evonorm", f"evonorm_{name}"): (f"linear(64) >> evonorm_{name}", (TOKENS, IMAGE))
        for name in ("s0", "s1", "s2", "b0", "b1", "b2")
    },
}


@pytest.mark.parametrize(("file", "rule"), USES)
def test_a_rule_is_imported_on_its_own(file: str, rule: str, tmp_path: Path) -> None:
    body, specs = USES[file, rule]
    path = tmp_path / "own.ein"
    head = f'language 1\nstart network\nimport "blocks/{file}.ein" ({rule})\n'
    path.write_text(f"{head}network = {body} >> norm\n")
    rules = es.load_grammar(path)
    for spec in specs:
        for seed in range(2):
            assert_learns(rules, spec, seed)


def assert_learns(rules: es.Grammar, spec: TensorSpec, seed: int) -> None:
    """A draw of the rules has weights, and finite gradients for all but those of idle experts."""
    drawn = draw(rules, seed, spec, Limits(nodes=60, depth=12))
    module = build_module(drawn.program, 0).train()
    module(torch.randn(4, *spec.shape)).square().sum().backward()
    weights = list(module.parameters())
    assert weights
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    assert len(gradients) == len(weights) or "experts(" in drawn.text
    assert gradients
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_every_rule_of_every_file_is_here() -> None:
    folder = resource_folder("grammars")
    files = sorted(path.stem for path in (folder / "blocks").glob("*.ein"))
    rules = {(name, rule) for name in files for rule in packaged(f"blocks/{name}").rules}
    assert rules == set(USES)
