"""A search-space file: what `einsearch search FILE` runs, as immutable data.

`SpaceFile` is what the file says with every default filled in; `load_space_file` reads it, and
says where a mistake stands. `SpaceFile.text` is a file again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    PrivateAttr,
    field_serializer,
    model_validator,
)
from pydantic_core import CoreSchema, core_schema

from einsearch.derivation.limits import Limits
from einsearch.errors import SpaceFileError
from einsearch.evaluate.config import TrainingConfig
from einsearch.files import expanded
from einsearch.resources import find_resource
from einsearch.searchers.registry import DEFAULT_SEARCHER
from einsearch.specs import TensorSpec, parse_spec
from einsearch.study.events import Budget
from einsearch.study.quantities import Bound, Bytes, Count, IntRange
from einsearch.study.seeding import SeedList
from einsearch.study.yamltext import read_yaml, write_yaml

VERSION: Final = 1

DEFAULT_MINUTES: Final = 10.0
"""The budget of a search that is given none."""


class _Section(BaseModel):
    """Immutable; unknown keys and values of another type are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class SamplingSection(_Section):
    """Sizes that searches draw.

    Attributes:
        nodes: log-uniform between these; None for the grammar's own distribution.
    """

    nodes: IntRange | None = None

    @field_serializer("nodes")
    def _as_written(self, nodes: Any) -> str | None:
        return None if nodes is None else str(nodes)


class LimitsSection(_Section):
    """`Limits` as a file gives them; the same fields."""

    nodes: Annotated[Count, Field(ge=1)] | None = 400
    depth: Annotated[Count, Field(ge=0)] | None = 40
    parameters: Annotated[Count, Field(ge=0)] | None = None
    flops: Annotated[Count, Field(ge=0)] | None = None
    activation_memory: Annotated[Bytes, Field(ge=0)] | None = None


