"""What a search gives beside what the same user has without it: test figures on twelve sets.

    python benchmarks/outcomes.py --data FOLDER --kept FILE [--sets GunPoint digits]
                                  [--columns ours net forest] [--minutes 10] [--seeds 3]

Columns: `ours` is `einsearch search` with nothing but the data and the minutes; `random` the same
with random search; `net` a plain hand-written net with the same CPU minutes; the others take
seconds. Each cell is measured in a process of its own on the first `--threads` cores.

`--kept` keeps every result, so that a later call goes on; failures of searches are results.
`--columns ours@before ours` keeps two states of the program apart: each is measured by the state
that is installed when it is missing. `--set final.seeds=3` adds an entry to the space file of all
searches, `--switch training.average=0` adds a column `ours` with that entry beside the others.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from common.kept import Kept
from common.machine import banner
from outcome_parts.columns import Column, has_seeds, known, makes_sense
from outcome_parts.measuring import Order, measure
from outcome_parts.sets import SETS, layout_of
from outcome_parts.table import show


def main(arguments: Sequence[str] | None = None) -> None:
    given = _parser().parse_args(arguments)
    columns = list(_columns(given))
    kept = Kept(given.kept)
    print(f"{banner()}; {given.threads} of the cores, {given.minutes:g} minutes", flush=True)
    cells = {
        (data_set, column.label): _cell(data_set, column, given, kept)
        for data_set in given.sets
        for column in columns
        if makes_sense(column, layout_of(data_set))
    }
    print(show(given.sets, [column.label for column in columns], cells, given.minutes))


def _cell(
    data_set: str, column: Column, given: argparse.Namespace, kept: Kept
) -> list[Mapping[str, Any]]:
    """Results of one cell, one a seed; told as they come."""
    results = []
    for seed in range(given.seeds if has_seeds(column) else 1):
        order = Order(data_set, given.data, column, seed, given.minutes, given.threads, given.work)
        found = kept.find(order.key)
        if found is None:
            found = measure(order)
            if "failed" not in found or column.is_search:
                kept.keep(order.key, found)
            print(f"  {order.key}: {_told(found)}", flush=True)
        results.append(found)
    return results


def _told(found: Mapping[str, Any]) -> str:
    if "failed" in found:
        return f"failed: {found['failed']}"
    return f"{found['value']:.4g} ± {found['error']:.2g}, {found['seconds']:.1f} s"


def _columns(given: argparse.Namespace) -> Iterator[Column]:
    """The columns asked for, and one of ours for every switch."""
    everywhere = dict(map(_entry, given.set))
    for text in given.columns:
        name, _, mark = text.partition("@")
        if name not in known():
            raise SystemExit(f"there is no column {name}: {', '.join(known())}")
        column = Column(name, mark)
        yield Column(name, mark, everywhere) if column.is_search else column
    for switch in given.switch:
        yield Column("ours", settings={**everywhere, **dict([_entry(switch)])})


def _entry(text: str) -> tuple[str, Any]:
    """`place=value` of a space file."""
    place, equals, value = text.partition("=")
    if not place or not equals:
        raise SystemExit(f"{text} is no entry of a space file: write final.seeds=3")
    return place, yaml.safe_load(value)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--data", type=Path, help="folder of data files")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS), metavar="SET")
    parser.add_argument("--columns", nargs="+", default=list(known()), metavar="COLUMN")
    parser.add_argument("--minutes", type=float, default=10.0, help="of each search and each net")
    parser.add_argument("--seeds", type=int, default=3, help="of columns that have any")
    parser.add_argument("--threads", type=int, default=2, help="cores that each cell may use")
    parser.add_argument("--set", action="append", default=[], metavar="PLACE=VALUE")
    parser.add_argument("--switch", action="append", default=[], metavar="PLACE=VALUE")
    parser.add_argument("--kept", type=Path, help="JSON lines that results are kept in")
    parser.add_argument("--work", type=Path, help="folder that run folders stay in")
    return parser


if __name__ == "__main__":
    main()
