"""Damaged copies of a good run folder, and what commands make of them.

Run as a program it tries every damage on every command, for hours, or as many as there is time for,
drawn evenly from all kinds:

    python -m tests.cli.damage RUN [--seconds 300] [--sample 1000] [--seed 0] [--kind weights]
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import io
import json
import math
import random
import re
import shutil
import sys
import tempfile
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import safe_open
from safetensors.torch import save

from einsearch.cli.main import main

Damage = tuple[str, Callable[[Path], object]]
"""What is done, and what does it to a copy of the folder."""

Keys = tuple[str | int, ...]

JOURNAL: Final = "journal.log"
JSON: Final = ("versions.json", "final.json", "trained.json", "task.json")

REMOVED: Final = object()

DEEP: Final[list[Any]] = []
for _ in range(200):
    DEEP[:] = [copy.copy(DEEP)]

VALUES: Final[Sequence[Any]] = (
    None,
    True,
    7,
    -1,
    0.5,
    10**400,
    float("nan"),
    float("inf"),
    "words \x1b[31m\u202e[red]",
    "\ud800",
    [],
    ["a"],
    [999],
    {},
    {"a": 7},
    {"$float": "words"},
    DEEP,
    REMOVED,
)

CHEAP: Final = (
    ("trials", "RUN", "--json"),
    ("trials", "RUN", "--top", "2"),
    ("best", "RUN"),
    ("explain", "RUN:2", "--decisions"),
    ("report", "RUN", "--to", "OUT/report.html"),
)
"""Commands that read a run in a moment."""

DEAR: Final = (
    ("best", "RUN", "--json"),
    ("explain", "RUN", "--json"),
    ("show", "RUN:2"),
    ("show", "RUN:2", "--format", "source"),
    ("learned", "RUN"),
    ("export", "RUN", "--format", "safetensors", "--to", "OUT/a"),
    ("export", "RUN:2", "--to", "OUT/b"),
    ("train", "RUN:2", "--seeds", "0"),
    ("train", "RUN", "--seeds", "1"),
    ("resume", "RUN"),
    ("resume", "RUN", "--trials", "7"),
)
"""Commands that take longer."""

WRITING: Final = frozenset({"resume", "train"})
"""Commands that may change the folder."""


def field_damages(folder: Path, every: bool) -> Iterator[Damage]:
    """Every field of every JSON file and line, replaced, removed and doubled.

    Args:
        folder: the good one.
        every: every value in every place, rather than one that the place chooses.
    """
    lines = (folder / JOURNAL).read_text().splitlines()
    for number, line in enumerate(lines):
        if every or number in _telling(lines):
            for name, made in _changed(line, f"{JOURNAL}:{number + 1}", every):
                yield name, _writer(JOURNAL, made, lines[:number], lines[number + 1 :])
        yield (
            f"{JOURNAL}:{number + 1} is missing",
            _writer(JOURNAL, lambda: "", lines[:number], lines[number + 1 :]),
        )
        yield (
            f"{JOURNAL}:{number + 1} is doubled",
            _writer(JOURNAL, lambda line=line: line, lines[: number + 1], lines[number + 1 :]),
        )
    for file in JSON:
        if (folder / file).is_file():
            for name, made in _changed((folder / file).read_text(), file, every):
                yield name, _writer(file, made)


def _telling(lines: Sequence[str]) -> set[int]:
    """One line of each kind: those of the study, and those of trial 2."""
    wanted, made = set(), -1
    for number, line in enumerate(lines):
        log = json.loads(line)
        made += log["op_code"] == 4
        if ("trial_id" not in log and log["op_code"] != 4) or log.get("trial_id", made) == 2:
            wanted.add(number)
    return wanted


def _writer(
    file: str, made: Callable[[], str], before: Sequence[str] = (), behind: Sequence[str] = ()
) -> Callable[[Path], object]:
    """Writes a file whose text is made then: there are tens of thousands of them."""

    def write(folder: Path) -> None:
        lines = [*before, *filter(None, [made()]), *behind]
        text = "".join(f"{line}\n" for line in lines)
        (folder / file).write_text(text, encoding="utf-8", errors="replace")

    return write


def _changed(text: str, name: str, every: bool) -> Iterator[tuple[str, Callable[[], str]]]:
    data = json.loads(text)
    for path in _paths(data):
        place = f"{name} {'.'.join(map(str, path))}"
        start = zlib.crc32(place.encode())
        if not every and start % 3:
            continue
        chosen = VALUES if every else [VALUES[start // 3 % len(VALUES)]]
        for value in chosen:
            shown = (
                "removed" if value is REMOVED else repr(value)[:30] if value != 10**400 else "huge"
            )
            yield f"{place} = {shown}", partial(_dumped, data, path, value)
        if isinstance(path[-1], str) and (every or start % 2 == 0):
            yield f"{place} doubled", partial(_doubled, data, path)


def _dumped(data: Any, path: Keys, value: Any) -> str:
    return json.dumps(_replaced(data, path, value))


def _doubled(data: Any, path: Keys) -> str:
    marked = _dumped(data, path, {"MARK": 0})
    pair = f"7, {json.dumps(path[-1])}: {json.dumps(_value(data, path))}"
    return marked.replace('{"MARK": 0}', pair)


def _paths(data: Any, path: Keys = ()) -> Iterator[Keys]:
    if path:
        yield path
    if isinstance(data, dict):
        for key, value in data.items():
            yield from _paths(value, (*path, key))
    elif isinstance(data, list):
        for place in {0, len(data) - 1} if data else ():
            yield from _paths(data[place], (*path, place))


def _value(data: Any, path: Keys) -> Any:
    for part in path:
        data = data[part]
    return data


def _replaced(data: Any, path: Keys, value: Any) -> Any:
    copied = copy.deepcopy(data)
    inner = _value(copied, path[:-1])
    if value is REMOVED:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return copied


def file_damages(folder: Path) -> Iterator[Damage]:
    """Every file cut, emptied, replaced, taken away."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in (
            "driver.lock",
            "report.html",
            "trial-0.safetensors",
        ):
            yield from _of_file(path.relative_to(folder), path.read_bytes())


