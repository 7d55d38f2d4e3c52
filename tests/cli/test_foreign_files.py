"""Nothing that a user has is removed, replaced or written through by any command; and the code has
one place alone where files are written."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

import einsearch
from einsearch.errors import EinsearchError
from tests.cli.conftest import Command

PACKAGE: Final = Path(einsearch.__file__).parent

OWN: Final = {
    "files.py": "the one place",
    "study/founding.py": "takes back what it made, by name",
    "study/journallock.py": "Optuna's lock",
    "study/weights.py": "weights that this session has written",
    "study/places.py": "checkpoints of trials that the record lists",
    "study/folder.py": "sets aside what another session has written",
    "study/ray/jobs.py": "a temporary folder of its own, which travels",
    "exporters/python_source.py": "a temporary folder of its own",
    "estimators/places.py": "the data of a search of its own, by name",
    "exporters/weights.py": "a temporary folder of its own",
    "cli/faults.py": "a temporary file of its own",
    "exporters/onnx_int8.py": "a temporary folder of its own",
    "exporters/quantising.py": "a temporary folder of its own",
    "study/sharing.py": "a temporary file of its own, or memory without a name",
    "evaluate/machine.py": "a mark of the kernel on this process",
    "cli/terminal.py": "the device that takes everything",
}
"""Files that may write or remove by themselves, and why."""

CHANGING: Final = {
    "write_text", "write_bytes", "unlink", "rmdir", "rename", "remove", "removedirs", "renames",
    "mkdtemp", "mkstemp", "copy2", "copytree", "copyfile", "copy", "move", "truncate", "symlink_to",
}  # fmt: skip
MODULES: Final = {"os", "shutil", "tempfile"}
"""Of these alone the short names of `CHANGING` count; lists and dicts have some of them, too."""
OF_PATHS: Final = {"write_text", "write_bytes", "unlink", "rmdir", "rename", "symlink_to"}


def calls(tree: ast.AST) -> Iterator[tuple[str, str, ast.Call]]:
    """What is called as `owner.name(...)` or `name(...)`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            yield owner.id if isinstance(owner, ast.Name) else "", node.func.attr, node
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield "", node.func.id, node


def opens_for_writing(name: str, call: ast.Call) -> bool:
    modes = [a.value for a in call.args if isinstance(a, ast.Constant)]
    modes += [k.value.value for k in call.keywords if isinstance(k.value, ast.Constant)]
    is_mode = (isinstance(m, str) and len(m) <= 3 and set(m) <= set("rwabx+t") for m in modes)
    found = [str(m) for m, fits in zip(modes, is_mode, strict=True) if fits]
    return name in ("open", "fdopen") and any(set(m) & set("wax+") for m in found)


