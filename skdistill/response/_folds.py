"""Folds that depend on what a row holds, not on where it stands."""

from typing import Any

import numpy as np
from scipy import sparse

__all__ = ["row_fingerprint", "row_folds"]

_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_STEP = 0x9E3779B97F4A7C15
_64_BITS = 0xFFFFFFFFFFFFFFFF


def row_folds(X: Any, y: np.ndarray, n_folds: int, *, stratify: bool) -> np.ndarray:
    """Assign each row to a fold, copies of a row to the same one.

    Rows are ordered by a hash of their values and dealt out in turn (class by class if stratified). Hence the folds do
    not change when rows are permuted, a row repeated has the same effect as a row of weight two, and no copy of a
    training row is ever among the rows that a fold's model is asked about.

    Parameters
    ----------
    X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
        The rows.
    y : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        Their targets; part of what makes two rows the same.
    n_folds : int
        Number of folds.
    stratify : bool
        Whether each class of `y` is spread evenly over the folds.

    Returns
    -------
    ndarray of shape (n_rows,)
        Fold of each row, in 0 .. n_folds - 1.

    Raises
    ------
    ValueError
        If there are fewer different rows than folds, or no class has a row for every fold.

    Examples
    --------
    >>> import numpy as np
    >>> from skdistill.response import row_folds
    >>> X = np.array([[1.0], [2.0], [1.0], [3.0]])
    >>> folds = row_folds(X, np.zeros(4), 2, stratify=False)
    >>> bool(folds[0] == folds[2])
    True
    """
    keys = row_fingerprint(X)
    targets = np.asarray(y)
    keys = _mixed(keys ^ _hash_columns(targets if targets.ndim == 2 else targets[:, None]))
    unique, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    if len(unique) < n_folds:
        raise ValueError(
            f"cv={n_folds} folds need at least {n_folds} different rows, got {len(unique)}. Lower cv, or pass a "
            "fitted teacher as FrozenEstimator(teacher)."
        )
    if not stratify:
        return (np.arange(len(unique)) % n_folds)[inverse]
    codes = np.unique(targets, return_inverse=True)[1][first]
    order = np.argsort(codes, kind="stable")
    counts = np.bincount(codes)
    if counts.max() < n_folds:
        raise ValueError(
            f"cv={n_folds} folds need a class of at least {n_folds} different rows, but the largest has "
            f"{int(counts.max())}. Lower cv to {max(2, int(counts.max()))} or less, or pass a fitted teacher as "
            "FrozenEstimator(teacher)."
        )
    folds = np.empty(len(unique), dtype=np.intp)
    # Classes follow each other in one deal, so that the remainders of small classes do not all fall on fold 0.
    folds[order] = np.arange(len(unique)) % n_folds
    return folds[inverse]


def row_fingerprint(X: Any) -> np.ndarray:
    """Return one 64-bit hash per row, the same for equal rows."""
    if sparse.issparse(X):
        return _hash_sparse(X)
    if hasattr(X, "columns"):
        hashed = np.zeros(len(X), dtype=np.uint64)
        for position, name in enumerate(X.columns):
            column = np.asarray(X[name])
            hashed += _mixed(_hash_columns(column[:, None]) + _offset(position))
        return hashed
    return _hash_columns(np.asarray(X))


def _hash_columns(array: np.ndarray) -> np.ndarray:
    hashed = np.zeros(len(array), dtype=np.uint64)
    for position in range(array.shape[1]):
        bits = _column_bits(array[:, position])
        hashed += _mixed(bits + _offset(position + 1))
    return hashed


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