def _of_file(name: Path, content: bytes) -> Iterator[Damage]:
    size = len(content)
    texts = {
        **{f"cut at {at} of {size}": content[:at] for at in (1, 9, size // 3, size // 2, size - 1)},
        "empty": b"",
        "binary": bytes(range(256)) * 8,
        "zeros": bytes(1000),
        "a huge number": b"9" * 6000,
        "an infinite number": b"1e999",
        "deep": b"[" * 50_000,
        "a list": b"[1, 2]\n",
        "a text": b'"text"\n',
        "nothing": b"null\n",
        "twice": content + content,
        "steering": b"\x1b[31m\x9b\xe2\x80\xae" + content,
        "with a mark": b"\xef\xbb\xbf" + content,
        "a bit flipped": content[: size // 2]
        + bytes([byte ^ 0x10 for byte in content[size // 2 : size // 2 + 1]])
        + content[size // 2 + 1 :],
        "large header": (10**15).to_bytes(8, "little") + content[8:],
    }
    for what, text in texts.items():
        yield f"{name} is {what}", lambda folder, text=text: (folder / name).write_bytes(text)
    yield f"{name} is missing", lambda folder: (folder / name).unlink()
    yield f"{name} is a folder", lambda folder: ((folder / name).unlink(), (folder / name).mkdir())
    yield (
        f"{name} is a loop",
        lambda folder: ((folder / name).unlink(), (folder / name).symlink_to(name.name)),
    )


def weight_damages(folder: Path) -> Iterator[Damage]:
    """Weights of other shapes, dtypes, names and values, in files that are whole."""
    for path in sorted((folder / "weights").glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            notes = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        name = path.relative_to(folder)
        for at in {0, len(tensors) // 2, len(tensors) - 1}:
            key = sorted(tensors)[at]
            for what, changed in _other_tensors(tensors[key]).items():
                others = {k: v for k, v in tensors.items() if k != key}
                content = save(others | changed_names(key, changed), notes)
                yield f"{name}: {key} {what}", _bytes(name, content)
        yield f"{name}: no tensors", _bytes(name, save({}, notes))
        yield f"{name}: one tensor more", _bytes(name, save({**tensors, "\x1b[31m": torch.ones(2)}))
        for what, other in _other_notes(notes or {}).items():
            yield f"{name}: notes {what}", _bytes(name, save(tensors, other))


def changed_names(key: str, changed: torch.Tensor | None) -> dict[str, torch.Tensor]:
    """A tensor under its name; nothing where there is none."""
    return {} if changed is None else {key: changed.contiguous()}


def _other_tensors(tensor: torch.Tensor) -> dict[str, torch.Tensor | None]:
    """What may stand in the place of a tensor, by what it is."""
    whole = tensor.float()
    return {
        "is missing": None,
        "is a number": torch.tensor(1.0),
        "is empty": torch.zeros(0),
        "has an axis more": whole.unsqueeze(0),
        "is longer": torch.cat([whole.reshape(-1), torch.ones(1)]),
        "has no length in one axis": torch.zeros(*tensor.shape, 0),
        "is flat": whole.reshape(-1),
        "is large": torch.zeros(1000, 1000),
        "is NaN": torch.full_like(whole, math.nan),
        "is infinite": torch.full_like(whole, math.inf),
        "is huge": torch.full_like(whole, 3e38),
        **{
            f"is of {str(dtype).removeprefix('torch.')}": torch.ones_like(whole).to(dtype)
            for dtype in (
                torch.bool, torch.uint8, torch.int64, torch.float16, torch.bfloat16,
                torch.float64, torch.complex64, torch.float8_e4m3fn,
            )
        },
    }  # fmt: skip


def _other_notes(notes: dict[str, str]) -> dict[str, dict[str, str] | None]:
    """What may stand in the place of a file's notes, by what it is."""
    bad = ("", "7", "[]", "null", "{", '{"a": 1}', "\x1b[31m", "1e999", "[" * 2000)
    replaced = {f"{key} = {text[:9]!r}": {**notes, key: text} for key in notes for text in bad}
    return {"are missing": None, "are others": {"a": "b"}, **replaced}


def _bytes(name: Path, content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content)


def call(words: Sequence[str]) -> tuple[int, str, str]:
    """Status, stdout and stderr of a command, called in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(list(words))
        except SystemExit as end:
            return int(end.code or 0), out.getvalue(), err.getvalue()
    raise AssertionError("a command ends with a status")


def fault_of(good: Path, damage: Damage, commands: Sequence[Sequence[str]]) -> list[str]:
    """What commands do wrong with a damaged copy of a folder: nothing, or what and how."""
    what, apply = damage
    faults = []
    for command in commands:
        with tempfile.TemporaryDirectory() as name:
            run, out = Path(name) / "run", Path(name) / "out"
            shutil.copytree(good, run, symlinks=True)
            apply(run)
            before = sorted(run.rglob("*"))
            words = [word.replace("RUN", str(run)).replace("OUT", str(out)) for word in command]
            status, told, error = call(words)
            fault = _fault(status, told, error)
            if not fault and command[0] not in WRITING and sorted(run.rglob("*")) != before:
                fault = "files appeared or went"
            if fault:
                faults.append(f"{what}: {' '.join(command)}: {fault}")
    return faults


def _fault(status: int, out: str, err: str) -> str:
    if "has a defect" in err or "Traceback" in out + err:
        return err.strip()[-400:]
    if status not in (0, 1, 2):
        return f"status {status}"
    hidden = set(out + err) & set("\x1b\x9b\u202e\ud800\x00\x07\r")
    if hidden:
        return f"{hidden} reached the terminal"
    if status == 2 and "error: " not in err:
        return "a wrong call without a word"
    return ""


def kind_of(damage: Damage) -> str:
    """What damages have in common: the file, and the place in it without its numbers."""
    return re.sub(r"\d+", "", damage[0].partition(" = ")[0])


def drawn(damages: Iterable[Damage], seed: int) -> Iterator[Damage]:
    """All damages, in an order that has one of each kind first, then another of each."""
    chosen = random.Random(seed)
    kinds = defaultdict(list)
    for damage in damages:
        kinds[kind_of(damage)].append(damage)
    for kind in kinds.values():
        chosen.shuffle(kind)
    while kinds:
        for name in chosen.sample(sorted(kinds), len(kinds)):
            yield kinds[name].pop()
            if not kinds[name]:
                del kinds[name]


def all_damages(folder: Path) -> Iterator[Damage]:
    """Every damage that there is."""
    yield from file_damages(folder)
    yield from weight_damages(folder)
    yield from field_damages(folder, every=True)


def commands_of(options: argparse.Namespace, turn: int) -> Sequence[Sequence[str]]:
    """All commands; of a part of the damages, one that is cheap and one that is dear in turn."""
    if options.seconds == math.inf and options.sample is None:
        return (*CHEAP, *DEAR)
    return (CHEAP[turn % len(CHEAP)], DEAR[turn % len(DEAR)])


def run(options: argparse.Namespace) -> int:
    """Tries damages on commands, and says what went wrong."""
    good = options.run.resolve()
    chosen = (d for d in all_damages(good) if options.kind in d[0])
    number = tried = 0
    end = math.inf
    for turn, damage in enumerate(drawn(chosen, options.seed)):
        end = min(end, time.monotonic() + options.seconds)  # from the first one on
        if turn == options.sample or time.monotonic() > end:
            break
        tried += 1
        for fault in fault_of(good, damage, commands_of(options, turn + options.seed)):
            print(fault, flush=True)
            number += 1
    print(f"{number} faults in {tried} damages")
    return 1 if number else 0


def options_of(words: Sequence[str]) -> argparse.Namespace:
    """The command line of this program."""
    parser = argparse.ArgumentParser(description="Damages copies of a run folder.")
    parser.add_argument("run", type=Path, help="a good run folder; it stays as it is")
    parser.add_argument("--seconds", type=float, default=math.inf, help="when to stop")
    parser.add_argument("--sample", type=int, help="how many damages to try at most")
    parser.add_argument("--seed", type=int, default=0, help="which ones come first")
    parser.add_argument("--kind", default="", help="words that their names have")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(run(options_of(sys.argv[1:])))
