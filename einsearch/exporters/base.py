"""The contract of an exporter: a trained network goes in, verified files come out.

Files are written into a temporary folder beside the wanted one, loaded back and run on random
input; they move into place when their outputs agree with the network's, and not before.
"""

from __future__ import annotations

import abc
import copy
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from einsearch.errors import ExportError
from einsearch.files import make_folder, remove_empty, user_path
from einsearch.primitives.program import Program
from einsearch.primitives.training import brief
from einsearch.resources import install_hint
from einsearch.specs import TensorSpec

if TYPE_CHECKING:
    import torch
    from torch import nn

BATCH: Final = 32
"""Examples that are answered together: memory stays that of a few."""
TOLERANCE: Final = 1e-5
"""Greatest difference that an exact export may show, relative to the largest output above 1."""

SIGNATURE: Final = "A trained network, found by einsearch."
"""How the README of an export begins."""

_TEXTS: Final = (".py", ".txt", ".md")


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A trained network with what is needed to use it elsewhere.

    Attributes:
        program: the architecture of the backbone.
        output: spec of the network's answer, `vector(10)` for ten classes.
        module: the trained network, head included, as `attach_head` makes it.
        metadata: JSON-ready. `architecture` is its text; `task` what the task says of itself, with
            `mean` and `deviation` of the raw input by channel or feature; `training` the settings
            of training that the search decided.
        examples: standardised examples (n, *input shape) on which 8-bit formats calibrate and are
            verified; without them they use random input.
        others: architectures of the further members, in their order, where `module` is an
            `Blend` of several networks and `program` the architecture of its first.
    """

    program: Program
    output: TensorSpec
    module: nn.Module
    metadata: Mapping[str, Any] = field(default_factory=dict)
    examples: torch.Tensor | None = None
    others: tuple[Program, ...] = ()

    @property
    def programs(self) -> tuple[Program, ...]:
        """Architectures of all networks that answer together."""
        return (self.program, *self.others)

    @property
    def input(self) -> TensorSpec:
        """Spec of one example."""
        return self.program.input[0]

    @property
    def architecture(self) -> str:
        """Text of the architecture, of several networks a line each; empty where none is known."""
        members = self.metadata.get("members", ())
        told = (f"{100 * one['share']:.0f} %  {brief(one['architecture'])}" for one in members)
        return str(self.metadata.get("architecture", "")) or "\n".join(told)

    @property
    def task(self) -> Mapping[str, Any]:
        """What the task says of itself; empty where nothing is known."""
        task = self.metadata.get("task")
        return task if isinstance(task, Mapping) else {}

    @property
    def activation_memory(self) -> int:
        """Bytes that training keeps for one example; of several networks those of all."""
        from einsearch.graph.graph import ArchitectureGraph

        return sum(ArchitectureGraph(program).activation_memory for program in self.programs)

    @property
    def flops(self) -> int:
        """Of the backbone, for one example; of several networks those of all."""
        from einsearch.graph.graph import ArchitectureGraph

        return sum(ArchitectureGraph(program).flops for program in self.programs)

    def described(self, more: Mapping[str, Any] | None = None) -> str:
        """`input`, `output` and the metadata as JSON, for files that have room for a text.

        Args:
            more: entries of the format's own.

        Raises:
            ExportError: the metadata are not JSON.
        """
        described = {"input": str(self.input), "output": str(self.output), **self.metadata}
        described |= more or {}
        try:
            return json.dumps(described, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ExportError(f"the metadata of the network are not JSON: {error}") from None

    def ready(self) -> nn.Module:
        """A copy of the network on the CPU, in evaluation mode; pruned if it chose its bases, of an
        average each member for itself."""
        from torch import nn

        from einsearch.compile.blending import Blend
        from einsearch.compile.selecting import prune_chosen

        network = copy.deepcopy(self.module)
        if isinstance(network, Blend):
            network.members = nn.ModuleList(map(prune_chosen, network.members))
        else:
            network = prune_chosen(network)
        return network.to("cpu").eval().requires_grad_(False)

    def random_input(self, batch: int = 4, seed: int = 0) -> torch.Tensor:
        """Normally distributed input (batch, *input shape)."""
        import torch

        generator = torch.Generator().manual_seed(seed)
        return torch.randn(batch, *self.input.shape, generator=generator)

    def answer(self, x: torch.Tensor) -> torch.Tensor:
        """What the network answers in evaluation mode.

        Raises:
            ExportError: the answer is not finite.
        """
        import torch

        network = self.ready()
        with torch.no_grad():
            out = torch.cat([network(part) for part in torch.split(x, BATCH)])
        if not out.isfinite().all():
            raise ExportError("the network answers random input with values that are not finite")
        return out


class Exporter(abc.ABC):
    """Base of all export formats. Subclasses are stateless.

    Attributes:
        name: as given to `es.export` and `einsearch export --format`.
        needs: packages beyond einsearch's own, that an extra of einsearch installs.
        extra: that extra.
    """

    name: ClassVar[str]
    needs: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[str] = "export"

    def export(self, model: TrainedModel, to: Path, *, replace: bool = False) -> list[Path]:
        """Writes a network below the folder `to`, which is made where it is missing.

        Files of an earlier export are replaced; files of the same names that einsearch did not
        write stay, and are an error. Nothing is left behind when something fails.

        Args:
            model: the network.
            to: the folder.
            replace: whether files of the same names are replaced, whoever wrote them.

        Returns:
            The files written, in order of their names.

        Raises:
            ExportError: a package is missing, the network's answers are not finite, the format
                cannot hold it, the files answer otherwise, or the folder cannot be written.
        """
        self._check_packages()
        model.answer(model.random_input())
        to = user_path(to).resolve()  # the clean process that verifies runs in another folder
        made: list[Path] = []
        try:
            made = make_folder(to)
            with tempfile.TemporaryDirectory(prefix=".export-", dir=to) as name:
                draft = Path(name)
                self.write(model, draft)
                self.verify(model, draft)
                written = sorted(draft.iterdir())
                if not replace:
                    _check_places(written, to)
                return [_move(path, to / path.name) for path in written]
        except OSError as error:
            remove_empty(made)
            raise ExportError(f"cannot write to {to}: {error.strerror}") from None
        except BaseException:
            remove_empty(made)
            raise

    @abc.abstractmethod
    def write(self, model: TrainedModel, folder: Path) -> None:
        """Writes the files into an empty folder. Raises ExportError."""

    @abc.abstractmethod
    def verify(self, model: TrainedModel, folder: Path) -> None:
        """Loads the files back and compares answers. Raises ExportError where they differ."""

    def notes(self, files: Sequence[Path]) -> list[str]:
        """What is to be told of files that were written, a line each; most formats have nothing."""
        return []

    def _check_packages(self) -> None:
        from importlib.util import find_spec

        missing = [name for name in self.needs if find_spec(name) is None]
        if missing:
            raise ExportError(
                f"the format {self.name} needs {' and '.join(missing)}, not installed here; "
                f"run: {install_hint(self.extra)}"
            )


def compare(name: str, found: torch.Tensor, expected: torch.Tensor) -> None:
    """Compares what an export answers with what the network answers.

    Raises:
        ExportError: shapes differ, or values by more than TOLERANCE.
    """
    if found.shape != expected.shape:
        raise ExportError(
            f"{name} answers with shape {tuple(found.shape)}, the network with "
            f"{tuple(expected.shape)}; nothing was exported"
        )
    difference = float((found - expected).abs().max())
    if not difference <= TOLERANCE * max(1.0, float(expected.abs().max())):
        raise ExportError(
            f"{name} answers differently from the network, by up to {difference:.3g}; "
            "nothing was exported"
        )


def reason(error: BaseException) -> str:
    """First line of what torch's exporters failed on; they wrap it in advice of their own."""
    while error.__cause__ is not None:
        error = error.__cause__
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _check_places(written: list[Path], to: Path) -> None:
    """Raises ExportError where a file of another origin stands in the place of one."""
    for path in written:
        place = to / path.name
        if os.path.lexists(place) and not _is_export(place):
            raise ExportError(
                f"{place} is there already, and was not exported by einsearch: choose another "
                "folder with --to, or replace it with --replace"
            )


def _is_export(path: Path) -> bool:
    """Whether a file comes from an earlier export: it says so, or the README beside it does."""
    if path.is_symlink() or not path.is_file():
        return False
    if path.suffix in _TEXTS:
        readme = path.with_name("README.txt")
        return readme.is_file() and readme.read_bytes().startswith(SIGNATURE.encode())
    return b"einsearch" in path.read_bytes()


def _move(source: Path, target: Path) -> Path:
    os.replace(source, target)
    return target
