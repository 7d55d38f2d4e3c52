"""Whether samples are what they are said to be: each is built, run and read back.

    python benchmarks/soundness.py [einspace darts nasbench201 evonorm] [--count 10000]
                                   [--first 0] [--json FILE]

Sample number n is drawn with seed n, under the limits below, and must pass every check:

| check       | passed where                                                                   |
| ----------- | ------------------------------------------------------------------------------ |
| limits      | no count of the drawn network is above its limit                               |
| requirement | the grammar's `require` holds                                                  |
| text        | the text derives again, to the same text and canonical hash                    |
| decisions   | the decisions replay, from JSON, to the same decisions, text and hash          |
| parameters  | the module has as many as were counted                                         |
| shape       | the outcome of a batch of 2 in float32 is as inferred                          |
| flops       | PyTorch counts as many as the cost rules                                       |
| backward    | gradients reach the parameters that they are said to reach                     |
| finite      | outcome and gradients are, wherever `require gradient` holds                   |

An exception anywhere is a failure. A range of seeds can be split among processes by `--first`;
with `--json` a run that was stopped goes on where it was, and every failure is listed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

import einsearch as es
from einsearch.derivation.replay import replay
from einsearch.grammar.model import Grammar
from einsearch.graph.requirements import REQUIREMENTS, analyse

BATCH = 2
Shape = Sequence[int]


def attention_flops(query: Shape, key: Shape, value: Shape, *_: Any, **__: Any) -> int:
    """What the fused attention of a CPU counts, which PyTorch's counter does not know."""
    flops: int = sdpa_flop_count(query, key, value)
    return flops


FUSED = {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: attention_flops}


@dataclass(frozen=True)
class Case:
    """A grammar, what enters its networks, and limits that a machine of 2 cores can run."""

    spec: es.TensorSpec
    limits: es.Limits


CASES = {
    "einspace": Case(
        es.image(3, 32, 32),
        es.Limits(flops=500_000_000, activation_memory=64_000_000, parameters=20_000_000),
    ),
    "darts": Case(es.image(3, 32, 32), es.Limits()),
    "nasbench201": Case(es.image(3, 32, 32), es.Limits()),
    "evonorm": Case(es.image(32, 8, 8), es.Limits()),
}


class Failure(Exception):
    """A sample is not what it is said to be."""

    def __init__(self, check: str, reason: str) -> None:
        super().__init__(reason)
        self.check = check


def expect(check: str, holds: bool, reason: str) -> None:
    """Raises Failure where something does not hold."""
    if not holds:
        raise Failure(check, reason)


# --- checks --------------------------------------------------------------------------------------


def check_counts(derived: es.Derivation, limits: es.Limits) -> None:
    """No count is above its limit."""
    cost = derived.program.cost
    counts = {
        "nodes": derived.nodes,
        "depth": derived.depth,
        "parameters": cost.parameters,
        "flops": cost.flops,
        "activation_memory": cost.memory,
    }
    for name, count in counts.items():
        limit = getattr(limits, name)
        expect("limits", limit is None or count <= limit, f"{count} {name}, limit {limit}")


def check_requirements(derived: es.Derivation) -> frozenset[str]:
    """What the network has of all that can be required; that includes what the grammar requires."""
    analysis = analyse(derived.program)
    reasons = {name: lacking(analysis) for name, lacking in REQUIREMENTS.items()}
    for name in derived.grammar.require:
        expect("requirement", reasons[name] is None, str(reasons[name]))
    return frozenset(name for name, reason in reasons.items() if reason is None)


def check_round_trips(derived: es.Derivation, grammar: Grammar) -> None:
    """Text and decisions give the derivation back."""
    hashed = derived.graph().canonical_hash
    read = grammar.parse(derived.text, derived.input)
    expect("text", read.text == derived.text, f"reads back as {read.text}")
    expect("text", read.graph().canonical_hash == hashed, "another hash after reading back")
    recorded = json.loads(json.dumps(derived.decisions))
    again = replay(grammar, derived.input, recorded)
    expect("decisions", again.decisions == derived.decisions, "replay decides otherwise")
    expect("decisions", again.text == derived.text, f"replay gives {again.text}")
    expect("decisions", again.graph().canonical_hash == hashed, "another hash after replay")


def check_running(derived: es.Derivation, has: frozenset[str], seed: int) -> str:
    """Builds the network and runs it forward and backward.

    Args:
        has: what of all that can be required the network has.

    Returns:
        "finite", or "not finite" where the network was not promised to be.
    """
    graph = derived.graph()
    module = graph.module(seed)
    count = sum(parameter.numel() for parameter in module.parameters())
    expect("parameters", count == graph.parameters, f"{count}, counted {graph.parameters}")
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(BATCH, *derived.input.shape, generator=generator, requires_grad=True)
    with FlopCounterMode(display=False, custom_mapping=FUSED) as counter:
        y = module(x)
    found, expected = tuple(y.shape), (BATCH, *derived.output.shape)
    expect("shape", found == expected, f"{found}, inferred {expected}")
    flops = counter.get_total_flops()
    expect("flops", flops == BATCH * graph.flops, f"{flops} / {BATCH}, counted {graph.flops}")
    if y.requires_grad:
        (y * torch.randn(y.shape, generator=generator)).mean().backward()
    return check_gradients(has, module, x, y.detach())


