"""Toy functions fitted by Kolmogorov-Arnold networks: every basis, and the selectable space.

    python benchmarks/kan_functions.py [--seeds 5] [--steps 150] [--plot FILE.png]

Two layers with 5 hidden features (1 for 100 variables) and 13 functions of each basis, on 1,000
points uniform in [-1, 1]^d, by L-BFGS. Printed is the RMSE on 1,000 test points, the median of the
seeds; the best fixed basis is the one with the least on 1,000 validation points.

A fixed basis trains for `steps` steps. `select` is trained as einsearch does in searches: a
quarter of its steps with all five bases mixed; then every output chooses, the rest is pruned, and
training goes on. It has the work that trying all five takes, 750 steps of one basis: 94 of five,
then 281 of one. For comparison the best fixed basis has these 375 steps, too.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import median

import torch
from common.machine import banner
from torch import Tensor, nn

from einsearch.compile.selecting import SOFT, choose_bases, prune_bases
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


@dataclass(frozen=True)
class Fitted:
    """RMSE on validation and on test points, and seconds of training."""

    valid: float
    test: float
    seconds: float


def steps_of_select(steps: int) -> tuple[int, int]:
    """Before and after the choice, as much work as `steps` steps of each basis."""
    work = steps * len(FAMILIES)
    total = work / (len(FAMILIES) * SOFT + 1 - SOFT)
    return round(total * SOFT), round(total * (1 - SOFT))


def fit(basis: str, toy: Toy, steps: int, seed: int) -> Fitted:
    torch.manual_seed(seed)
    x, valid, test = 2 * torch.rand(3, POINTS, toy.dims) - 1
    model, y = network(basis, toy), toy.function(x)
    began = time.process_time()
    if basis == SELECT:
        soft, steps = steps_of_select(steps)
        train(model, x, y, soft)
        choose_bases(model, x)
        model = prune_bases(model)
    train(model, x, y, steps)
    seconds = time.process_time() - began

    def rmse(points: Tensor) -> float:
        with torch.no_grad():
            return float((model(points)[:, 0] - toy.function(points)).square().mean().sqrt())

    return Fitted(rmse(valid), rmse(test), seconds)


def middle(basis: str, toy: Toy, steps: int, seeds: int) -> Fitted:
    """Medians over the seeds."""
    runs = [fit(basis, toy, steps, seed) for seed in range(seeds)]
    return Fitted(*(median(getattr(run, f.name) for run in runs) for f in fields(Fitted)))


@dataclass(frozen=True)
class Row:
    """What one function gave.

    Attributes:
        fixed: by basis, at `steps` steps.
        select: with as much work as all of `fixed`.
        longer: the best fixed basis at as many steps in all as `select` has.
    """

    toy: Toy
    fixed: Mapping[str, Fitted]
    select: Fitted
    longer: Fitted

    @property
    def best(self) -> str:
        """The fixed basis that validation points prefer."""
        return min(self.fixed, key=lambda basis: self.fixed[basis].valid)

    @property
    def is_as_good(self) -> bool:
        return self.select.test <= self.fixed[self.best].test

    @property
    def keeps_bound(self) -> bool:
        return self.toy.bound is None or self.fixed[self.best].test <= self.toy.bound

    def line(self) -> str:
        figures = [f"{self.fixed[basis].test:.2g}" for basis in FAMILIES]
        yes = "yes" if self.is_as_good else "no"
        times = [sum(one.seconds for one in self.fixed.values()), self.select.seconds]
        cells = [
            self.toy.name.replace("|", "\\|"),
            "" if self.toy.bound is None else f"{self.toy.bound}",
            *figures,
            f"**{self.select.test:.2g}**",
            f"{self.best} {self.fixed[self.best].test:.2g}: {yes}",
            f"{self.longer.test:.2g}",
            " / ".join(f"{t:.1f}" for t in times),
        ]
        return f"| {' | '.join(cells)} |"


def measure(toy: Toy, steps: int, seeds: int) -> Row:
    fixed = {basis: middle(basis, toy, steps, seeds) for basis in FAMILIES}
    best = min(fixed, key=lambda basis: fixed[basis].valid)
    longer = middle(best, toy, sum(steps_of_select(steps)), seeds)
    return Row(toy, fixed, middle(SELECT, toy, steps, seeds), longer)


def plot(rows: Sequence[Row], path: Path) -> None:
    """RMSE of every basis on every function, on a logarithmic axis; bars are the bounds."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "einsearch"
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(8, 4), layout="constrained")
    for column, basis in enumerate(FAMILIES):
        places = [row + 0.1 * (column - 2.5) for row in range(len(rows))]
        axis.plot(places, [row.fixed[basis].test for row in rows], "o", label=basis)
    places = [row + 0.3 for row in range(len(rows))]
    axis.plot(places, [row.select.test for row in rows], "k*", ms=10, label="select")
    for number, row in enumerate(rows):
        if row.toy.bound:
            axis.hlines(row.toy.bound, number - 0.4, number + 0.4, color="grey", lw=1)
    axis.set(yscale="log", ylabel="test RMSE, median of seeds")
    names = [row.toy.name for row in rows]
    axis.set_xticks(range(len(rows)), names, rotation=20, ha="right", fontsize=8)
    axis.legend(ncols=3, fontsize=8)
    figure.savefig(path, dpi=110, metadata={"Date": None} if path.suffix == ".svg" else None)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--plot", type=Path)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    print(banner(), f"{chosen.seeds} seeds, {chosen.steps} steps", sep="\n")
    heads = (*FAMILIES, "select", "best fixed: is select as good", "best fixed, steps of select")
    print("| function | bound |", " | ".join(heads), "| CPU s: five fixed / select |")
    print("| --- |" + " ---: |" * 10)
    rows = []
    for toy in TOYS:
        rows.append(measure(toy, chosen.steps, chosen.seeds))
        print(rows[-1].line(), flush=True)
    bounded = [row for row in rows if row.toy.bound is not None]
    print(
        f"best basis within the bound on {sum(r.keeps_bound for r in bounded)} of {len(bounded)};"
    )
    wins = sum(row.is_as_good for row in rows)
    print(f"select at least as good as the best fixed basis on {wins} of {len(rows)},")
    equal = sum(row.select.test <= row.longer.test for row in rows)
    print(f"and on {equal} where that has as many steps in all")
    if chosen.plot:
        plot(rows, chosen.plot)


if __name__ == "__main__":
    main()
