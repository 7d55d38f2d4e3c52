"""The public interface: `import einsearch as es` looks its names up here.

Thin: everything is done by the packages below; this is where they meet. Methods that reach
forward along the line (`derivation.graph()`, `graph.module()`) are bound by `compile.methods`.
"""

from __future__ import annotations

import math
from numbers import Real
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from einsearch.compile.given import instance, path_given, spec_given, text_given, wrong
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
    NoCompleteTrial,
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

    from einsearch.estimators import Classifier, Regressor
    from einsearch.study.run import Run

__all__ = [
    "Architecture",
    "ArchitectureGraph",
    "Classifier",
    "Derivation",
    "EinsearchError",
    "ExportError",
    "Grammar",
    "GrammarError",
    "InfeasibleSpace",
    "Limits",
    "NoCommonSymbol",
    "NoCompleteTrial",
    "NoNeighbour",
    "ParseError",
    "Regressor",
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


def __getattr__(name: str) -> Any:
    """The estimators, whose imports take seconds: only who asks for them waits."""
    if name not in ("Classifier", "Regressor"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from einsearch import estimators

    return getattr(estimators, name)


def load_grammar(source: str | Path) -> Grammar:
    """Reads a grammar.

    Args:
        source: path of an `.ein` file, or the name of a packaged grammar such as "einspace".

    Raises:
        GrammarError: with file, line, column, what was found and what was expected.
    """
    packaged = resource_folder("grammars")
    path = expanded(path_given("the grammar", source))
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
    text_given("the grammar", text, "the text of a grammar; es.load_grammar reads a file")
    return load_grammar_text(text, name, None, resource_folder("grammars"))


def architecture(
    text: str, spec: TensorSpec | str, grammar: Grammar | str | Path | None = None
) -> Architecture:
    """What an architecture text denotes; shapes are checked, derivability is not asked for.

    Args:
        text: an expression that chooses nothing.
        spec: the incoming tensor, also as text: "image:3x32x32".
        grammar: whose macros may be used; also its path, name or text.

    Raises:
        ParseError: it cannot be read.
        ShapeError: a primitive cannot take the tensors that reach it.
    """
    text_given("the text", text, "the text of an architecture")
    read = None if grammar is None else _grammar_given(grammar)
    return read_architecture(text, spec_given("the input", spec), read)


def _grammar_given(grammar: object) -> Grammar:
    """A grammar; also its path, the name of a packaged one, or its text."""
    if isinstance(grammar, Grammar):
        return grammar
    if isinstance(grammar, str) and "\n" in grammar.strip():
        return parse_grammar(grammar)
    if not isinstance(grammar, (str, PathLike)):
        raise wrong(
            "the grammar", grammar, "a grammar, its path, its text, or a packaged one's name"
        )
    return load_grammar(Path(grammar))


def search(source: str | Path | Grammar, objective: Any = None, **options: Any) -> Run:
    """Runs a search; `einsearch.study.launch` has every option.

    Args:
        source: a search-space file (YAML); or data, a CSV, TSV, `.npz` or text file or a folder,
            with the options that they need, such as `target="price"`; or a grammar with an
            `objective` of one's own: also its path, its text, or the name of a packaged one.
        objective: `objective(derivation)` gives a number or {"accuracy": 0.9, ...}; raising
            `Reject` records a rejection. With a search-space file that names an objective, it
            takes the place of that.

    Raises:
        EinsearchError: something of this cannot be used; the message says what is expected.
    """
    from einsearch.study import launch
    from einsearch.study.arguments import check_options

    if objective is None and _is_data(source):
        return launch.search_data(source, **options)  # type: ignore[arg-type]
    if _is_space(source):
        return launch.search_file(source, objective=objective, **options)  # type: ignore[arg-type]
    grammar = _grammar_given(source)
    check_options(launch.search_grammar, options, needed={"input": "input='image:3x32x32'"})
    return launch.search_grammar(grammar, objective, **options)


def _is_data(source: object) -> bool:
    """Whether a search starts from data: a folder, or a file that ends as they do."""
    from einsearch.recipe.places import is_data

    if not isinstance(source, (str, PathLike)) or "\n" in str(source).strip():
        return False
    is_packaged = find_resource("grammars", str(source), ".ein") is not None
    return is_data(expanded(Path(source))) and not is_packaged


def _is_space(source: object) -> bool:
    """Whether a search starts from a search-space file."""
    from einsearch.study.spacefile import SpaceFile

    if isinstance(source, SpaceFile):
        return True
    if isinstance(source, str) and "\n" in source.strip():
        return False
    return isinstance(source, (str, PathLike)) and (
        Path(source).suffix in (".yaml", ".yml") or _is_other_file(Path(source))
    )


def _is_other_file(path: Path) -> bool:
    """Whether a path is no grammar: a search-space file may be named anyhow."""
    is_packaged = find_resource("grammars", str(path), ".ein") is not None
    return path.suffix != ".ein" and (path.is_file() or not is_packaged)


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

    return open_recorded(path_given("directory", directory), storage)


def resume(directory: str | Path, **changes: Any) -> Run:
    """Goes on with the run of a search-space file; see `einsearch.study.launch.resume`."""
    from einsearch.study import launch

    return launch.resume(directory, **changes)


def export(trial: Trial | Run, format: str, to: str | Path, *, replace: bool = False) -> list[Path]:
    """Writes a trained network in a portable format.

    Args:
        trial: of a run in a folder, as `run.best`; or a run, for the model that it ended with,
            which may be the average of several networks.
        format: "python", "safetensors", "pt2", "onnx" or "onnx-int8".
        to: folder that the files go to.
        replace: whether files of the same names are replaced that no earlier export wrote.

    Raises:
        ExportError: the format is not to be had, or gives other answers than the network.
        RunError: the weights of the trial were not kept.
    """
    from einsearch.exporters.from_run import export_from_run, export_trial
    from einsearch.study.run import Run

    wanted = "a trial of a run, such as run.best or run.trials[3], or a run"
    if not isinstance(trial, Run):
        instance("the trial", trial, Trial, wanted)
    text_given("format", format, 'the name of a format, such as "onnx"')
    place = path_given("to", to)
    if isinstance(trial, Run):
        return export_from_run(trial, None, format, place, replace=replace)
    return export_trial(trial, format, place, replace=replace)


def set_temperature(model: nn.Module, temperature: float) -> None:
    """Makes the mixtures of all `basis=select` layers of a network sharper the lower it is.

    Raises:
        EinsearchError: it is not positive.
    """
    from einsearch.compile import selecting

    _check_model(model)
    given: Any = temperature
    if not isinstance(given, Real) or not 0 < float(given) < math.inf:
        raise wrong("the temperature", temperature, "a positive number")
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

    _check_model(model)
    return selecting.choose_bases(model, x)


def prune_bases(model: nn.Module) -> nn.Module:
    """A copy of a network without the bases that no output chose; it answers the same."""
    from einsearch.compile import selecting

    _check_model(model)
    return selecting.prune_bases(model)


def _check_model(model: object) -> None:
    from torch import nn

    instance("the model", model, nn.Module, "a torch.nn.Module, such as run.model()")


bind_methods()