class _FromSection:
    """Makes a field of type `Limits` read and write a `LimitsSection`."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def build(section: LimitsSection) -> Limits:
            return Limits(**section.model_dump())

        return core_schema.no_info_after_validator_function(
            build,
            handler.generate_schema(LimitsSection),
            serialization=core_schema.plain_serializer_function_ser_schema(asdict),
        )


class EpochsSection(_Section):
    """How candidates that do worse get fewer epochs.

    Attributes:
        pruner: asha pauses all of them at each rung and goes on with the best; the others are
            Optuna's, and stop candidates for good: successive-halving, hyperband, median.
        min: epochs at the lowest rung; for median, that all get.
        max: of training in full; None for those of `training`.
        promote: of so many candidates of a rung one goes on.
        checkpoints: folder that keeps what paused candidates go on from: a path, or a URL of any
            file system that fsspec knows, such as s3://bucket/folder; None for the run folder.
    """

    pruner: Literal["asha", "successive-halving", "hyperband", "median"] = "asha"
    min: Annotated[Count, Field(ge=1)] = 1
    max: Annotated[Count, Field(ge=2)] | None = None
    promote: Annotated[Count, Field(ge=2)] = 3
    checkpoints: str | None = Field(default=None, min_length=1)


class BudgetSection(_Section):
    """When a search ends.

    Attributes:
        trials: candidates; None for any number.
        minutes, hours: wall-clock time of everything, full training and test included; None for
            any time. 10 minutes where nothing else ends the search.
        epochs: which candidates are trained in full; None for all of them.
    """

    trials: Annotated[Count, Field(ge=1)] | None = None
    minutes: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    hours: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    epochs: EpochsSection | None = None

    @model_validator(mode="before")
    @classmethod
    def _ends(cls, given: Any) -> Any:
        ends = ("trials", "minutes", "hours")
        if isinstance(given, Mapping) and all(given.get(name) is None for name in ends):
            return {**given, "minutes": DEFAULT_MINUTES}
        return given

    @model_validator(mode="after")
    def _has_one_time(self) -> Self:
        if self.minutes is not None and self.hours is not None:
            raise ValueError("minutes and hours mean the same: give one of them")
        return self

    @property
    def whole(self) -> Budget:
        """As a search takes it."""
        minutes = self.minutes if self.hours is None else 60 * self.hours
        return Budget(self.trials, minutes)


class ExecutorSection(_Section):
    """Where candidates are evaluated.

    Attributes:
        name: local is worker processes of this machine, ray those of a cluster, inline the
            calling process.
        workers: processes; None for one a core, or for as many as the cluster has room for.
        address: of the Ray cluster; "auto" for the one that this machine belongs to, None for
            one that is started on this machine and ends with the search.
        cpus, gpus, memory, resources: of each worker of a Ray cluster; a fraction of a GPU shares
            one, memory is in bytes, `resources` are further ones by name.
        wait: seconds that the cluster may have no node for a worker before the search ends.
    """

    name: Literal["local", "ray", "inline"] = "local"
    workers: int | None = Field(default=None, ge=1)
    address: str | None = None
    cpus: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    gpus: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    memory: Annotated[Bytes, Field(ge=1)] | None = None
    resources: Mapping[str, float] = Field(default_factory=dict)
    wait: float = Field(default=0.0, ge=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _fits_its_name(self) -> Self:
        if self.name == "inline" and self.workers not in (None, 1):
            raise ValueError("inline runs one candidate at a time: leave workers out")
        of_ray = ("address", "cpus", "gpus", "memory", "resources", "wait")
        defaults = type(self).model_fields
        for name in of_ray if self.name != "ray" else ():
            if getattr(self, name) != defaults[name].get_default(call_default_factory=True):
                raise ValueError(f"{name} is of the executor ray, and this is {self.name}")
        return self

    @property
    def processes(self) -> int | None:
        """How many candidates run at the same time; None where the cluster decides."""
        if self.name == "inline":
            return 1
        if self.name == "ray":
            return self.workers
        return self.workers or usable_cores()


class TrialSection(_Section):
    """One candidate.

    Attributes:
        seconds: that its evaluation may take at most; None where that follows from the budget
            and from what it was predicted to take.
        retries: further attempts where the machine was at fault.
    """

    seconds: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    retries: int = Field(default=1, ge=0)


class FinalSection(_Section):
    """Full training at the end, the only stage that reads test data.

    Attributes:
        top: how many of the best trials; 0 for none.
        epochs: None for those of `training`.
        seeds: how many trainings of each.
        ensemble: networks at most whose outputs the model that is handed over averages; those that
            together answer validation best. 1 for the best network alone.
        looks: of so many of the best trials the score is measured again, on fresh folds and with
            fresh seeds, before one is called best.
        data: train learns from the training examples, all from those of validation too.
        share: of the budget's time, what is kept for all of this; a quarter where it is None.
    """

    top: int = Field(default=1, ge=0)
    epochs: int | None = Field(default=None, ge=1)
    seeds: int = Field(default=1, ge=1)
    ensemble: int = Field(default=1, ge=1)
    looks: int = Field(default=0, ge=0)
    data: Literal["train", "all"] = "train"
    share: float | None = Field(default=None, gt=0, lt=1)

    def trainings(self, workers: int) -> int:
        """How many networks are trained in full. Where time is scarce, as it is where one split is
        enough, an ensemble gets one new network a worker; the others it has from the search."""
        members = self.ensemble if self.data == "all" else min(self.ensemble, workers)
        return max(self.top * self.seeds, members) if self.top else 0


class SpaceFile(_Section):
    """A search-space file with its defaults.

    Attributes:
        version: of the format.
        grammar: name of a packaged grammar, or a path.
        task: {name: ..., and the options of that task}, its paths absolute; or an objective of
            the user's: {objective: "package.module:function", input: "image:3x32x32"}, with the
            `folder` that the module is imported from, where it is not installed.
        sampling, limits: what is drawn.
        require: what every candidate must have; None for what the grammar asks for.
        seeds: start architectures: names of the grammar's seeds, expressions, or the best of
            earlier runs, whose paths are absolute; None for all seeds of the grammar that suit
            the data, where the training follows from them, and else for none.
        training: of candidates. Where it gives neither epochs nor steps, it follows from the data.
            The settings of it that are searched are in `searched`.
        objectives: name -> "maximize" or "minimize", the main one first; None for the task's own.
        constraints: name -> upper bound that a candidate must keep to be best.
        searcher: {name: ..., and its options}, as `make_searcher` takes it.
        budget, executor, trial, final: how the search runs and ends.
        baselines: whether simple models are scored beside the networks; None where that is done
            if the budget has minutes, of which it takes a small part.
        seed: of the whole search.
    """

    version: Literal[1] = VERSION
    grammar: str = Field(min_length=1)
    task: Mapping[str, Any]
    sampling: SamplingSection = SamplingSection()
    limits: Annotated[Limits, _FromSection] = Limits()
    require: Annotated[tuple[str, ...], Field(strict=False)] | None = None
    seeds: SeedList | None = None
    training: TrainingConfig = TrainingConfig()
    objectives: (
        Annotated[dict[str, Literal["maximize", "minimize"]], Field(min_length=1)] | None
    ) = None
    constraints: dict[str, Bound] = Field(default={})
    searcher: Mapping[str, Any] = Field(default={"name": DEFAULT_SEARCHER})
    budget: BudgetSection = BudgetSection()
    executor: ExecutorSection = ExecutorSection()
    trial: TrialSection = TrialSection()
    final: FinalSection = FinalSection()
    baselines: bool | None = None
    seed: int = Field(default=0, ge=0)

    _base: Path = PrivateAttr(default_factory=Path)
    _searched: dict[str, str] = PrivateAttr(default_factory=dict)

    @property
    def base(self) -> Path:
        """The folder that relative paths start from."""
        return self._base

    @property
    def searched(self) -> Mapping[str, str]:
        """Settings of training that the search decides -> the domain of each. `training` has
        their usual values."""
        return self._searched

    @property
    def grammar_path(self) -> Path | None:
        """The file of the grammar; None where there is none."""
        beside = self._base / expanded(self.grammar)
        if self.grammar.endswith(".ein") or beside.is_file():
            return beside if beside.is_file() else None
        return find_resource("grammars", self.grammar, ".ein")

    @property
    def objective(self) -> str | None:
        """ "package.module:function" of an objective of the user's; None for a task with data."""
        found = self.task.get("objective")
        return None if found is None else str(found)

    @property
    def objective_folders(self) -> tuple[Path, ...]:
        """Where the module of an objective of the user's is looked for first."""
        folder = self.task.get("folder")
        return (self._base,) if folder is None else (self._base / str(folder), self._base)

    @property
    def objective_input(self) -> TensorSpec | None:
        """The tensor that enters networks of an objective of the user's; else None."""
        return None if self.objective is None else parse_spec(str(self.task["input"]))

    @property
    def follows_data(self) -> bool:
        """Whether what the file leaves open of training, budget and full training is decided by
        what the data are."""
        given = self.training.model_fields_set
        return self.objective is None and not given & {"epochs", "steps"}

    @property
    def full_training(self) -> TrainingConfig:
        """The training of a candidate that nothing stops."""
        epochs = self.budget.epochs
        if epochs is None or epochs.max is None:
            return self.training
        return self.training.with_epochs(epochs.max)

    @property
    def text(self) -> str:
        """As YAML with every default written out, but for those that follow from the data; reads
        back to an equal value."""
        data = self.model_dump()
        for name in ("require", "seeds"):
            data[name] = None if data[name] is None else list(data[name])
        if self.follows_data:
            for name in ("training", "budget", "final"):
                data[name] = getattr(self, name).model_dump(exclude_unset=True)
        # In their order, in which a search decides them.
        kept = {key: value for key, value in data["training"].items() if key not in self.searched}
        data["training"] = {**kept, **self.searched}
        return write_yaml(data)

    def changed(self, **sections: Any) -> SpaceFile:
        """Another one with some sections changed, as the command line does it.

        Args:
            sections: a mapping changes the keys that it gives, of `searcher` and `task` it takes
                the place; anything else takes the place of the section.

        Raises:
            SpaceFileError: as in a file, but without a place.
        """
        from einsearch.study.spacereading import build_space

        data = read_yaml(self.text, "<space>").data
        for name, value in sections.items():
            merges = name not in ("searcher", "task") and (
                isinstance(value, Mapping) and isinstance(data.get(name), Mapping)
            )
            data[name] = {**data[name], **value} if merges else value
        return build_space(data, self._base)


def usable_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def load_space_file(path: str | Path) -> SpaceFile:
    """Reads a search-space file.

    Args:
        path: of the file. Relative paths in it start from its folder.

    Raises:
        SpaceFileError: what is wrong, with file, line and column, and what was expected.
    """
    path = expanded(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SpaceFileError(f"there is no search-space file {path}") from None
    except OSError as error:
        raise SpaceFileError(f"cannot read the search space {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SpaceFileError(f"the search space {path} is not UTF-8 text") from None
    return load_space_text(text, str(path), path.parent)


def load_space_text(text: str, name: str = "<text>", base: Path | None = None) -> SpaceFile:
    """Reads a search space from text.

    Args:
        text: YAML.
        name: stands in messages.
        base: folder that relative paths start from; the current one if None.

    Raises:
        SpaceFileError: as in `load_space_file`.
    """
    from einsearch.study.spacereading import build_space
    from einsearch.study.yamltext import read_yaml

    document = read_yaml(text, name)
    return build_space(document.data, base or Path(), document.locate)
