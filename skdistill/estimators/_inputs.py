"""Checked input of a distilled estimator's `fit`."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.model_selection import check_cv
from sklearn.utils.validation import check_consistent_length, validate_data

from skdistill._sklearn import check_method_params, num_samples, safe_indexing
from skdistill._validation import (
    as_rows,
    check_aligned,
    check_same_columns,
    check_weights,
    refuse_missing,
    weight_params,
)
from skdistill.response import row_folds
from skdistill.response._collect import is_frozen
from skdistill.response._crossfit import Splits

__all__ = [
    "Labelled",
    "Splits",
    "check_estimators",
    "check_rows",
    "count_synthetic",
    "halves",
    "make_splits",
    "teacher_fit_params",
]

# Folds of the student's trials where the teacher needs none (frozen, or in-sample).
DEFAULT_FOLDS = 5


@dataclass(frozen=True)
class Labelled:
    """The rows of a fit.

    Parameters
    ----------
    X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
        Rows in the student's columns.
    X_teacher : array-like, data frame or sparse matrix of shape (n_rows, n_teacher_features)
        The same rows in the teacher's columns; the object X itself where there are no others.
    y : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        Labels, in their own values.
    weight : ndarray of shape (n_rows,) or None
        Positive sample weights.
    unlabeled : array-like, data frame, sparse matrix or None
        Further rows in X's columns.
    kept : ndarray of shape (n_rows,) or None
        Positions, among the rows handed in, of those with a weight above 0; None if all are here.
    n_given : int
        Number of rows handed in.
    """

    X: Any
    X_teacher: Any
    y: np.ndarray
    weight: np.ndarray | None
    unlabeled: Any
    kept: np.ndarray | None
    n_given: int

    @property
    def n_rows(self) -> int:
        """Number of labelled rows."""
        return len(self.y)

    @property
    def n_unlabeled(self) -> int:
        """Number of further rows."""
        return 0 if self.unlabeled is None else num_samples(self.unlabeled)

    def unit_weight(self) -> np.ndarray:
        """Return the weights, or ones, of shape (n_rows,)."""
        return np.ones(self.n_rows) if self.weight is None else self.weight

    def cut(self, params: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return fit parameters without the entries of rows that do not count."""
        if not params:
            return {}
        if self.kept is None:
            return dict(params)
        return dict(check_method_params(np.empty((self.n_given, 0)), params=params, indices=self.kept))


def check_estimators(**roles: Any) -> None:
    """Refuse teachers and students that are no estimators: None, names, classes."""
    for name, estimator in roles.items():
        if isinstance(estimator, type):
            raise TypeError(
                f"{name} must be an instance of an estimator, got the class {estimator.__name__}. Write "
                f"{name}={estimator.__name__}()."
            )
        if not hasattr(estimator, "fit"):
            raise TypeError(
                f"{name} must be a scikit-learn-style estimator with fit and predict, got {type(estimator).__name__}. "
                "Pass an estimator; for a trained torch module, as teacher, "
                "FrozenEstimator(skdistill.nets.TorchTeacher(module, classes=...))."
            )


def check_rows(
    estimator: Any,
    X: Any,
    y: Any,
    sample_weight: Any,
    X_teacher: Any,
    X_unlabeled: Any,
    check_targets: Callable[[Any], np.ndarray],
) -> Labelled:
    """Check everything that `fit` is handed, before any work.

    Parameters
    ----------
    estimator : DistilledClassifier or DistilledRegressor
        Gets `n_features_in_` and `feature_names_in_`.
    X, y, sample_weight, X_teacher, X_unlabeled
        As in `fit`.
    check_targets : callable
        Checks y alone and returns it as an array.

    Returns
    -------
    Labelled
        The rows that count.
    """
    if hasattr(X, "columns"):
        validate_data(estimator, X, y, skip_check_array=True)
    else:
        X = validate_data(
            estimator, as_rows(X), accept_sparse=True, dtype=None, ensure_all_finite=False, ensure_min_samples=2
        )
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None. Distillation needs labels; "
            "rows without them go into X_unlabeled."
        )
    targets = check_targets(y)
    check_consistent_length(X, targets)
    n_given = num_samples(X)
    weight = check_weights(sample_weight, n_given)
    unlabeled = _check_unlabeled(X_unlabeled, X, X_teacher)
    if X_teacher is None:
        refuse_missing(X, {"teacher": estimator.teacher, "student": estimator.student})
    else:
        X_teacher = as_rows(X_teacher)
        check_aligned("X_teacher", X_teacher, n_given)
        refuse_missing(X, {"student": estimator.student})
        refuse_missing(X_teacher, {"teacher": estimator.teacher})
    kept = None
    if weight is not None and not weight.all():
        # A row of weight zero must not differ from one that is absent, in the folds or anywhere.
        kept = np.flatnonzero(weight)
        X, targets, weight = safe_indexing(X, kept), targets[kept], weight[kept]
        X_teacher = None if X_teacher is None else safe_indexing(X_teacher, kept)
    return Labelled(X, X if X_teacher is None else X_teacher, targets, weight, unlabeled, kept, n_given)


