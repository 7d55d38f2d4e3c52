"""`RunFolder`: the files of a run. Each is written whole or not at all.

| file                          | holds                                                     |
| ----------------------------- | --------------------------------------------------------- |
| space.yaml                    | the search-space file as used, or what took its place     |
| grammar.ein, and its imports  | the grammar as used                                       |
| task.json                     | what networks need of the task, and a fingerprint of data |
| versions.json                 | versions of all that matters, and where the record is     |
| journal.log                   | the record, unless it is in a database                    |
| weights/trial-N.safetensors   | weights of the best trials                                |
| weights/again-N.safetensors   | of trials that were trained again as the search did       |
| weights/final-N-….safetensors | of full trainings, one for each seed                      |
| checkpoints/trial-N.ckpt      | what paused trials go on from, until they cannot any more |
| final.json                    | the full training at the end                              |
| trained.json                  | full trainings that were asked for later                  |
| baselines.json                | what simple models score on the same data                 |
| learned.ein                   | the grammar that the search has learned, if it learns one |
| driver.lock                   | names the process at work here                            |
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, Final
from uuid import uuid4

from einsearch import files as system
from einsearch.errors import RunError, UntrustedFolder
from einsearch.grammar.read import LANGUAGE_VERSION
from einsearch.graph.canonical import HASH_VERSION
from einsearch.study.checked import FILES, check_file
from einsearch.study.founding import Begin, Founding, check_vacant
from einsearch.study.storageurl import (
    VARIABLE,
    absolute_storage,
    is_given,
    named_storage,
    remember,
    whole,
    without_password,
)
from einsearch.study.trust import is_sealed, seal
from einsearch.version import __version__

VERSIONS: Final = "versions.json"
JOURNAL: Final = "journal.log"
SPACE: Final = "space.yaml"
GRAMMAR: Final = "grammar.ein"
FINAL: Final = "final.json"
TRAINED: Final = "trained.json"
BASELINES: Final = "baselines.json"
LEARNED: Final = "learned.ein"
WEIGHTS: Final = "weights"
CHECKPOINTS: Final = "checkpoints"
TASK: Final = "task.json"
WORKERS_LOG: Final = "workers.log"
REPORT: Final = "report.html"

FORMAT: Final = 1
"""Version of the layout; a folder of a later one is not opened."""

_OWN_FILES: Final = (
    SPACE,
    VERSIONS,
    JOURNAL,
    f"{JOURNAL}.lock",
    TASK,
    WORKERS_LOG,
    BASELINES,
    "driver.lock",
)
_OWN_FOLDERS: Final = (WEIGHTS, CHECKPOINTS)
"""What a run that made no trial may have in its folder, beside what it was made with."""

_PACKAGES: Final = ("torch", "numpy", "optuna", "lark", "networkx", "safetensors")


class RunFolder:
    """The folder of a run that exists.

    Attributes:
        path: the folder.
        info: what versions.json holds.
        given_storage: URL of the storage that the caller has named; None where it named none.
    """

    def __init__(self, path: Path, storage: str | None = None) -> None:
        """Opens the folder.

        Args:
            path: of it.
            storage: URL of the record's storage, in place of what the folder says.

        Raises:
            RunError: it is missing, damaged, no run folder, or of a later version of einsearch.
        """
        self.path = system.user_path(path)
        self.info = _read_info(self.path)
        self.given_storage = None if storage is None else absolute_storage(storage)
        if self.given_storage is not None:
            remember(self.given_storage)
        self._founding: Founding | None = None
        self._added: set[str] = set()

    @classmethod
    def create(
        cls,
        path: Path,
        files: Mapping[str, str] | None = None,
        storage: str | None = None,
        study: str = "einsearch",
        begin: Callable[[Path], None] | None = None,
        objective: str | None = None,
    ) -> RunFolder:
        """Makes a new run folder, which is there whole or not at all.

        Args:
            path: a folder that is missing or empty.
            files: relative name -> text: space.yaml, grammar.ein, imports.
            storage: URL of an Optuna storage for the record, whose password is not written; None
                for a journal in the folder.
            study: name of the study in it.
            begin: makes the journal in the folder that it is given, while nobody sees it.
            objective: "package.module:function" that going on with the run imports, if any.

        Raises:
            RunError: it holds a run or anything else already, or cannot be written.
        """
        files = files or {}
        for name in files:
            check_name(name)
        path = system.user_path(path)
        check_vacant(path, VERSIONS)
        written = None if storage is None else remember(storage)
        info = {
            "format": FORMAT,
            "name": f"run-{uuid4().hex[:12]}",
            "storage": written,
            "study": study,
            "path": str(path),
            **current_versions(),
        }
        info["seals"] = _seals(info, objective)
        with _writing(path):
            founding = Founding(path)
            texts = {name: text.encode() for name, text in files.items()}
            made_by = None if begin is None else Begin(begin, (JOURNAL, f"{JOURNAL}.lock"))
            founding.build({**texts, VERSIONS: _json(info)}, made_by)
        made = cls(path)
        made._founding = founding
        return made

    def discard(self) -> None:
        """Takes back the folder of a run that could not begin, if this very object made it: the
        files that a run has, and folders that are empty then. Anything else in it stays."""
        if self._founding is not None:
            self._founding.take_back(_OWN_FILES, _OWN_FOLDERS)
            self._founding = None

    @property
    def journal(self) -> Path:
        """The file of the record; missing where `storage` is given."""
        return self.path / JOURNAL

    @property
    def storage(self) -> str | None:
        """URL of the record's storage; None for the journal.

        Raises:
            RunError: it has a password, which is not known here; or the folder came from
                elsewhere, and nobody but the folder names the storage.
        """
        written: str | None = self.info["storage"]
        if written is None:
            return None
        named = self.given_storage or named_storage()
        if named is not None:
            return named
        sealed = is_sealed(self._seal("storage"), self.name, self.study, written)
        if not sealed and not is_given(written):
            raise RunError(
                f"the run folder {self.path} was not made here, and says that its record is in "
                f"{without_password(written)}: that is opened only if you name it, with "
                f"--storage URL (storage=URL from Python) or {VARIABLE}"
            )
        return whole(written)

    def check_objective(self, objective: str) -> None:
        """Checks that going on may import what the folder names.

        Args:
            objective: "package.module:function".

        Raises:
            UntrustedFolder: the folder came from elsewhere.
        """
        if not is_sealed(self._seal("objective"), self.name, objective):
            raise UntrustedFolder(
                f"the run folder {self.path} was not made here, and going on imports and runs "
                f"{objective}, which it names: look at it first, then say --trust (trust=True from "
                "Python), or hand an objective over"
            )

    def _seal(self, what: str) -> object:
        seals = self.info.get("seals")
        return seals.get(what) if isinstance(seals, dict) else None

    @property
    def study(self) -> str:
        """Name of the study in the storage."""
        name: str = self.info["study"]
        return name

    @property
    def name(self) -> str:
        """Of the run, where files of several runs lie side by side; it moves with the folder."""
        name: str = self.info.get("name", self.study)
        return name

    @property
    def origin(self) -> Path | None:
        """Where the folder was when data were found last; None where nothing tells."""
        path = self.info.get("path")
        return Path(path) if isinstance(path, str) else None

    @property
    def weights(self) -> Path:
        """Folder of the weights; may be missing."""
        return self.path / WEIGHTS

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints; may be missing."""
        return self.path / CHECKPOINTS

    def check_writable(self) -> None:
        """Raises RunError where nothing can be written, before minutes of work are spent."""
        for place in (self.path, self.weights):
            if place.exists() and not os.access(place, os.W_OK | os.X_OK):
                raise RunError(f"cannot write in the run folder {place}: Permission denied")

    def read_text(self, name: str) -> str:
        """The text of a file in the folder.

        Raises:
            RunError: it is missing or no text.
        """
        try:
            return (self.path / name).read_text(encoding="utf-8")
        except OSError as error:
            raise RunError(f"the run folder {self.path} has no {name}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise RunError(f"{self.path / name} is damaged: it is not UTF-8 text") from None

    def write(self, name: str, data: bytes) -> Path:
        """Writes a file of the folder whole or not at all. Raises RunError."""
        target = self.inside(name)
        with _writing(self.path):
            target.parent.mkdir(exist_ok=True)
            system.replace_file(target, data)
        return target

    def add(self, name: str, data: bytes) -> Path:
        """Writes a file of the folder. What another session has written under its name is kept
        beside it, as "NAME.earlier-1". Raises RunError."""
        target = self.inside(name)
        with _writing(self.path):
            if name not in self._added and target.is_file() and target.read_bytes() != data:
                number = 1
                while (kept := target.with_name(f"{target.name}.earlier-{number}")).exists():
                    number += 1
                target.rename(kept)
        self._added.add(name)
        return self.write(name, data)

    def inside(self, name: str) -> Path:
        """The place of a file in the folder.

        Raises:
            RunError: the name leads out of it, by itself or through a link to another folder.
        """
        try:
            pure = check_name(name)
        except ValueError:
            raise RunError(
                f"the run folder {self.path} is damaged: it names the file {name!r}, "
                "which does not lie in it"
            ) from None
        for parent in list(pure.parents)[:-1]:
            if (self.path / parent).is_symlink():
                raise RunError(
                    f"{self.path / parent} is a link to another folder, and runs write into their "
                    "own alone: put a folder in its place"
                )
        return self.path / pure

    def appended(self, name: str) -> Path:
        """The place of a file that is appended to, made by others. Raises RunError where it is a
        link, or leads out of the folder."""
        path = self.inside(name)
        if path.is_symlink():
            raise RunError(f"{path} is a link: a run folder has its own files alone; remove it")
        return path

    def write_final(self, results: Mapping[str, Any]) -> None:
        """Keeps the results of the full training. Raises RunError."""
        self.write(FINAL, _json(results))

    def read_final(self) -> dict[str, Any] | None:
        """The results of the full training; None where there was none. Raises RunError."""
        return self.read_json(FINAL) if (self.path / FINAL).exists() else None

    def write_baselines(self, results: Mapping[str, Any]) -> None:
        """Keeps what simple models score. Raises RunError."""
        self.write(BASELINES, _json(results))

    def read_baselines(self) -> dict[str, Any] | None:
        """What simple models score; None where none were asked for. Raises RunError."""
        return self.read_json(BASELINES) if (self.path / BASELINES).exists() else None

    def read_json(self, name: str) -> dict[str, Any]:
        """The JSON object in a file of the folder. Raises RunError."""
        return check_file(FILES[name], self.path / name)

    def settle(self, objective: str | None = None, *, trusts: bool = False) -> None:
        """Notes where the folder and its record lie now, and that both are trusted.

        Args:
            objective: that going on imports, if any.
            trusts: whether the user has said so of a folder that came from elsewhere.

        Raises:
            RunError: the folder cannot be written.
        """
        info = {**self.info, "path": str(self.path)}
        if self.info["storage"] is not None and (named := self.given_storage or named_storage()):
            info["storage"] = remember(named)
        if trusts or info["storage"] != self.info["storage"]:
            info["seals"] = _seals(info, objective)
        if info != self.info:
            self.info = info
            self.write(VERSIONS, _json(info))


def _seals(info: Mapping[str, Any], objective: str | None) -> dict[str, str | None]:
    """What shows that the storage and the objective were named here."""
    return {
        "storage": seal(info.get("name"), info["study"], info["storage"]),
        "objective": seal(info.get("name"), objective),
    }


def current_versions() -> dict[str, Any]:
    """Versions of einsearch, of its language and its hash, of Python and of the packages that
    results depend on; the machine's kind."""
    packages = {}
    for name in _PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            packages[name] = importlib.metadata.version(name)
    return {
        "einsearch": __version__,
        "language": LANGUAGE_VERSION,
        "hash": HASH_VERSION,
        "python": platform.python_version(),
        "packages": packages,
        "platform": platform.platform(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _read_info(path: Path) -> dict[str, Any]:
    if not path.is_dir():
        raise RunError(f"there is no run folder {path}")
    if not (path / VERSIONS).is_file():
        raise RunError(f"{path} is not a run folder: it has no {VERSIONS}")
    info = check_file(FILES[VERSIONS], path / VERSIONS)
    version = info["format"]
    if version > FORMAT:
        raise RunError(
            f"the run folder {path} was written by einsearch {info.get('einsearch', '?')}; "
            f"this is {__version__}, which cannot read it"
        )
    return info


def check_name(name: str) -> PurePosixPath:
    """The name of a file inside a folder. Raises ValueError where it leads out of it."""
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts or not pure.parts or "\0" in name:
        raise ValueError(f"{name!r} is not a name inside a folder")
    return pure


def _json(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=2) + "\n").encode()


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunError(f"cannot write in the run folder {folder}: {error.strerror}") from None
