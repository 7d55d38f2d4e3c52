"""Seeds and blocks that scan in several directions, against networks written down by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from einsearch.compile.module import build_module
from einsearch.derivation.replay import architecture
from einsearch.specs import image, tokens
from tests.derivation.spaces import packaged
from tests.primitives.recurrences import selective_scan_loop

SIDE = 4
"""Patches along either side of an image."""


class Parts:
    """Modules of a network by their kind, each handed out once, in the order of the text."""

    def __init__(self, network: nn.Module) -> None:
        self.left: list[Any] = list(network.children())

    def next(self, kind: str) -> Any:
        module = next(m for m in self.left if type(m).__name__ == kind)
        self.left.remove(module)
        return module


def orders(direction: str) -> list[list[int]]:
    """Of the tokens in each scan: Vim's two, or the four of VMamba."""
    rows = [*range(SIDE**2)]
    columns = [row * SIDE + column for column in range(SIDE) for row in range(SIDE)]
    return {
        "bidirectional": [rows, rows[::-1]],
        "cross": [rows, columns, rows[::-1], columns[::-1]],
    }[direction]


def scanned(x: Tensor, scan: Any, direction: str) -> Tensor:
    """The sum of the scans in all orders, each put back into place (Zhu et al., algorithm 1)."""
    total = torch.zeros_like(x)
    for path, order in enumerate(orders(direction)):
        given, state = x[:, order], (scan.dynamics.shape[-1] - 1)
        made = given @ scan.select[path].weight.T
        low, write, read = made.split((made.shape[-1] - 2 * state, state, state), -1)
        dt = F.softplus(low @ scan.step[path].weight.T + scan.step[path].bias)
        rate, skip = -scan.dynamics[path, :, :-1].exp(), scan.dynamics[path, :, -1]
        operands = dt.unsqueeze(2), rate.unsqueeze(0), write.unsqueeze(2), read.unsqueeze(2)
        one = selective_scan_loop(given.unsqueeze(2), *operands).squeeze(2) + skip * given
        total = total.index_add(1, torch.tensor(order), one)
    return total


def mixed(x: Tensor, parts: Parts, direction: str) -> Tensor:
    """A Mamba block: z gates a scan of what a causal convolution of four tokens makes."""
    z = F.linear(x, parts.next("Linear").weight)
    u = F.linear(x, parts.next("Linear").weight)
    filters = parts.next("CausalConv1d")
    padded = F.pad(u.transpose(1, 2), (3, 0))
    u = F.conv1d(padded, filters.weight, filters.bias, groups=filters.weight.shape[0])
    u = u.transpose(1, 2)
    u = scanned(u * u.sigmoid(), parts.next("SelectiveScan"), direction)
    return F.linear(u * z * z.sigmoid(), parts.next("Linear").weight)


def normed(x: Tensor, parts: Parts) -> Tensor:
    norm = parts.next("LayerNorm")
    centred = x - x.mean(-1, keepdim=True)
    spread = centred.square().mean(-1, keepdim=True) + 1e-5
    return centred / spread.sqrt() * norm.weight + norm.bias


def vision_mamba(x: Tensor, parts: Parts, direction: str) -> Tensor:
    """Patches of 2 by 2 with places, four blocks with shortcuts, a norm."""
    rows = x.reshape(len(x), -1, SIDE, 2, SIDE, 2).permute(0, 2, 4, 1, 3, 5)
    stem = parts.next("Linear")
    x = F.linear(rows.reshape(len(x), SIDE**2, -1), stem.weight, stem.bias)
    x = x + parts.next("PositionalEncoding").value
    for _ in range(4):
        x = x + mixed(normed(x, parts), parts, direction)
    return normed(x, parts)


@pytest.mark.parametrize(
    ("file", "seed", "direction"),
    [
        ("vision_mamba", "vim", "bidirectional"),
        ("vision_mamba", "cross_scan", "cross"),
        ("vision", "vim", "bidirectional"),
    ],
)
def test_seeds_are_the_networks_of_the_papers(file: str, seed: str, direction: str) -> None:
    rules, spec = packaged(file), image(3, 2 * SIDE, 2 * SIDE)
    program = architecture(rules.seeds[seed].text, spec, rules).program
    network = build_module(program, 0).double()
    x, parts = torch.randn(2, *spec.shape, dtype=torch.float64), Parts(network)
    with torch.no_grad():
        # Norms and places of fresh networks do too little to be told from others.
        for weight in network.parameters():
            weight += 0.1 * torch.randn_like(weight)
        made = network(x)
        torch.testing.assert_close(made, vision_mamba(x, parts, direction))
    assert not parts.left
    scans = [m for m in network.children() if type(m).__name__ == "SelectiveScan"]
    assert {scan.dynamics.shape[-1] - 1 for scan in scans} == {16}


@pytest.mark.parametrize("block", ["mamba(8, 4, {})", "mamba2(8, 4, 2, {})", "s4d_block(8, 4, {})"])
@pytest.mark.parametrize("direction", ["forward", "backward", "bidirectional", "cross"])
def test_blocks_scan_in_the_direction_that_they_are_given(block: str, direction: str) -> None:
    text, rules = block.format(direction), packaged("blocks/mamba")
    program = architecture(text, tokens(12, 8, (3, 4)), rules).program
    directed = [c.args.direction for c in program.calls if "direction" in c.args]
    assert directed == [direction]
