"""Reading what a source or a target is given as."""

from typing import Any

import numpy as np
from scipy import sparse

from skdistill._validation import check_weights

__all__ = ["as_columns", "as_labels", "check_lengths", "few", "is_discrete", "read_rows", "read_source", "sorted_codes"]


def few(labels: np.ndarray) -> str:
    """Write labels, the first eight of many."""
    listed = np.unique(labels).tolist()
    return repr(listed) if len(listed) <= 8 else f"{repr(listed[:8])[:-1]}, ... ({len(listed)} in all)]"


def read_source(values: Any, name: str) -> np.ndarray:
    """Return a representation as an array of labels (n_rows,) or of finite numbers (n_rows, n_columns).

    Parameters
    ----------
    values : array-like of shape (n_rows,) or (n_rows, n_columns)
        Labels, or a representation.
    name : str
        How errors name it.

    Returns
    -------
    ndarray of shape (n_rows,) or (n_rows, n_columns)
        Flat if it holds one discrete column, a float64 matrix otherwise.

    Raises
    ------
    ValueError
        If it is sparse, has another shape, no row, missing or infinite values, or several columns of strings.
    """
    if sparse.issparse(values):
        raise ValueError(f"{name} must be dense, got a sparse {type(values).__name__}. Pass {name}.toarray().")
    array = np.asarray(values)
    if array.ndim not in (1, 2) or array.size == 0:
        raise ValueError(
            f"{name} must have shape (n_rows,) or (n_rows, n_columns) with at least one row, got {array.shape}. "
            "Flatten each row's representation into one row of numbers."
        )
    if array.ndim == 1 or array.shape[1] == 1:
        labels = as_labels(array, name)
        return labels if is_discrete(labels) else as_columns(labels, name)
    return as_columns(array, name)


def as_columns(values: Any, name: str) -> np.ndarray:
    """Return numbers as a finite float64 matrix, one column where they are flat."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name} must hold numbers if it has several columns or is cut into states, got "
            f"{np.asarray(values).dtype} ({error}). Encode its columns as numbers, or join them into one label per row."
        ) from error
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"{name} must have shape (n_rows,) or (n_rows, n_columns), got {array.shape}.")
    finite = np.isfinite(array).all(axis=1)
    if not finite.all():
        raise ValueError(
            f"{name} must be finite, got NaN or infinity in row {int(np.flatnonzero(~finite)[0])} "
            f"({int((~finite).sum())} such rows). Drop these rows, or impute them before the model."
        )
    return array


def as_labels(values: Any, name: str) -> np.ndarray:
    """Return labels as a flat array of strings, booleans or finite numbers.

    Parameters
    ----------
    values : array-like of shape (n_rows,) or (n_rows, 1)
        Labels.
    name : str
        How errors name them.

    Returns
    -------
    ndarray of shape (n_rows,)
        Of dtype str, bool, int or float.

    Raises
    ------
    ValueError
        If they are not flat, of mixed kinds, or missing.
    """
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or len(array) == 0:
        raise ValueError(f"{name} must be one label per row, shape (n_rows,), got {array.shape}. Pass one column.")
    if array.dtype.kind in "OT":
        listed = array.tolist()
        if any(_is_missing(value) for value in listed):
            raise ValueError(f"{name} has missing labels. Drop these rows.")
        texts = sum(isinstance(value, str) for value in listed)
        if 0 < texts < len(listed):
            raise ValueError(f"{name} must hold labels of one kind, got strings and other values. Encode them alike.")
        array = array.astype(str) if texts else np.asarray(listed)
    if array.dtype.kind == "S":
        array = array.astype(str)
    if array.dtype.kind not in "Ubiuf" or array.ndim != 1:
        raise ValueError(f"{name} must hold strings, booleans or numbers, got {array.dtype}. Encode its labels.")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        row = int(np.flatnonzero(~np.isfinite(array))[0])
        raise ValueError(f"{name} must be finite, got {array[row]} in row {row}. Drop such rows.")
    return array


def _is_missing(value: Any) -> bool:
    try:
        return value is None or bool(value != value)
    except TypeError:
        # The NA of pandas is neither equal to itself nor not.
        return True


def is_discrete(labels: np.ndarray) -> bool:
    """Whether flat labels are discrete: not floats, or whole numbers all of them."""
    return bool(labels.dtype.kind != "f" or (labels == np.round(labels)).all())


def sorted_codes(classes: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where labels stand among sorted classes, and which of them really do; both of shape (n_rows,)."""
    if (labels.dtype.kind == "U") != (classes.dtype.kind == "U"):
        return np.zeros(len(labels), dtype=np.intp), np.zeros(len(labels), dtype=bool)
    codes = np.minimum(np.searchsorted(classes, labels), len(classes) - 1)
    return codes, np.asarray(classes[codes] == labels)


def read_rows(
    T: Any, S: Any, y: Any, sample_weight: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
    """Return both sources, the target and the weights of the rows that have some."""
    sources = {"T": read_source(T, "T"), "S": read_source(S, "S"), "y": as_labels(y, "y")}
    n_rows = check_lengths(sources)
    weight = check_weights(sample_weight, n_rows)
    if weight is not None:
        # Only ratios count, and the sums of very large or small weights would not be numbers.
        weight = weight / weight.max()
        sources = {name: part[weight > 0] for name, part in sources.items()}
        weight = weight[weight > 0]
    if len(sources["y"]) < 2:
        raise ValueError("At least 2 rows (with a weight) are needed to measure information, got 1. Pass more rows.")
    return sources["T"], sources["S"], sources["y"], weight


def check_lengths(parts: dict[str, np.ndarray]) -> int:
    """Return the number of rows of named arrays, or say that they differ."""
    lengths = {name: len(part) for name, part in parts.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(
            f"{', '.join(parts)} must have one entry for each of the same rows, got "
            f"{', '.join(map(str, lengths.values()))}. Select the same rows from all of them."
        )
    return next(iter(lengths.values()))
