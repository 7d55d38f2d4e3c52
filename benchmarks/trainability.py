"""Whether `require` is right: random networks are judged by symbols, then trained in truth.

    python benchmarks/trainability.py [--count 2000] [--truth FILE] [--examples 6]

Half of the networks are einspace's, the others are drawn from five more spaces, all without any
requirement, for 8x8 digits, and small enough to train in a second. Each is judged by every
requirement; then it is trained, with the head that a search would give it, on scikit-learn's 1,097
training digits, 200 steps at each of two learning rates. It is trainable if its loss, averaged over
512 examples, falls below 2.25; whoever guesses has 2.30.

The truth takes an hour and does not depend on the rules: with --truth it is kept in a file, a line
a network, gone on with where it was left, and used again when the rules have changed.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from common.machine import banner

import einsearch as es
from einsearch.evaluate.network import build_network
from einsearch.grammar.model import Grammar
from einsearch.graph.requirements import REQUIREMENTS, analyse
from einsearch.primitives.program import Program
from einsearch.tasks.base import Task
from einsearch.tasks.registry import make_task

SPEC = es.image(1, 8, 8)
LIMITS = es.Limits(
    nodes=80, depth=10, parameters=100_000, flops=1_500_000, activation_memory=400_000
)
RATES = (1e-2, 1e-3)
STEPS = 200
BATCH = 64
WINDOW = 8
GUESSING = math.log(10)
LEARNS, ENOUGH = 2.25, 2.1
"""Losses over `WINDOW` batches: a network that learns comes below the first, and is not trained on
below the second."""

CELLS = """
start network
import "nasbench201.ein" (cell)
network = conv2d(8, 3) >> norm >> c >> conv2d(16, 3, stride=2) >> norm >> c >> norm >> relu
    where c = cell
"""
LAYERS = """
start network
import "evonorm.ein" (norm_activation)
network = conv2d(8, 3) >> n >> conv2d(8, 3) >> n >> conv2d(16, 3, stride=2) >> n
    where n = norm_activation
"""
PLAIN = """
start network
network = conv2d({4, 8, 16}, 3) >> chain({1, 2, 4, 8, 16, 32}, step)
step = conv2d(channels, {1, 3}) [4] | conv2d(channels, 3, groups=channels) [1]
     | avg_pool(3) [1] | max_pool(3) [1] | norm [1] | softmax [1]
     | relu [2] | gelu [1] | tanh [2] | sigmoid [2]
     | (identity, conv2d(channels, 3) >> (relu | tanh)) >> (add | mul) [1]
"""
"""Deep ones, mostly without normalisation, in which signals die and explode."""
WILD = """
start network
network = chain({2, 4, 8}, step) >> linear(16) >> chain({1, 2, 4}, step)
step = unary [0.3] | (unary, unary) >> (add | mul | maximum | safe_div) [0.3]
     | conv2d({4, 8}, 3) [0.2] | norm [0.05] | layer_norm [0.05] | rms_norm [0.05]
     | dropout({0.2, 0.5}) [0.05]
unary = exp | square | abs | neg | signed_log | signed_sqrt | sigmoid | tanh | relu | identity
      | softmax | zero [0.02] | std(instance) [0.04] | mean({layer, batch}) [0.04]
      | root_mean_square(layer) [0.04]
"""
"""Small graphs of everything that can leave float32."""


@dataclass(frozen=True)
class Truth:
    """One network, and what became of it in training.

    Attributes:
        space: which it was drawn from.
        seed: of the draw.
        text: the architecture.
        loss: least cross-entropy over `WINDOW` batches in a row.
        accuracy: largest share of right answers over as many.
        broken: whether its loss was not finite at every learning rate.
    """

    space: str
    seed: int
    text: str
    loss: float
    accuracy: float
    broken: bool

    @property
    def trainable(self) -> bool:
        return self.loss < LEARNS


def spaces() -> dict[str, Grammar]:
    """The spaces by name."""
    written = {"cells": CELLS, "layers": LAYERS, "plain": PLAIN, "wild": WILD}
    return {
        "einspace": es.load_grammar("einspace"),
        "digits": es.load_grammar("digits"),
        **{name: es.parse_grammar(text, f"{name}.ein") for name, text in written.items()},
    }


def shares(count: int) -> Iterator[tuple[str, int]]:
    """Space and seed of each network: half are einspace's, the others take turns."""
    others = ("digits", "cells", "layers", "plain", "wild")
    for number in range(count):
        if number % 2 == 0:
            yield "einspace", number // 2
        else:
            turn, seed = number // 2 % len(others), number // 2 // len(others)
            yield others[turn], seed


# --- truth ---------------------------------------------------------------------------------------


def learn(program: Program, task: Task, rate: float, seed: int) -> tuple[float, float, bool]:
    """Trains a network with its head.

    Returns:
        Least loss, best accuracy, and whether the loss stayed finite.
    """
    network = build_network(program, task, seed).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate)
    x, y = torch.from_numpy(task.train.x), torch.from_numpy(task.train.y)
    order = np.random.default_rng(seed)
    losses: list[float] = []
    right: list[float] = []
    least, best = GUESSING, 0.0
    torch.manual_seed(seed)
    for _ in range(STEPS):
        rows = torch.from_numpy(order.choice(len(x), BATCH, replace=False))
        outcome = network(x[rows])
        loss = F.cross_entropy(outcome, y[rows])
        losses.append(float(loss.detach()))
        if not math.isfinite(losses[-1]):
            return least, best, False
        right.append(float((outcome.argmax(1) == y[rows]).float().mean()))
        if len(losses) >= WINDOW:
            least = min(least, sum(losses[-WINDOW:]) / WINDOW)
            best = max(best, sum(right[-WINDOW:]) / WINDOW)
        if least < ENOUGH:
            break
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return least, best, True


