"""Heads: from any layout to what a task wants."""

from __future__ import annotations

import pytest
import torch

from einsearch.compile.head import attach_head, make_head
from einsearch.compile.module import build_module
from einsearch.errors import EinsearchError
from einsearch.specs import TensorSpec, image, tokens, vector
from tests.support import series

LAYOUTS = [image(6, 5, 4), tokens(7, 6), vector(6)]


@pytest.mark.parametrize("spec", LAYOUTS)
def test_any_layout_to_a_vector(spec: TensorSpec) -> None:
    head = make_head(spec, vector(10))
    assert sum(p.numel() for p in head.parameters()) == 6 * 10 + 10
    assert head(torch.randn(3, *spec.shape)).shape == (3, 10)


def test_positions_are_averaged_and_features_are_not() -> None:
    x = torch.randn(3, 6, 5, 4)
    head = make_head(image(6, 5, 4), vector(10))
    torch.testing.assert_close(head(x), head.linear(x.mean((2, 3))))
    y = torch.randn(3, 7, 6)
    head = make_head(tokens(7, 6), vector(10))
    torch.testing.assert_close(head(y), head.linear(y.mean(1)))


def test_answers_depend_on_the_input_behind_a_layer_norm() -> None:
    """Averaging over the features that were just normalised would give zero for every input."""
    written = series(tokens(7, 6), ("linear", 8), ("norm",))
    network = attach_head(build_module(written), written.output[0], vector(4))
    x = torch.randn(5, 7, 6)
    assert network(x).std(0).min() > 1e-3


@pytest.mark.parametrize(
    ("spec", "output"),
    [(image(6, 5, 4), image(2, 5, 4)), (tokens(7, 6), tokens(7, 3)), (vector(6), vector(1))],
)
def test_every_position_is_mapped_by_itself(spec: TensorSpec, output: TensorSpec) -> None:
    head = make_head(spec, output)
    x = torch.randn(2, *spec.shape)
    y = head(x)
    assert y.shape == (2, *output.shape)
    if spec.rank == 3:
        conv = torch.nn.functional.conv2d(x, head.linear.weight[:, :, None, None], head.linear.bias)
        torch.testing.assert_close(y, conv)


@pytest.mark.parametrize(
    ("spec", "output"),
    [
        (image(6, 5, 4), image(2, 10, 8)),
        (vector(6), image(1, 5, 4)),
        (tokens(7, 6), tokens(8, 6)),
        (tokens(20, 6), image(6, 5, 4)),
    ],
)
def test_no_way_is_an_error(spec: TensorSpec, output: TensorSpec) -> None:
    with pytest.raises(EinsearchError) as caught:
        make_head(spec, output)
    assert str(caught.value) == (
        f"the network gives {spec}, the task wants {output}: a head changes the number of "
        "features alone, so layout and size must be the task's"
    )


def test_seed_decides_the_weights() -> None:
    written = series(vector(6), ("relu",))
    heads = [attach_head(build_module(written), vector(6), vector(3), seed) for seed in (0, 0, 1)]
    weights = [network.head.linear.weight for network in heads]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
