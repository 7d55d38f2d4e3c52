"""Toy functions fitted by Kolmogorov-Arnold networks: every basis, and the selectable space.

    python benchmarks/kan_functions.py [--seeds 1] [--steps 150] [--plot FILE.svg]

Two layers with 5 hidden features (1 for 100 variables) and 13 functions of each basis, on 1,000
points uniform in [-1, 1]^d, by L-BFGS; printed is the RMSE on 1,000 other points, the median of the
seeds. `select`: a third of the steps soft, then each output keeps one basis, then the rest of them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch
from common.machine import banner
from torch import Tensor, nn

from einsearch.compile.selecting import choose_bases, prune_bases
from einsearch.primitives.kan import FAMILIES, SELECT
from einsearch.primitives.kernels.kan import KolmogorovArnold
from einsearch.primitives.kernels.selectable import SelectableKan

COUNT = 13
POINTS = 1000


@dataclass(frozen=True)
class Toy:
    """A function of x (n, dims) to (n,); `bound` is what the best basis must reach, if any."""

    name: str
    dims: int
    function: Callable[[Tensor], Tensor]
    bound: float | None = None

    @property
    def hidden(self) -> int:
        return 1 if self.dims > 10 else 5


def _waves(x: Tensor) -> Tensor:
    one, two = x[:, 0] ** 2 + x[:, 1] ** 2, x[:, 2] ** 2 + x[:, 3] ** 2
    return (0.5 * ((torch.pi * one).sin() + (torch.pi * two).sin())).exp()


def _sine(x: Tensor) -> Tensor:
    return ((torch.pi * x[:, 0]).sin() + x[:, 1] ** 2).exp()


def _mean(x: Tensor) -> Tensor:
    return (torch.pi * x / 2).sin().square().mean(1).exp()


TOYS = (
    Toy("J0(20x)", 1, lambda x: torch.special.bessel_j0(20 * x[:, 0]), 0.01),
    Toy("exp(sin(pi x) + y^2)", 2, _sine, 0.015),
    Toy("x y", 2, lambda x: x[:, 0] * x[:, 1], 0.005),
    Toy("exp(mean sin^2(pi x_i / 2))", 100, _mean, 0.02),
    Toy("exp((sin + sin) / 2)", 4, _waves, 0.1),
    Toy("|x| + y^3", 2, lambda x: x[:, 0].abs() + x[:, 1] ** 3),
    Toy("x / (1 + y^2)", 2, lambda x: x[:, 0] / (1 + x[:, 1] ** 2)),
)


def network(basis: str, toy: Toy) -> nn.Module:
    sizes = ((toy.dims, toy.hidden), (toy.hidden, 1))
    if basis == SELECT:
        return nn.Sequential(*(SelectableKan(a, b, COUNT) for a, b in sizes))
    return nn.Sequential(*(KolmogorovArnold(a, b, basis, COUNT) for a, b in sizes))


def train(model: nn.Module, x: Tensor, y: Tensor, steps: int) -> None:
    """Full-batch L-BFGS with a strong Wolfe line search."""
    optimizer = torch.optim.LBFGS(
        model.parameters(), max_iter=steps, line_search_fn="strong_wolfe", tolerance_change=1e-12
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = (model(x)[:, 0] - y).square().mean()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[arg-type]


def fit(basis: str, toy: Toy, steps: int, seed: int) -> float:
    """Test RMSE."""
    torch.manual_seed(seed)
    x, unseen = 2 * torch.rand(2, POINTS, toy.dims) - 1
    model, y = network(basis, toy), toy.function(x)
    if basis == SELECT:
        train(model, x, y, steps // 3)
        choose_bases(model)
        model, steps = prune_bases(model), steps - steps // 3
    train(model, x, y, steps)
    with torch.no_grad():
        return float((model(unseen)[:, 0] - toy.function(unseen)).square().mean().sqrt())


def plot(rows: Sequence[Sequence[float]], path: Path) -> None:
    """RMSE of every basis on every function, on a logarithmic axis; bars are the bounds."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "einsearch"
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(8, 4), layout="constrained")
    for column, basis in enumerate((*FAMILIES, SELECT)):
        places = [row + 0.1 * (column - 2.5) for row in range(len(rows))]
        marker = "*" if basis == SELECT else "o"
        axis.plot(places, [row[column] for row in rows], marker, label=basis)
    for row, toy in enumerate(TOYS):
        if toy.bound:
            axis.hlines(toy.bound, row - 0.4, row + 0.4, color="grey", lw=1)
    axis.set(yscale="log", ylabel="test RMSE")
    axis.set_xticks(
        range(len(TOYS)), [toy.name for toy in TOYS], rotation=20, ha="right", fontsize=8
    )
    axis.legend(ncols=3, fontsize=8)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--plot", type=Path)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    print(banner(), f"{chosen.seeds} seeds, {chosen.steps} steps", sep="\n")
    print("| function | bound |", " | ".join((*FAMILIES, SELECT)), "| select is best |")
    print("| --- |" + " ---: |" * 8)
    rows, wins, kept = [], 0, 0
    for toy in TOYS:
        row = [
            median(fit(basis, toy, chosen.steps, seed) for seed in range(chosen.seeds))
            for basis in (*FAMILIES, SELECT)
        ]
        best, is_best = min(row[:-1]), row[-1] <= min(row[:-1])
        wins, kept = wins + is_best, kept + (toy.bound is not None and best <= toy.bound)
        figures = " | ".join(f"{value:.2g}" for value in row)
        bound = "" if toy.bound is None else toy.bound
        print(f"| {toy.name} | {bound} | {figures} | {'yes' if is_best else 'no'} |", flush=True)
        rows.append(row)
    print(f"best basis within the bound on {kept} of {sum(t.bound is not None for t in TOYS)};")
    print(f"select at least as good as the best fixed basis on {wins} of {len(TOYS)}")
    if chosen.plot:
        plot(rows, chosen.plot)


if __name__ == "__main__":
    main()