def truth_of(space: str, seed: int, grammar: Grammar, task: Task) -> Truth:
    """Draws a network without requirements and trains it, at each rate until it has learned."""
    derived = grammar.sample(SPEC, seed, LIMITS, require=())
    least, best, broken = GUESSING, 0.0, True
    for rate in RATES:
        loss, accuracy, finite = learn(derived.program, task, rate, seed)
        least, best = min(least, loss), max(best, accuracy)
        broken = broken and not finite
        if least < ENOUGH:
            break
    return Truth(space, seed, derived.text, round(least, 4), round(best, 4), broken)


def truths(count: int, path: Path | None) -> list[Truth]:
    """The truth of so many networks; those that a file holds are taken from there."""
    from rich.progress import track

    lines = path.read_text().splitlines() if path and path.is_file() else []
    known = {(t.space, t.seed): t for t in (Truth(**json.loads(line)) for line in lines)}
    found, task, grammars = [], make_task("digits"), spaces()
    for space, seed in track(list(shares(count)), description="training"):
        truth = known.get((space, seed))
        if truth is None:
            truth = truth_of(space, seed, grammars[space], task)
            if path:
                with path.open("a") as file:
                    file.write(json.dumps(asdict(truth)) + "\n")
        found.append(truth)
    return found


# --- judgement -----------------------------------------------------------------------------------


def reasons(text: str) -> dict[str, str]:
    """Why a network is rejected, by requirement; empty where it is not."""
    analysis = analyse(es.architecture(text, SPEC).program)
    judged = {name: lacking(analysis) for name, lacking in REQUIREMENTS.items()}
    return {name: reason for name, reason in judged.items() if reason}


def report(found: Sequence[Truth], examples: int) -> None:
    """Prints how judgement and truth agree."""
    judged = [(truth, reasons(truth.text)) for truth in found]
    learned = sum(truth.trainable for truth in found)
    print(
        f"\n{len(found)} networks, {learned} of them trainable; rows: judged, columns: in truth\n"
    )
    print(f"{'':<28} {'trainable':>10} {'not':>6}")
    for name in (*REQUIREMENTS, "input and gradient", "all four"):
        asked = {"all four": tuple(REQUIREMENTS), "input and gradient": ("input", "gradient")}
        table = Counter(
            (any(n in why for n in asked.get(name, (name,))), truth.trainable)
            for truth, why in judged
        )
        for rejected, verb in ((True, "rejected"), (False, "accepted")):
            row = table[rejected, True], table[rejected, False]
            print(f"{f'{verb} by {name}':<28} {row[0]:>10} {row[1]:>6}")
    by_space(judged)
    for name in ("input", "gradient"):
        wrong = [(t, why[name]) for t, why in judged if name in why and t.trainable]
        show(f"rejected by {name}, yet trainable", wrong, examples)
    passed = [(t, "") for t, why in judged if not {"input", "gradient"} & {*why}]
    show("accepted by both, yet not trainable", [p for p in passed if not p[0].trainable], examples)


def by_space(judged: Sequence[tuple[Truth, dict[str, str]]]) -> None:
    """Prints the table of `input` and `gradient` for every space."""
    heads = ("rejected, trainable", "rejected, not", "accepted, trainable", "accepted, not")
    print(f"\n{'input and gradient':<20}" + "".join(f"{head:>21}" for head in heads))
    tables: dict[str, Counter[tuple[bool, bool]]] = {}
    for truth, why in judged:
        rejected = bool({"input", "gradient"} & {*why})
        tables.setdefault(truth.space, Counter())[rejected, truth.trainable] += 1
    for space, table in tables.items():
        cells = (table[r, t] for r in (True, False) for t in (True, False))
        print(f"{space:<20}" + "".join(f"{cell:>21}" for cell in cells))


def show(title: str, found: Sequence[tuple[Truth, str]], examples: int) -> None:
    """Prints some networks, spread evenly over those found."""
    print(f"\n{title}: {len(found)}")
    for truth, reason in found[:: max(1, len(found) // max(examples, 1))][:examples]:
        said = f" ({reason})" if reason else ""
        figures = f"loss {truth.loss:.2f}, {100 * truth.accuracy:.0f} % right"
        broken = ", loss not finite" if truth.broken else ""
        print(f"  {truth.space} {truth.seed}: {figures}{broken}{said}")
        print(f"    {truth.text[:300]}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=2000, help="networks")
    parser.add_argument("--truth", type=Path, help="file that the truth is kept in")
    parser.add_argument("--examples", type=int, default=6, help="networks shown of each fault")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{banner()}, one thread", flush=True)
    report(truths(options.count, options.truth), options.examples)


if __name__ == "__main__":
    main()
