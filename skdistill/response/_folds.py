"""Folds that depend on what a row holds, not on where it stands."""

from typing import Any

import numpy as np
from scipy import sparse

__all__ = ["row_fingerprint", "row_folds"]

_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_STEP = 0x9E3779B97F4A7C15
_64_BITS = 0xFFFFFFFFFFFFFFFF


def row_folds(
    X: Any, y: np.ndarray, n_folds: int, *, stratify: bool, sample_weight: np.ndarray | None = None
) -> np.ndarray:
    """Assign each row to a fold, rows that hold the same to the same one.

    Rows are ordered by a hash of their values and dealt out in turn (class by class if stratified; equal rows of
    several classes count for the heaviest). Hence the folds do not change when rows are permuted, a row repeated has
    the same effect as a row of weight two, and no copy of a training row is ever among the rows that a fold's model is
    asked about. A table with fewer different rows than folds has its rows dealt out one by one.

    Parameters
    ----------
    X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
        The rows.
    y : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        Their targets.
    n_folds : int
        Number of folds.
    stratify : bool
        Whether each class of `y` is spread evenly over the folds.
    sample_weight : ndarray of shape (n_rows,), default=None
        Weights, which decide the class of equal rows.

    Returns
    -------
    ndarray of shape (n_rows,)
        Fold of each row, in 0 .. n_folds - 1.

    Raises
    ------
    ValueError
        If there are fewer rows than folds, or no class has a row for every fold.

    Examples
    --------
    >>> import numpy as np
    >>> from skdistill.response import row_folds
    >>> X = np.array([[1.0], [2.0], [1.0], [3.0]])
    >>> folds = row_folds(X, np.zeros(4), 2, stratify=False)
    >>> bool(folds[0] == folds[2])
    True
    """
    targets = np.asarray(y)
    if len(targets) < n_folds:
        raise ValueError(
            f"cv={n_folds} folds need at least {n_folds} rows, got n_samples={len(targets)}. Lower cv, or pass a "
            "fitted teacher as FrozenEstimator(teacher)."
        )
    codes = np.unique(targets, return_inverse=True)[1] if stratify else np.zeros(len(targets), dtype=np.intp)
    largest = int(np.bincount(codes).max())
    if largest < n_folds:
        raise ValueError(
            f"cv={n_folds} folds need a class of at least {n_folds} rows, but the largest has {largest}. Lower cv to "
            f"{max(2, largest)} or less, or pass a fitted teacher as FrozenEstimator(teacher)."
        )
    keys = row_fingerprint(X)
    unique, group = np.unique(keys, return_inverse=True)
    if len(unique) < n_folds:
        return _dealt(np.lexsort((keys, codes)), n_folds)
    size = (len(unique), codes.max() + 1)
    mass = np.bincount(group * size[1] + codes, weights=sample_weight, minlength=size[0] * size[1]).reshape(size)
    return _dealt(np.argsort(mass.argmax(axis=1), kind="stable"), n_folds)[group]


def _dealt(order: np.ndarray, n_folds: int) -> np.ndarray:
    """Deal things out to folds in turn; one deal, so that the remainders of small classes do not all fall on fold 0."""
    folds = np.empty(len(order), dtype=np.intp)
    folds[order] = np.arange(len(order)) % n_folds
    return folds


def row_fingerprint(X: Any) -> np.ndarray:
    """Return one 64-bit hash per row, the same for equal rows in whatever container."""
    if sparse.issparse(X):
        return _hash_sparse(X)
    if hasattr(X, "columns"):
        hashed = np.zeros(len(X), dtype=np.uint64)
        for position, name in enumerate(X.columns):
            hashed += _entry_hash(np.asarray(X[name]), position)
        return hashed
    return _hash_columns(np.asarray(X))


def _hash_columns(array: np.ndarray) -> np.ndarray:
    hashed = np.zeros(len(array), dtype=np.uint64)
    for position in range(array.shape[1]):
        hashed += _entry_hash(array[:, position], position)
    return hashed


def _entry_hash(column: np.ndarray, position: int) -> np.ndarray:
    bits = _column_bits(column)
    # Zeros add nothing, as the entries that a sparse matrix does not store.
    return np.where(bits == 0, np.uint64(0), _mixed(bits + _offset(position + 1)))


def _column_bits(column: np.ndarray) -> np.ndarray:
    if column.dtype.kind in "biuf":
        # Adding zero turns -0.0 into 0.0, so that equal numbers have equal bits; likewise every NaN.
        numbers = column.astype(np.float64) + 0.0
        numbers[np.isnan(numbers)] = np.nan
        return numbers.view(np.uint64)
    if column.dtype.kind in "mM":
        return column.astype(np.int64).view(np.uint64)
    text = column.astype(str)
    distinct, codes = np.unique(text, return_inverse=True)
    return np.array([_hash_text(value) for value in distinct], dtype=np.uint64)[codes.ravel()]


def _offset(position: int) -> np.uint64:
    """Return what tells columns apart, as a multiple of the golden ratio's bits."""
    return np.uint64(position * _STEP & _64_BITS)


def _hash_text(value: str) -> int:
    hashed = 0xCBF29CE484222325
    for byte in value.encode():
        hashed = ((hashed ^ byte) * 0x100000001B3) & _64_BITS
    return hashed


def _hash_sparse(X: Any) -> np.ndarray:
    entries = X.tocoo()
    stored = entries.data != 0
    bits = _column_bits(entries.data[stored])
    hashed = np.zeros(X.shape[0], dtype=np.uint64)
    columns = entries.col[stored].astype(np.uint64) + np.uint64(1)
    np.add.at(hashed, entries.row[stored], _mixed(bits + columns * np.uint64(_STEP)))
    return hashed


def _mixed(bits: np.ndarray) -> np.ndarray:
    """Finish a hash by the splitmix64 mixing function (Steele, Lea, Flood 2014)."""
    bits = (bits ^ (bits >> np.uint64(30))) * _MIX_1
    bits = (bits ^ (bits >> np.uint64(27))) * _MIX_2
    return bits ^ (bits >> np.uint64(31))
