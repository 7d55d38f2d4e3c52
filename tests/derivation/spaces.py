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

WITH_EXPRESSIONS = """
start net
net = linear(d) >> repeat(1..2, block(act)) >> mixed >> chain(2, unit) where
    d = {8, 16}, act = relu | gelu
block(f) = (experts(ffn(f), {2, 4}, {1, 2}), identity) >> add
         | sparse_modular_activation(f >> unit)
         | experts(experts(c >> linear(features) >> f, 2, 1) >> c, {1, 2}, 1) >> linear(features)
           where c = linear({8, 16}) | tied(linear(features))
unit = linear(features) | tied(linear(features)) >> tanh | experts(unit, 2, 1) [0.2]
     | (unit, identity) >> mul when depth < 3
ffn(f) = { u = in >> linear({4, 8})  v = in >> linear(8)  w = any(1, u, v)
           out = w >> (tied(f), silu) >> concat(axis=features) >> linear(8) }
       | tied(linear(8)) >> f | repeat(2, linear(features) >> f)
mixed = experts(f >> linear(8), 3, 1..3, route=example) where f = relu | identity
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
