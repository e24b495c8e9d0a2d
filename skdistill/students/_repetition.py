"""Weights as repeated rows, for learners that take no weights."""

import warnings
from typing import Any

import numpy as np

from skdistill._sklearn import safe_indexing
from skdistill._validation import weight_params
from skdistill.exceptions import RouteWarning
from skdistill.response._folds import row_fingerprint

__all__ = ["canonical_order", "fit_values", "repeat_by_weight", "row_draws"]

# Learners without weights are often slow in the number of rows, so a row stands there this often at most on average.
MAX_MEAN_COPIES = 10.0
# Answers about equal rows differ by rounding.
DECIMALS = 6


def row_keys(X: Any, target: np.ndarray) -> np.ndarray:
    """Return one number per row, the same where row and target are the same, as float64 halves of shape (n_rows, 4)."""
    numbers = np.round(target, DECIMALS).reshape(len(target), -1)
    return np.column_stack([halves(row_fingerprint(X)), halves(row_fingerprint(numbers))])


def halves(marks: np.ndarray) -> np.ndarray:
    """Return 64-bit numbers as pairs that float64 holds exactly, shape (n_rows, 2)."""
    return np.column_stack([marks >> np.uint64(32), marks & np.uint64(0xFFFFFFFF)]).astype(np.float64)


def canonical_order(X: Any, target: np.ndarray) -> np.ndarray:
    """Return the positions of rows in an order that follows from what they hold."""
    return np.lexsort(row_keys(X, target).T)


def row_draws(X: Any, target: np.ndarray, seed: int | None) -> np.ndarray:
    """Draw a uniform number for each row that belongs to what it holds, not to where it stands.

    Parameters
    ----------
    X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
        The rows. The first copy of a row has the same number wherever it stands, likewise the second one.
    target : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        What is to be learnt about them, part of what makes two rows the same.
    seed : int or None
        Another seed gives other numbers; None other ones each time.

    Returns
    -------
    ndarray of shape (n_rows,)
        In [0, 1).
    """
    keys = row_keys(X, target)
    order = np.lexsort(keys.T)
    positions = np.arange(len(keys))
    starts = np.r_[True, (np.diff(keys[order], axis=0) != 0).any(axis=1)]
    nth = np.empty(len(keys))
    nth[order] = positions - np.maximum.accumulate(np.where(starts, positions, 0))
    salt = np.random.RandomState(seed).randint(1, 2**31 - 1)
    marks = row_fingerprint(np.column_stack([keys, nth, np.full(len(keys), salt)]))
    # A fingerprint is a sum over columns, so that seeds would shift all numbers alike; its own fingerprint is not.
    return (row_fingerprint(halves(marks)) >> np.uint64(11)) / 2.0**53


def repeat_by_weight(X: Any, target: np.ndarray, weight: np.ndarray, seed: int | None) -> np.ndarray:
    """Turn weights into numbers of copies: the whole part exactly, the rest by chance.

    Parameters
    ----------
    X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
        The rows.
    target : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        What is to be learnt about them.
    weight : ndarray of shape (n_rows,)
        Weights. Below one on average they are scaled to a mean of one, above `MAX_MEAN_COPIES` to that.
    seed : int or None
        Seed of the chances.

    Returns
    -------
    ndarray of shape (n_copies,)
        Positions of the rows to be repeated, ascending.
    """
    if (weight == weight[0]).all():
        return np.arange(len(weight))
    mean = weight.mean()
    scaled = weight * (np.clip(mean, 1.0, MAX_MEAN_COPIES) / mean)
    # Rounding must not lose a copy of a whole weight.
    whole = np.floor(scaled + 1e-9)
    copies = whole + (row_draws(X, target, seed) < scaled - whole)
    return np.repeat(np.arange(len(weight)), copies.astype(np.intp))


def fit_values(student: Any, X: Any, target: np.ndarray, weight: np.ndarray, seed: int | None) -> Any:
    """Fit a regressor with weights: as they are, else as repeated rows where no split of its own could part copies.

    Parameters
    ----------
    student : estimator
        Unfitted regressor.
    X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
        The rows.
    target : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        Their values.
    weight : ndarray of shape (n_rows,)
        Weights; all one is the plain call.
    seed : int or None
        Seed of the fractions of repeated rows.

    Returns
    -------
    estimator
        The fitted student.
    """
    params = weight_params(student, None if (weight == 1.0).all() else weight)
    if params or (weight == weight[0]).all():
        return student.fit(X, target, **params)
    if "cv" in student.get_params(deep=False):
        warnings.warn(
            f"The student {type(student).__name__} takes no sample_weight and splits rows by itself, so it is fitted "
            "without the weights. Use a student that takes them.",
            RouteWarning,
            stacklevel=2,
        )
        return student.fit(X, target)
    rows = repeat_by_weight(X, target, weight, seed)
    return student.fit(safe_indexing(X, rows), target[rows])
