"""Task `arrays`: one's own data: an `.npz` file, a folder of `.npy` files or of images, a table.

Looked for are train_x, train_y, valid_x, valid_y, test_x, test_y (the Unseen NAS layout), and what
others call them. Without valid arrays, a part of training is cut off for them, in proportion to the
classes; without test arrays there is a final test only where `test` cuts a part off.

`targets.py` says what answers are, `layouts.py` how the axes of x are understood, `tables.py` what
a table must be.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import numpy as np
from pydantic import Field

from einsearch.errors import TaskError
from einsearch.specs import Layout, tokens
from einsearch.tasks import checking
from einsearch.tasks.alphabet import MOST
from einsearch.tasks.assembling import Parts, assemble
from einsearch.tasks.base import Task
from einsearch.tasks.checking import Pair
from einsearch.tasks.columnkinds import Dates, GivenKind
from einsearch.tasks.cutting import cut_off
from einsearch.tasks.files import StoredArray, find_arrays
from einsearch.tasks.layouts import Arrangement, Channels, arrange
from einsearch.tasks.pictures import (
    PictureArray,
    Size,
    check_loose,
    find_picture_arrays,
    is_picture_folder,
    size_of,
)
from einsearch.tasks.rawdata import learn_to_read
from einsearch.tasks.registry import register_task
from einsearch.tasks.sequences import SymbolOption, SymbolReading, decide_symbols
from einsearch.tasks.tablearrays import find_table_arrays
from einsearch.tasks.tables import ROWS, TABLE_OPTIONS, TableOptions, is_table
from einsearch.tasks.tabletext import Decimal, Separator
from einsearch.tasks.targets import Missing, TargetKind

VALID_FRACTION: Final = 0.15
_TEST_SEED: Final = 1
"""Apart from the seed of the cut for validation."""

Pixels = Annotated[int, Field(ge=1, le=4096)]
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
    places: bool | None = None,
    missing: Missing | None = None,
    ignore: list[str | int] | None = None,
    header: bool | None = None,
    separator: Separator | None = None,
    decimal: Decimal | None = None,
    columns: dict[str | int, GivenKind] | None = None,
    dates: Dates | None = None,
    weights: str | int | None = None,
    groups: str | int | None = None,
    order: str | int | None = None,
    keep: list[str | int] | None = None,
    size: Pixels | tuple[Pixels, Pixels] | None = None,
    symbols: SymbolOption | None = None,
    vocabulary: Annotated[int, Field(ge=1, le=1_000_000)] | None = None,
    valid: Fraction = VALID_FRACTION,
    test: Fraction | None = None,
    seed: Annotated[int, Field(ge=0)] = 0,
    base: Path,
) -> Task:
    """Data from files.

    Args:
        path: the `.npz`, `.csv` or `.tsv` file, or the folder of arrays, tables or images.
        layout: image, tokens or vector, where the shape of train_x does not say it.
        channels: first or last: where channels or features stand.
        classes: number of classes; as many as training has labels if it is not given.
        target: of a table, the column that is to be told: its name, `first` or `last`.
        target_kind: classes, labels or number: what the answers are, where their type does not
            say it.
        places: whether every pixel or step has an answer of its own, where shapes do not say it.
        regression: the same as `target_kind: number`.
        missing: drop or class: what is done with examples whose answer is missing.
        ignore: of a table, names of columns that are left out.
        header: of a table, whether its first row names the columns.
        separator: of a table, what stands between cells: comma, semicolon, tab.
        decimal: of a table, what stands before the decimals of a number: point, comma.
        columns: of a table, by name what columns hold, where it is not what their cells look like.
        dates: of a table, what stands first in dates such as 3/4/2024.
        weights: of a table, the column that says how much an example counts.
        groups: of a table, the column that says what examples belong to. A group is never in two
            splits that are cut.
        order: of a table, the column with the time of an example, or `rows` where they stand in
            its order: what is cut off for validation and test is the end.
        keep: of a table, those of these columns that are features, too.
        size: of a folder of images, the side of all of them, or height and width.
        symbols: whether examples are sequences of symbols, and of a text, whether one is each of
            its characters, or each of its words.
        vocabulary: most different symbols that are told apart; 255 if it is not given.
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
    table = TableOptions(
        target=None if target is None else str(target),
        ignore=None if ignore is None else tuple(map(str, ignore)),
        header=header,
        separator=separator,
        decimal=decimal,
        has_gaps=layout is Layout.TOKENS,
        is_frame=layout in (None, Layout.VECTOR),
        columns={str(name): held for name, held in (columns or {}).items()},
        dates=dates,
        weights=None if weights is None else str(weights),
        groups=None if groups is None else str(groups),
        order=None if order is None else str(order),
        keep=None if keep is None else tuple(map(str, keep)),
        symbols=None if symbols is None and layout is None else bool(symbols),
    )
    _check_symbols(layout, symbols)
    stored = _find(place, table, size_of(size))
    # A layout is one of numbers.
    may_be_text = bool(symbols) or (symbols is None and layout is None)
    train, held_out, held_back = _pairs(stored, place, may_be_text)
    if held_back is not None and test is not None:
        raise TaskError(f"{place} has test data: leave the option test out, which cuts some off")
    reading = None
    if may_be_text:
        reading = decide_symbols(train.x, symbols, vocabulary or MOST)
    if reading is None and vocabulary is not None:
        raise TaskError(
            f"{train.x} is not read as symbols: leave vocabulary out, or say symbols: true"
        )
    if reading is None:
        arrangement = _arranged(train.x, layout, channels)
    else:
        arrangement = _placed(reading, train.x.shape)
        places = _places(reading, places, train.x)
    are_rows_ordered = table.order == ROWS and train.order is None
    reader, raw = learn_to_read(
        train, arrangement, kind, classes, missing, are_rows_ordered, places, reading
    )
    rows: tuple[int, ...] | None = None
    if test is not None:
        held_back, kept, back = train, *cut_off(raw, test, (seed, _TEST_SEED), place, "test")
        raw, rows = raw.rows(kept), tuple(back.tolist())
    if held_out is not None:
        raw_valid = reader.read(held_out)
    else:
        kept, back = cut_off(raw, valid, seed, place, "valid")
        raw_valid, raw = raw.rows(back), raw.rows(kept)
    fraction = valid if held_out is None else None
    parts = Parts(train, reader, raw, raw_valid, fraction, (held_back, rows))
    return assemble(parts)