def check_gradients(
    has: frozenset[str], module: torch.nn.Module, x: torch.Tensor, y: torch.Tensor
) -> str:
    """Gradients arrive where they are said to, and are finite where that is promised."""
    expect("backward", "input" not in has or x.grad is not None, "no gradient at the input")
    gradients = [parameter.grad for parameter in module.parameters()]
    promised = "gradient" in has
    if promised:
        missing = sum(gradient is None for gradient in gradients)
        expect("backward", missing == 0, f"{missing} parameters without a gradient")
    tensors = [y, x.grad, *gradients]
    finite = all(bool(torch.isfinite(t).all()) for t in tensors if t is not None)
    expect("finite", finite or not promised, "the outcome or a gradient is not finite")
    return "finite" if finite else "not finite"


def check(grammar: Grammar, case: Case, seed: int) -> str:
    """Every check of one sample; whether its values stayed finite. Raises Failure."""
    try:
        derived = grammar.sample(case.spec, seed, case.limits)
        check_counts(derived, case.limits)
        check_round_trips(derived, grammar)
        return check_running(derived, check_requirements(derived), seed)
    except (es.EinsearchError, RuntimeError, ValueError, TypeError, KeyError) as error:
        raise Failure(type(error).__name__, str(error)) from error


# --- a range of samples --------------------------------------------------------------------------


@dataclass
class Tally:
    """What is known of the samples from `first` up to `next`.

    Attributes:
        passed: how many passed every check.
        not_finite: how many of these had values that are not finite, which nothing had promised.
        failures: seed, check and reason of every sample that failed.
        seconds: CPU time.
    """

    grammar: str
    first: int
    next: int
    passed: int = 0
    not_finite: int = 0
    failures: list[tuple[int, str, str]] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, judge: Callable[[int], str]) -> None:
        """Judges the next sample."""
        began = time.process_time()
        try:
            self.not_finite += judge(self.next) == "not finite"
            self.passed += 1
        except Failure as failure:
            self.failures.append((self.next, failure.check, str(failure)[:500]))
        self.seconds += time.process_time() - began
        self.next += 1

    def save(self, path: Path) -> None:
        """Writes the tally, all of it or nothing."""
        beside = path.with_name(path.name + ".part")
        beside.write_text(json.dumps({**environment(), **asdict(self)}, indent=1))
        beside.replace(path)


def restore(path: Path, name: str, first: int) -> Tally:
    """The tally that a file holds; an empty one where there is none.

    Raises:
        SystemExit: the file is about another grammar, or begins at another seed.
    """
    if not path.is_file():
        return Tally(name, first, first)
    known = json.loads(path.read_text())
    if (known["grammar"], known["first"]) != (name, first):
        raise SystemExit(
            f"{path} is about {known['grammar']} from seed {known['first']}; expected {name} "
            f"from {first}. Name another file"
        )
    return Tally(**{name: known[name] for name in Tally.__dataclass_fields__})


def progress(name: str, first: int, last: int) -> Iterator[int]:
    """The seeds, with a bar."""
    from rich.progress import track

    yield from track(range(first, last), description=name)


def examine(name: str, first: int, count: int, path: Path | None) -> Tally:
    """Judges a range of samples, those that `path` knows already left out."""
    grammar, case = es.load_grammar(name), CASES[name]
    tally = restore(path, name, first) if path else Tally(name, first, first)
    for seed in progress(name, tally.next, first + count):
        tally.add(lambda number: check(grammar, case, number))
        if path and (seed % 50 == 0 or seed == first + count - 1):
            tally.save(path)
    return tally


# --- report --------------------------------------------------------------------------------------


def environment() -> dict[str, str]:
    """What the figures were taken on."""
    return {
        "processor": processor(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "einsearch": es.__version__,
    }


def processor() -> str:
    """Name of the processor, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def show(tally: Tally) -> None:
    """Prints one line a grammar, and the failures below it."""
    count = tally.next - tally.first
    each = 1e3 * tally.seconds / max(count, 1)
    print(
        f"{tally.grammar:<12} {count:>8,} {tally.passed:>8,} {len(tally.failures):>8,} "
        f"{tally.not_finite:>11,} {each:>10.0f}"
    )
    for check, number in Counter(check for _, check, _ in tally.failures).most_common():
        print(f"    {check}: {number}")
    for seed, check, reason in tally.failures[:20]:
        print(f"    seed {seed}: {check}: {reason.splitlines()[0] if reason else ''}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("grammars", nargs="*", metavar="GRAMMAR", help=f"of {', '.join(CASES)}")
    parser.add_argument("--count", type=int, default=10_000, help="samples of each")
    parser.add_argument("--first", type=int, default=0, help="seed of the first")
    parser.add_argument("--json", type=Path, help="where results go, {} stands for the grammar")
    options = parser.parse_args()
    unknown = set(options.grammars) - set(CASES)
    if unknown:
        parser.error(f"no grammar is named {', '.join(unknown)}; there are {', '.join(CASES)}")
    torch.set_num_threads(1)
    names = options.grammars or list(CASES)
    paths = [
        Path(str(options.json).replace("{}", name)) if options.json else None for name in names
    ]
    if options.json and len(set(paths)) < len(names):
        parser.error("several grammars need a file each: --json results-{}.json")
    print(f"{processor()}, {os.cpu_count()} cores, torch {torch.__version__}, one thread")
    for name in names:
        print(f"{name}: {CASES[name].spec}, {CASES[name].limits}")
    tallies = [
        examine(n, options.first, options.count, p) for n, p in zip(names, paths, strict=True)
    ]
    print(
        f"\n{'':<12} {'samples':>8} {'passed':>8} {'failed':>8} {'not finite':>11} {'CPU ms':>10}"
    )
    for tally in tallies:
        show(tally)
    raise SystemExit(any(tally.failures for tally in tallies))


if __name__ == "__main__":
    main()
