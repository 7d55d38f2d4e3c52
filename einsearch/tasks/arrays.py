"""Task `arrays`: one's own data from an `.npz` file, a folder of `.npy` files, or a CSV or TSV.

Looked for are train_x, train_y, valid_x, valid_y, test_x, test_y (the Unseen NAS layout), and what
others call them. Without valid arrays, a part of training is cut off for them, in proportion to the
classes; without test arrays there is a final test only where `test` cuts a part off.

`targets.py` says what answers are, `layouts.py` how the axes of x are understood, `tables.py` what
a table must be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from einsearch.errors import TaskError
from einsearch.specs import Layout, tokens, vector
from einsearch.tasks import checking
from einsearch.tasks.base import Loss, Statistics, Task
from einsearch.tasks.checking import Pair
from einsearch.tasks.files import StoredArray, find_arrays
from einsearch.tasks.gaps import PRESENT, told_of_gaps
from einsearch.tasks.layouts import Channels, arrange
from einsearch.tasks.preparing import apart, measure, prepare
from einsearch.tasks.rawdata import Raw, RawReader, TestReader, learn_to_read
from einsearch.tasks.registry import register_task
from einsearch.tasks.tables import TABLE_OPTIONS, TableOptions, find_table_arrays, is_table
from einsearch.tasks.tabletext import Decimal, Separator
from einsearch.tasks.targets import Coding, Missing, TargetKind
from einsearch.tasks.telling import Reading
from einsearch.tasks.telling import names as names_of

VALID_FRACTION: Final = 0.15
_TEST_SEED: Final = 1
"""Apart from the seed of the cut for validation."""

Fraction = Annotated[float, Field(gt=0, lt=1)]


@register_task("arrays")
def arrays(
    *,
    path: Path,
    layout: Layout | None = None,
    channels: Channels | None = None,
    classes: Annotated[int, Field(ge=2)] | None = None,
    target: str | int | None = None,
    target_kind: TargetKind | None = None,
    regression: bool = False,
    missing: Missing | None = None,
    ignore: list[str | int] | None = None,
    header: bool | None = None,
    separator: Separator | None = None,
    decimal: Decimal | None = None,
    valid: Fraction = VALID_FRACTION,
    test: Fraction | None = None,
    seed: Annotated[int, Field(ge=0)] = 0,
    base: Path,
) -> Task:
    """Data from files.

    Args:
        path: the `.npz`, `.csv` or `.tsv` file, or the folder.
        layout: image, tokens or vector, where the shape of train_x does not say it.
        channels: first or last: where channels or features stand.
        classes: number of classes; as many as training has labels if it is not given.
        target: of a table, the column that is to be told: its name, `first` or `last`.
        target_kind: classes, labels or number: what the answers are, where their type does not
            say it.
        regression: the same as `target_kind: number`.
        missing: drop or class: what is done with examples whose answer is missing.
        ignore: of a table, names of columns that are left out.
        header: of a table, whether its first row names the columns.
        separator: of a table, what stands between cells: comma, semicolon, tab.
        decimal: of a table, what stands before the decimals of a number: point, comma.
        valid: fraction of training to cut off when there are no valid arrays.
        test: fraction to keep back for the final test when there are no test arrays.
        seed: of these cuts.
        base: folder that a relative `path` starts from.

    Raises:
        TaskError: the data cannot be used; the message says what is wrong and what to do.
    """
    place = base / path
    if regression and target_kind not in (None, "number"):
        raise TaskError(
            f"regression: true and target_kind: {target_kind} contradict: leave one out"
        )
    kind: TargetKind | None = "number" if regression else target_kind
    ignored = None if ignore is None else tuple(map(str, ignore))
    is_series = layout is Layout.TOKENS
    named = None if target is None else str(target)
    table = TableOptions(named, ignored, header, separator, decimal, is_series)
    stored = find_table_arrays(place, table) if is_table(place) else _find(place, table)
    train, held_out, held_back = _pairs(stored, place)
    if held_back is not None and test is not None:
        raise TaskError(f"{place} has test data: leave the option test out, which cuts some off")
    is_pixels = train[0].dtype == np.uint8 or train[0].dtype == np.bool_
    arrangement = arrange(str(train[0]), train[0].shape[1:], is_pixels, layout, channels)
    reader, raw = learn_to_read(train, arrangement, kind, classes, missing)
    rows: tuple[int, ...] | None = None
    if test is not None:
        held_back, kept, back = train, *_cut_off(raw, test, (seed, _TEST_SEED), place, "test")
        raw, rows = raw.rows(kept), tuple(back.tolist())
    if held_out is not None:
        raw_valid = reader.read(held_out)
    else:
        kept, back = _cut_off(raw, valid, seed, place, "valid")
        raw_valid, raw = raw.rows(back), raw.rows(kept)
    fraction = valid if held_out is None else None
    tests = None if held_back is None else len(rows or ()) or held_back[0].shape[0]
    reading = _reading(train, reader, (raw, raw_valid), fraction, tests)
    return _assemble(train, reader, (raw, raw_valid), (held_back, rows), reading)


def _find(place: Path, table: TableOptions) -> Mapping[str, StoredArray]:
    stored = find_arrays(place)
    given = [name for name in TABLE_OPTIONS if getattr(table, name) is not None]
    if given:
        raise TaskError(
            f"{place} holds arrays, where train_y is what is to be told: leave "
            f"{' and '.join(given)} out, for CSV and TSV files alone"
        )
    return stored


def _pairs(stored: Mapping[str, StoredArray], place: Path) -> tuple[Pair, Pair | None, Pair | None]:
    """Training, validation and test data, as far as they are there."""
    train, *others = (checking.find_pair(stored, s, place) for s in ("train", "valid", "test"))
    if train is None:
        raise TaskError(f"{place} has no train_x and train_y: a task needs at least these")
    for other in others:
        if other is not None:
            checking.check_like_training(other, train)
    return train, others[0], others[1]


def _cut_off(
    raw: Raw, fraction: float, seed: Any, place: Path, split: str
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Numbers of the examples that stay, and of those that are cut off."""
    count = round(len(raw) * fraction)
    if not 0 < count < len(raw):
        raise TaskError(
            f"{place} has no {split} data, and {len(raw)} training example"
            f"{'' if len(raw) == 1 else 's'} are too few to cut {fraction:.0%} off for them: add "
            f"{split}_x and {split}_y, or examples, or say another fraction, {split}: 0.3"
        )
    back, kept = apart(raw.y, count, seed)
    return kept, back


