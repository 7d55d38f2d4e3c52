"""Tables of which symbol follows which: what counting alone makes of text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Counts:
    """How often each symbol follows each context, for contexts of up to `order` - 1 symbols.

    Attributes:
        tables: by length of the context from 0; each is (symbols ** length, symbols).
    """

    tables: tuple[NDArray[np.float64], ...]

    def chances(self, x: Codes, trust: float) -> NDArray[np.float64]:
        """Logarithms of the chance of every symbol at every place.

        A context speaks as loudly as it was seen: what its own counts lack is made up by `trust`
        examples of what the context without its first symbol says, and that of no context by the
        same chance for all.

        Args:
            x: (n, length) codes; the symbols up to a place are its context, those before the
                window are not known.
            trust: above 0.

        Returns:
            (n, length, symbols).
        """
        symbols = self.tables[0].shape[1]
        chance = np.full((*x.shape, symbols), 1 / symbols)
        for length, table in enumerate(self.tables):
            known = slice(max(0, length - 1), None)
            counts = table[_contexts(x, length, symbols)[:, known]]
            totals = counts.sum(axis=-1, keepdims=True)
            chance[:, known] = (counts + trust * chance[:, known]) / (totals + trust)
        logarithms: NDArray[np.float64] = np.log(chance)
        return logarithms


def counted(x: Codes, y: Codes, order: int, symbols: int) -> Counts:
    """Counts of what follows what.

    Args:
        x: (n, length) codes, 0 to symbols - 1.
        y: (n, length), the symbol after each place.
        order: symbols that are looked at together, the answer included: 1 to know no context.
        symbols: how many there are.
    """
    tables = []
    for length in range(order):
        known = slice(max(0, length - 1), None)
        contexts = _contexts(x, length, symbols)[:, known].ravel()
        pairs = contexts * symbols + y[:, known].ravel()
        table = np.bincount(pairs, minlength=symbols ** (length + 1)).astype(np.float64)
        tables.append(table.reshape(symbols**length, symbols))
    return Counts(tuple(tables))


def _contexts(x: Codes, length: int, symbols: int) -> Codes:
    """The last `length` codes up to each place as one number; wrong at the first `length` - 1."""
    contexts = np.zeros_like(x)
    for back in range(length):
        contexts[:, back:] += x[:, : x.shape[1] - back] * symbols**back
    return contexts
