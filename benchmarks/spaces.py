"""How good the seeds of a packaged grammar are, and how good what it draws at random.

    python benchmarks/spaces.py series DATA.npz --layout tokens [--steps 300] [--draws 20]

DATA has train_x, train_y, test_x and test_y. Every seed, and as many random draws, learns all of
the training examples (or --train of them) for the same number of steps, and is scored on the test
examples once, after its last step. Nothing is chosen by that score, so that it is what such a
network is worth. Draws have no more parameters and FLOPs than the largest seed that was trained.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from common.machine import banner

import einsearch as es
from einsearch.derivation.derivation import Derivation
from einsearch.derivation.parse import derive_rule
from einsearch.errors import EinsearchError
from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.faults import CandidateFault
from einsearch.evaluate.network import build_network
from einsearch.evaluate.scoring import split_metrics
from einsearch.evaluate.training import train
from einsearch.grammar.model import Grammar
from einsearch.tasks.base import Split, Task
from einsearch.tasks.registry import make_task

HEADER = f"{'network':<18} {'parameters':>11} {'MFLOPs':>8} {'score':>8} {'seconds':>8}"


@dataclass(frozen=True)
class Trained:
    """One network after its training.

    Attributes:
        name: of the seed, or the number of the draw.
        text: the architecture.
        parameters: head included.
        flops: of one example, without the head.
        score: the task's main metric on the test examples; NaN where training failed.
        seconds: of the processor that training took.
    """

    name: str
    text: str
    parameters: int
    flops: int
    score: float
    seconds: float

    def __str__(self) -> str:
        size = f"{self.parameters:>11,} {self.flops / 1e6:>8.2f}"
        return f"{self.name:<18} {size} {self.score:>8.4f} {self.seconds:>8.1f}"


def task_of(path: Path, layout: str, most: int | None, folder: Path) -> Task:
    """The task of learning the training examples, with the test examples for validation."""
    with np.load(path) as arrays:
        found = {name: arrays[name] for name in ("train_x", "train_y", "test_x", "test_y")}
    found = {name.replace("test", "valid"): array for name, array in found.items()}
    if layout == "tokens" and found["train_x"].ndim == 3:
        # Archives of series have (examples, features, length).
        found |= {name: np.moveaxis(found[name], 1, 2) for name in ("train_x", "valid_x")}
    if most is not None:
        kept = np.random.default_rng(0).permutation(len(found["train_x"]))[:most]
        found |= {name: found[name][kept] for name in ("train_x", "train_y")}
    np.savez(folder / "data.npz", **found)
    return make_task({"name": "arrays", "path": "data.npz", "layout": layout}, base=folder)


def learn(name: str, found: Derivation, task: Task, options: argparse.Namespace) -> Trained:
    """Trains one network for the given number of steps."""
    batch = min(options.batch, len(task.train))
    config = TrainingConfig(
        epochs=1,
        steps=options.steps,
        batch=batch,
        lr=options.lr,
        augment=options.augment,
    )
    few = Split(task.train.x[:2], task.train.y[:2])
    score, began = math.nan, time.process_time()
    network = build_network(found.program, task, options.seed)
    count = sum(weight.numel() for weight in network.parameters())
    try:
        train(network, dataclasses.replace(task, valid=few), config, options.seed)
        seconds = time.process_time() - began
        score = split_metrics(network, task, task.valid, config)[task.metrics[0].name]
    except CandidateFault:
        seconds = time.process_time() - began
    return Trained(name, found.text, count, found.program.cost.flops, score, seconds)


def seeds_of(grammar: Grammar, task: Task, named: str) -> Iterator[tuple[str, Derivation]]:
    """The seeds that the task's input fits, or those of them that are named."""
    wanted = named.split(",") if named else list(grammar.seeds)
    for name in wanted:
        seed = grammar.seeds[name]
        try:
            yield name, derive_rule(grammar, seed.rule, grammar, task.input, seed.text)
        except EinsearchError as error:
            print(f"{name}: {str(error).splitlines()[0]}")


def draws_of(grammar: Grammar, task: Task, count: int, limits: es.Limits) -> Iterator[Derivation]:
    """Random draws."""
    for seed in range(count):
        yield grammar.sample(task.input, seed=seed, limits=limits)  # type: ignore[attr-defined]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("grammar")
    parser.add_argument("data", type=Path)
    parser.add_argument("--layout", default="tokens", choices=("image", "tokens", "vector"))
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float, default=None)
    parser.add_argument("--augment", default="none")
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument(
        "--train", type=int, default=None, help="training examples, all if left out"
    )
    parser.add_argument("--seeds", default="", help="names apart by commas, all if left out")
    parser.add_argument("--flops", type=int, default=None, help="most of a draw")
    parser.add_argument("--texts", action="store_true", help="print what was drawn")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        task = task_of(options.data, options.layout, options.train, Path(folder))
    compare(es.load_grammar(options.grammar), task, options)


def compare(grammar: Grammar, task: Task, options: argparse.Namespace) -> None:
    """Trains seeds and draws, and prints a table of them."""
    print(banner(), f"{options.grammar} on {options.data.name}, {task.input}", HEADER, sep="\n")
    costs = []
    for name, found in seeds_of(grammar, task, options.seeds):
        costs.append(found.program.cost)
        print(learn(name, found, task, options), flush=True)
    flops = options.flops or max((cost.flops for cost in costs), default=20_000_000)
    limits = es.Limits(
        nodes=300,
        depth=16,
        parameters=max((cost.parameters for cost in costs), default=1_000_000) or 100_000,
        flops=flops or 1_000_000,
    )
    trained = []
    for number, found in enumerate(draws_of(grammar, task, options.draws, limits)):
        trained.append(learn(f"draw {number}", found, task, options))
        print(trained[-1], found.text if options.texts else "", flush=True)
    scores = sorted(one.score for one in trained if not math.isnan(one.score))
    if scores:
        low, high = scores[0], scores[-1]
        told = f"median {statistics.median(scores):.4f}, from {low:.4f} to {high:.4f}"
        print(f"{len(scores)} of {options.draws} draws: {told}")


if __name__ == "__main__":
    main()