def _reading(
    train: Pair,
    reader: RawReader,
    parts: tuple[Raw, Raw],
    fraction: float | None,
    tests: int | None,
) -> Reading:
    """What is told of how the data were read."""
    arrangement, coding = reader.arrangement, reader.coding
    remarks = [arrangement.remark] if arrangement.remark else []
    notes = [note for note in (*train[0].notes, arrangement.note, *coding.notes) if note]
    if reader.has_gaps:
        x = parts[0].x if fraction is None else np.concatenate([part.x for part in parts])
        remark, note = told_of_gaps(x)
        remarks += [remark] if remark else []
        notes += [note]
    if coding.names:
        y = parts[0].y
        counts = y.sum(axis=0) if coding.are_many else np.bincount(y, minlength=len(coding.names))
        notes += _untrained(coding.names, counts)
    if reader.dropped:
        remarks.append(f"{reader.dropped:,} without a target left out")
    return Reading(
        tuple(remarks), tuple(notes), fraction, tests, "test: 0.2 keeps a fifth of them back"
    )


def _untrained(names: Sequence[str], counts: NDArray[Any]) -> list[str]:
    lacking = [name for name, count in zip(names, counts, strict=True) if not count]
    if not lacking:
        return []
    shown = names_of(lacking)
    return [f"no example to train on has the class {shown}: no network can learn it"]


def _loss(coding: Coding) -> Loss:
    if coding.are_many:
        return Loss.BINARY_CROSS_ENTROPY
    return Loss.CROSS_ENTROPY if coding.names else Loss.MEAN_SQUARED_ERROR


def _assemble(
    train: Pair,
    reader: RawReader,
    parts: tuple[Raw, Raw],
    test: tuple[Pair | None, tuple[int, ...] | None],
    reading: Reading,
) -> Task:
    raw, raw_valid = parts
    spec, names = reader.arrangement.spec, reader.coding.names
    statistics = measure(raw.x, spec.feature_axis)
    columns = train[0].columns if spec.layout is Layout.VECTOR else ()
    if reader.has_gaps:
        spec = tokens(spec.shape[0], spec.features + 1)
        statistics = Statistics((*statistics.mean, 0.0), (*statistics.deviation, 1.0))
        columns = (*map(str, range(spec.features - 1)), PRESENT)
    targets = None if names else measure(raw.y, 0)
    prepared = partial(
        prepare,
        spec=spec,
        statistics=statistics,
        target_statistics=targets,
        flags_gaps=reader.has_gaps,
    )
    return Task(
        name="arrays",
        input=spec,
        output=vector(len(names) or raw.y.shape[1]),
        loss=_loss(reader.coding),
        train=prepared(raw.x, raw.y),
        valid=prepared(raw_valid.x, raw_valid.y),
        read_test=None if test[0] is None else TestReader(test[0], reader, prepared, test[1]),
        statistics=statistics,
        target_statistics=targets,
        classes=names,
        columns=columns,
        targets=() if names else train[1].columns,
        reading=reading,
    )
