"""Whose each row is: names, collections of names or a mask, read into a mask."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["read_owner"]

SHOWN = 5


def read_owner(owner: Any, names: Sequence[str], n_rows: int) -> np.ndarray:
    """Turn what says whose a row is into a mask.

    Parameters
    ----------
    owner : None, array-like of shape (n_rows,) or bool array-like of shape (n_rows, n_learners)
        A learner's name, or a collection of names, for each row; or a column of booleans for each learner, in their
        order unless a data frame names them.
    names : sequence of str
        The learners.
    n_rows : int
        Number of rows of X.

    Returns
    -------
    ndarray of shape (n_rows, n_learners), bool
        All True for None.

    Raises
    ------
    TypeError
        If it is no array.
    ValueError
        If the shape is wrong, a name is no learner's, or a row is nobody's.
    """
    if owner is None:
        return np.ones((n_rows, len(names)), dtype=bool)
    if isinstance(owner, str | Mapping) or not hasattr(owner, "__len__"):
        raise TypeError(
            f"owner must have an entry for each of the {n_rows} rows of X, got a {type(owner).__name__}. Pass an array "
            f"of names, one of {list(names)} for each row, or a boolean mask."
        )
    if hasattr(owner, "columns") and set(owner.columns) == set(names):
        # A mask that names its columns may have them in any order.
        owner = owner[list(names)]
    shape = np.shape(owner) if hasattr(owner, "shape") else (len(owner),)
    if shape[0] != n_rows:
        raise ValueError(
            f"owner must have an entry for each of the {n_rows} rows of X, got {shape[0]}. Select the same rows from "
            "both, in the same order."
        )
    mask = _as_mask(owner)
    if mask is None:
        mask = _named_mask(owner, names)
    elif mask.shape[1] != len(names):
        raise ValueError(
            f"owner as a mask must have a column for each of the {len(names)} learners {list(names)}, got "
            f"{mask.shape[1]}. Order its columns like estimators."
        )
    lost = np.flatnonzero(~mask.any(axis=1))
    if len(lost):
        raise ValueError(
            f"owner must give every row to at least one learner, got none for row {lost[0]} ({len(lost)} such rows). "
            f"Name a learner, one of {list(names)}, or drop these rows."
        )
    return mask


def _as_mask(owner: Any) -> np.ndarray | None:
    """Return a two-dimensional boolean array, or None for anything else."""
    if not hasattr(owner, "shape"):
        rows = list(owner)
        if not all(isinstance(row, list | tuple | np.ndarray) for row in rows) or not all(
            isinstance(value, bool | np.bool_) for row in rows for value in row
        ):
            return None
        if len({len(row) for row in rows}) > 1:
            raise ValueError("owner as a mask must have rows of one length, got several. Give a column per learner.")
    array = np.asarray(owner)
    return array if array.ndim == 2 and array.dtype.kind == "b" else None


def _named_mask(owner: Any, names: Sequence[str]) -> np.ndarray:
    if len(np.shape(owner) if hasattr(owner, "shape") else (0,)) != 1:
        raise ValueError(
            "owner must be one name (or collection of names) per row, or a boolean mask of shape (n_rows, n_learners), "
            f"got shape {np.shape(owner)}. Pass one column of names."
        )
    place = {name: number for number, name in enumerate(names)}
    rows, columns, strange = [], [], []
    for row, entry in enumerate(owner):
        for name in entry if isinstance(entry, list | tuple | set | frozenset | np.ndarray) else (entry,):
            if isinstance(name, str) and name in place:
                rows.append(row)
                columns.append(place[name])
            else:
                strange.append(name)
    if strange:
        shown = list(dict.fromkeys(map(repr, strange)))[:SHOWN]
        raise ValueError(
            f"owner must name learners, which are {list(names)}, got {', '.join(shown)} ({len(strange)} such entries). "
            "Use the names in estimators."
        )
    mask = np.zeros((len(owner), len(names)), dtype=bool)
    mask[rows, columns] = True
    return mask
