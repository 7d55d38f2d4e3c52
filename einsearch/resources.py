"""Where the files that ship with einsearch lie: packaged grammars and search spaces.

A wheel carries them inside the package; in a checkout they stand beside it.
"""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from einsearch.shown import shown_line

_PACKAGE: Final = Path(__file__).resolve().parent


def resource_folder(name: str) -> Path:
    """The folder of packaged files named `name`: "grammars" or "search_spaces".

    Raises:
        FileNotFoundError: this installation has no such folder.
    """
    for folder in (_PACKAGE / f"_{name}", _PACKAGE.parent / name):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"this installation of einsearch has no folder of {name}")


def find_resource(folder: str, name: str, suffix: str) -> Path | None:
    """The packaged file called `name` (with or without its suffix), or None.

    `name` may lie in a subfolder ("blocks/attention.ein"), but not outside `folder`.
    """
    root = resource_folder(folder)
    wanted = (root / (name if name.endswith(suffix) else name + suffix)).resolve()
    return wanted if wanted.is_relative_to(root) and wanted.is_file() else None


def resource_names(folder: str, suffix: str) -> list[str]:
    """Names, without suffix, of the packaged files of a folder, sorted."""
    root = resource_folder(folder)
    return sorted(
        path.relative_to(root).with_suffix("").as_posix() for path in root.rglob(f"*{suffix}")
    )


def install_hint(extra: str) -> str:
    """The command that installs an extra, as einsearch itself was installed: from a checkout,
    which an index knows nothing of, from a repository, or from an index."""
    source = _source()
    folder = _checkout(source)
    if folder is not None:
        is_editable = folder == _PACKAGE.parent or bool(source.get("dir_info", {}).get("editable"))
        place = "" if folder == Path.cwd() else f" (in {shown_line(str(folder))})"
        return f'pip install {"-e " if is_editable else ""}".[{extra}]"{place}'
    url = source.get("url", "")
    vcs = source.get("vcs_info", {}).get("vcs")
    if vcs:
        return f'pip install "einsearch[{extra}] @ {vcs}+{shown_line(str(url))}"'
    return f'pip install "einsearch[{extra}]"'


def _source() -> dict[str, Any]:
    """Where einsearch was installed from, as installers note it (PEP 610); empty for an index."""
    try:
        text = distribution("einsearch").read_text("direct_url.json")
        found = json.loads(text or "{}")
    except (PackageNotFoundError, ValueError, OSError):
        return {}
    return found if isinstance(found, dict) else {}


def _checkout(source: dict[str, Any]) -> Path | None:
    """The checkout that einsearch runs in, or was installed from, if it is there."""
    places = [_PACKAGE.parent]
    url = urlsplit(str(source.get("url", "")))
    if url.scheme == "file":
        places.append(Path(url2pathname(unquote(url.path))))
    return next((place for place in places if (place / "pyproject.toml").is_file()), None)