def _check_unlabeled(unlabeled: Any, X: Any, X_teacher: Any) -> Any:
    if unlabeled is None:
        return None
    if isinstance(unlabeled, tuple) and len(unlabeled) == 1:
        unlabeled = unlabeled[0]
    unlabeled = as_rows(unlabeled)
    if X_teacher is not None:
        raise ValueError(_two_views("X_unlabeled"))
    check_same_columns("X_unlabeled", unlabeled, X)
    return unlabeled if num_samples(unlabeled) else None


def _two_views(name: str) -> str:
    return (
        f"{name} cannot be combined with X_teacher, got both: the teacher would have to label rows whose columns it "
        "does not know. Pass all columns in X and select the student's own with a ColumnTransformer before it."
    )


def count_synthetic(estimator: Any, rows: Labelled) -> int:
    """Return how many synthetic rows are asked for, and refuse settings that contradict each other."""
    wanted = estimator.n_synthetic
    count = wanted if isinstance(wanted, int | np.integer) else round(wanted * rows.n_rows)
    if count and estimator.sampler is None:
        raise ValueError(
            f"n_synthetic={wanted!r} asks for synthetic rows, but sampler is None. Set sampler='munge', 'mixup' or "
            "'conditional', or n_synthetic=0."
        )
    if count and rows.X_teacher is not rows.X:
        raise ValueError(_two_views("sampler"))
    if estimator.sampler is not None and not count:
        warnings.warn(
            f"sampler={estimator.sampler!r} draws nothing, since n_synthetic={wanted!r}. Set n_synthetic, for instance "
            "to 1.0 for as many synthetic rows as real ones, or sampler=None.",
            UserWarning,
            stacklevel=5,
        )
    return int(count)


def make_splits(cv: Any, rows: Labelled, params: Mapping[str, Any], *, classification: bool) -> Splits:
    """Return the (train, test) index pairs of cross-fitting.

    A number of folds means folds by what rows hold (`row_folds`); a splitter is used as it is.
    """
    if cv is None or isinstance(cv, int | np.integer):
        n_folds = DEFAULT_FOLDS if cv is None else int(cv)
        if classification:
            _warn_of_rare_classes(rows.y, n_folds)
        folds = row_folds(rows.X, rows.y, n_folds, stratify=classification, sample_weight=rows.weight)
        return [(np.flatnonzero(folds != k), np.flatnonzero(folds == k)) for k in range(n_folds)]
    splitter = check_cv(cv, rows.y, classifier=classification)
    splits = list(splitter.split(rows.X, rows.y, **rows.cut(params)))
    if hasattr(cv, "split") or rows.kept is None:
        return splits
    # Given splits number the rows as they were handed in.
    number = np.full(rows.n_given, -1)
    number[rows.kept] = np.arange(rows.n_rows)
    mapped = [(number[train], number[test]) for train, test in splits]
    return [(train[train >= 0], test[test >= 0]) for train, test in mapped]


def halves(rows: Labelled, train: np.ndarray, *, classification: bool) -> np.ndarray:
    """Tell which of two halves each training row is in, by what rows hold."""
    weight = None if rows.weight is None else rows.weight[train]
    stratify = classification and np.unique(rows.y[train], return_counts=True)[1].max() > 1
    return row_folds(safe_indexing(rows.X, train), rows.y[train], 2, stratify=stratify, sample_weight=weight) == 0


def _warn_of_rare_classes(y: np.ndarray, n_folds: int) -> None:
    classes, counts = np.unique(y, return_counts=True)
    rare = classes[counts < n_folds]
    if len(rare) and counts.max() >= n_folds:
        warnings.warn(
            f"The class {rare.tolist()[0]!r} has {int(counts[counts < n_folds][0])} rows, fewer than cv={n_folds}, "
            "so some teachers of cross-fitting see little or nothing of it. Lower cv, or pass a fitted teacher as "
            "FrozenEstimator(teacher).",
            UserWarning,
            stacklevel=5,
        )


def teacher_fit_params(teacher: Any, rows: Labelled, routed: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the fit parameters of the teacher: what metadata routing says, else the weights if it takes them."""
    if routed is not None:
        return rows.cut(routed)
    if is_frozen(teacher):
        return {}
    params = weight_params(teacher, rows.weight)
    if rows.weight is not None and not params:
        warnings.warn(
            f"The teacher {type(teacher).__name__} takes no sample_weight and is fitted without; the student is fitted "
            "with the weights. Use a teacher that takes them.",
            UserWarning,
            stacklevel=4,
        )
    return params
