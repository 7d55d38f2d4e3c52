"""Rows of a table in the export `python`: how raw cells become features, as text of Python."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Final

from einsearch.tasks import rowcoding

_FUTURE: Final = "from __future__ import annotations\n"

_ENCODE: Final = '''

ENCODING = {codes}  # of each column; `encode` goes by it


def encode(rows) -> torch.Tensor:
    """Rows as they are in a table, as features (batch, features) of float64.

    Args:
        rows: a list of rows, or one row, or a DataFrame. A row is a mapping from the names of
            columns to cells, whatever else it has, or the cells in the order of COLUMNS. None, NaN
            and empty text are missing cells.

    Raises ValueError where a row has other columns, or text stands where a number has to be.
    """
    listed = [rows] if _is_row(rows) else _plain(rows)
    coded = [code_row(ENCODING, row) for row in listed]
    return torch.tensor(coded, dtype=torch.float64).reshape(len(coded), -1)


def _plain(rows):
    if hasattr(rows, "to_dict"):
        return rows.to_dict("records")
    return rows.tolist() if hasattr(rows, "tolist") else list(rows)


def _is_row(rows) -> bool:
    """Whether this is one row, and not several."""
    if isinstance(rows, Mapping) or hasattr(rows, "to_dict"):
        return isinstance(rows, Mapping)
    cells = _plain(rows)
    return bool(cells) and not isinstance(cells[0], (Mapping, list, tuple)) and not (
        hasattr(cells[0], "tolist") and getattr(cells[0], "ndim", 0)
    )
'''


def rows_source(codes: Sequence[Mapping[str, Any]]) -> str:
    """The text: how a cell is coded, the codes of the columns, and `encode`."""
    _, text = inspect.getsource(rowcoding).split(_FUTURE, 1)
    return "\n\n" + text.strip() + "\n" + _ENCODE.format(codes=_listed(codes))


def example_row(codes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A row that the network takes, for people to see how one looks."""
    return {str(code["column"]): _example(code) for code in codes}


def _example(code: Mapping[str, Any]) -> Any:
    if code["kind"] == "number":
        return float(f"{code['fill']:.6g}")
    if code["kind"] == "truth":
        return True
    if code["kind"] == "date":
        return "2024-02-29"
    return code["values"][0] if code["values"] else "any word"


def _listed(codes: Sequence[Mapping[str, Any]]) -> str:
    lines = [f"    {dict(code)!r}," for code in codes]
    return "\n".join(["[", *lines, "]"])