def _check_symbols(layout: Layout | None, symbols: SymbolOption | None) -> None:
    if symbols and layout not in (None, Layout.TOKENS):
        raise TaskError(
            f"symbols: {str(symbols).lower()} and layout: {layout} contradict: sequences of "
            "symbols are tokens; leave layout out"
        )


def _arranged(x: StoredArray, layout: Layout | None, channels: Channels | None) -> Arrangement:
    """The axes of numbers."""
    is_pixels = x.dtype == np.uint8 or x.dtype == np.bool_
    channels = "first" if isinstance(x, PictureArray) else channels
    return arrange(str(x), x.shape[1:], is_pixels, layout, channels)


def _placed(reading: SymbolReading, shape: tuple[int, ...]) -> Arrangement:
    """The axes of symbols. How long texts are follows from those to train on."""
    length = shape[1] if reading.kind == "cells" else 1
    return Arrangement(tokens(length, 1), None, (0, 1, 2))


def _places(reading: SymbolReading, places: bool | None, x: StoredArray) -> bool | None:
    """Whether every symbol has an answer; those of texts, which differ in length, have none."""
    if reading.kind == "cells":
        return places
    if places:
        raise TaskError(f"{x} holds texts, whose symbols have no answers: leave places out")
    return False


def _find(place: Path, table: TableOptions, size: Size | None) -> Mapping[str, StoredArray]:
    """What stands at a place, by the names that arrays have here."""
    are_pictures = place.is_dir() and not is_table(place) and is_picture_folder(place)
    if size is not None and not are_pictures:
        raise TaskError(f"{place} is no folder of folders of images: leave size out")
    if is_table(place):
        return find_table_arrays(place, table)
    if not are_pictures and not any(place.glob("*.npy")):
        check_loose(place)
    stored = find_picture_arrays(place, size) if are_pictures else find_arrays(place)
    given = [name for name in TABLE_OPTIONS if getattr(table, name)]
    given += ["header"] * (table.header is False)
    if table.order not in (None, ROWS):
        raise TaskError(
            f"{place} holds arrays: say order: rows, or add the times of examples as train_order"
        )
    if given:
        what = "images" if are_pictures else "arrays, where train_y is what is to be told"
        raise TaskError(
            f"{place} holds {what}: leave {' and '.join(given)} out, for CSV and TSV files alone"
        )
    return stored


def _pairs(
    stored: Mapping[str, StoredArray], place: Path, may_be_text: bool
) -> tuple[Pair, Pair | None, Pair | None]:
    """Training, validation and test data, as far as they are there."""
    splits = ("train", "valid", "test")
    train, *others = (checking.find_pair(stored, s, place, may_be_text) for s in splits)
    if train is None:
        raise TaskError(f"{place} has no train_x and train_y: a task needs at least these")
    for other in others:
        if other is not None:
            checking.check_like_training(other, train)
    return train, others[0], others[1]
