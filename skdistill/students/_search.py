"""Students that are searches over hyper-parameters."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.metrics import check_scoring
from sklearn.model_selection import check_cv
from sklearn.utils.metaestimators import available_if

from skdistill._sklearn import BaseSearchCV, routing_enabled, safe_indexing
from skdistill.exceptions import StudentRouteError
from skdistill.students._base import SoftTargets

__all__ = ["check_refits", "fit_search"]

FitInner = Callable[[Any, Any, SoftTargets, int], Any]
PREFIX = "estimator__"
GRIDS = ("param_grid", "param_distributions")


def _fitted_has(name: str) -> Callable[["TargetedClassifier"], bool]:
    return lambda self: hasattr(self.fitted_, name)


class TargetedClassifier(ClassifierMixin, BaseEstimator):
    """What a search clones and fits: the inner student together with a way to soft targets."""

    def __init__(self, estimator: Any, classes: Any, temperature: float, fit_inner: FitInner) -> None:
        self.estimator = estimator
        self.classes = classes
        self.temperature = temperature
        self.fit_inner = fit_inner

    def fit(self, X: Any, y: Any, *, packed: np.ndarray, sample_weight: Any = None) -> "TargetedClassifier":
        """Fit the inner student on the packed targets of the rows at hand, original rows first.

        Weights are in the targets; a search that is given `sample_weight` uses it to score.
        """
        order = np.argsort(packed[:, 0] == 0.0, kind="stable")
        if (np.diff(order) < 0).any():
            X, packed = safe_indexing(X, order), packed[order]
        targets = unpack(packed, self.classes, self.temperature)
        self.fitted_ = self.fit_inner(clone(self.estimator), X, targets, int(packed[:, 0].sum()))
        self.classes_ = self.fitted_.classes_
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Give the inner student's classes."""
        return self.fitted_.predict(X)

    @available_if(_fitted_has("predict_proba"))
    def predict_proba(self, X: Any) -> np.ndarray:
        """Give the inner student's probabilities."""
        return self.fitted_.predict_proba(X)

    @available_if(_fitted_has("decision_function"))
    def decision_function(self, X: Any) -> np.ndarray:
        """Give the inner student's margins."""
        return self.fitted_.decision_function(X)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Give the inner student's own score."""
        return self.fitted_.score(X, y, **weights_of(sample_weight))


def pack(targets: SoftTargets, n_original: int) -> np.ndarray:
    """Write targets as one matrix with a row per row, which a search cuts like any fit parameter."""
    original = np.arange(len(targets)) < n_original
    return np.column_stack(
        [original, targets.codes, targets.teacher_weight, targets.label_weight, targets.teacher]
    ).astype(np.float64)


def unpack(packed: np.ndarray, classes: np.ndarray, temperature: float) -> SoftTargets:
    """Invert `pack`."""
    return SoftTargets(
        teacher=packed[:, 4:],
        codes=packed[:, 1].astype(np.intp),
        teacher_weight=packed[:, 2],
        label_weight=packed[:, 3],
        classes=classes,
        temperature=temperature,
    )


def fit_search(
    search: BaseSearchCV, X: Any, targets: SoftTargets, n_original: int, fit_inner: FitInner
) -> BaseSearchCV:
    """Run a search whose candidates learn soft targets.

    Parameters
    ----------
    search : GridSearchCV or other search
        Unfitted, with `refit` on; it is used up.
    X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
        The original rows, then further ones, which are in every training part and in no test part.
    targets : SoftTargets
        What to learn about them.
    n_original : int
        Number of original rows.
    fit_inner : callable
        ``fit_inner(student, X, targets, n_original)`` fits one candidate.

    Returns
    -------
    search
        The search, fitted, with results in terms of its own parameters.

    Raises
    ------
    StudentRouteError
        If the search does not refit its best candidate.
    """
    check_refits(search)
    inner = TargetedClassifier(search.estimator, targets.classes, targets.temperature, fit_inner)
    if routing_enabled():
        inner.set_fit_request(packed=True)
    labels = targets.labels
    original = np.arange(n_original)
    further = np.arange(n_original, len(targets))
    splitter = check_cv(search.cv if search.cv is not None else 5, labels[original], classifier=True)
    splits = [
        (np.concatenate([train, further]), test)
        for train, test in splitter.split(safe_indexing(X, original), labels[original])
    ]
    grids = {name: _prefixed(getattr(search, name)) for name in GRIDS if hasattr(search, name)}
    if getattr(search, "resource", "n_samples") != "n_samples":
        grids["resource"] = PREFIX + search.resource
    run = clone(search).set_params(estimator=inner, cv=splits, **grids)
    run.fit(X, labels, packed=pack(targets, n_original), **_scoring_weights(targets, n_original))
    return _read_back(search, run)


def weights_of(sample_weight: Any) -> dict[str, Any]:
    """Return weights as a keyword, if there are any."""
    return {} if sample_weight is None else {"sample_weight": sample_weight}


def _scoring_weights(targets: SoftTargets, n_original: int) -> dict[str, Any]:
    weight = targets.weight
    even = (weight[:n_original] == weight[0]).all()
    return weights_of(None if even or routing_enabled() else weight)


def check_refits(student: Any) -> None:
    """Refuse a search that would end without a model."""
    if isinstance(student, BaseSearchCV) and not student.refit:
        raise StudentRouteError(
            f"The student {type(student).__name__} has refit={student.refit!r}, so it ends without a model. Set "
            "refit=True (or a metric's name)."
        )


def _prefixed(grid: Any) -> Any:
    if isinstance(grid, dict):
        return {PREFIX + name: values for name, values in grid.items()}
    return [_prefixed(part) for part in grid]


def _read_back(search: BaseSearchCV, run: BaseSearchCV) -> BaseSearchCV:
    """Copy a run's results into the user's search, under the user's parameter names."""
    for name, value in vars(run).items():
        if name.endswith("_") and not name.startswith("_"):
            setattr(search, name, value)
    search.best_estimator_ = run.best_estimator_.fitted_
    if search.scoring is None or isinstance(search.scoring, str):
        search.scorer_ = check_scoring(search.best_estimator_, search.scoring)
    search.best_params_ = _stripped(run.best_params_)
    search.cv_results_ = {
        name.replace("param_" + PREFIX, "param_", 1): value for name, value in run.cv_results_.items()
    }
    search.cv_results_["params"] = [_stripped(params) for params in run.cv_results_["params"]]
    return search


def _stripped(params: dict[str, Any]) -> dict[str, Any]:
    return {name.removeprefix(PREFIX): value for name, value in params.items()}
