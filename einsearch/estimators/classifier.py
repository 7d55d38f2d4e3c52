"""`Classifier`: a search for a network that tells classes, as an estimator of scikit-learn."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from einsearch.estimators.answering import shares
from einsearch.estimators.searching import SearchEstimator
from einsearch.estimators.storing import labels_to_store, order_of


class Classifier(ClassifierMixin, SearchEstimator):
    """Searches for a network that tells classes.

    x may be tables (n, features), series (n, length, features) or images, see `layout`; parameters
    are those of `SearchEstimator`.

    Attributes:
        classes_: the different labels, sorted.
    """

    classes_: NDArray[Any]

    def fit(self, x: Any, y: Any) -> Self:
        """Searches.

        Args:
            x: (n, features), (n, length, features), (n, height, width) or images with channels.
            y: (n,) labels of any kind.

        Raises:
            ValueError: they cannot be used.
            EinsearchError: a parameter cannot be used, or no candidate could be trained.
        """
        x, y = self._checked_pair(x, y)
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        classes, numbers = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(
                f"a classifier needs at least 2 classes, and y has one class, {classes[0]!r}"
            )
        options = {"target_kind": "classes"}
        self._search(x, labels_to_store(classes, numbers), options)
        self.classes_ = classes
        self._order = order_of(classes, self._answers.classes)
        return self

    def predict_proba(self, x: Any) -> NDArray[np.float64]:
        """Probabilities (n, classes), in the order of `classes_`."""
        check_is_fitted(self, "module_")
        logits = self._answers.logits(self._checked(x))
        return shares(logits[:, self._order])

    def predict(self, x: Any) -> NDArray[Any]:
        """The most probable label (n,) of each example."""
        best = self.predict_proba(x).argmax(axis=1)
        labels: NDArray[Any] = self.classes_[best]
        return labels
