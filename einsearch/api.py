"""The public interface: `import einsearch as es` looks its names up here.

Thin: everything is done by the packages below; this is where they meet. Methods that reach
forward along the line (`derivation.graph()`, `graph.module()`) are bound by `compile.methods`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from einsearch.compile.methods import bind_methods
from einsearch.derivation.derivation import Architecture, Derivation
from einsearch.derivation.limits import Limits
from einsearch.derivation.replay import architecture as read_architecture
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
from einsearch.files import expanded
from einsearch.grammar.load import load_grammar_file, load_grammar_text
from einsearch.grammar.model import Grammar
from einsearch.grammar.modules import nearest
from einsearch.graph.graph import ArchitectureGraph
from einsearch.resources import find_resource, resource_folder, resource_names
from einsearch.specs import TensorSpec, image, parse_spec, tokens, vector
from einsearch.trial import Trial, TrialState

if TYPE_CHECKING:
    from torch import Tensor, nn

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
    "choose_bases",
    "export",
    "image",
    "load_grammar",
    "open_run",
    "parse_grammar",
    "parse_spec",
    "prune_bases",
    "resume",
    "search",
    "set_temperature",
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
    path = expanded(source)
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


def search(source: str | Path | Grammar, objective: Any = None, **options: Any) -> Run:
    """Runs a search; `einsearch.study.launch` has every option.

    Args:
        source: a search-space file (YAML), or a grammar with an `objective` of one's own.
        objective: `objective(derivation)` gives a number or {"accuracy": 0.9, ...}; raising
            `Reject` records a rejection.
    """
    from einsearch.study import launch

    if isinstance(source, Grammar):
        return launch.search_grammar(source, objective, **options)
    return launch.search_file(source, **options)


def open_run(directory: str | Path, *, storage: str | None = None) -> Run:
    """A run that was recorded before.

    Args:
        directory: the run folder.
        storage: URL of the record's storage, in place of what the folder says; needed for a folder
            that came from elsewhere and has its record in a storage.

    Raises:
        RunError: there is no such run, or it cannot be read.
    """
    from einsearch.study.run import open_run as open_recorded

    return open_recorded(Path(directory), storage)


def resume(directory: str | Path, **changes: Any) -> Run:
    """Goes on with the run of a search-space file; see `einsearch.study.launch.resume`."""
    from einsearch.study import launch

    return launch.resume(directory, **changes)


def export(trial: Trial, format: str, to: str | Path, *, replace: bool = False) -> list[Path]:
    """Writes the trained network of a recorded trial in a portable format.

    Args:
        trial: of a run in a folder, as `run.best`.
        format: "python", "safetensors", "pt2", "onnx" or "onnx-int8".
        to: folder that the files go to.
        replace: whether files of the same names are replaced that no earlier export wrote.

    Raises:
        ExportError: the format is not to be had, or gives other answers than the network.
        RunError: the weights of the trial were not kept.
    """
    from einsearch.exporters.from_run import export_trial

    return export_trial(trial, format, Path(to), replace=replace)


def set_temperature(model: nn.Module, temperature: float) -> None:
    """Makes the mixtures of all `basis=select` layers of a network sharper the lower it is.

    Raises:
        ValueError: it is not positive.
    """
    from einsearch.compile import selecting

    selecting.set_temperature(model, temperature)


def choose_bases(model: nn.Module, x: Tensor | None = None) -> dict[str, dict[str, int]]:
    """Every output of a `basis=select` layer uses one basis from here on.

    Args:
        model: in place.
        x: a few hundred examples, for the basis that can best take over from the mixture; without
            them it is the one of the largest share.

    Returns:
        how many outputs of each layer chose each basis.
    """
    from einsearch.compile import selecting

    return selecting.choose_bases(model, x)


def prune_bases(model: nn.Module) -> nn.Module:
    """A copy of a network without the bases that no output chose; it answers the same."""
    from einsearch.compile import selecting

    return selecting.prune_bases(model)


bind_methods()
