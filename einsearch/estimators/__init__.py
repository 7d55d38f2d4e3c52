"""Searches as scikit-learn's estimators: `Classifier` and `Regressor`.

| file            | what                                                             |
| --------------- | ---------------------------------------------------------------- |
| `searching.py`  | what both do: the parameters, a search in `fit`, the export       |
| `classifier.py` | `Classifier`                                                      |
| `regressor.py`  | `Regressor`                                                       |
| `storing.py`    | from arrays in memory to the file that a search reads             |
| `tables.py`     | columns of words, dates and gaps, written and coded again         |
| `answering.py`  | `Answers`: a trained network asked with raw examples              |
| `places.py`     | `Place`: the folder of a run, which goes with its estimator       |
"""

from einsearch.estimators.classifier import Classifier
from einsearch.estimators.regressor import Regressor

__all__ = ["Classifier", "Regressor"]