def test_files_are_written_and_removed_in_one_place() -> None:
    found: dict[str, set[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        for owner, name, call in calls(ast.parse(path.read_text(encoding="utf-8"))):
            changes = name in OF_PATHS or (name in CHANGING and owner in MODULES)
            if changes or opens_for_writing(name, call):
                found.setdefault(path.relative_to(PACKAGE).as_posix(), set()).add(name)
    assert {file: names for file, names in found.items() if file not in OWN} == {}
    assert "unlink" in found["files.py"]


def test_nothing_is_removed_with_all_that_it_holds() -> None:
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        assert "rmtree" not in text, path
        assert "rm -r" not in text, path
        assert "removedirs" not in text, path


FOREIGN: Final = {
    "grammar.ein": "# an older grammar of mine",
    "space.yaml.txt": "notes",
    "notes.md": "years of work",
    ".hidden": "secret",
    "weights/mine.safetensors": "weights of mine",
    "weights/trial-77.safetensors": "weights of a trial that the record does not list",
    "checkpoints/trial-88.ckpt": "a checkpoint that the record does not list",
    "blocks/mine.ein": "b = relu",
    "model.txt": "mine",
    ".run.tmp": "mine",
    "journal.log.cut.bak": "mine",
}


def put(folder: Path, names: Any = FOREIGN) -> dict[str, bytes]:
    """Files of a user's in a folder; their content by name."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(FOREIGN[name])
    return {name: FOREIGN[name].encode() for name in names}


def check(folder: Path, before: dict[str, bytes]) -> None:
    assert {name: (folder / name).read_bytes() for name in before} == before


@pytest.fixture
def mine(run: Path, tmp_path: Path) -> Path:
    """A copy of a finished run, made here, among whose files are others."""
    shutil.copytree(run, tmp_path / "mine")
    return tmp_path / "mine"


@pytest.mark.parametrize("name", sorted(FOREIGN))
def test_search_refuses_a_folder_with_anything_in_it(
    cli: Command, space: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "target"
    before = put(target, [name])
    monkeypatch.chdir(target)
    ways = [".", target, f"{target}/"] if name == "notes.md" else [target]
    for way in ways:
        status, out, err = cli("search", space, "--run", way)
        assert (status, out) == (2, "")
        assert f"error: {target} is not empty (it has {name.split('/')[0]}" in err
        assert "a run needs one of its own, missing or empty" in err
    check(target, before)
    assert {p.relative_to(target).as_posix() for p in target.rglob("*") if p.is_file()} == {name}


@pytest.mark.parametrize("where", ["missing", "empty", "here"])
def test_a_search_that_cannot_start_leaves_all_as_it_was(
    cli: Command, space: Path, tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from einsearch.study import driving

    def failing(*_: Any) -> None:
        put(target, ["notes.md"])  # another program, meanwhile
        raise EinsearchError("no cluster")

    target = tmp_path / "target"
    if where != "missing":
        target.mkdir()
    monkeypatch.chdir(target if where == "here" else tmp_path)
    around = put(tmp_path, ["grammar.ein", "weights/mine.safetensors"])
    monkeypatch.setattr(driving, "_study", failing)
    status, _, err = cli("search", space, "--run", "." if where == "here" else target)
    assert (status, err.splitlines()[-1]) == (1, "error: no cluster")
    check(tmp_path, around)
    left = {p.relative_to(target).as_posix() for p in target.rglob("*")}
    assert left == {"notes.md"}


def test_commands_on_a_run_leave_files_of_others_alone(
    cli: Command, mine: Path, tmp_path: Path
) -> None:
    before = put(mine, FOREIGN.keys() - {"grammar.ein"})
    out = tmp_path / "out"
    beside = put(out, ["notes.md", ".hidden", "model.txt"])
    for words in (
        ("trials", mine),
        ("best", mine),
        ("explain", f"{mine}:0"),
        ("learned", mine),
        ("report", mine),
        ("report", mine, "--to", out / "r.html"),
        ("show", f"{mine}:0", "-f", "svg", "-o", out / "s.svg"),
        ("draw", "digits", "-o", out / "d.svg"),
        ("export", mine, "--to", out),
        ("export", mine, "--to", mine),
        ("train", f"{mine}:0", "--epochs", 1, "--seeds", 1),
        ("resume", mine, "--trials", 4),
    ):
        status, _, err = cli(*words)
        assert status == (1 if words[0] == "learned" else 0), (words, err)
        check(mine, before)
        check(out, beside)


@pytest.mark.parametrize("damage", ["no cluster", "emptied", "gone"])
def test_a_resume_that_fails_leaves_all_files(
    cli: Command, mine: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    from einsearch.study import driving

    def failing(*_: Any) -> None:
        raise EinsearchError("no cluster")

    put(mine, FOREIGN.keys() - {"grammar.ein"})
    journal = mine / "journal.log"
    if damage == "gone":
        journal.unlink()
    elif damage == "emptied":
        journal.write_bytes(b"")
    else:
        monkeypatch.setattr(driving, "_study", failing)
    before = {p: p.read_bytes() for p in mine.rglob("*") if p.is_file() and p not in settings(mine)}
    assert cli("resume", mine, "--trials", 9).status == 1
    assert {p: p.read_bytes() for p in before} == before


def settings(folder: Path) -> set[Path]:
    """What a resume says of itself in the folder of its run."""
    return {folder / name for name in ("space.yaml", "versions.json", "task.json")}


def test_an_export_is_not_put_in_the_place_of_files_of_others(
    cli: Command, mine: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    for name in ("README.txt", "model.py", "weights.safetensors"):
        out.mkdir(exist_ok=True)
        (out / name).write_text("mine")
        status, _, err = cli("export", mine, "--to", out)
        assert status == 1
        assert f"{out / name} is there already, and was not exported by einsearch" in err
        assert {p.name: p.read_text() for p in out.iterdir()} == {name: "mine"}
        (out / name).unlink()
    assert cli("export", mine, "--to", out).status == 0
    assert cli("export", mine, "--to", out).status == 0


LINKS: Final = (
    (
        "report.html", "space.yaml", "versions.json", "task.json", "final.json", "learned.ein",
        "report.html.tmp", "space.yaml.tmp", "weights/trial-3.safetensors",
        "weights/final-0.safetensors",
    ),
    ("driver.lock",),
    ("journal.log",),
    ("workers.log",),
    ("weights",),
    ("checkpoints",),
)  # fmt: skip


@pytest.mark.parametrize("names", LINKS, ids=lambda names: names[0])
def test_links_in_a_folder_are_not_written_through(
    cli: Command, mine: Path, tmp_path: Path, names: tuple[str, ...]
) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(mine, elsewhere)
    (elsewhere / "checkpoints").mkdir(exist_ok=True)
    (elsewhere / "checkpoints/trial-88.ckpt").write_text("years of work")
    for name in names:
        place, target = mine / name, elsewhere / name
        if place.is_dir():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)
        if not target.exists():
            target.write_text("years of work")
        place.symlink_to(target)
    before = {p: p.read_bytes() for p in elsewhere.rglob("*") if p.is_file()}
    executor = "local" if "workers.log" in names else "inline"
    for words in (
        ("report", mine),
        ("resume", mine, "--trials", 5, "--executor", executor),
        ("report", mine, "--to", mine / "report.html"),
        ("show", f"{mine}:0", "-f", "svg", "-o", mine / "report.html.tmp"),
    ):
        status, _, err = cli(*words)
        assert status == 0 or err.splitlines()[-1].startswith("error: "), err
        assert "Traceback" not in err
    assert {p: p.read_bytes() for p in elsewhere.rglob("*") if p.is_file()} == before
