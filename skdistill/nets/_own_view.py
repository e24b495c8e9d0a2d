"""What a student's own columns show of rows, in a few coordinates: what a teacher has to be better than."""

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.kernel_approximation import Nystroem
from sklearn.preprocessing import StandardScaler
from sklearn.utils.extmath import randomized_svd

__all__ = ["own_view"]

# A regression on them takes no longer than the one on a teacher's representation.
MAX_COLUMNS = 64
N_LANDMARKS = 64


def own_view(X: Any, random_state: int | None = None) -> np.ndarray:
    """Give the rows' columns, standardised, and beside them as many coordinates of a radial kernel.

    A linear model on both is a cheap stand-in for what a student can learn from the rows without a teacher.

    Parameters
    ----------
    X : ndarray or csr_matrix of shape (n_rows, ...)
        Rows as a net gets them.
    random_state : int, default=None
        Draws the kernel's landmarks, and directions where there are many columns.

    Returns
    -------
    ndarray of shape (n_rows, width)
        At most 64 columns, or their leading directions, and at most 64 coordinates of the kernel, of the same total
        variance.

    References
    ----------
    Williams, Seeger: Using the Nystroem Method to Speed Up Kernel Machines, NIPS 2000.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdistill.nets._own_view import own_view
    >>> own_view(load_iris().data, random_state=0).shape
    (150, 68)
    """
    rows = X.toarray() if sparse.issparse(X) else np.asarray(X)
    rows = rows.reshape(len(rows), -1).astype(np.float64)
    columns = StandardScaler().fit_transform(rows)
    # Distances grow with the number of columns that differ at all.
    n_moving = max(1, int((columns.var(axis=0) > 0).sum()))
    if columns.shape[1] > MAX_COLUMNS and len(columns) > MAX_COLUMNS:
        _, _, directions = randomized_svd(columns, MAX_COLUMNS, random_state=random_state or 0)
        reduced = columns @ directions.T
    else:
        reduced = columns
    kernel = Nystroem(
        gamma=1.0 / n_moving, n_components=min(N_LANDMARKS, len(columns)), random_state=random_state
    ).fit_transform(columns)
    kernel = kernel - kernel.mean(axis=0)
    variance = kernel.var(axis=0).sum()
    scale = np.sqrt(reduced.var(axis=0).sum() / variance) if variance > 0 else 0.0
    return np.hstack([reduced, scale * kernel])
