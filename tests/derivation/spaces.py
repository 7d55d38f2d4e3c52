"""Small grammars that the tests of derivations share."""

from __future__ import annotations

import numpy as np

from einsearch.derivation.derivation import Derivation
from einsearch.derivation.limits import Limits
from einsearch.derivation.sample import sample
from einsearch.grammar.load import load_grammar_file, load_grammar_text
from einsearch.grammar.model import Grammar
from einsearch.resources import resource_folder
from einsearch.specs import TensorSpec, image

IMAGE = image(3, 16, 16)

WITH_EVERYTHING = """
start net
net = linear(d) >> stage(d) >> chain({1, 2}, op) >> b >> repeat(1..3, b) >> tail where
    d = {8, 16}, b = block(relu | gelu)
stage(c) = (op, identity) >> add [0.6] | conv2d(c, {1, 3}) >> stage(2 * c) when channels < 64
block(f) = { (a, z) = in >> clone(2)  u = a >> norm >> f  v = any(2, u, z) >> add
             w = any(unused) >> (sigmoid | tanh)  out = all(unused) >> add }
op = tied(conv2d(channels, 3, groups={1, 2}) >> norm) | leaky_relu | each(op, 2) >> add [0.2]
   | repeat(2, tied(linear(channels))) [0.1] | dropout(0.0..0.5) when depth < 3
tail = global_avg_pool >> linear(4) | flatten >> linear(4)
"""


def packaged(name: str) -> Grammar:
    folder = resource_folder("grammars")
    return load_grammar_file(folder / f"{name}.ein", folder)


def grammar(text: str) -> Grammar:
    return load_grammar_text(text, "test.ein")


def draw(
    space: Grammar, seed: int = 0, spec: TensorSpec = IMAGE, limits: Limits | None = None
) -> Derivation:
    return sample(space, spec, np.random.default_rng(seed), limits)
