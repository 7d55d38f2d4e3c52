"""What both estimators do: a search in `fit`, what it leaves behind, the export."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import (
    check_array,
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from einsearch.errors import EinsearchError
from einsearch.estimators.answering import Answers, ArrayReader, Reader, arrangement_of
from einsearch.estimators.places import DATA, RUN, TABLE, Place
from einsearch.estimators.storing import store_arrays, valid_part
from einsearch.estimators.tables import (
    Columns,
    TableReader,
    columns_of,
    needs_columns,
    store_columns,
)
from einsearch.shown import shown
from einsearch.study.events import Callbacks, StopReason, StudyEnd
from einsearch.study.fromdata import plan_data, read_data, told_in_brief
from einsearch.study.launch import start
from einsearch.study.run import Run, open_run
from einsearch.tasks.base import Task
from einsearch.tasks.layouts import Channels
from einsearch.trial import Trial

_ARRAYS: Final[Mapping[str, Any]] = {"allow_nd": True, "dtype": "numeric"}
"""How scikit-learn checks x: tables, series and images of numbers of any kind."""
_SEEDS: Final = 2**31 - 1


class Told(Callbacks):
    """Prints what a search does, a line at a time."""

    def on_note(self, message: str) -> None:
        print(shown(message))

    def on_trial(self, trial: Trial) -> None:
        values = ", ".join(f"{name} {value:.4g}" for name, value in trial.values.items())
        print(shown(f"trial {trial.number}: {values or trial.reason or trial.state}"))

    def on_end(self, end: StudyEnd) -> None:
        print(shown(end.message))


class SearchEstimator(BaseEstimator):
    """A search for a network as scikit-learn's estimators are: `fit`, `predict`, `score`.

    Args:
        minutes: wall-clock time of `fit`, full training included; 10 where neither this nor
            `trials` is given.
        trials: candidates to evaluate; with it alone a fit can be repeated exactly.
        grammar: which networks there are: a packaged grammar or the path of an `.ein` file; None
            for the one that suits the data.
        searcher: name of the algorithm, or {"name": ..., and its options}; None for the default.
        workers: processes that evaluate candidates; 0 for none but this one, None for as many as
            there are cores.
        layout: image, tokens or vector, where the shape of x does not say it.
        channels: first or last: where channels or features stand.
        settings: sections of a search-space file in place of their defaults, such as
            {"training": {"epochs": 20}, "limits": {"parameters": "100k"}}.
        random_state: a number, a `numpy.random.RandomState`, or None for another search each time.
        directory: a new or empty folder that keeps the data and the run; None for one that is
            removed with the estimator.
        verbose: whether the search tells what it does.

    Attributes:
        module_: the trained network, a `torch.nn.Module` that takes standardised examples.
        run_: the run, with all its trials.
        n_features_in_, feature_names_in_: as of every estimator.
    """

    module_: Any

    def __init__(
        self,
        *,
        minutes: float | None = None,
        trials: int | None = None,
        grammar: str | None = None,
        searcher: str | Mapping[str, Any] | None = None,
        workers: int | None = None,
        layout: str | None = None,
        channels: Channels | None = None,
        settings: Mapping[str, Any] | None = None,
        random_state: Any = None,
        directory: str | Path | None = None,
        verbose: bool = False,
    ) -> None:
        self.minutes = minutes
        self.trials = trials
        self.grammar = grammar
        self.searcher = searcher
        self.workers = workers
        self.layout = layout
        self.channels = channels
        self.settings = settings
        self.random_state = random_state
        self.directory = directory
        self.verbose = verbose

    @property
    def run_(self) -> Run:
        """The run that `fit` made.

        Raises:
            EinsearchError: it did not travel: the estimator was pickled, and had no directory.
        """
        check_is_fitted(self, "module_")
        folder = self._place.path
        if folder is None:
            raise EinsearchError(
                "the run stayed in the process that fitted this estimator: give it a directory "
                "before fit, which keeps the run, or read run_ and export before pickling"
            )
        return open_run(folder / RUN)

    def export(
        self, path: str | Path, format: str = "python", *, replace: bool = False
    ) -> list[Path]:
        """Writes `module_` in a portable format.

        Args:
            path: folder that the files go to.
            format: "python", "safetensors", "pt2", "onnx" or "onnx-int8".
            replace: whether files of the same names are replaced that no earlier export wrote.

        Raises:
            ExportError: the format is not to be had, or gives other answers than the network.
            EinsearchError: the run did not travel with a pickled estimator.
        """
        from einsearch.compile.given import path_given
        from einsearch.exporters.from_run import export_from_run

        return export_from_run(self.run_, None, format, path_given("path", path), replace=replace)

    def _checked_pair(self, x: Any, y: Any, **options: Any) -> tuple[NDArray[Any] | Columns, Any]:
        """x and y of a fit, as scikit-learn checks them."""
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None"
            )
        if not needs_columns(x):
            x, y = validate_data(self, x, y, **_ARRAYS, ensure_min_samples=2, **options)
            return x, y
        validate_data(self, x, skip_check_array=True)
        columns = columns_of(x)
        numeric = {"dtype": "numeric"} if options.get("y_numeric") else {"dtype": None}
        y = check_array(y, ensure_2d=False, input_name="y", **numeric)
        check_consistent_length(x, y)
        if len(columns) < 2:
            raise ValueError(f"x has {len(columns)} sample(s), and a search needs at least 2")
        return columns, y

    def _checked(self, x: Any) -> Any:
        """x of a question to what was fitted."""
        if self._shape is None:
            validate_data(self, x, reset=False, skip_check_array=True)
            return x
        checked: NDArray[Any] = validate_data(self, x, reset=False, **_ARRAYS)
        if checked.shape[1:] != self._shape:
            raise ValueError(
                f"x has examples of shape {checked.shape[1:]}, and fit had some of {self._shape}"
            )
        return checked

    def _search(
        self, x: NDArray[Any] | Columns, y: NDArray[Any], options: Mapping[str, Any]
    ) -> None:
        """Searches, and keeps what was found.

        Args:
            x: checked.
            y: (n,) or (n, dims), as it is written.
            options: of the task.
        """
        began = time.monotonic()
        arrangement = (
            None if isinstance(x, Columns) else arrangement_of(x, self.layout, self.channels)
        )
        place = Place(self.directory)
        try:
            run, task = self._run(place, x, y, options, began)
        except BaseException:
            place.clear()
            raise
        reader: Reader
        if arrangement is None:
            assert isinstance(x, Columns)
            reader = TableReader.of(x, task)
        else:
            reader = ArrayReader(arrangement, task.statistics)
        self.module_ = run.model()
        self._answers = Answers(self.module_, reader, task.target_statistics, task.classes)
        self._place = place
        self._shape = None if arrangement is None else x.shape[1:]

    def _run(
        self,
        place: Place,
        x: NDArray[Any] | Columns,
        y: NDArray[Any],
        options: Mapping[str, Any],
        began: float,
    ) -> tuple[Run, Task]:
        assert place.path is not None
        asked = {**self._options(x.shape[0]), **options}
        if isinstance(x, Columns):
            data = place.path / TABLE
            asked |= store_columns(data, x, y)
        else:
            data = place.path / DATA
            store_arrays(data, x, y)
        found = read_data(data, asked)
        # Without minutes nothing hangs on what the machine can do, and fits repeat exactly.
        plan = told_in_brief(plan_data(found, measures=found.file.budget.whole.minutes is not None))
        callbacks = Told() if self.verbose else Callbacks()
        run = start(plan, place.path / RUN, callbacks, None, began)
        if run.state == StopReason.INTERRUPTED:
            raise KeyboardInterrupt
        _ = run.best  # says why there is none
        return run, found.task

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        return tags

    def _options(self, examples: int) -> dict[str, Any]:
        """What the parameters say, as a search of data takes it."""
        executor = {"name": "inline"} if self.workers == 0 else None
        return {
            "minutes": self.minutes,
            "trials": self.trials,
            "grammar": self.grammar,
            "searcher": self.searcher,
            "executor": executor,
            "workers": self.workers or None,
            "layout": self.layout,
            "channels": self.channels,
            # Answers are given to arrays of numbers and to tables, never to codes.
            "symbols": False,
            "seed": int(check_random_state(self.random_state).randint(_SEEDS)),
            "test": 0,
            **valid_part(examples),
            **(self.settings or {}),
        }
