"""Regressors as students of values."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import config_context
from sklearn.model_selection import check_cv
from sklearn.pipeline import Pipeline

from skdistill._sklearn import BaseSearchCV, num_samples, safe_indexing
from skdistill.students._repetition import fit_values
from skdistill.students._resolve import through_transformers
from skdistill.students._search import check_refits

__all__ = ["fit_value_student", "mixed_values"]


def mixed_values(
    teacher: np.ndarray, y: np.ndarray, teacher_weight: np.ndarray, label_weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the single target ``(a t + b y) / (a + b)`` and the weights ``a + b``.

    ``a (t - s)^2 + b (y - s)^2`` and ``(a + b) (target - s)^2`` differ by a constant, so every learner of the squared
    error learns both terms exactly.

    Parameters
    ----------
    teacher, y : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        The teacher's values and the labels; labels of rows with label weight 0 do not matter.
    teacher_weight, label_weight : ndarray of shape (n_rows,)
        Weights a and b, not both 0.

    Returns
    -------
    target : ndarray of shape (n_rows,) or (n_rows, n_outputs)
    weight : ndarray of shape (n_rows,)
    """
    weight = teacher_weight + label_weight
    share = teacher_weight / weight
    if teacher.ndim == 2:
        share = share[:, None]
    return np.where(share > 0, share * teacher, 0.0) + np.where(share < 1, (1.0 - share) * y, 0.0), weight


def fit_value_student(
    student: Any,
    X: Any,
    target: np.ndarray,
    weight: np.ndarray,
    *,
    n_original: int | None = None,
    fit_last: Callable[[Any, Any, np.ndarray, np.ndarray], Any] | None = None,
    random_state: int | None = None,
) -> Any:
    """Fit an unfitted regressor on mixed values; a pipeline's transformers see the original rows only.

    Parameters
    ----------
    student : estimator
        Unfitted; it is used up.
    X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
        The original rows, then any further ones.
    target : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        Mixed values.
    weight : ndarray of shape (n_rows,)
        Weights; all one is the plain call.
    n_original : int, default=None
        Number of original rows; None means all.
    fit_last : callable, default=None
        ``fit_last(learner, X, target, weight)`` fits the final learner; None calls its `fit`.
    random_state : int, default=None
        Seed of the rows that stand in for weights where the learner takes none.

    Returns
    -------
    estimator
        The fitted student.
    """
    n_original = num_samples(X) if n_original is None else n_original
    if isinstance(student, Pipeline):
        X, last = through_transformers(student, X, target, n_original)
        fitted = fit_value_student(
            last, X, target, weight, n_original=n_original, fit_last=fit_last, random_state=random_state
        )
        student.steps[-1] = (student.steps[-1][0], fitted)
        return student
    if fit_last is not None:
        return fit_last(student, X, target, weight)
    if isinstance(student, BaseSearchCV):
        return _fit_value_search(student, X, target, weight, n_original, random_state)
    return fit_values(student, X, target, weight, random_state)


def _fit_value_search(
    search: BaseSearchCV, X: Any, target: np.ndarray, weight: np.ndarray, n_original: int, random_state: int | None
) -> BaseSearchCV:
    """Run a search on the original rows; further ones are in every training part and in no test part."""
    check_refits(search)
    given = search.cv
    original, further = np.arange(n_original), np.arange(n_original, len(target))
    splitter = check_cv(5 if given is None else given, target[original], classifier=False)
    search.cv = [
        (np.concatenate([train, further]), test)
        for train, test in splitter.split(safe_indexing(X, original), target[original])
    ]
    # These weights are those of the loss, not metadata of the user's that could be requested or not.
    with config_context(enable_metadata_routing=False):
        fit_values(search, X, target, weight, random_state)
    search.cv = given
    return search
