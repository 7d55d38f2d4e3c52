"""`Regressor`: a search for a network that tells numbers, as an estimator of scikit-learn."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from einsearch.estimators.searching import SearchEstimator


class Regressor(RegressorMixin, SearchEstimator):
    """Searches for a network that tells a number, or several, of each example.

    x may be tables (n, features), series (n, length, features) or images, see `layout`; parameters
    are those of `SearchEstimator`.
    """

    def fit(self, x: Any, y: Any) -> Self:
        """Searches.

        Args:
            x: (n, features), (n, length, features), (n, height, width) or images with channels.
            y: (n,) or (n, dims) numbers.

        Raises:
            ValueError: they cannot be used.
            EinsearchError: a parameter cannot be used, or no candidate could be trained.
        """
        x, y = self._checked_pair(x, y, multi_output=True, y_numeric=True)
        targets = np.asarray(y, dtype=np.float64)
        self._search(x, targets, {"target_kind": "number"})
        self._is_flat = targets.ndim == 1
        return self

    def predict(self, x: Any) -> NDArray[np.float64]:
        """Numbers (n,), or (n, dims) where `fit` was given such."""
        check_is_fitted(self, "module_")
        made = self._answers.logits(self._checked(x))
        return made[:, 0] if self._is_flat else made

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
