"""The public interface: `import einsearch as es` looks its names up here.

Thin: everything is done by the packages below; this is where they meet. Methods that reach
forward along the line (`derivation.graph()`, `graph.module()`) are bound at the end of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from einsearch.derivation import edit
from einsearch.derivation import sample as sampling
from einsearch.derivation.analysis import Analysis
from einsearch.derivation.check import Problem
from einsearch.derivation.derivation import Architecture, Derivation
from einsearch.derivation.limits import Limits
from einsearch.derivation.parse import derive_rule, parse
from einsearch.derivation.replay import architecture as read_architecture
from einsearch.derivation.replay import replay
from einsearch.errors import (
    EinsearchError,
    ExportError,
    GrammarError,
    InfeasibleSpace,
    NoCommonSymbol,
    NoNeighbour,
    ParseError,
    Reject,
    RunError,
    ShapeError,
    SpaceFileError,
    TaskError,
)
from einsearch.grammar.load import load_grammar_file, load_grammar_text
from einsearch.grammar.model import Grammar
from einsearch.grammar.modules import nearest
from einsearch.graph.canonical import canonical_hash
from einsearch.graph.graph import ArchitectureGraph
from einsearch.graph.requirements import violation
from einsearch.primitives.program import Program
from einsearch.resources import find_resource, resource_folder, resource_names
from einsearch.specs import TensorSpec, image, parse_spec, tokens, vector
from einsearch.trial import Trial, TrialState

if TYPE_CHECKING:
    from torch import nn

    from einsearch.study.run import Run

__all__ = [
    "Architecture",
    "ArchitectureGraph",
    "Derivation",
    "EinsearchError",
    "ExportError",
    "Grammar",
    "GrammarError",
    "InfeasibleSpace",
    "Limits",
    "NoCommonSymbol",
    "NoNeighbour",
    "ParseError",
    "Reject",
    "RunError",
    "ShapeError",
    "SpaceFileError",
    "TaskError",
    "TensorSpec",
    "Trial",
    "TrialState",
    "architecture",
    "export",
    "image",
    "load_grammar",
    "open_run",
    "parse_grammar",
    "parse_spec",
    "resume",
    "search",
    "tokens",
    "vector",
]


def load_grammar(source: str | Path) -> Grammar:
    """Reads a grammar.

    Args:
        source: path of an `.ein` file, or the name of a packaged grammar such as "einspace".

    Raises:
        GrammarError: with file, line, column, what was found and what was expected.
    """
    packaged = resource_folder("grammars")
    path = Path(source)
    if path.suffix == ".ein" or path.is_file():
        return load_grammar_file(path, packaged)
    found = find_resource("grammars", str(source), ".ein")
    if found is None:
        names = resource_names("grammars", ".ein")
        raise GrammarError(
            f"there is no packaged grammar named {source}",
            hint=nearest(str(source), names)
            or f"there are {', '.join(names)}; a file of yours needs its path, ending in .ein",
        )
    return load_grammar_file(found, packaged)


def parse_grammar(text: str, name: str = "<text>") -> Grammar:
    """Reads a grammar from text; imports are looked up among the packaged grammars."""
    return load_grammar_text(text, name, None, resource_folder("grammars"))


def architecture(text: str, spec: TensorSpec, grammar: Grammar | None = None) -> Architecture:
    """What an architecture text denotes; shapes are checked, derivability is not asked for.

    Raises:
        ParseError: it cannot be read.
        ShapeError: a primitive cannot take the tensors that reach it.
    """
    return read_architecture(text, spec, grammar)


def generator(seed: int | np.random.Generator) -> np.random.Generator:
    """A generator from a seed; a generator is passed on."""
    return seed if isinstance(seed, np.random.Generator) else np.random.default_rng(seed)


def requirement(require: Sequence[str]) -> Callable[[Program], str | None] | None:
    """The judge of finished programs that asks for what `require` names; None where nothing."""
    names = tuple(require)
    return (lambda program: violation(program, names)) if names else None


def _sample(
    grammar: Grammar,
    spec: TensorSpec,
    seed: int | np.random.Generator = 0,
    limits: Limits | None = None,
    require: Sequence[str] | None = None,
) -> Derivation:
    """Draws a valid derivation.

    Args:
        spec: the incoming tensor.
        seed: a number, or a NumPy generator.
        limits: `Limits()` where None: 400 nodes, 40 levels.
        require: what the network must have; the grammar's own `require` where None.

    Raises:
        InfeasibleSpace: nothing valid was found; names what stood in the way.
    """
    judge = requirement(grammar.require if require is None else require)
    return sampling.sample(grammar, spec, generator(seed), limits, judge)


def _parse(grammar: Grammar, text: str, spec: TensorSpec) -> Derivation:
    """How the grammar derives an architecture text. Raises ParseError."""
    return parse(grammar, text, spec)


def _seed(grammar: Grammar, name: str, spec: TensorSpec) -> Derivation:
    """How the grammar derives one of its seeds.

    Raises:
        ParseError: it has no such seed, or cannot derive it.
    """
    if name not in grammar.seeds:
        hint = nearest(name, grammar.seeds) or "it has " + (", ".join(grammar.seeds) or "none")
        raise ParseError(f"{grammar.name} has no seed named {name}", hint=hint)
    seed = grammar.seeds[name]
    return derive_rule(grammar, seed.rule, grammar, spec, seed.text)


def _replay(grammar: Grammar, decisions: Iterable[Any], spec: TensorSpec) -> Derivation:
    """The derivation that recorded decisions fix. Raises ParseError."""
    return replay(grammar, spec, decisions)


def _check(grammar: Grammar, spec: TensorSpec | None = None) -> list[Problem]:
    """What is wrong with the grammar, errors first; with `spec` its seeds are derived too."""
    from einsearch.derivation.check import check

    return check(grammar, spec)


def _analyse(grammar: Grammar) -> Analysis:
    """Probability that a draw ends, expected sizes as drawn and as built. Raises GrammarError."""
    from einsearch.derivation.analysis import analyse

    least = sampling.bounds_of(grammar, None).least_of_rule(grammar.start_rule.key)
    return analyse(grammar, least)


def _mutate(
    derivation: Derivation,
    seed: int | np.random.Generator = 0,
    limits: Limits | None = None,
    require: Sequence[str] | None = None,
) -> Derivation:
    """A valid neighbour with another canonical hash. Raises NoNeighbour."""
    judge = requirement(derivation.grammar.require if require is None else require)
    return edit.mutate(derivation, generator(seed), limits, judge, canonical_hash)


def _crossover(
    derivation: Derivation,
    other: Derivation,
    seed: int | np.random.Generator = 0,
    limits: Limits | None = None,
    require: Sequence[str] | None = None,
) -> tuple[Derivation, Derivation]:
    """Two children that exchange subtrees of one rule. Raises NoCommonSymbol."""
    judge = requirement(derivation.grammar.require if require is None else require)
    return edit.crossover(derivation, other, generator(seed), limits, judge, canonical_hash)


def _graph(derived: Architecture) -> ArchitectureGraph:
    """The architecture as a graph."""
    return ArchitectureGraph(derived.program)


def _module(graph: ArchitectureGraph, seed: int = 0) -> nn.Module:
    """The network as a PyTorch module, without a head; initial weights from `seed`."""
    from einsearch.compile.module import build_module

    return build_module(graph.program, seed)


def _source(graph: ArchitectureGraph, class_name: str = "Network") -> str:
    """Python source of the same module; it imports torch alone."""
    from einsearch.compile.source import python_source

    return python_source(graph.program, class_name=class_name)


def search(source: str | Path | Grammar, objective: Any = None, **options: Any) -> Run:
    """Runs a search; see `einsearch.study.launch.search` for every option.

    Args:
        source: a search-space file (YAML), or a grammar with an `objective` of one's own.
        objective: `objective(derivation)` gives a number or {"accuracy": 0.9, ...}; raising
            `Reject` records a rejection.
    """
    from einsearch.study import launch

    if isinstance(source, Grammar):
        return launch.search_grammar(source, objective, **options)
    return launch.search_file(source, **options)


def open_run(directory: str | Path) -> Run:
    """A run that was recorded before. Raises RunError."""
    from einsearch.study.run import open_run as open_recorded

    return open_recorded(Path(directory))


def resume(directory: str | Path, **changes: Any) -> Run:
    """Goes on with the run of a search-space file; see `einsearch.study.launch.resume`."""
    from einsearch.study import launch

    return launch.resume(directory, **changes)


def export(trial: Trial, format: str, to: str | Path) -> list[Path]:
    """Writes the trained network of a recorded trial in a portable format.

    Args:
        trial: of a run in a folder, as `run.best`.
        format: "python", "safetensors", "pt2", "onnx" or "onnx-int8".
        to: folder that the files go to.

    Raises:
        ExportError: the format is not to be had, or gives other answers than the network.
        RunError: the weights of the trial were not kept.
    """
    from einsearch.exporters.from_run import export_trial

    return export_trial(trial, format, Path(to))


def _model(run: Run, trial: Trial | None = None) -> nn.Module:
    """The trained network of a trial (the best one), head included. Raises RunError."""
    from einsearch.study.trained import load_trained

    return load_trained(run, trial).network


def _resume(run: Run, **changes: Any) -> Run:
    """Goes on with the run, up to its budget. Raises RunError."""
    if run.directory is None:
        raise RunError("a run in memory cannot be resumed: give search a directory")
    return resume(run.directory, **changes)


_METHODS: Mapping[type, Mapping[str, Callable[..., Any]]] = {
    Grammar: {
        "check": _check,
        "analyse": _analyse,
        "sample": _sample,
        "parse": _parse,
        "seed": _seed,
        "replay": _replay,
    },
    Architecture: {"graph": _graph},
    Derivation: {"mutate": _mutate, "crossover": _crossover},
    ArchitectureGraph: {"module": _module, "source": _source},
}

for _class, _functions in _METHODS.items():
    for _name, _function in _functions.items():
        setattr(_class, _name, _function)
